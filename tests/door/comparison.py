"""Asks the native gate and its model the same question, and compares what they say."""

from __future__ import annotations

from pygateway._core import REASONS, Forward, Gate, Reject, Respond, Unfunded, Unverified
from pygateway._core import Peer as NativePeer
from tests.door.heads import assert_head, combined, parse
from tests.door.model.fields import connection_options, keeps_alive, stripped
from tests.door.model.forwarded import client_address, make_peer
from tests.door.model.framing import CHUNKED
from tests.door.model.gate import ModelGate
from tests.door.model.identity import (
    RANDOM,
    believed_request_id,
    believed_trace,
    is_uuid7,
    parse_traceparent,
)
from tests.door.model.request_head import host_from_endpoint, request_head
from tests.door.model.response_head import Context
from tests.door.model.specification import Specification
from tests.door.model.verdict import (
    Answer,
    Fields,
    Forwarding,
    Head,
    Peer,
    Refusal,
    Request,
    Undecided,
    Verdict,
)

SEED = bytes(range(32))
NOW = 1_790_000_000.25
CLIENT = "198.51.100.7"
AUTHORITY = b"origin.internal:9000"

CONNECTION_ENDS = {"bad-request", "not-implemented", "version-not-supported"}
"""Reasons after which the next bytes of the connection cannot be trusted."""

Decision = Forward | Respond | Reject | Unverified | Unfunded


def complete_head(native: Forward) -> bytes:
    """The request head as the caller sends it."""
    if native.host_from_endpoint:
        return native.head + b"Host: " + AUTHORITY + b"\r\n\r\n"
    return native.head


class Door:
    """A native gate beside its model."""

    def __init__(self, specification: Specification, seed: bytes = SEED) -> None:
        self.specification = specification
        self.native = Gate(specification.to_json(), seed)
        self.model = ModelGate(specification)

    def peers(self, address: str, secure: bool) -> tuple[NativePeer, Peer]:
        native = self.native.peer(address, secure)
        model = make_peer(address, secure, self.specification.trusted_proxies)
        assert (native.address, native.trusted) == (model.address, model.trusted)
        return native, model

    def ask(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        *,
        address: str = CLIENT,
        secure: bool = False,
        version: int = 11,
        now: float = NOW,
    ) -> Decision:
        """The native answer alone."""
        peer = self.native.peer(address, secure)
        return self.native.decide(method, target, fields, peer, now, version)

    def compare(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        *,
        address: str = CLIENT,
        secure: bool = False,
        version: int = 11,
        now: float = NOW,
    ) -> tuple[Decision, Verdict]:
        """Both answers, which agree."""
        native_peer, peer = self.peers(address, secure)
        native = self.native.decide(method, target, fields, native_peer, now, version)
        verdicts = self.model.decide(method, target, fields, peer, version, now)
        verdict = likeliest(native, verdicts)
        assert native.head_only == (method == b"HEAD")
        assert native.client == client_address(
            stripped(fields), peer, self.specification.trusted_proxies
        )
        self.assert_agreed(native, verdict, keeps_alive(stripped(fields), version), now)
        return native, verdict

    def assert_agreed(
        self, native: Decision, verdict: Verdict, wants_to_persist: bool, now: float
    ) -> None:
        if isinstance(verdict, Refusal):
            assert_refused(native, verdict, wants_to_persist)
        elif isinstance(verdict, Forwarding):
            self.assert_forwarded(native, verdict, now)
        else:
            assert isinstance(verdict, Answer), "nobody knows yet who asks"
            assert_answered(native, verdict)

    def assert_forwarded(self, native: Decision, expected: Forwarding, now: float) -> None:
        request = expected.request
        assert isinstance(native, Forward), described(native)
        assert_common(native, request, expected.keep_alive)
        assert native.route == expected.route
        assert native.upgrade == expected.upgrade
        assert native.idempotent == expected.idempotent
        assert native.body_limit == expected.body_limit
        if request.body_length != 0:
            assert native.expects_continue == expected.expects_continue
        _, fields = parse(complete_head(native))
        traceparent = combined(fields)[b"traceparent"]
        assert len(traceparent) == 1
        assert_request_id(native.request_id, request.fields, request.peer, now)
        assert_trace(traceparent[0], request.fields, request.peer)
        assert_head(complete_head(native), self.model_head(native, expected, traceparent[0]))

    def model_head(self, native: Forward, expected: Forwarding, traceparent: bytes) -> Head:
        """The model's head, with the random parts that the native gate drew."""
        route = self.specification.routes[expected.route]
        request_id = native.request_id.encode()
        head = request_head(self.specification, expected, request_id, traceparent)
        from_endpoint = host_from_endpoint(route, expected.request.host)
        assert native.host_from_endpoint == from_endpoint
        if from_endpoint:
            head.own.append((b"Host", AUTHORITY))
        return head

    def context(self, native: Decision, request: Request, peer: Peer, now: float = NOW) -> Context:
        """What the model writes heads for the client from."""
        route = None if native.route is None else self.specification.routes[native.route]
        return Context(
            specification=self.specification,
            route=route,
            peer=peer,
            request_fields=request.fields,
            request_version=request.version,
            request_id=native.request_id.encode(),
            now=now,
        )


