"""The native core: it decides, and performs no I/O.

Header names and values, methods, targets and heads are `bytes`, exactly as they travel.
Times are Unix seconds and are passed in: the core never looks at a clock.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, final

from typing_extensions import disjoint_base

__all__ = [
    "REASONS",
    "Arena",
    "Decision",
    "Forward",
    "Funding",
    "Gate",
    "LineRing",
    "Peer",
    "ProtocolError",
    "Reject",
    "Respond",
    "SpecError",
    "Unfunded",
    "Unverified",
    "Verdict",
    "charge_window",
]

_Headers: TypeAlias = list[tuple[bytes, bytes]]

_Answer: TypeAlias = tuple[int, int, int, int, int]
"""What the store answers: granted, remaining, the bucket in which it was charged, and milliseconds
until that bucket ends and until a retry can succeed."""

_Refund: TypeAlias = tuple[int, str, int, int]
"""What is given back to the store: policy, key, amount, and the bucket in which it was charged."""

REASONS: Final[tuple[str, ...]]
"""Every problem name that a `Reject` can carry."""

def charge_window(
    quota: int, length: int, window: tuple[int, int, int], now: int, cost: int
) -> tuple[bool, tuple[int, int, int], int, int, int]:
    """The law of rate limits, for one window that lies nowhere: for tools and tests.

    Args:
        quota: What may be spent in a window.
        length: Milliseconds of it.
        window: Number of the present bucket, and what was charged in the one before and in it.
        now: Unix milliseconds.
        cost: What is to be charged.

    Returns:
        Whether it was admitted; the window then; what is left; milliseconds until the bucket ends,
        and until the cost could be charged (again).

    Raises:
        ValueError: The quota or the length is out of range.
    """

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
class Arena:
    """The table in which all workers of a machine count.

    What counts there are windows, leases, requests in flight, and what workers tell of themselves.
    Only atomic operations change it, and a process that dies at any moment leaves it whole.
    """

    @staticmethod
    def create(descriptor: int, slots: int, series: int = 4096) -> Arena:
        """Lay a table out in an empty file, which gets its size, and share it.

        Args:
            descriptor: The file, open for reading and writing; it stays the caller's.
            slots: Keys that the table has room for, rounded up to a power of two.
            series: Combinations of labels that it has room for, from 1 to 65536.

        Raises:
            ValueError: The number of slots or series is out of range.
            OSError: The file cannot be used, or the processor cannot swap 128 bits at once.
        """

    @staticmethod
    def attach(descriptor: int) -> Arena:
        """Share a table that was laid out.

        Raises:
            OSError: The file is none that this version can share.
        """

    @property
    def machine(self) -> str:
        """A number that no other table has, as 32 hexadecimal digits."""

    def occupy_lane(self, lane: int) -> None:
        """Say that a worker counts its requests in flight in a lane, from 0 to 255."""

    def release_lane(self, lane: int) -> None:
        """Say that a worker has ended, and forget what it had in flight."""

    def measurements(self) -> bytes:
        """Give what all workers have counted, those that have ended included: a JSON object.

        Times are in seconds. `buckets` has one number more than `bounds` has for the same part, and
        none includes another. No number ever goes down. Two that belong together may differ by
        requests that are being counted at the moment.

        - `bounds`: of `requests`, `overhead`, `phases` and `upstreams`.
        - `requests`: a list of `method`, `route` ("" where none took them), `status`, `buckets`,
          `sum`, `request_bytes`, `response_bytes`, and `exemplars`: lists of bucket, trace, seconds
          and Unix seconds.
        - `overhead`: `buckets` and `sum`. `phases`: the same, by the phase's name.
        - `upstreams`: a list of `upstream`, `status` ("" where it never answered), `buckets` and
          `sum`.
        - `upstream_events`: a list of `upstream`, `event`, `count`.
        - `auth`: counts by outcome. `token_cache`: `tokens` and `refusals`, each with `hits`,
          `misses`, `evictions`. `policies`: counts by policy and outcome. `access_log`: `written`,
          `sampled_out`, `dropped`.
        - `crowded_series`: requests that are counted as method `_OTHER` of route `_other`, because
          there are more series than the table has room for.
        """

@final
class LineRing:
    """Lines of one worker on their way to the log, in memory that it shares with who writes them.

    One process puts and one takes; neither ever waits for the other. A process that dies at any
    moment leaves whole lines only.
    """

    @staticmethod
    def create(descriptor: int, capacity: int, worker: int = 0) -> LineRing:
        """Lay a ring out in an empty file, which gets its size, and share it.

        Args:
            descriptor: The file, open for reading and writing; it stays the caller's.
            capacity: Bytes that it has room for, rounded up to a power of two. A line takes up to
                15 bytes more than it has.
            worker: Number of the worker that it is for, which its lines can name.

        Raises:
            ValueError: The capacity is out of range.
            OSError: The file cannot be used.
        """

    @staticmethod
    def attach(descriptor: int) -> LineRing:
        """Share a ring that was laid out.

        Raises:
            OSError: The file is none that this version can share.
        """

    def put(self, line: bytes) -> bool:
        """Put a line, without its end of line; False if there is no room, and it is lost."""

    def take(self, most: int) -> bytes:
        """Take whole lines, each with its end of line; nothing if there are none.

        Args:
            most: Bytes of all of them together; but one is taken in any case.
        """

    @property
    def capacity(self) -> int:
        """Bytes that it has room for."""

    @property
    def pending(self) -> int:
        """Bytes that were put and not taken."""

    @property
    def damages(self) -> int:
        """How often `take` has found something that is no line, and dropped what lay there."""

@final
class Gate:
    """The compiled configuration: routes, limits and header policies.

    Args:
        specification: JSON, as written by `pygateway.config.gate_specification`.
        seed: 32 random bytes from which request and trace identifiers are drawn. They are
            unique, not secret.
        arena: Where it counts together with others; None to count by itself.
        lane: Which of those it is.
        log: Where the lines of the access log go, if the specification asks for one.

    Raises:
        SpecError: The specification is unusable.
        ValueError: The seed does not have 32 bytes.
    """

    def __new__(
        cls,
        specification: bytes,
        seed: bytes,
        arena: Arena | None = None,
        lane: int = 0,
        log: LineRing | None = None,
    ) -> Gate: ...
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
        verdict: Verdict | None = None,
        funding: Funding | None = None,
        earlier: Decision | None = None,
    ) -> Forward | Respond | Reject | Unverified | Unfunded:
        """May this request go, where, and with which bytes at its head?

        Args:
            method: Request method (RFC 9110 section 9).
            target: Request target as received (RFC 9112 section 3.2).
            headers: Fields in wire order, as the tokeniser delivered them.
            peer: Who sent it.
            now: Unix seconds.
            version: 10 or 11; any other is rejected with `version-not-supported`.
            verdict: What was found out after an `Unverified`. It counts if it is about this
                request's credential, and while the one who vouched for that still does.
            funding: What the store has granted after an `Unfunded`. It is spent once.
            earlier: What was decided then; the request keeps its identifiers.

        Rate limits are charged as the last thing that can fail, all of the route's or none.
        """

    def decide_head(
        self,
        head: bytes,
        peer: Peer,
        now: float,
        verdict: Verdict | None = None,
        funding: Funding | None = None,
        earlier: Decision | None = None,
    ) -> Forward | Respond | Reject | Unverified | Unfunded:
        """`decide` for a head as it came, up to and with its empty line.

        What RFC 9112 lets a recipient repair (bare LF, folded lines, more than one space) is
        refused.
        """

    def refuse(
        self, reason: str, detail: str, peer: Peer, now: float, earlier: Decision | None = None
    ) -> Reject:
        """A `Reject` for a head that could not be read; the connection has to close.

        Likewise for a request about which something else was decided `earlier`, under the same
        identifiers.

        Raises:
            ValueError: The reason is not one of `REASONS`.
        """

    def explain(self, method: bytes, target: bytes, headers: _Headers, peer: Peer) -> str:
        """Say which route takes a request, and why the others do not, as JSON.

        An object with `route` (name or null), `reason`, `canonical_path`, `providers` (names of
        those one of whose credentials is needed; empty where none is) and up to 50 `candidates`
        (`route`, `why_not`). No credential is looked at. Slow: it looks at every route.
        """

    def rehearse(
        self,
        method: bytes,
        target: bytes,
        headers: _Headers,
        peer: Peer,
        now: float,
        unverified: Unverified | None = None,
        claims: bytes | None = None,
    ) -> tuple[str, Unverified | None]:
        """Say what would become of a request, credential and limits included, and leave no trace.

        Nothing is charged, counted, remembered or asked for. Signatures are checked with the keys
        that are held. Slow: it looks at every route.

        Args:
            method: Request method.
            target: Request target as it would be received.
            headers: Its fields.
            peer: Who would send it.
            now: Unix seconds.
            unverified: What an earlier rehearsal has left open, if that was `external`.
            claims: The claims of its token, if the signature is right.

        Returns:
            A JSON object, and what has to be found out about the credential, if something has.
            Besides what `explain` gives, the object has `outcome` (`forward`, `respond`, `reject`,
            `unverified`, `unfunded`), `route_index`, `client`, `credential` (null, or `verdict`
            and who it is, or what is open; `says`, what a token says of itself; and `tried`, for
            each provider that does not accept it `why` and a `detail`), `limits` (what each policy
            says), and one of `head` with `host_from_endpoint`, `answer`, and `refusal`. Bytes are
            given as Latin-1.
        """

    def verify(self, unverified: Unverified, now: float) -> Verdict:
        """Check the signature of an `Unverified` of kind `signature`, and remember what came of it.

        Takes 20 to 70 us, and longer for large RSA keys. A token that was found out about meanwhile
        costs next to nothing.

        Raises:
            ValueError: It is of another kind, or from another gate.
        """

    def admit(
        self,
        unverified: Unverified,
        claims: bytes,
        until: float,
        now: float,
        headers: _Headers | None = None,
    ) -> Verdict:
        """Accept the credential of an `Unverified` of kind `external`, `api-key` or `forward-auth`.

        The verdict can still be a refusal: what is known about the credential is checked here.

        Args:
            unverified: What was asked.
            claims: JSON object with what is known about the client, such as `sub`, `scope`,
                `roles`, `nbf` and `exp`. Of kind `external` the token's own claims count instead.
            until: Unix seconds until which it may be remembered; not at all if that is over.
            now: Unix seconds.
            headers: Fields of a service's answer, of which the upstream gets those that are among
                the provider's `response_headers`.

        Raises:
            ValueError: The claims are malformed, it is of another kind, or from another gate.
        """

    def deny(
        self, unverified: Unverified, reason: str, now: float, remember: float = 0.0
    ) -> Verdict:
        """Refuse the credential of an `Unverified`.

        Args:
            unverified: What was asked.
            reason: One of the `REASONS` that are about credentials.
            now: Unix seconds.
            remember: Seconds for which the next requests with it are refused without asking. Ends
                early when the provider's keys change.

        Raises:
            ValueError: The reason is not about credentials, or it is from another gate.
        """

    def set_keys(
        self,
        provider: int,
        keys: list[tuple[str | None, list[str], str, bytes]],
        renewable: bool,
    ) -> None:
        """Hold exactly these keys of a provider of tokens from now on.

        Tokens of keys that leave are not accepted any more; those of keys that stay remain known.

        Args:
            provider: Its number in the specification.
            keys: Id, algorithms, kind and material of each. Kinds are `hmac` (the secret), `rsa`
                (RSAPublicKey in DER, RFC 8017 appendix A.1.1), `p256`, `p384` and `p521` (the
                point, uncompressed), `ed25519` (32 bytes) and `external` (anything, for
                `Unverified.key`).
            renewable: Whether there may be other keys by now. Tokens of unknown keys then give an
                `Unverified` of kind `key` instead of a `Reject`.

        Raises:
            ValueError: A key is malformed or weak, an algorithm does not fit it, or the provider
                signs no tokens. Nothing has changed then.
        """

    def set_api_keys(
        self, provider: int, pepper: bytes, keys: list[tuple[bytes, bytes, float, float]]
    ) -> None:
        """Hold exactly these API keys of a provider from now on.

        Args:
            provider: Its number in the specification.
            pepper: Secret of at least 32 bytes under which the digests were made.
            keys: Digest (HMAC-SHA256), claims (a JSON object), and the Unix seconds from and until
                which it is valid, of each. One without the claim `iat` counts as issued when it
                becomes valid, or before everything where that is not after 1970.

        Raises:
            ValueError: Something of it is malformed, or the provider has no API keys. Nothing has
                changed then.
        """

    def revoke(self, entries: bytes, now: float) -> int:
        """Take revocations, and say how many of them changed anything.

        Args:
            entries: JSON list of objects with `jti`, or `sub` and `issued_before`, or
                `issued_before`; with `issuer` (null for every one); and with `expires`, from when
                on the entry can be forgotten. Times are Unix seconds.
            now: Unix seconds.

        Raises:
            ValueError: The entries are malformed.
            OverflowError: There is no room for all of them. None was taken.
        """

    def revocations(self, now: float) -> bytes:
        """The revocations that are held and have not expired, as `revoke` takes them."""

    def set_fresh_until(self, until: float) -> None:
        """Say until when, in Unix seconds, what is held of revocations is known to be complete.

        For ever until this is first called. Later, protected routes answer `auth-unavailable` if
        the specification says `deny` for `when_stale`.
        """

    def auth_statistics(self) -> bytes:
        """What was remembered, and which answers were given: a JSON object.

        `tokens` and `refusals` have `entries`, `bytes`, `hits`, `misses` and `evictions`;
        `outcomes` has counts of `accepted` and of every reason that is about credentials;
        `revocations` is the number of entries. Empty if the gate has no providers.
        """

    def fund(
        self,
        unfunded: Unfunded,
        answers: Sequence[_Answer | None],
        sent: float,
        now: float,
        earlier: Funding | None = None,
    ) -> Funding:
        """Take in what the store has answered, in the order of `unfunded.acquires`.

        Args:
            unfunded: What was asked for.
            answers: None where the store has not answered; the policy says what happens then.
            sent: Unix seconds when the store was asked.
            now: Unix seconds when it had answered.
            earlier: What had been granted to the request before; what is left of it goes over.

        Raises:
            ValueError: The gate has no limits.
        """

    def count_upstream(self, upstream: int, event: str) -> None:
        """Count what happened on the way to an upstream.

        Args:
            upstream: Its index among the specification's `upstreams`.
            event: `retry`, `connect-failed`, `timeout`, `reset`, `protocol-error` or `overloaded`.

        Raises:
            ValueError: There is no such upstream or event.
        """

    def set_store(self, up: bool, gateways: int, incarnation: int) -> None:
        """Take note of how the store is.

        Args:
            up: Whether it answers; until this is first called, it does not.
            gateways: How many machines share it.
            incarnation: A number that is another one when the store has lost what it held; 0 while
                nobody knows it, which changes nothing.
        """

    def unused_leases(self, now: float, most: int = 1000) -> list[_Refund]:
        """Take what was leased and has rested since this was last asked, to be given back.

        Args:
            now: Unix seconds.
            most: Leases to take at most; others are for the next time.
        """

    def limit_statistics(self) -> bytes:
        """How often which policy decided what: a JSON object, empty if the gate has no limits.

        By policy: `admitted`, `refused`, `shadowed` (would have been refused, had the policy not
        only reported), `uncounted` and `unavailable` (admitted and refused because the store was
        away), `crowded` (requests whose key found no place of its own).
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
    def body_limit(self) -> int:
        """Greatest size of the request's body in bytes; 0 when unlimited."""

    @property
    def user(self) -> str | None:
        """Who the client is (`sub`), where a credential was accepted and says so."""

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for 100 (Continue) before it sends its body."""

    @property
    def secure(self) -> bool:
        """Whether the client's connection is TLS."""

    @property
    def method_name(self) -> str:
        """Method of the request; empty where its head could not be read."""

    @property
    def route_name(self) -> str | None:
        """Name of the route."""

    @property
    def sent_status(self) -> int:
        """The last status for which a head was written; 0 before that."""

    @property
    def trace_id(self) -> str:
        """Identifier of the trace that the request is a part of, as 32 hexadecimal digits.

        See W3C Trace Context.
        """

    @property
    def sampled(self) -> bool:
        """Whether the gateway's spans of that trace are collected."""

    @property
    def spans(self) -> tuple[str, str, str]:
        """Spans of that trace, as 16 hexadecimal digits each.

        That of the trusted peer that the request comes from (empty if there is none), the gateway's
        own, and that of the request to the upstream, which is the parent there.
        """

    def conclude(
        self,
        began: float,
        sent: float,
        answered: float,
        written: float,
        ended: float,
        request_bytes: int,
        response_bytes: int,
        upstream: int,
        problem: str | None,
        waits: tuple[float, float, float, float, float] | None,
    ) -> bool:
        """Say that the request has ended, and how: it is counted and logged. Once.

        Times are seconds of a monotonic clock. Includes `release`.

        Args:
            began: When its head was complete.
            sent: When its head was about to be written to an upstream; 0 if never.
            answered: When the upstream's response head had come; 0 if never.
            written: When the first piece of a response that came in several was about to be passed
                on; 0 if it came in one.
            ended: Now.
            request_bytes: Bytes of the request's body.
            response_bytes: Bytes of the response's body.
            upstream: Index of the upstream that it went to; -1 if to none.
            problem: Name of the problem that it met.
            waits: Seconds that it has waited for the rest of its head, for the verification of its
                credential, for the store of rate limits, for connections, and for upstreams before
                it was tried again.

        Returns:
            Whether its spans are to be collected.
        """

    def release(self) -> None:
        """Say that the request has ended: it no longer counts among those in flight.

        Saying so again does nothing. The end of the object says so as well.
        """

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
    def violated(self) -> list[str]:
        """Names of the rate limits that are violated."""

    @property
    def headers(self) -> _Headers:
        """Fields that the problem calls for, such as Allow."""

