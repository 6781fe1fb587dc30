"""The native core: it decides, and performs no I/O.

Header names and values, methods, targets and heads are `bytes`, exactly as they travel.
Times are Unix seconds and are passed in: the core never looks at a clock.
"""

from typing import Final, Literal, TypeAlias, final

from typing_extensions import disjoint_base

__all__ = [
    "REASONS",
    "Decision",
    "Forward",
    "Gate",
    "Peer",
    "ProtocolError",
    "Reject",
    "Respond",
    "SpecError",
]

_Headers: TypeAlias = list[tuple[bytes, bytes]]

REASONS: Final[tuple[str, ...]]
"""Every problem name that a `Reject` can carry."""

class ProtocolError(ValueError):
    """The upstream's response breaks a guard; the text says which. Its connection is unusable."""

class SpecError(ValueError):
    """The gate specification is unusable; the text says where and why."""

@final
class Peer:
    """What is known of the other end of one client connection."""

    @property
    def address(self) -> str:
        """IP address; empty for a unix socket."""

    @property
    def trusted(self) -> bool:
        """Whether what it says of the original client is believed."""

@final
class Gate:
    """The compiled configuration: routes, limits and header policies.

    Args:
        specification: JSON, as written by `pygateway.config.gate_specification`.
        seed: 32 random bytes from which request and trace identifiers are drawn. They are
            unique, not secret.

    Raises:
        SpecError: The specification is unusable.
        ValueError: The seed does not have 32 bytes.
    """

    def __new__(cls, specification: bytes, seed: bytes) -> Gate: ...
    def peer(self, address: str, secure: bool) -> Peer:
        """Describe the other end of a new connection.

        Args:
            address: IP address; empty for a unix socket, whose peer is trusted.
            secure: Whether the connection is TLS.

        Raises:
            ValueError: The address is neither empty nor an IP address.
        """

    def decide(
        self,
        method: bytes,
        target: bytes,
        headers: _Headers,
        peer: Peer,
        now: float,
        version: int = 11,
    ) -> Forward | Respond | Reject:
        """May this request go, where, and with which bytes at its head?

        Args:
            method: Request method (RFC 9110 section 9).
            target: Request target as received (RFC 9112 section 3.2).
            headers: Fields in wire order, as the tokeniser delivered them.
            peer: Who sent it.
            now: Unix seconds.
            version: 10 or 11; any other is rejected with `version-not-supported`.
        """

    def decide_head(self, head: bytes, peer: Peer, now: float) -> Forward | Respond | Reject:
        """`decide` for a head as it came, up to and with its empty line.

        What RFC 9112 lets a recipient repair (bare LF, folded lines, more than one space) is
        refused.
        """

    def refuse(self, reason: str, detail: str, peer: Peer, now: float) -> Reject:
        """A `Reject` for a head that could not be read; the connection has to close.

        Raises:
            ValueError: The reason is not one of `REASONS`.
        """

    def explain(self, method: bytes, target: bytes, headers: _Headers, peer: Peer) -> str:
        """Say which route takes a request, and why the others do not, as JSON.

        An object with `route` (name or null), `reason`, `canonical_path` and up to 50 `candidates`
        (`route`, `why_not`). Slow: it looks at every route.
        """

