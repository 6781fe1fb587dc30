"""What happened between two documents of `/traffic`: arithmetic, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pygateway.supervisor.traffic import percentile

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Times:
    """How long something took.

    Attributes:
        p50: Seconds that half of it stayed below, or the last bound of the buckets; None if nothing
            happened.
        p99: Seconds that all but a hundredth stayed below.
    """

    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class RouteRates:
    """Requests of one route, or of all of them.

    Attributes:
        route: Its name; empty for requests that no route took.
        requests: A second.
        errors: Share of statuses from 500 on; None if there were no requests.
        client_errors: Share of statuses from 400 to 499.
        times: Of whole requests.
        request_bytes: Of bodies, a second.
        response_bytes: Of bodies, a second.
    """

    route: str
    requests: float
    errors: float | None
    client_errors: float | None
    times: Times
    request_bytes: float
    response_bytes: float


@dataclass(frozen=True)
class UpstreamRates:
    """Requests to one upstream.

    Attributes:
        upstream: Its name.
        requests: Requests that it was sent, a second.
        errors: Share of those that it answered with a status from 500 on, or not at all.
        times: From the last byte of a request's head to the first of the response's.
        events: What went wrong on the way, and retries: a second, by name.
        reachable: Endpoints that can be connected to.
        endpoints: All of them.
        active: Requests under way.
        queued: Requests that wait for a connection.
    """

    upstream: str
    requests: float
    errors: float | None
    times: Times
    events: Mapping[str, float]
    reachable: int
    endpoints: int
    active: int
    queued: int


@dataclass(frozen=True)
class Rates:
    """What happened, and how things are.

    Attributes:
        seconds: How long it was.
        total: All requests.
        overhead: What the gateway itself added to them.
        routes: The busiest first.
        upstreams: In the configuration's order.
        policies: Decisions a second, by policy and outcome.
        auth: Requests for what is not open, a second, by what came of the credential.
        cache_hits: Share of credentials that were known; None if none was looked up.
        active_requests: Requests under way.
        connections: Connections of clients.
        workers: As the document has them.
        log_dropped: Lines of the access log that found no room, a second.
    """

    seconds: float
    total: RouteRates
    overhead: Times
    routes: Sequence[RouteRates]
    upstreams: Sequence[UpstreamRates]
    policies: Mapping[str, Mapping[str, float]]
    auth: Mapping[str, float]
    cache_hits: float | None
    active_requests: int
    connections: int
    workers: Sequence[Mapping[str, Any]] = field(default=())
    log_dropped: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give all of it as JSON has it."""
        return asdict(self)


class Restarted(Exception):
    """Counts have gone down: the later document is of a gateway that was started in between."""


def compare(earlier: Document, later: Document) -> Rates:
    """Tell what happened between two documents.

    Raises:
        Restarted: Nobody can say.
    """
    seconds = later["time"] - earlier["time"]
    if seconds <= 0:
        raise Restarted
    interval = _Interval(seconds)
    bounds = later["bounds"]
    before = {each["route"]: each for each in earlier["routes"]}
    routes = [
        interval.route(each["route"], bounds["requests"], [(before.get(each["route"]), each)])
        for each in later["routes"]
    ]
    pairs = [(before.get(each["route"]), each) for each in later["routes"]]
    sent = {each["upstream"]: each for each in earlier["upstreams"]}
    caches = later["token_cache"].get("tokens", {}), earlier["token_cache"].get("tokens", {})
    return Rates(
        seconds=seconds,
        total=interval.route("", bounds["requests"], pairs),
        overhead=_times(
            bounds["overhead"],
            _buckets([(earlier["overhead"], later["overhead"])]),
        ),
        routes=sorted(routes, key=lambda route: (-route.requests, route.route)),
        upstreams=[
            interval.upstream(bounds["upstreams"], sent.get(each["upstream"]), each)
            for each in later["upstreams"]
        ],
        policies={
            name: interval.counts(earlier["policies"].get(name, {}), counts)
            for name, counts in later["policies"].items()
        },
        auth=interval.counts(earlier["auth"], later["auth"]),
        cache_hits=_share(
            _grown(caches[1].get("hits", 0), caches[0].get("hits", 0)),
            _grown(caches[1].get("misses", 0), caches[0].get("misses", 0)),
        ),
        active_requests=later["active_requests"],
        connections=later["connections"],
        workers=later["workers"],
        log_dropped=interval.counts(earlier["access_log"], later["access_log"]).get("dropped", 0.0),
    )