@final
class Unfunded(Decision):
    """The store has to be asked first whether the request is within its limits.

    Nothing was charged. Whoever asks passes the resulting `Funding` to the same question again.
    What is owed was taken out of the arena: `Gate.fund` has to be called, whatever the store says.
    """

    @property
    def route(self) -> int:
        """Index of the route in the specification."""

    @property
    def acquires(self) -> list[tuple[int, str, int, int, int, int, int, int]]:
        """What to ask for, by policy.

        Policy, key, quota, cost (less is of no use), what is wanted (the cost, or more, for later
        requests), and what was admitted here without the store, which it has to add: the bucket
        of the last number, what was admitted in the bucket before, and in the bucket.
        """

@final
class Funding:
    """What the store has granted to one request."""

    def refunds(self, now: float) -> list[_Refund]:
        """Take what was granted and not spent, to be given back to the store.

        Args:
            now: Unix seconds.
        """

@final
class Unverified(Decision):
    """Something has to be found out about the request's credential first.

    Whoever does passes the resulting `Verdict` to the same question again.
    """

    @property
    def route(self) -> int:
        """Index of the route in the specification."""

    @property
    def kind(self) -> Literal["signature", "key", "external", "api-key", "forward-auth"]:
        """What has to be found out.

        `signature`: whether it is right, which `Gate.verify` says. `key`: with which key to check
        it; after `Gate.set_keys` the question is simply asked again. `external`: whether a
        signature is right that the core cannot check. `api-key`: whose key it is. `forward-auth`:
        what the service says about the request.
        """

    @property
    def provider(self) -> int:
        """Number of the provider in the specification."""

    @property
    def algorithm(self) -> str:
        """How a token claims to be signed; empty for other credentials."""

    @property
    def key_id(self) -> str | None:
        """With which key a token claims to be signed."""

    @property
    def credential(self) -> bytes:
        """The token, or the digest of an API key; empty for `forward-auth`."""

    @property
    def key(self) -> bytes:
        """The material of the `external` key with which to check the signature; else empty."""

    @property
    def method(self) -> bytes:
        """Method of the request; like the next four only for `forward-auth`."""

    @property
    def target(self) -> bytes:
        """Canonical path of the request, and its query."""

    @property
    def host(self) -> bytes:
        """Host of the request."""

    @property
    def scheme(self) -> Literal["http", "https", ""]:
        """How the request came."""

    @property
    def fields(self) -> _Headers:
        """The request's fields among the service's `request_headers`, in their order."""

@final
class Verdict:
    """What became of one credential at one gate."""

    @property
    def accepted(self) -> bool:
        """Whether it was accepted."""

    @property
    def reason(self) -> str | None:
        """Problem name, where it was not."""

    @property
    def subject(self) -> str | None:
        """Who it is (`sub`), where it was accepted and says so."""
