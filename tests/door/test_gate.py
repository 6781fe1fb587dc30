"""Building a gate, its peers, health and explanations."""

from __future__ import annotations

import json

import pytest

from pygateway._core import Forward, Gate, Respond, SpecError
from tests.door.comparison import CLIENT, SEED, Door
from tests.door.model.specification import Limits, Route, Specification

HOST = (b"Host", b"a.example")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"not json",
        Specification().to_json()[:-1],
        Specification().to_json().replace(b'"via"', b'"vai"'),
        Specification().to_json().replace(b'{"limits"', b'{"unknown": 1, "limits"'),
        Specification(limits=Limits(header_count=-1)).to_json(),
        Specification(trusted_proxies=("10.0.0.0/33",)).to_json(),
        Specification(trusted_proxies=("nonsense",)).to_json(),
        Specification(routes=(Route(paths=("no-slash",)),)).to_json(),
    ],
)
def test_unusable_specifications_are_refused(text: bytes) -> None:
    with pytest.raises(SpecError):
        Gate(text, SEED)


def test_no_routes_is_no_route_found() -> None:
    Door(Specification(routes=())).compare(b"GET", b"/", [HOST])


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("11.0.0.0", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8:ffff::1", True),
        ("2001:db9::", False),
        ("", True),
    ],
)
def test_trusted_peers(address: str, trusted: bool) -> None:
    networks = ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")
    native, _ = Door(Specification(trusted_proxies=networks)).peers(address, secure=False)
    assert native.trusted is trusted


@pytest.mark.parametrize("address", ["nonsense", "10.0.0", "10.0.0.1:80", "10.0.0.256", " "])
def test_a_peer_has_an_address(address: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Door(Specification()).native.peer(address, False)


@pytest.mark.parametrize("path", [b"/health", b"/health/", b"//health", b"/x/../health?x"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_health(method: bytes, path: bytes) -> None:
    native, _ = Door(Specification(health_path="/health")).compare(method, path, [HOST])
    assert isinstance(native, Respond)
    assert native.kind == "health"


@pytest.mark.parametrize(
    ("method", "path", "specification"),
    [
        (b"POST", b"/health", Specification(health_path="/health")),
        (b"GET", b"/healthy", Specification(health_path="/health")),
        (b"GET", b"/health/x", Specification(health_path="/health")),
        (b"GET", b"/health", Specification()),
        (b"GET", b"/health", Specification(health_path="/up")),
        (
            b"GET",
            b"/health",
            Specification(health_path="/health", routes=(Route(paths=("/health", "/*")),)),
        ),
    ],
)
def test_not_health(method: bytes, path: bytes, specification: Specification) -> None:
    native, _ = Door(specification).compare(method, path, [HOST])
    assert isinstance(native, Forward)


def test_health_wins_over_wildcards_and_works_without_routes() -> None:
    for routes in ((), (Route(paths=("/*", "/{p}")),), (Route(hosts=("b.example",)),)):
        native, _ = Door(Specification(health_path="/health", routes=routes)).compare(
            b"GET", b"/health", [HOST]
        )
        assert isinstance(native, Respond)
        assert native.kind == "health"


def test_explanations_name_the_route_and_why_the_others_do_not() -> None:
    routes = (
        Route(name="other-host", hosts=("b.example",)),
        Route(name="other-method", paths=("/a/*",), methods=("POST",)),
        Route(name="winner", paths=("/a/{p}",)),
        Route(name="fallback"),
    )
    door = Door(Specification(routes=routes))
    peer = door.native.peer(CLIENT, False)
    said = json.loads(door.native.explain(b"GET", b"/a//%62", [HOST], peer))
    assert said["route"] == "winner"
    assert said["canonical_path"] == "/a/b"
    assert said["reason"]
    reasons = {candidate["route"]: candidate["why_not"] for candidate in said["candidates"]}
    assert {"other-host", "other-method", "fallback"} <= reasons.keys()
    assert all(reasons[name] for name in ("other-host", "other-method", "fallback"))


def test_explanations_of_nothing_found() -> None:
    door = Door(Specification(routes=(Route(name="only", paths=("/a",)),)))
    peer = door.native.peer(CLIENT, False)
    said = json.loads(door.native.explain(b"GET", b"/b", [HOST], peer))
    assert said["route"] is None
    assert [candidate["route"] for candidate in said["candidates"]] == ["only"]