Pair = tuple[Document | None, Document]
"""The same thing in an earlier document, if it was there, and in a later one."""


@dataclass(frozen=True)
class _Interval:
    seconds: float

    def route(self, name: str, bounds: Sequence[float], pairs: Sequence[Pair]) -> RouteRates:
        statuses = dict(_statuses(pairs))
        requests = sum(statuses.values())
        return RouteRates(
            route=name,
            requests=requests / self.seconds,
            errors=_part(statuses, "5", requests),
            client_errors=_part(statuses, "4", requests),
            times=_times(bounds, _buckets(pairs)),
            request_bytes=self._sum(pairs, "request_bytes"),
            response_bytes=self._sum(pairs, "response_bytes"),
        )

    def upstream(
        self, bounds: Sequence[float], earlier: Document | None, later: Document
    ) -> UpstreamRates:
        pairs = [(earlier, later)]
        statuses = dict(_statuses(pairs))
        requests = sum(statuses.values())
        failed = sum(count for status, count in statuses.items() if status[:1] in {"", "5"})
        endpoints = later["endpoints"]
        return UpstreamRates(
            upstream=later["upstream"],
            requests=requests / self.seconds,
            errors=failed / requests if requests else None,
            times=_times(bounds, _buckets(pairs)),
            events=self.counts({} if earlier is None else earlier["events"], later["events"]),
            reachable=sum(each["reachable"] for each in endpoints),
            endpoints=len(endpoints),
            active=sum(each["active"] for each in endpoints),
            queued=sum(each["queued"] for each in endpoints),
        )

    def counts(self, earlier: Mapping[str, int], later: Mapping[str, int]) -> dict[str, float]:
        return {
            name: _grown(earlier.get(name, 0), count) / self.seconds
            for name, count in later.items()
        }

    def _sum(self, pairs: Sequence[Pair], member: str) -> float:
        grown = (
            _grown(0 if earlier is None else earlier[member], later[member])
            for earlier, later in pairs
        )
        return sum(grown) / self.seconds


def _grown(earlier: int, later: int) -> int:
    if later < earlier:
        raise Restarted
    return later - earlier


def _statuses(pairs: Sequence[Pair]) -> Iterator[tuple[str, int]]:
    """Give every status with its requests; a status of several pairs once."""
    found: dict[str, int] = {}
    for earlier, later in pairs:
        before = {} if earlier is None else earlier["statuses"]
        for status, count in later["statuses"].items():
            found[status] = found.get(status, 0) + _grown(before.get(status, 0), count)
    yield from found.items()


def _part(statuses: Mapping[str, int], first: str, requests: int) -> float | None:
    if not requests:
        return None
    return sum(count for status, count in statuses.items() if status.startswith(first)) / requests


def _share(part: int, rest: int) -> float | None:
    return part / (part + rest) if part + rest else None


def _buckets(pairs: Sequence[Pair]) -> list[int]:
    """Add up what came into each bucket."""
    grown = [
        [
            _grown(before, count)
            for before, count in zip(
                [0] * len(later["buckets"]) if earlier is None else earlier["buckets"],
                later["buckets"],
                strict=True,
            )
        ]
        for earlier, later in pairs
    ]
    return [sum(counts) for counts in zip(*grown, strict=True)]


def _times(bounds: Sequence[float], buckets: Sequence[int]) -> Times:
    return Times(percentile(bounds, buckets, 0.5), percentile(bounds, buckets, 0.99))
