"""Says what a worker would do with a request, for people: from the route to the upstream's head.

Nothing is sent, fetched, charged, counted or remembered. It is for operators alone: who may ask can
try credentials, and sees how requests are judged. Secrets in heads are masked, the request's own
as well as those that the configuration adds.
"""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

from pygateway.config.redaction import MASK, sounds_secret
from pygateway.problem import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pygateway._core import Gate
    from pygateway.config import Config, Route
    from pygateway.upstream.plan import Destination, Plan
    from pygateway.upstream.upstream import EndpointState

Fields = list[tuple[str, str]]


class Explainer:
    """Explains requests to one worker's gateway.

    Args:
        config: What it does.
        gate: Decides.
        plans: Where requests of a route go, by its index.
    """

    def __init__(self, config: Config, gate: Gate, plans: Mapping[int, Plan]) -> None:
        self._config = config
        self._gate = gate
        self._plans = plans

    def explain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Say what would become of a request.

        Args:
            request: `method`, `target`, `headers` (a list of name and value), `client` (the address
                that it would come from; empty for a unix socket) and `secure` (whether by TLS).

        Raises:
            ValueError: The client has no address, or something cannot be sent at all.
        """
        headers = [(name, value) for name, value in request["headers"]]
        told = self._rehearse(request, headers)
        index = told.pop("route_index")
        route = None if index is None else self._config.routes[index]
        masked = self._secret_names(route)
        refusal, answer = told.get("refusal"), told.get("answer")
        upstream = head = None
        if told["outcome"] == "forward":
            plan = self._plans[index]
            destination = plan.peek()
            endpoint = destination.upstream.only or destination.upstream.peek()
            upstream = _upstream(plan, destination, endpoint)
            host = _host(endpoint) if told["host_from_endpoint"] else None
            head = _head(told["head"], host, request["target"], headers, masked)
        return {
            "outcome": told["outcome"],
            "status": _status(refusal, answer),
            "reason": told["reason"],
            "route": told["route"],
            "candidates": told["candidates"],
            "canonical_path": told["canonical_path"],
            "client": told["client"],
            "providers": told["providers"],
            "credential": told["credential"],
            "limits": told["limits"],
            "refusal": _masked_part(refusal, masked),
            "answer": _masked_part(answer, masked),
            "upstream": upstream,
            "request": head,
        }

    def _rehearse(self, request: Mapping[str, Any], headers: Fields) -> dict[str, Any]:
        peer = self._gate.peer(request["client"], request["secure"])
        question = (
            _bytes(request["method"]),
            _bytes(request["target"]),
            [(_bytes(name), _bytes(value)) for name, value in headers],
            peer,
            time(),
        )
        text, unverified = self._gate.rehearse(*question)
        if unverified is not None and unverified.kind == "external":
            from pygateway.auth.external import verified_claims  # noqa: PLC0415 - takes its time

            text, _ = self._gate.rehearse(*question, unverified, verified_claims(unverified))
        told: dict[str, Any] = json.loads(text)
        return told

    def _secret_names(self, route: Route | None) -> frozenset[str]:
        """Folded names of fields that hold credentials, or what the configuration adds."""
        names: set[str] = set()
        for provider in self._config.auth.providers.values():
            names |= {source.header for source in provider.token_from if source.header is not None}
            if provider.forward_auth is not None:
                names.update(provider.forward_auth.request_headers)
        if route is not None:
            for changes in (route.headers.request, route.headers.response):
                names |= changes.set.keys() | changes.add.keys()
        return frozenset(map(_folded, names))


def _upstream(
    plan: Plan, destination: Destination, endpoint: EndpointState | None
) -> dict[str, Any]:
    """Where the request would go: whose turn it is at this worker."""
    upstream, timeouts = destination.upstream, destination.timeouts
    return {
        "name": upstream.name,
        "endpoint": None if endpoint is None else endpoint.url,
        "shares": [
            {"upstream": each.upstream.name, "weight": each.weight} for each in plan.destinations
        ],
        "endpoints": [
            {
                "endpoint": each.url,
                "weight": each.weight,
                "reachable": each.reachable,
                "load": each.load,
            }
            for each in upstream.endpoints
        ],
        "attempts": upstream.attempts,
        "timeouts": {
            "connect": timeouts.connect,
            "response": timeouts.response,
            "body_stall": timeouts.body_stall,
            "request": timeouts.request,
        },
    }


def _host(endpoint: EndpointState | None) -> str | None:
    """The Host field that names an endpoint."""
    if endpoint is None:
        return None
    line = endpoint.pool.host_line.decode("ascii")
    return line.removeprefix("Host: ").rstrip("\r\n")


def _head(
    head: str, host: str | None, target: str, headers: Fields, masked: frozenset[str]
) -> dict[str, Any]:
    """The head that the upstream would get, and what of it differs from the request's."""
    line, *rest = head.split("\r\n")
    parted = (each.partition(": ") for each in rest if each)
    fields = [(name, value) for name, _, value in parted]
    if host is not None:
        fields.append(("Host", host))
    return {
        "line": line,
        "headers": _masked(fields, masked),
        "target_changed": line.split(" ")[1] != target,
        **_changes(headers, fields),
    }


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        # What a terminal or JSON has typed is UTF-8 on the wire.
        return text.encode("utf-8", "replace")


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")


def _masked(fields: Iterable[tuple[str, str]], names: frozenset[str]) -> list[tuple[str, str]]:
    return [
        (name, MASK if _folded(name) in names or sounds_secret(name) else value)
        for name, value in fields
    ]


def _masked_part(part: dict[str, Any] | None, names: frozenset[str]) -> dict[str, Any] | None:
    return None if part is None else {**part, "headers": _masked(part["headers"], names)}


def _changes(before: Fields, after: Fields) -> dict[str, list[str]]:
    """Names of fields that are there only after, only before, or otherwise than before."""
    old, new = _by_name(before), _by_name(after)
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and new[name] != old[name]],
    }


def _by_name(fields: Fields) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.lower(), []).append(value.strip())
    return found


def _status(refusal: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> int | None:
    """The status that the gateway would answer with, where it does so itself."""
    if refusal is not None:
        return CATALOGUE[refusal["name"]].status
    return None if answer is None else int(answer["status"])
