"""Every metric that there can be: its name, its type, its labels, and what it means.

Names and labels of requests are OpenTelemetry's (semantic conventions for HTTP metrics), written
as Prometheus writes them. No label's value comes from a client: routes, policies, upstreams and
endpoints are the configuration's, methods and statuses are those that HTTP has.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

OUTCOMES: Final = ("admitted", "refused", "shadowed", "uncounted", "unavailable")
"""What a policy can decide about a request; the native gate has the same names."""

RETRY: Final = "retry"
"""What can happen with an upstream and is no failure by itself."""

FAILURES: Final = ("connect-failed", "timeout", "reset", "protocol-error", "overloaded")
"""How a try to have a request answered by an upstream can fail."""

WORKER_STATES: Final = ("starting", "ready", "draining")

SPAN_OUTCOMES: Final = ("exported", "dropped", "failed")


class Metric(NamedTuple):
    """Something that is measured.

    Attributes:
        name: Its name; that of a counter without `_total`, that of an info without `_info`.
        type: As OpenMetrics has it.
        help: What it counts or says, in which unit.
        labels: Names of its labels.
    """

    name: str
    type: Literal["counter", "gauge", "histogram", "info"]
    help: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """What a query calls it; of a histogram, the beginning of that."""
        suffixes = {"counter": "_total", "info": "_info"}
        return self.name + suffixes.get(self.type, "")


REQUEST_SECONDS: Final = Metric(
    "http_server_request_duration_seconds",
    "histogram",
    "Seconds from the end of a request's head to the end of its response. Without a route where"
    " none took it; status 499 where the client had left before there was a response.",
    ("http_request_method", "http_route", "http_response_status_code"),
)
ACTIVE_REQUESTS: Final = Metric(
    "http_server_active_requests", "gauge", "Requests that are being answered."
)
UPSTREAM_SECONDS: Final = Metric(
    "http_client_request_duration_seconds",
    "histogram",
    "Seconds of a request for which its upstream is to blame, all tries together: its duration"
    " less the gateway's overhead. Without a status where no response came.",
    ("upstream", "http_response_status_code"),
)
OVERHEAD: Final = Metric(
    "pygateway_overhead_seconds",
    "histogram",
    "Seconds of a request for which the gateway is to blame: from its head to the head that the"
    " upstream gets, and from the upstream's head to what the client gets.",
)
PHASES: Final = Metric(
    "pygateway_phase_seconds",
    "histogram",
    "Seconds that requests spent in a phase: decide, wait, stream; and parse, verify, limit and"
    " connect, of those that had to wait for that.",
    ("phase",),
)
REQUEST_BYTES: Final = Metric(
    "pygateway_request_body_bytes", "counter", "Bytes of requests' bodies.", ("http_route",)
)
RESPONSE_BYTES: Final = Metric(
    "pygateway_response_body_bytes", "counter", "Bytes of responses' bodies.", ("http_route",)
)
SERIES_CROWDED: Final = Metric(
    "pygateway_metric_series_crowded",
    "counter",
    "Requests that are counted as route `_other`, as the table of series is full"
    " (limits.metric_series).",
)
CONNECTIONS: Final = Metric("pygateway_connections", "gauge", "Connections of clients.")

AUTH: Final = Metric(
    "pygateway_auth",
    "counter",
    "Requests to routes that need a credential: accepted, or the problem that was answered.",
    ("outcome",),
)
CACHE_HITS: Final = Metric(
    "pygateway_token_cache_hits",
    "counter",
    "Look-ups of a credential that was remembered: as good (tokens), or as bad (refusals).",
    ("cache",),
)
CACHE_MISSES: Final = Metric(
    "pygateway_token_cache_misses",
    "counter",
    "Look-ups of a credential that was not remembered, or no longer as it was.",
    ("cache",),
)
CACHE_EVICTIONS: Final = Metric(
    "pygateway_token_cache_evictions",
    "counter",
    "Credentials that were forgotten early, to make room (auth.cache.size, refused_size).",
    ("cache",),
)
CACHE_ENTRIES: Final = Metric(
    "pygateway_token_cache_entries",
    "gauge",
    "Credentials that are remembered, by each worker for itself.",
    ("cache",),
)
CACHE_BYTES: Final = Metric(
    "pygateway_token_cache_bytes",
    "gauge",
    "Bytes that remembered credentials take, in all workers.",
    ("cache",),
)

DECISIONS: Final = Metric(
    "pygateway_rate_limit_decisions",
    "counter",
    "Requests, by what a policy has decided: admitted; refused (429); shadowed, which would"
    " have been refused but for `shadow: true`; uncounted, which passed because the store is"
    " away; unavailable, which did not (503).",
    ("policy", "outcome"),
)
CROWDED: Final = Metric(
    "pygateway_rate_limit_crowded",
    "counter",
    "Requests whose key found no place in the full table (limits.rate_limit_keys), and was"
    " counted with all others of the policy that found none.",
    ("policy",),
)
COMMANDS: Final = Metric(
    "pygateway_store_commands", "counter", "Commands sent to the store of rate limits."
)
ERRORS: Final = Metric(
    "pygateway_store_errors",
    "counter",
    "Commands that the store of rate limits has answered with an error, by its first word.",
    ("kind",),
)
MISSED: Final = Metric(
    "pygateway_store_missed",
    "counter",
    "Batches of commands, sent to the store of rate limits at once, whose answers missed the"
    " deadline (redis.timeout).",
)
STORE_UP: Final = Metric(
    "pygateway_store_up",
    "gauge",
    "Whether the store of rate limits is up (1) for every worker that is ready and answers,"
    " or not (0).",
)
STORE_GATEWAYS: Final = Metric(
    "pygateway_store_gateways",
    "gauge",
    "Gateways that count in the store of rate limits, this one included.",
)

UPSTREAM_FAILURES: Final = Metric(
    "pygateway_upstream_failures",
    "counter",
    "Tries that have failed, by how: connect-failed, timeout, reset, protocol-error, overloaded.",
    ("upstream", "reason"),
)
UPSTREAM_RETRIES: Final = Metric(
    "pygateway_upstream_retries",
    "counter",
    "Tries that were made because the one before had failed.",
    ("upstream",),
)
UPSTREAM_CONNECTIONS: Final = Metric(
    "pygateway_upstream_connections",
    "gauge",
    "Connections to an endpoint that serve a request (active), or none (idle).",
    ("upstream", "endpoint", "state"),
)
UPSTREAM_QUEUED: Final = Metric(
    "pygateway_upstream_queued_requests",
    "gauge",
    "Requests that wait for a connection to an endpoint.",
    ("upstream", "endpoint"),
)
ENDPOINT_UP: Final = Metric(
    "pygateway_upstream_endpoint_up",
    "gauge",
    "Whether the last connection to an endpoint that each worker asked for was made (1), or not"
    " (0).",
    ("upstream", "endpoint"),
)

WORKERS: Final = Metric(
    "pygateway_workers", "gauge", "Worker processes; those that drain serve on.", ("state",)
)
WORKERS_CONFIGURED: Final = Metric(
    "pygateway_workers_configured", "gauge", "Workers that there should be."
)
WORKER_RESTARTS: Final = Metric(
    "pygateway_worker_restarts",
    "counter",
    "Workers that were started in the place of others that had ended unasked.",
)
WORKER_CPU: Final = Metric(
    "pygateway_worker_cpu_seconds",
    "counter",
    "User and system CPU seconds of the workers of a slot.",
    ("worker",),
)
WORKER_MEMORY: Final = Metric(
    "pygateway_worker_resident_memory_bytes",
    "gauge",
    "Resident bytes of the workers of a slot; memory that they share is in each of them.",
    ("worker",),
)
WORKER_DESCRIPTORS: Final = Metric(
    "pygateway_worker_open_fds",
    "gauge",
    "File descriptors that the workers of a slot have open.",
    ("worker",),
)

LOG_LINES: Final = Metric(
    "pygateway_access_log_lines",
    "counter",
    "Lines of the access log, as workers see it: written into the buffer; sampled_out, which were"
    " not wanted; dropped, for which there was no room (access_log.buffer).",
    ("outcome",),
)
LOG_LOST: Final = Metric(
    "pygateway_access_log_lost_lines",
    "counter",
    "Lines that were in the buffer, and could not be written to the log in the end.",
)
LOG_PENDING: Final = Metric(
    "pygateway_access_log_pending_bytes", "gauge", "Bytes of lines that are not yet in the log."
)
LOG_UP: Final = Metric(
    "pygateway_access_log_up", "gauge", "Whether the access log can be written (1) or not (0)."
)
SPANS: Final = Metric(
    "pygateway_trace_spans",
    "counter",
    "Spans: exported; dropped, as the queue was full (tracing.queue); failed, as the collector"
    " did not take them.",
    ("outcome",),
)

RELOAD_SUCCESSFUL: Final = Metric(
    "pygateway_config_last_reload_successful",
    "gauge",
    "Whether the configuration that was last loaded runs (1), or was refused (0).",
)
RELOAD_TIMESTAMP: Final = Metric(
    "pygateway_config_last_reload_success_timestamp_seconds",
    "gauge",
    "Unix seconds at which the running configuration was taken into use.",
)
CONFIG: Final = Metric(
    "pygateway_config",
    "info",
    "The configuration that runs: a hash of it with every default and without secrets, the same"
    " in every gateway that runs the same.",
    ("hash",),
)
BUILD: Final = Metric("pygateway_build", "info", "The program that runs.", ("version",))

CATALOGUE: Final[tuple[Metric, ...]] = tuple(
    value for value in globals().values() if isinstance(value, Metric)
)
"""All of them, in the order in which they are written."""
