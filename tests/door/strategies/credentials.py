"""Where requests show what they have, in sources that several providers share."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import strategies as st

from tests.door.comparison import NOW
from tests.door.model.authentication.authentication import ApiKey
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    Bearer,
    CookieSource,
    HeaderSource,
    Jwt,
    Protection,
    Provider,
)
from tests.door.model.specification import Route, Specification
from tests.door.model.verdict import Field, Fields
from tests.door.strategies.common import ORDERS, each_with, repeated, shuffled, some, spellings
from tests.door.strategies.faults import ISSUER, OTHER_ISSUER
from tests.door.tokens import mint

HS256 = ("HS256",)
PEPPER = b"pepper that is known to everybody"
PROVIDERS = (
    Provider("main", Jwt(ISSUER, ("api",), HS256)),
    Provider("other", Jwt(OTHER_ISSUER, (), HS256), (Bearer(), CookieSource("session"))),
    Provider(
        "any", Jwt(None, ("api", "x"), HS256), (CookieSource("session"), HeaderSource("X-Token"))
    ),
    Provider("web", Jwt(ISSUER, ("web",), HS256), (HeaderSource("X-Token"), Bearer())),
    Provider("partners", ApiKeys(), (HeaderSource("X-API-Key"), Bearer())),
)
LIFE = {"exp": int(NOW) + 60, "sub": "ada"}
TOKENS = [
    mint({"iss": ISSUER, "aud": "api", **LIFE}),
    mint({"iss": ISSUER, "aud": ["web", "y"], **LIFE}, kid="k"),
    mint({"iss": ISSUER, "aud": "nobody", **LIFE}),
    mint({"iss": OTHER_ISSUER, **LIFE}),
    mint({"aud": "x", **LIFE}),
    mint({"iss": ISSUER, "aud": "api", "exp": int(NOW) - 60}),
    mint({"iss": OTHER_ISSUER, **LIFE}, "secret-b"),
    mint({"iss": "https://stranger.example", "aud": "x", **LIFE}),
]
ANY_TOKENS = [*TOKENS, *TOKENS[:2] * 3, b"garbage", b"key-1"]


def digest(key: bytes) -> bytes:
    return hmac.digest(PEPPER, key, hashlib.sha256)


API_KEYS = [
    ApiKey(digest(b"key-1"), b'{"sub":"grace","jti":"k1","scope":"read"}'),
    ApiKey(digest(b"key-early"), b'{"sub":"early"}', NOW + 60, NOW + 120),
    ApiKey(digest(b"key-late"), b'{"sub":"late"}', 0.0, NOW - 60),
    ApiKey(digest(b"\xc3\xa9 and spaces"), b'{"sub":"odd"}'),
]
AUTHORIZATIONS = [
    pattern.replace(b"TOKEN", token)
    for token in ANY_TOKENS
    for pattern in (
        *(b"Bearer TOKEN", b"bearer  TOKEN", b"BEARER TOKEN", b"BeArEr   TOKEN") * 2,
        *(b"Bearer\tTOKEN", b"Bearer \tTOKEN", b"BearerTOKEN", b"Bearer TOKEN,", b"Bearer TOKEN x"),
        *(b"Bearer TOKEN=", b"Bearer =TOKEN", b'Bearer "TOKEN"', b"Bearer=TOKEN", b"Bearer:TOKEN"),
        *(b"Bearer TOKEN, Bearer TOKEN", b"Bearer Bearer TOKEN", b"Basic TOKEN", b"Token TOKEN"),
        *(b"TOKEN", b"Bearer", b"Bearer ", b"", b"Basic", b"Bearer \xc3\xa9", b"Digest a=TOKEN"),
    )
]
COOKIES = [
    pattern.replace(b"TOKEN", token)
    for token in ANY_TOKENS
    for pattern in (
        *(b"session=TOKEN", b"a=1; session=TOKEN; b=2", b"session=TOKEN;b=2", b"a=1;session=TOKEN"),
        *(
            b"session=TOKEN; session=TOKEN",
            b"session=TOKEN; session=x",
            b"session=x; session=TOKEN",
        ),
        *(b"Session=TOKEN", b"xsession=TOKEN", b"session2=TOKEN", b"a=session=TOKEN", b"session"),
        *(b"a=1; ; session=TOKEN;", b"a=1", b"a=1, session=TOKEN", b"; session=TOKEN", b"a; b"),
    )
]
HEADERS = [
    *each_with(spellings("X-Token"), ANY_TOKENS),
    *each_with([b"X_Token", b"x_token"], TOKENS[:2]),
    *each_with(
        spellings("X-API-Key"),
        [
            b"key-1",
            b"key-1",
            b"key-early",
            b"key-late",
            b"unknown",
            b"\xc3\xa9 and spaces",
            b"KEY-1",
        ],
    ),
]
AUTHORIZATION_FIELDS = each_with(spellings("Authorization"), AUTHORIZATIONS)
COOKIE_FIELDS = each_with(spellings("Cookie"), COOKIES)
ALL_FIELDS: list[Field] = [(b"Accept", b"*/*"), (b"X-Empty", b"")]


def showing_fields() -> st.SearchStrategy[Fields]:
    """Mostly one credential, sometimes several, in any order."""
    return st.builds(
        lambda order, *parts: shuffled([field for part in parts for field in part], order),
        ORDERS,
        st.one_of(st.just([]), *(repeated(AUTHORIZATION_FIELDS, most) for most in (1, 1, 1, 1, 2))),
        st.one_of(st.just([]), repeated(COOKIE_FIELDS, 1), repeated(COOKIE_FIELDS, 2)),
        st.one_of(st.just([]), repeated(HEADERS, 1), repeated(HEADERS, 2)),
        repeated(ALL_FIELDS, 1),
    )


def protections() -> st.SearchStrategy[Specification]:
    """One route for everything, protected by some of the providers in any order."""
    return st.builds(
        lambda providers, optional, authorization: Specification(
            routes=(Route(auth=Protection(providers or (0,), optional, authorization)),),
            auth=Auth(PROVIDERS),
        ),
        some(range(len(PROVIDERS)), 3),
        st.booleans(),
        st.sampled_from(["pass", "remove"]),
    )
