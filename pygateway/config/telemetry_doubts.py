"""Logs and traces that can be written but may not arrive where they were meant to."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .refusal import nearest
from .subject import Subject

GRPC_PORT: Final = 4317
"""Where collectors expect OTLP over gRPC, which is not spoken here."""

WORDS: Final = ("stdout", "stderr", "off")
"""What `access_log` can say beside a path."""


def warn_of_doubtful_telemetry(subject: Subject) -> None:
    """Find every doubtful setting about the access log and tracing."""
    _warn_of_misspelt_words(subject)
    _warn_of_other_protocols(subject)
    _warn_of_readable_credentials(subject)


def _warn_of_misspelt_words(subject: Subject) -> None:
    log = subject.config.access_log
    if log is None or log.path in WORDS:
        return
    name = Path(log.path).name
    near = nearest(name, WORDS)
    if near is not None and name != near:
        message = f"the log goes to a file `{name}`; did you mean `{near}`?"
        subject.warn("unlikely-path", message, ("access_log",))


def _warn_of_other_protocols(subject: Subject) -> None:
    tracing = subject.config.tracing
    if tracing is not None and urlsplit(tracing.endpoint).port == GRPC_PORT:
        message = (
            f"port {GRPC_PORT} is usually that of OTLP over gRPC; spans are sent over HTTP, for"
            " which it is 4318"
        )
        subject.warn("unlikely-port", message, ("tracing",))


def _warn_of_readable_credentials(subject: Subject) -> None:
    tracing = subject.config.tracing
    if tracing is None or not tracing.headers:
        return
    endpoint = urlsplit(tracing.endpoint)
    if endpoint.scheme == "http" and not _is_this_machine(endpoint.hostname or ""):
        message = "the headers are sent without TLS: anybody on the way can read them"
        subject.warn("readable-credentials", message, ("tracing", "headers"), key=True)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
