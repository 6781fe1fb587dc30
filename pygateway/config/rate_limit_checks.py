"""Errors about rate limits that one value cannot show."""

from __future__ import annotations

from typing import Final

from .document import MappingNode, Path, locate
from .model.rate_limits import RateLimitPolicy
from .refusal import nearest
from .subject import Subject
from .syntax.headers import is_reserved_in_requests, normal_name

_CREDENTIALS: Final = frozenset({"authorization", "cookie"})
MOST_WORKERS: Final = 128
"""Workers whose requests in flight are counted: the table tells 256 apart, and a reload has the new
ones beside the old ones."""

_ABOUT_WINDOWS: Final = {
    "tiers": "`tiers` are other quotas",
    "cost_header": "costs are taken of a quota",
}


def check_rate_limits(subject: Subject) -> None:
    """Find every error between values of `rate_limits` and between them and the routes."""
    config = subject.config
    for name, policy in config.rate_limits.items():
        path: Path = ("rate_limits", name)
        _check_limits(subject, path)
        _check_key(subject, path, policy)
        _check_store(subject, path, policy)
        if policy.cost_header is not None:
            _check_header(subject, (*path, "cost_header"), policy.cost_header)
    names = config.default_rate_limits
    places: list[Path] = [("default_rate_limits", index) for index in range(len(names))]
    _check_names(subject, list(zip(names, places, strict=True)))
    for index, route in enumerate(config.routes):
        path = ("routes", index, "rate_limits")
        uses = route.rate_limits or ()
        _check_names(subject, [(use.name, (*path, n, "name")) for n, use in enumerate(uses)])
        for number, use in enumerate(uses):
            _check_cost(subject, (*path, number), use.name, use.cost)
    _check_workers(subject)


def _check_workers(subject: Subject) -> None:
    """Check that workers can be told apart where their requests in flight are counted."""
    config = subject.config
    counts = any(policy.concurrency is not None for policy in config.rate_limits.values())
    if counts and config.worker_count() > MOST_WORKERS:
        message = f"with `concurrency` in a rate limit there are at most {MOST_WORKERS} workers"
        subject.error("out-of-range", message, ("workers",), key=True)


def _check_limits(subject: Subject, path: Path) -> None:
    """Check that the policy limits something; what was written counts, even if it is bad."""
    written = subject.written(*path)
    pair = [key for key in ("quota", "window") if key in written]
    if len(pair) == 1:
        other = "window" if pair == ["quota"] else "quota"
        message = f"the key `{other}` is missing: `quota` and `window` are one limit together"
        subject.error("missing-key", message, path, key=True)
    if pair:
        return
    if "concurrency" not in written:
        message = "limits nothing: a policy has `quota` and `window`, or `concurrency`, or all"
        allowed = ("quota", "window", "concurrency")
        subject.error("missing-key", message, path, key=True, allowed=allowed)
        return
    for key, what in _ABOUT_WINDOWS.items():
        if key in written:
            message = f"{what}, and this policy has none"
            subject.error("conflicting-keys", message, (*path, key), key=True)


def _check_key(subject: Subject, path: Path, policy: RateLimitPolicy) -> None:
    seen: set[tuple[str, str]] = set()
    for index, part in enumerate(policy.by):
        place: Path = (*path, "by", index)
        if part.kind == "global" and len(policy.by) > 1:
            message = "`global` counts everything together: it stands alone"
            subject.error("conflicting-keys", message, place)
        if part.kind == "header":
            _check_header(subject, (*place, "header"), part.name)
        same = (part.kind, normal_name(part.name) if part.kind == "header" else part.name)
        if same in seen:
            subject.error("duplicate-name", "the policy counts by this already", place)
        seen.add(same)


def _check_header(subject: Subject, path: Path, header: str) -> None:
    """Check that a header that the policy looks at is what the client, or a proxy, says."""
    normal = normal_name(header)
    providers = subject.config.auth.providers.values()
    credentials = _CREDENTIALS | {
        normal_name(source.header)
        for provider in providers
        for source in provider.token_from
        if source.header is not None
    }
    written = {
        normal_name(name)
        for provider in providers
        for name in (
            *provider.claims_to_headers.values(),
            *(provider.forward_auth.response_headers if provider.forward_auth else ()),
        )
    }
    if normal in credentials:
        message = f"{header} holds credentials: count by `user`, `api_key` or a claim"
        subject.error("reserved-header", message, path)
    elif is_reserved_in_requests(header):
        hint = ": count by `ip`" if "forwarded" in normal or normal == "x-real-ip" else ""
        message = f"only the gateway says what is in {header}{hint}"
        subject.error("reserved-header", message, path)
    elif normal in written:
        message = (
            f"{header} tells upstreams who a client is, and what clients send there is removed:"
            " count by `user` or a claim"
        )
        subject.error("conflicting-keys", message, path)


def _check_store(subject: Subject, path: Path, policy: RateLimitPolicy) -> None:
    written = subject.written(*path)
    if not {"quota", "window"} & set(written):
        return
    if policy.mode in {"strict", "leased"} and "redis" not in subject.written():
        message = f"there is no Redis to count in for `{policy.mode}`: `redis` says where it is"
        subject.error("missing-key", message, (*path, "mode"))
    if policy.mode == "local" and "on_store_failure" in written:
        message = "with `local` no store is asked, so none can fail"
        subject.error("conflicting-keys", message, (*path, "on_store_failure"), key=True)


def _check_names(subject: Subject, names: list[tuple[str, Path]]) -> None:
    """Check that policies of one list exist, each once."""
    declared = _declared(subject)
    seen: set[str] = set()
    for name, place in names:
        if declared is not None and name not in declared:
            subject.error(
                "unknown-rate-limit",
                f"there is no rate limit `{name}`",
                place,
                allowed=declared,
                suggestion=nearest(name, declared),
            )
        elif name in seen:
            subject.error("duplicate-name", "this rate limit is there already", place)
        seen.add(name)


def _declared(subject: Subject) -> tuple[str, ...] | None:
    """Return the policies that were written, good or bad; None if that cannot be known."""
    if "rate_limits" not in subject.written():
        return ()
    found = locate(subject.root, ("rate_limits",))
    known = found.complete and isinstance(found.node, MappingNode)
    return tuple(key for key, _ in found.node.children() if isinstance(key, str)) if known else None


def _check_cost(subject: Subject, path: Path, name: str, cost: int) -> None:
    policy = subject.config.rate_limits.get(name)
    if policy is None or "cost" not in subject.written(*path):
        return
    smallest = policy.smallest_quota()
    if smallest is None:
        if "quota" not in subject.written("rate_limits", name):
            message = f"costs are taken of a quota, and `{name}` has none"
            subject.error("conflicting-keys", message, (*path, "cost"), key=True)
    elif cost > smallest:
        tier = next((tier for tier, quota in policy.tiers.items() if quota == smallest), None)
        whose = f"`{name}`" if policy.quota == smallest else f"the tier `{tier}`"
        message = f"no request could ever pass: the quota of {whose} is {smallest}"
        subject.error("out-of-range", message, (*path, "cost"))