def likeliest(native: Decision, verdicts: list[Verdict]) -> Verdict:
    """Of all verdicts that the law permits, the one that the native gate may have meant."""
    return next((verdict for verdict in verdicts if resembles(native, verdict)), verdicts[0])


def resembles(native: Decision, verdict: Verdict) -> bool:
    if isinstance(native, Reject):
        return isinstance(verdict, Refusal) and native.reason in verdict.reasons
    expected = {Forward: Forwarding, Respond: Answer}.get(type(native), Undecided)
    return isinstance(verdict, expected)


def described(native: Decision) -> str:
    """A decision in words, for failures."""
    if isinstance(native, Reject):
        return f"{native.reason}: {native.detail}"
    if isinstance(native, Forward):
        return repr(native.head)
    return "unfunded" if isinstance(native, Unfunded) else native.kind


def assert_common(native: Decision, request: Request, keep_alive: bool) -> None:
    assert native.path == request.path or (request.asterisk and native.path == "*")
    assert native.keep_alive == keep_alive
    assert native.body_length == request.body_length
    assert native.body_length >= CHUNKED


def assert_refused(native: Decision, expected: Refusal, wants_to_persist: bool) -> None:
    assert isinstance(native, Reject), described(native)
    assert native.reason in expected.reasons, described(native)
    assert native.reason in REASONS
    assert native.detail
    if native.reason in CONNECTION_ENDS and expected.route is None:
        assert not native.keep_alive
    elif expected.keep_alive is not None:
        assert native.keep_alive == expected.keep_alive
    else:
        assert not native.keep_alive or wants_to_persist
    allow = [value for name, value in native.headers if name.lower() == b"allow"]
    if expected.allow and native.reason == "method-not-allowed":
        assert allow == [", ".join(expected.allow).encode()]
    else:
        assert not allow


def assert_answered(native: Decision, expected: Answer) -> None:
    assert isinstance(native, Respond), described(native)
    assert native.kind == expected.kind
    assert_common(native, expected.request, expected.keep_alive)
    if expected.kind == "health":
        return
    assert native.route == expected.route
    assert native.status == expected.status
    if expected.kind == "fixed":
        assert native.headers == expected.fields
        assert native.body == expected.body
    if expected.kind == "redirect":
        assert combined(native.headers)[b"location"] == [expected.fields[0][1]]


def assert_request_id(request_id: str, fields: Fields, peer: Peer, now: float) -> None:
    believed = believed_request_id(fields, peer)
    if believed is None:
        assert is_uuid7(request_id, now), request_id
    else:
        assert request_id.encode() == believed


def assert_trace(traceparent: bytes, fields: Fields, peer: Peer) -> None:
    written = parse_traceparent(traceparent)
    assert written is not None, traceparent
    believed = believed_trace(fields, peer)
    assert traceparent.startswith(b"00-")
    assert traceparent.endswith(b"-%02x" % written.flags)
    if believed is None:
        assert written.flags == RANDOM
    else:
        # Nobody collects spans here, so there is none between the peer's and the upstream's.
        assert written == believed


def options_of(head: bytes) -> set[bytes]:
    """Connection options of a head."""
    return connection_options(parse(head)[1])
