"""Steps of conversations: few tokens, keys and names, so that what happens concerns them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from hypothesis import strategies as st

from tests.door.comparison import NOW
from tests.door.keys import PAIRS
from tests.door.model.authentication.authentication import ApiKey
from tests.door.model.authentication.revocation import Revocation
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    Bearer,
    Cache,
    CookieSource,
    ForwardAuth,
    HeaderSource,
    Jwt,
    Protection,
    Provider,
    Rule,
)
from tests.door.model.specification import Route, Specification
from tests.door.model.verdict import Fields
from tests.door.sequences import Asking, Conversation
from tests.door.strategies.credentials import PEPPER, digest
from tests.door.strategies.faults import ISSUER, OTHER_ISSUER
from tests.door.tokens import mint

EXTERNAL_ISSUER = "https://rare.example"
SERVED = ForwardAuth(("Authorization", "X-Extra"), ("X-Auth-User", "X-Auth-Groups"), cache=1000.0)
MAIN, SECRETS, EXTERNAL, PARTNERS, SERVICE = range(5)
PROVIDERS = (
    Provider(
        "main",
        Jwt(ISSUER, ("api",), ("RS256", "ES256", "EdDSA"), longest_life=3600.0),
        claims_to_headers=((("sub",), "X-User-ID"), (("scope",), "X-Scope")),
    ),
    Provider("secrets", Jwt(None, (), ("HS256",), leeway=0.0), (Bearer(), CookieSource("session"))),
    Provider("external", Jwt(EXTERNAL_ISSUER, (), ("EdDSA", "ES256K"))),
    Provider("partners", ApiKeys(remote=True), (HeaderSource("X-API-Key"),)),
    Provider("service", SERVED, (), ((("sub",), "X-User-ID"),)),
)
ROUTES = (
    Route("main", paths=("/main",), auth=Protection((MAIN,))),
    Route("all", paths=("/all",), auth=Protection((EXTERNAL, MAIN, SECRETS))),
    Route("scoped", paths=("/scoped",), auth=Protection((MAIN, SECRETS), rule=Rule(("read",)))),
    Route("keys", paths=("/keys",), auth=Protection((PARTNERS,))),
    Route("service", paths=("/service",), auth=Protection((SERVICE,), authorization="remove")),
    Route("optional", paths=("/optional",), auth=Protection((MAIN, PARTNERS), optional=True)),
    Route("guests", paths=("/guests",), auth=Protection((SERVICE,), optional=True)),
    Route("open", paths=("/open",)),
)


def specification(when_stale: str) -> Specification:
    cache = Cache(ttl=100.0, refused_ttl=40.0)
    return Specification(routes=ROUTES, auth=Auth(PROVIDERS, cache=cache, when_stale=when_stale))


def times(life: float, begins: float | None = None, issued: float | None = 0) -> dict[str, object]:
    """Relative to the beginning of the conversation."""
    found: dict[str, object] = {"exp": int(NOW) + life}
    if begins is not None:
        found["nbf"] = int(NOW) + begins
    if issued is not None:
        found["iat"] = int(NOW) + issued
    return found


FOR_MAIN = {"iss": ISSUER, "aud": "api", "scope": "read write"}
TOKENS = [
    mint({**FOR_MAIN, **times(60), "sub": "ada", "jti": "1"}, "rsa-a", "RS256", kid="k1"),
    mint({**FOR_MAIN, **times(2000), "sub": "ada", "jti": "2"}, "ed25519-a", "EdDSA"),
    mint({**FOR_MAIN, **times(150, 50), "sub": "grace", "scope": "x"}, "ed25519-a", "EdDSA"),
    mint({**FOR_MAIN, **times(2000, issued=None), "sub": "ada"}, "p256-a", "ES256", kid="k2"),
    mint({**FOR_MAIN, **times(3700), "jti": "1"}, "ed25519-a", "EdDSA", kid="k3"),
    mint({**FOR_MAIN, **times(500), "sub": "ada"}, "ed25519-b", "EdDSA", kid="k3"),
    mint({**FOR_MAIN, **times(2000), "sub": "ada"}, "p256-b", "ES256", kid="k2"),
    mint({"iss": OTHER_ISSUER, **times(90), "sub": "ada", "jti": "1", "scope": "read"}),
    mint({**times(2000, issued=-500), "sub": "grace"}, "secret-b"),
    mint({"iss": EXTERNAL_ISSUER, **times(70), "sub": "ada"}, "ed448-a", "EdDSA"),
    mint({"iss": EXTERNAL_ISSUER, **times(2000), "jti": "3"}, "secp256k1-a", "ES256K", kid="k4"),
]
KEYS = (b"known", b"late", b"unknown")
BEARERS = [[(b"Authorization", b"Bearer " + token)] for token in TOKENS]
COOKIES = [[(b"Cookie", b"session=" + token)] for token in TOKENS]


def askings(target: bytes, fields: list[Fields], what: str) -> list[Asking]:
    return [Asking(target, shown, f"{what} {number}") for number, shown in enumerate(fields)]


ASKINGS = [
    *askings(b"/main", BEARERS[:7] * 2, "token"),
    *askings(b"/all", BEARERS, "token"),
    *askings(b"/scoped", BEARERS[:9], "token"),
    *askings(b"/all", COOKIES, "cookie")[6:9],
    *(Asking(b"/keys", [(b"X-API-Key", key)], repr(key)) for key in KEYS * 2),
    *askings(b"/service", BEARERS[:2], "token"),
    Asking(b"/service?x=1", BEARERS[0], "token 0"),
    Asking(b"/service", [(b"X_Auth_User", b"root"), (b"x-user-id", b"root")], "forged"),
    Asking(b"/service", [(b"x-extra", b"1"), (b"X-Extra", b"2")], "two"),
    Asking(b"/service", []),
    *(Asking(target, []) for target in (b"/main", b"/optional", b"/guests")),
    *askings(b"/optional", BEARERS[1:3], "token"),
    Asking(b"/guests", BEARERS[0], "token 0"),
    Asking(b"/optional", [(b"Authorization", b"Bearer x")] * 2, "two"),
    Asking(b"/open", BEARERS[0], "token 0"),
]
MAIN_RINGS = [
    tuple(PAIRS[name].key(key_id) for name, key_id in members)
    for members in (
        (("rsa-a", "k1"), ("ed25519-a", None), ("p256-a", "k2")),
        (("rsa-a", "k1"), ("ed25519-a", None), ("p256-a", "k2")),
        (("rsa-a", "k1"), ("ed25519-a", "k3"), ("p256-b", "k2")),
        (("p256-a", "k2"), ("rsa-a", None), ("ed25519-b", "k3"), ("ed25519-a", "k3")),
        (("rsa-b", "k1"), ("p256-a", "k9"), ("ed25519-b", None)),
        (),
    )
]
SECRET_RINGS = [
    tuple(PAIRS[name].key(key_id) for name, key_id in members)
    for members in (
        (("secret-a", "s1"), ("secret-b", None)),
        (("secret-b", "s1"),),
        (("secret-a", None),),
        (),
    )
]
EXTERNAL_RINGS = [
    tuple(PAIRS[name].key(key_id) for name, key_id in members)
    for members in ((("ed448-a", None), ("secp256k1-a", "k4")), (("ed448-a", "k5"),), ())
]
RINGS = [
    (provider, ring, renewable)
    for provider, rings in ((MAIN, MAIN_RINGS), (SECRETS, SECRET_RINGS), (EXTERNAL, EXTERNAL_RINGS))
    for ring in rings
    for renewable in (True, False)
]


@dataclass(frozen=True)
class Taking:
    """A revocation that holds for longer than conversations take, or for a while."""

    what: str
    issuer: str | None
    before: float
    life: float

    def __call__(self, now: float) -> list[Revocation]:
        expires = int(now) + self.life
        if self.what.isdigit():
            return [Revocation(expires, jti=self.what, issuer=self.issuer)]
        subject = None if self.what == "all" else self.what
        cut = int(NOW) + self.before
        return [Revocation(expires, sub=subject, issuer=self.issuer, issued_before=cut)]


REVOCATIONS = [
    Taking(*choice)
    for choice in product(
        ("1", "2", "3", "ada", "grace", "all"),
        (None, ISSUER, OTHER_ISSUER, "secrets", "partners"),
        (-500, -499, 0, 1),
        (50, 100_000),
    )
]
API_KEYS = [
    ApiKey(digest(b"known"), b'{"sub":"ada","jti":"1","iat":1}'),
    ApiKey(digest(b"late"), b'{"sub":"grace","iat":2}', NOW + 30, NOW + 100),
    ApiKey(digest(b"unknown"), b'{"sub":"grace","jti":"2"}', 0.0, NOW + 500),
]
API_KEY_SETS = [
    (PEPPER, API_KEYS[:2]),
    (PEPPER, API_KEYS[:2]),
    (PEPPER, API_KEYS[1:]),
    (PEPPER, []),
    (PEPPER[::-1], API_KEYS),
]
STEPS = (0, 0.25, 0.75, 1, 5, 10, 19.75, 20, 30, 30.25, 40, 60, 100)
CLAIMS = (b'{"sub":"ada","jti":"1","scope":"read"}', b'{"sub":"grace","iat":1}', b"")


@dataclass(frozen=True)
class Step:
    """Something that happens in a conversation."""

    does: str
    arguments: tuple[object, ...]

    def __call__(self, conversation: Conversation) -> None:
        getattr(conversation, self.does)(*self.arguments)


def step(does: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(does), st.tuples(*arguments))


def steps() -> st.SearchStrategy[list[Step]]:
    """What happens, and mostly it is a request."""
    asking = st.sampled_from(ASKINGS)
    number = st.integers(0, 3)
    visit = step("visit", asking)
    any_step = st.one_of(
        *(visit, visit, visit, step("ask", asking)),
        step("settle", number, st.sampled_from(CLAIMS), st.sampled_from([0.0, 30.0, 1000.0])),
        step("advance", st.sampled_from(STEPS)),
        st.sampled_from(RINGS).map(lambda ring: Step("set_keys", ring)),
        st.sampled_from(API_KEY_SETS).map(lambda keys: Step("set_api_keys", (PARTNERS, *keys))),
        step("revoke", st.sampled_from(REVOCATIONS)),
        step("set_fresh_until", st.sampled_from([-1.0, 0.0, 60.0, 300.0, 300.0, 1000.0])),
        step("bring_again", number, st.one_of(st.none(), asking)),
    )
    few = st.lists(any_step, max_size=10)
    return st.tuples(few, few, few, few).map(lambda lists: [one for some in lists for one in some])
