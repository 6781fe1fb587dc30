"""Few clients and small quotas, so that what happens concerns them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

from hypothesis import strategies as st

from tests.door.comparison import NOW
from tests.door.limit_comparison import Visit
from tests.door.model.authentication.authentication import ApiKey
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    HeaderSource,
    Jwt,
    Protection,
    Provider,
)
from tests.door.model.rate_limits.specification import (
    Applied,
    ByAddress,
    ByApiKey,
    ByClaim,
    ByHeader,
    ByRoute,
    ByUser,
    Exempt,
    Part,
    Policy,
    Size,
    Tiers,
)
from tests.door.model.specification import (
    Cors,
    HeaderPolicy,
    Limits,
    Redirect,
    Respond,
    Route,
    Specification,
)
from tests.door.model.verdict import Fields
from tests.door.strategies.credentials import PEPPER, digest
from tests.door.tokens import mint

ISSUERS = ("https://one.example", "https://two.example")
PROVIDERS = (
    *(
        Provider(name, Jwt(issuer, (), ("HS256",)))
        for name, issuer in zip("ab", ISSUERS, strict=True)
    ),
    Provider("keys", ApiKeys(), (HeaderSource("X-API-Key"),)),
)
API_KEYS = (
    ApiKey(digest(b"k1"), b'{"sub":"ada","jti":"1"}'),
    ApiKey(digest(b"k2"), b'{"sub":"ada","jti":"2","org":{"id":7}}'),
    ApiKey(digest(b"k3"), b'{"sub":"1"}'),
)


def bearer(issuer: int, **claims: object) -> Fields:
    claims = {"iss": ISSUERS[issuer], "exp": int(NOW) + 100_000, **claims}
    return [(b"Authorization", b"Bearer " + mint(claims))]


CREDENTIALS: list[Fields] = [
    [],
    bearer(0, sub="ada", tier="gold", org={"id": 7}),
    bearer(0, sub="ada", tier="gold", org={"id": "7"}),
    bearer(1, sub="ada", tier=["gold", "silver", 3], org={"id": True}),
    bearer(0, sub="bob", tier=3, org={"id": {"x": 1}}, scope="x internal"),
    bearer(0, sub='a"\n\x00', tier={"gold": 1}, org=["id"]),
    bearer(1, sub="root", org={"id": 10**30}),
    bearer(0, org={"id": 7.5}, tier="silver"),
    *([(b"X-API-Key", key)] for key in (b"k1", b"k2", b"k3")),
]
MARKS: list[Fields] = [
    [],
    [],
    [(b"X-Tenant", b"a")],
    [(b"x_tenant", b" a ")],
    [(b"X-TENANT", b"")],
    [(b"X-Cost", b"2")],
    [(b"x_cost", b"0"), (b"X-Tenant", b"b")],
    [(b"X-Cost", b"99999999999")],
    [(b"X-Cost", b"+1")],
    [(b"X-Cost", b"-1")],
    [(b"X-Cost", b"2"), (b"X-Cost", b"2")],
    [(b"X-Cost", "\u0662".encode())],
    [(b"X-Cost", b"")],
]
ADDRESSES = (
    ("198.51.100.7", None),
    ("198.51.100.9", b"203.0.113.1"),  # not trusted: not believed
    ("10.0.0.1", None),
    ("10.0.0.1", b"198.51.100.7"),
    ("10.0.0.2", b"192.0.2.1, 198.51.101.7"),
    ("10.0.0.1", b"2001:db8::1"),
    ("10.0.0.1", b"2001:db8::ffff:1"),
    ("10.0.0.1", b"2001:db8:0:1::1"),
    ("", None),
)
TARGETS = (b"/a", b"/a", b"/a", b"/b", b"/fixed", b"/moved", b"/keyed")
REFUSED_EARLIER = (
    Visit(b"/a", [(b"Authorization", b"Bearer x")]),
    Visit(b"/keyed"),
    Visit(b"/a", [(b"Content-Length", b"1000")], method=b"POST"),
    Visit(b"/fixed", method=b"PUT"),
    Visit(b"/nowhere"),
    Visit(b"/health"),
    Visit(b"/a#b"),
    Visit(
        b"/b",
        [(b"Origin", b"https://x.example"), (b"Access-Control-Request-Method", b"GET")],
        method=b"OPTIONS",
    ),
)


def seen(address: str, forwarded_for: bytes | None) -> Fields:
    return [] if forwarded_for is None else [(b"X-Forwarded-For", forwarded_for)]


VISITS = [
    Visit(target, [*credential, *mark, *seen(*where)], where[0])
    for target, credential, mark, where in product(TARGETS, CREDENTIALS, MARKS, ADDRESSES)
]
OPEN = Protection((0, 1, 2), optional=True)
BYS: tuple[tuple[Part, ...], ...] = (
    (),
    (ByUser(),),
    (ByUser(),),
    (ByAddress(),),
    (ByAddress(24, 48),),
    (ByAddress(32, 128),),
    (ByApiKey(),),
    (ByHeader("X-Tenant"),),
    (ByClaim(("org", "id")),),
    (ByRoute(),),
    (ByUser(), ByRoute()),
    (ByHeader("X-Tenant"), ByClaim(("org", "id")), ByAddress()),
)
SIZES = (Size(1, 1000), Size(2, 100), Size(3, 1000), Size(3, 60_000), Size(10, 7001))
EXEMPTIONS = (
    *(Exempt(),) * 4,
    Exempt(networks=("192.0.2.0/24", "2001:db8:0:1::/64", "198.51.100.9/32")),
    Exempt(subjects=("root",), scopes=("internal",)),
)
POLICIES = [
    Policy(
        by=by,
        window=size,
        concurrency=concurrency,
        tiers=tiers,
        cost_header=cost_header,
        exempt=exempt,
        shadow=shadow,
    )
    for by, size, concurrency, tiers, cost_header, exempt, shadow in product(
        BYS,
        SIZES,
        (None, None, 2),
        (None, Tiers((("gold", 5), ("silver", 4)))),
        (None, "X-Cost"),
        EXEMPTIONS,
        (False, False, True),
    )
    if tiers is None or cost_header is None
]
CROWDS = [
    replace(policy, window=None, concurrency=concurrency, tiers=None, cost_header=None)
    for concurrency in (1, 2, 3)
    for policy in POLICIES
    if policy.window == SIZES[0] and policy.tiers is None and policy.cost_header is None
]
STRICT = [
    replace(policy, mode="strict", on_store_failure=failure)
    for failure in ("local", "open", "closed")
    for policy in POLICIES
]
WRITES = st.sampled_from(
    [
        HeaderPolicy(),
        HeaderPolicy(),
        HeaderPolicy(set=(("x-ratelimit-limit", "42"),), remove=("X-RateLimit-Remaining",)),
    ]
)
APPLIED = [
    tuple(Applied(number, cost) for number, cost in zip(order, costs, strict=True))
    for size in (1, 2, 3)
    for order in permutations(range(size))
    for costs in product((1, 1, 2), repeat=size)
]
BY_SIZE = {
    size: st.sampled_from([one for one in APPLIED if len(one) == size]) for size in (1, 2, 3)
}


def affordable(applied: tuple[Applied, ...], policies: list[Policy]) -> tuple[Applied, ...]:
    quotas = [policy.window.quota if policy.window else 1 for policy in policies]
    return tuple(Applied(one.policy, min(one.cost, quotas[one.policy])) for one in applied)


def specifications(*kinds: list[Policy]) -> st.SearchStrategy[Specification]:
    """Up to three policies of these kinds, which the routes name at various costs."""
    policies = st.lists(st.one_of(*map(st.sampled_from, kinds)), min_size=1, max_size=3)
    return policies.flatmap(
        lambda drawn: st.builds(specification, st.just(drawn), BY_SIZE[len(drawn)], WRITES)
    )


def specification(
    drawn: list[Policy], applied: tuple[Applied, ...], writes: HeaderPolicy
) -> Specification:
    each = [replace(one, name=f"p{number}") for number, one in enumerate(drawn)]
    limits = affordable(applied, each)
    others = limits[::-1]
    fixed, moved = Respond(200, body="x"), Redirect(302, "https://b.example/")
    routes = (
        Route("a", paths=("/a",), auth=OPEN, rate_limits=limits, response_headers=writes),
        Route("b", paths=("/b",), auth=OPEN, rate_limits=others[:1], cors=Cors(("*",))),
        Route("fixed", (), ("/fixed",), ("GET",), action=fixed, auth=OPEN, rate_limits=others),
        Route("moved", paths=("/moved",), action=moved, auth=OPEN, rate_limits=limits),
        Route("keyed", paths=("/keyed",), auth=Protection((2,)), rate_limits=limits),
    )
    return Specification(
        routes=routes,
        limits=Limits(body_bytes=100),
        trusted_proxies=("10.0.0.0/8",),
        health_path="/health",
        auth=Auth(PROVIDERS),
        rate_limits=tuple(each),
    )


def clients() -> st.SearchStrategy[list[Visit]]:
    """Those of one history: a few, who come again and again to the same routes."""
    visit = st.sampled_from(VISITS)
    return st.tuples(visit, visit, visit, st.sampled_from([*REFUSED_EARLIER, *VISITS[:30]])).map(
        list
    )


API_KEY_SET = (PEPPER, API_KEYS)