@disjoint_base
class Decision:
    """What every decision knows, whichever way it went."""

    @property
    def route(self) -> int | None:
        """Index of the route in the specification."""

    @property
    def request_id(self) -> str:
        """A fresh UUIDv7, or the one a trusted peer gave."""

    @property
    def client(self) -> str:
        """Address of the client, behind trusted proxies; empty if only a unix socket is known."""

    @property
    def path(self) -> str:
        """Canonical path without query; empty when the target could not be read."""

    @property
    def keep_alive(self) -> bool:
        """Whether the client's connection may persist after this exchange (RFC 9112 9.3)."""

    @property
    def head_only(self) -> bool:
        """Whether the method is HEAD, so that no reply has a body."""

    @property
    def body_length(self) -> int:
        """Bytes of the request's body, or -1 when it is chunked."""

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for 100 (Continue) before it sends its body."""

    def reply_head(
        self,
        status: int,
        headers: _Headers,
        content_length: int,
        now: float,
        close: bool = False,
    ) -> bytes:
        """Head of a reply that the gateway itself makes.

        Args:
            status: Status code; its standard reason phrase is added.
            headers: Fields of this reply. Framing, Connection, Date and X-Request-ID are the
                core's business and skipped.
            content_length: Bytes of the body, or what they would be for HEAD.
            now: Unix seconds.
            close: End the connection even if it could persist.

        Raises:
            ValueError: A field, the status or the length cannot be sent.
        """

@final
class Forward(Decision):
    """The request goes to the route's upstream."""

    @property
    def route(self) -> int:
        """Index of the route in the specification."""

    @property
    def head(self) -> bytes:
        """Request head for the upstream; see `host_from_endpoint` for its end."""

    @property
    def host_from_endpoint(self) -> bool:
        r"""Whether `head` still lacks the Host line and the blank line.

        The caller appends `b"Host: " + authority + b"\\r\\n\\r\\n"`.
        """

    @property
    def upgrade(self) -> bool:
        """Whether the client's wish to change protocols is passed on."""

    @property
    def idempotent(self) -> bool:
        """Whether the method is idempotent (RFC 9110 section 9.2.2)."""

    @property
    def body_limit(self) -> int:
        """Greatest size of the request's body in bytes; 0 when unlimited."""

    def response_head(
        self,
        status: int,
        reason: bytes,
        headers: _Headers,
        now: float,
        version: int = 11,
        close: bool = False,
    ) -> bytes:
        """Head of the upstream's final response as the client gets it.

        Sets the `response_*` attributes. With `close` the client is told that its connection ends
        after this response, even if it could persist.

        Raises:
            ProtocolError: The response breaks a guard.
        """

    def read_response(self, head: bytes, now: float, close: bool = False) -> bytes:
        """`response_head` for a head as it came, up to and with its empty line.

        Raises:
            ProtocolError: The response breaks a guard, or is no HTTP/1 response.
        """

    def read_interim(self, head: bytes) -> bytes:
        """`interim_head` for a head as it came, up to and with its empty line.

        Raises:
            ProtocolError: The response breaks a guard, or is no HTTP/1 response.
        """

    def interim_head(self, status: int, reason: bytes, headers: _Headers) -> bytes:
        """Head of an interim response (1xx but 101) as the client gets it.

        Empty where it must not be passed on: to a 1.0 client, or 100 that was not expected.

        Raises:
            ProtocolError: The response breaks a guard.
        """

    @property
    def response_framing(self) -> int:
        """What is known of the response's body, in bits.

        1, 2 and 4 are `response_chunked`, `response_bodiless` and `response_closes`. The others are
        about the upstream: 8, it sends the body in chunks; 16, it ends the body by closing; 32,
        its connection may serve again.
        """

    @property
    def response_chunked(self) -> bool:
        """Whether the body is written to the client in chunks."""

    @property
    def response_length(self) -> int:
        """Exact bytes of the body that the client expects; -1 in chunks or until close."""

    @property
    def response_bodiless(self) -> bool:
        """Whether the response ends with its head: HEAD, 204, 304, 101."""

    @property
    def response_closes(self) -> bool:
        """Whether the client's connection ends after this response."""

@final
class Respond(Decision):
    """The gateway answers by itself."""

    @property
    def kind(self) -> Literal["fixed", "redirect", "preflight", "health"]:
        """Why; for `health` the caller supplies the body."""

    @property
    def status(self) -> int:
        """Status code."""

    @property
    def headers(self) -> _Headers:
        """Fields for `reply_head`."""

    @property
    def body(self) -> bytes:
        """The body, which is not sent to HEAD."""

@final
class Reject(Decision):
    """The request is refused."""

    @property
    def reason(self) -> str:
        """Problem name, one of `REASONS`."""

    @property
    def detail(self) -> str:
        """One sentence for the client; never echoes a header's value."""

    @property
    def headers(self) -> _Headers:
        """Fields that the problem calls for, such as Allow."""
