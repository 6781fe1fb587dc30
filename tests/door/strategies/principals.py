"""Claims of every shape, and what is made of them: lines, scopes, roles, rules."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from hypothesis import strategies as st

from tests.door.comparison import NOW
from tests.door.model.authentication.specification import (
    Auth,
    Condition,
    Equals,
    Jwt,
    Matches,
    OneOf,
    Path,
    Protection,
    Provider,
    Rule,
)
from tests.door.model.specification import HeaderPolicy, Route, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.common import aliases, each_with, repeated, some
from tests.door.strategies.requests import header_policies

SCALARS: list[object] = [
    *(
        "ada",
        "",
        " padded ",
        "two words",
        "a,b",
        "na\u00efve",
        "\U0001f600",
        "a\tb",
        "a\nb",
        "\x7f",
    ),
    *("a\r\nX-Admin: 1", "\x00", "read write", "read  write ", "admin", "acme", "gold"),
    *(0, 1, -1, 42, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 1.5, -0.25, 100.0, 1.0, True, False),
]
LISTS: list[object] = [
    [],
    ["read"],
    ["read", "write"],
    ["read write"],
    ["admin", "user"],
    ["a,b"],
    ["a", "b\n"],
    ["a", ["b"]],
    ["a", {"b": 1}],
    [1, 2.5, True, "x"],
    ["", ""],
    [None],
]
VALUES: list[object] = [
    *SCALARS,
    *LISTS,
    None,
    {},
    {"roles": ["admin"]},
    {"roles": "admin"},
    {"roles": {"x": 1}},
    {"b": {"c": "deep"}},
    {"a.b": "dotted"},
]
NAMES = ("scope", "scp", "roles", "tenant", "plan", "realm", "email", "a")
PATHS: list[Path] = [
    *((name,) for name in NAMES),
    ("sub",),
    ("realm", "roles"),
    ("a", "b", "c"),
    ("a", "a.b"),
    ("a", "0"),
    ("absent",),
    ("exp",),
]
HEADERS = ("X-User-ID", "X-Roles", "X-Plan-Name", "X-Tenant")
WANTED: list[object] = [
    *("ada", "acme", "gold", "", 1, 1.0, 42, 1.5, True, False, None, 2**53),
    *(["read"], ["read", "write"], [1, 2.5, True, "x"], {}, {"roles": ["admin"]}, [], [None]),
]
EXPRESSIONS = (
    "ada",
    "a.*",
    ".*",
    "",
    "[a-z]+",
    "ad|acme",
    "a",
    "(gold|silver)",
    ".+@acme\\.example",
)
CONDITIONS: list[Condition] = [
    *map(Equals, WANTED),
    *(OneOf((first, second)) for first in WANTED[:9] for second in WANTED[3:]),
    OneOf(()),
    *map(Matches, EXPRESSIONS),
]
WORDS = ("read", "write", "admin")


def rules() -> st.SearchStrategy[Rule]:
    """Mostly of one part, so that it decides."""
    nothing: st.SearchStrategy[tuple[str, ...]] = st.just(())
    condition = st.tuples(st.sampled_from(PATHS), st.sampled_from(CONDITIONS))
    return st.one_of(
        st.builds(Rule, some(WORDS, 2)),
        st.builds(Rule, nothing, some(WORDS, 2)),
        st.builds(Rule, nothing, nothing, some(("admin", "user"), 2)),
        st.builds(lambda one: Rule(claims=(one,)), condition),
        st.builds(
            lambda words, word, one: Rule(words, word, claims=(one,)),
            some(WORDS, 1),
            some(WORDS, 2),
            condition,
        ),
    )


GRANTS: list[object] = [
    *("read", "read write", " write  read ", "read,write", "Read", "admin user", "readwrite", ""),
    *(["read"], ["read", "write"], ["read write"], ["admin"], ["user", 1], [], {"read": True}, 1),
]
MEMBERS: list[tuple[str, object]] = [
    *((name, value) for name in NAMES for value in VALUES),
    *((name, value) for name in ("scope", "scp", "roles") * 12 for value in GRANTS),
    *(("realm", {"roles": value}) for _ in range(12) for value in GRANTS),
]


def claim_sets() -> st.SearchStrategy[dict[str, object]]:
    return st.lists(st.sampled_from(MEMBERS), min_size=4, max_size=7).map(
        lambda pairs: {"exp": int(NOW) + 60, "sub": "ada", **dict(pairs)}
    )


@dataclass(frozen=True)
class Told:
    """A principal's claims, and a route that tells an upstream of them."""

    specification: Specification
    claims: dict[str, object]
    forged: Fields
    target: bytes


SCOPE_CLAIMS: list[tuple[Path, ...]] = [
    (("scope",), ("scp",)),
    (("scp",), ("scope",)),
    (("realm", "roles"), ("scope",)),
    (),
]
ROLE_CLAIMS: list[Path] = [("roles",), ("realm", "roles"), ("a", "b", "c")]


def telling_providers() -> st.SearchStrategy[Provider]:
    """Each header is written at most once: another is a mistake of the configuration."""
    return st.builds(
        lambda paths, names, scopes, role: Provider(
            kind=Jwt(algorithms=("HS256",)),
            claims_to_headers=tuple(zip(paths, names, strict=False)),
            scope_claims=scopes,
            roles_claim=role,
        ),
        st.lists(st.sampled_from(PATHS), min_size=3, max_size=3),
        st.sampled_from(list(permutations(HEADERS, 3))),
        st.sampled_from(SCOPE_CLAIMS),
        st.sampled_from(ROLE_CLAIMS),
    )


def told(
    provider: Provider,
    policy: HeaderPolicy,
    rule: Rule,
    claims: dict[str, object],
    forged: Fields,
    target: bytes,
) -> Told:
    other = Provider("other", Jwt(algorithms=("HS256",)), (), ((("sub",), "X-Other-User"),))
    routes = (
        Route("open", paths=("/open",)),
        Route("bare", paths=("/bare",), auth=Protection()),
        Route("ruled", paths=("/*",), request_headers=policy, auth=Protection(rule=rule)),
    )
    specification = Specification(routes=routes, auth=Auth((provider, other)))
    return Told(specification, claims, forged, target)


FORGED = each_with(
    [text for name in (*HEADERS, "X-Other-User") for text in aliases(name)], [b"root"]
)
FORGED += [(b"Connection", b"x-user-id, x-roles"), (b"X-User", b"kept"), (b"X-Empty", b"")]


def tellings() -> st.SearchStrategy[Told]:
    return st.builds(
        told,
        telling_providers(),
        header_policies((*HEADERS, "X-Added"), ("X-Roles", "X-Custom")),
        rules(),
        claim_sets(),
        repeated(FORGED, 3),
        st.sampled_from([b"/"] * 5 + [b"/bare", b"/open"]),
    )
