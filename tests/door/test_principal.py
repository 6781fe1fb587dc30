"""What upstreams are told of a principal, and what routes require of one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pygateway._core import Forward
from tests.door.auth_comparison import AuthDoor
from tests.door.comparison import NOW
from tests.door.heads import combined, parse
from tests.door.keys import PAIRS
from tests.door.model.authentication.specification import (
    Auth,
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
from tests.door.strategies.principals import Told, tellings
from tests.door.tokens import mint


@settings(max_examples=400)
@given(tellings())
def test_principals_are_told_and_judged_as_in_the_model(told: Told) -> None:
    door = AuthDoor(told.specification)
    door.set_keys(0, [PAIRS["secret-a"].key()])
    token = mint(told.claims)
    fields = [*told.forged, (b"Authorization", b"Bearer " + token)]
    door.decide(fields, target=told.target)
    door.decide(told.forged, target=told.target)


RULES = Jwt(algorithms=("HS256",))


def door_for(provider: Provider, *routes: Route) -> AuthDoor:
    door = AuthDoor(Specification(routes=routes, auth=Auth((provider,))))
    door.set_keys(0, [PAIRS["secret-a"].key()])
    return door


def shown(**claims: object) -> Fields:
    return [(b"Authorization", b"Bearer " + mint({"exp": int(NOW) + 60, "sub": "ada", **claims}))]


def permits(rule: Rule, **claims: object) -> bool:
    door = door_for(Provider(kind=RULES), Route(auth=Protection(rule=rule)))
    return isinstance(door.decide(shown(**claims))[0], Forward)


SCOPES: list[tuple[bool, dict[str, object]]] = [
    (True, {"scope": "read write"}),
    (True, {"scope": "  write   read "}),
    (True, {"scope": ["write", "read"]}),
    (True, {"scp": ["read", "write", "other"]}),
    (True, {"scope": None, "scp": "read write"}),
    (False, {}),
    (False, {"scope": "read"}),
    (False, {"scope": "readwrite"}),
    (False, {"scope": "READ WRITE"}),
    (False, {"scope": "read,write"}),
    (False, {"scope": "read\twrite"}),
    (False, {"scope": ["read write"]}),
    (False, {"scope": {"read": True, "write": True}}),
    (False, {"scope": "", "scp": "read write"}),
    (False, {"roles": ["read", "write"]}),
]


@pytest.mark.parametrize(("permitted", "claims"), SCOPES)
def test_all_scopes_are_words_of_the_first_claim_that_is_there(
    permitted: bool, claims: dict[str, object]
) -> None:
    assert permits(Rule(all_scopes=("read", "write")), **claims) is permitted


@pytest.mark.parametrize(
    ("permitted", "claims"),
    [
        (True, {"scope": "read"}),
        (True, {"scope": "x write"}),
        (False, {"scope": "x"}),
        (False, {}),
    ],
)
def test_any_scope_will_do(permitted: bool, claims: dict[str, object]) -> None:
    assert permits(Rule(any_scopes=("read", "write")), **claims) is permitted


@pytest.mark.parametrize(
    ("permitted", "roles"),
    [
        (True, ["admin"]),
        (True, ["x", "user"]),
        (False, ["x"]),
        (False, ["Admin"]),
        (False, []),
        (False, None),
        (False, {"admin": True}),
        (False, 1),
    ],
)
def test_any_role_will_do(permitted: bool, roles: object) -> None:
    assert permits(Rule(any_roles=("admin", "user")), roles=roles) is permitted


CONDITIONS = [
    (Equals("acme"), "acme", True),
    (Equals("acme"), "Acme", False),
    (Equals("acme"), ["acme"], False),
    (Equals(True), True, True),
    (Equals(True), 1, False),
    (Equals(True), "true", False),
    (Equals(1), True, False),
    (Equals(0), False, False),
    (Equals(1), "1", False),
    (Equals(1), 1, True),
    (Equals(2**53), 2**53 + 1, False),
    (Equals(None), None, False),
    (Equals([1, True]), [1, True], True),
    (Equals([1, True]), [True, 1], False),
    (Equals({"a": 1, "b": [2]}), {"b": [2], "a": 1}, True),
    (Equals({"a": 1}), {"a": 1, "b": 2}, False),
    (OneOf(("gold", "silver")), "silver", True),
    (OneOf(("gold", "silver")), "bronze", False),
    (OneOf(("gold", 1)), True, False),
    (OneOf(()), "gold", False),
    (Matches(r".+@acme\.example"), "ada@acme.example", True),
    (Matches(r".+@acme\.example"), "ada@acme.example.evil", False),
    (Matches(r".+@acme\.example"), "ada@acmeXexample", False),
    (Matches(r".+@acme\.example"), "ada@acme.example\n", False),
    (Matches(r"a|b"), "ab", False),
    (Matches(r"a|bc"), "bc", True),
    (Matches(r"^a$|^b"), "bx", False),
    (Matches(r"[0-9]+"), 7, False),
    (Matches(r""), "", True),
    (Matches(r"(?i)ADMIN"), "admin", True),
]


@pytest.mark.parametrize(("condition", "value", "permitted"), CONDITIONS)
def test_conditions_compare_json_values(
    condition: Equals | OneOf | Matches, value: object, permitted: bool
) -> None:
    assert permits(Rule(claims=((("claim",), condition),)), claim=value) is permitted
    nested: Path = ("a", "b.c", "d")
    rule = Rule(claims=((nested, condition),))
    assert permits(rule, a={"b.c": {"d": value}}) is permitted
    assert not permits(rule, a={"b.c": [value]})
    assert not permits(rule)


SPELLINGS = ["X-User-ID", "x-user-id", "X_USER_ID", "x-user_id", "X_User-Id"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("target", [b"/", b"/open", b"/optional"])
def test_nobody_else_says_who_asks(spelling: str, target: bytes) -> None:
    """CVE-2023-27487: on every route, also where nobody is asked who it is."""
    provider = Provider(kind=RULES, claims_to_headers=((("sub",), "X-User-ID"),))
    door = door_for(
        provider,
        Route("open", paths=("/open",)),
        Route("optional", paths=("/optional",), auth=Protection(optional=True)),
        Route("all", auth=Protection()),
    )
    forged: Fields = [(spelling.encode(), b"root"), (b"Connection", b"x-user-id, close")]
    for fields, told in ((forged, []), (shown() + forged, [b"ada"])):
        native, _ = door.decide(fields, target=target)
        if isinstance(native, Forward):
            assert not native.keep_alive
            got = combined(parse(native.head)[1])
            assert [b"root"] not in got.values()
            assert got.get(b"x-user-id", []) == ([] if target == b"/open" else told)


def test_the_route_has_the_last_word() -> None:
    provider = Provider(
        kind=RULES, claims_to_headers=((("sub",), "X-User-ID"), (("plan",), "X-Plan"))
    )
    policy = HeaderPolicy(
        set=(("X-User-ID", "fixed"), ("Authorization", "Basic c2VydmljZQ==")), remove=("X-Plan",)
    )
    door = door_for(provider, Route(auth=Protection(), request_headers=policy))
    native, _ = door.decide(shown(plan="gold"))
    assert isinstance(native, Forward)
    got = combined(parse(native.head)[1])
    assert got[b"x-user-id"] == [b"fixed"]
    assert got[b"authorization"] == [b"Basic c2VydmljZQ=="]
    assert b"x-plan" not in got
