"""Rate limits that can be run but limit less, or others, than it looks."""

from __future__ import annotations

from .document import Path
from .model.rate_limits import RateLimitPolicy
from .subject import Subject


def warn_of_weak_rate_limits(subject: Subject) -> None:
    """Find every doubtful setting about rate limits."""
    config = subject.config
    used = {use.name for route in config.routes for use in config.rate_limits_of(route)}
    for name, policy in config.rate_limits.items():
        path: Path = ("rate_limits", name)
        if name not in used:
            subject.warn("unused-rate-limit", f"no route has the limit `{name}`", path, key=True)
        if policy.shadow:
            message = f"`{name}` only counts: it refuses nothing"
            subject.warn("shadow-rate-limit", message, (*path, "shadow"), key=True)
        _warn_of_chosen_keys(subject, path, policy)
        _warn_of_missing_identity(subject, path, policy)
        _warn_of_idle_settings(subject, path, policy)
        _warn_of_idle_store_settings(subject, path, policy)
    _warn_of_idle_defaults(subject)


def _warn_of_chosen_keys(subject: Subject, path: Path, policy: RateLimitPolicy) -> None:
    kinds = [part.kind for part in policy.by]
    if "header" in kinds and set(kinds) <= {"header", "route"}:
        message = (
            "clients choose what is in the header, and with it a fresh quota: count by `ip` or"
            " `user` too"
        )
        subject.warn("client-chosen-key", message, (*path, "by", kinds.index("header")))


def _warn_of_missing_identity(subject: Subject, path: Path, policy: RateLimitPolicy) -> None:
    """Find what asks who a client is where no provider tells."""
    kinds = {provider.kind for provider in subject.config.auth.providers.values()}
    for index, part in enumerate(policy.by):
        place: Path = (*path, "by", index)
        if part.kind in {"user", "claim", "api_key"} and not kinds:
            message = "without a provider nobody is known, so everybody counts by address"
            subject.warn("no-identity", message, place)
        elif part.kind == "api_key" and "api-keys" not in kinds:
            message = "no provider takes API keys, so everybody counts by address"
            subject.warn("no-identity", message, place)
    if kinds:
        return
    for place, value in (
        ((*path, "tiers"), policy.tiers),
        ((*path, "exempt", "subjects"), policy.exempt.subjects),
        ((*path, "exempt", "scopes"), policy.exempt.scopes),
    ):
        if value:
            message = f"without a provider nobody is known, so `{place[-1]}` has nothing to do"
            subject.warn("idle-setting", message, place, key=True)


def _warn_of_idle_settings(subject: Subject, path: Path, policy: RateLimitPolicy) -> None:
    written = policy.model_fields_set
    if "tier_claim" in written and not policy.tiers:
        message = "without `tiers` nothing looks at `tier_claim`"
        subject.warn("idle-setting", message, (*path, "tier_claim"), key=True)
    if not any(part.kind == "ip" for part in policy.by):
        for key in ("ipv4_prefix", "ipv6_prefix"):
            if key in written:
                message = f"the policy does not count by `ip`, so `{key}` has nothing to do"
                subject.warn("idle-setting", message, (*path, key), key=True)
    config = subject.config
    # Who connects to a unix socket is a proxy of this machine.
    proxies = config.trusted_proxies or any(
        listener.address.path is not None for listener in config.listeners
    )
    if policy.cost_header is not None and not proxies:
        message = "there are no `trusted_proxies`, so nobody is believed what a request costs"
        subject.warn("idle-setting", message, (*path, "cost_header"), key=True)


def _warn_of_idle_store_settings(subject: Subject, path: Path, policy: RateLimitPolicy) -> None:
    if policy.quota is None:
        message = "`concurrency` is counted on each machine, so `{}` has nothing to do"
        idle: tuple[str, ...] = ("mode", "on_store_failure")
    elif subject.config.redis is None:
        message = "without `redis` no store is asked, so `{}` has nothing to do"
        idle = ("on_store_failure",)
    else:
        return
    for key in idle:
        if key in policy.model_fields_set:
            subject.warn("idle-setting", message.format(key), (*path, key), key=True)


def _warn_of_idle_defaults(subject: Subject) -> None:
    config = subject.config
    silent = any(route.rate_limits is None for route in config.routes)
    if config.default_rate_limits and config.routes and not silent:
        message = "every route has `rate_limits` of its own, so none takes these"
        subject.warn("idle-setting", message, ("default_rate_limits",), key=True)
    if "rate_limit_keys" in config.limits.model_fields_set and not config.rate_limits:
        message = "there are no `rate_limits`, so no keys are counted"
        subject.warn("idle-setting", message, ("limits", "rate_limit_keys"), key=True)
