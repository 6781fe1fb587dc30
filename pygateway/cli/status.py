"""`pygateway status`: how a running gateway is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from pygateway.cli.admin_client import add_admin_arguments, ask
from pygateway.cli.output import Style, print_json, print_table, visible
from pygateway.cli.top_screen import NOTHING, number, percent

DECISIONS = ("admitted", "refused", "shadowed", "uncounted", "unavailable", "crowded")
"""What is counted of each policy, in the order in which it is shown."""


SPANS = ("1m", "5m", "15m")
"""Over how long rates are told, the shortest first."""

ROUTES = (
    "ROUTE",
    "REQUESTS",
    "ERRORS",
    *(f"{what}/{span}" for span in SPANS for what in ("RATE", "5XX")),
)

UPSTREAMS = ("UPSTREAM", "ENDPOINT", "WEIGHT", "STATE", "ACTIVE", "IDLE", "QUEUED")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "status",
        help="show how a running gateway is",
        description="Show workers, keys, revocations, rate limits and the configuration of a"
        " running gateway.",
        allow_abbrev=False,
    )
    add_admin_arguments(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    status = ask(arguments, "GET", "/status").document
    if arguments.json:
        print_json(status)
        return 0
    style = Style(sys.stdout)
    state = status["status"]
    coloured = style.green(state) if state == "ok" else style.red(state)
    print(f"{style.bold('pygateway')} {status['version']}: {coloured}")
    for problem in status["problems"]:
        print(f"  {visible(problem)}")
    listeners = ", ".join(map(visible, status.get("listeners", ())))
    print(f"listens on {listeners or 'nothing any more'}")
    print(_configuration(status["configuration"]))
    print(_revocations(status["revocations"]))
    limits = status.get("rate_limits", {"policies": {}, "store": None})
    if limits["policies"]:
        print(_limits(limits["store"]))
    traffic = status.get("traffic")
    if traffic is not None:
        print(_traffic(traffic))
    if status.get("access_log") is not None:
        print(_access_log(status["access_log"]))
    print()
    print_table(("WORKER", "PID", "STATE", "CONNECTIONS"), _workers(status["workers"]))
    providers = list(_providers(status["workers"]))
    if providers:
        print()
        print_table(("PROVIDER", "WORKER", "KIND", "KEYS"), providers)
    if limits["policies"]:
        print()
        print_table(("POLICY", *map(str.upper, DECISIONS)), _policies(limits["policies"]))
    if traffic is not None and traffic["routes"]:
        print()
        print_table(ROUTES, _routes(traffic["routes"]))
    if status.get("upstreams"):
        print()
        print_table(UPSTREAMS, _upstreams(status["upstreams"]))
    return 0


def _configuration(state: dict[str, Any]) -> str:
    return f"configuration loaded at {state['loaded_at']}"


def _revocations(state: dict[str, Any]) -> str:
    feed = state["redis"]
    if feed is not None:
        connected = "followed" if feed["connected"] else "not followed"
        age = "" if feed["age_seconds"] is None else f", as of {feed['age_seconds']:.1f} s ago"
        where = f"Redis {connected}{age}"
    else:
        where = "this gateway alone"
    if state["file"] is not None:
        where += f"; kept in {visible(state['file'])}"
    return f"revocations {state['entries']} of {state['maximum']}, {where}"


def _limits(store: dict[str, Any] | None) -> str:
    if store is None:
        return "rate limits counted on this machine"
    errors = sum(store["errors"].values())
    known = f"{store['commands']} commands, {errors} errors, {store['missed']} times no answer"
    if not store["up"]:
        return f"rate limits counted in Redis, which is away; {known}"
    gateways = store["gateways"]
    return f"rate limits counted in Redis, by {gateways} gateway{'s' * (gateways != 1)}; {known}"


def _traffic(traffic: dict[str, Any]) -> str:
    rates = ", ".join(
        f"{number(rate['requests_per_second'])}/s over {span}"
        for span, rate in _spans(traffic["rates"])
    )
    text = f"{traffic['requests']} requests, {traffic['active']} under way; {rates}"
    errors = [
        f"{percent(rate['error_rate'])} over {span}"
        for span, rate in _spans(traffic["rates"])
        if rate["error_rate"]
    ]
    return f"{text}; errors {', '.join(errors)}" if errors else text


def _spans(rates: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(span, rates[span]) for span in SPANS if span in rates]


def _routes(routes: dict[str, dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, route in routes.items():
        rates = [route["rates"].get(span, {}) for span in SPANS]
        cells = [
            text
            for rate in rates
            for text in (
                number(rate.get("requests_per_second", 0.0)),
                percent(rate.get("error_rate")),
            )
        ]
        yield name or "(none)", str(route["requests"]), str(route["errors"]), *cells


def _access_log(log: dict[str, Any]) -> str:
    if log["path"] is None:
        text = f"no access log any more; {log['written_lines']} lines until then"
    else:
        text = f"access log to {visible(log['path'])}: {log['written_lines']} lines"
    if log["lost_lines"]:
        text += f", {log['lost_lines']} lost"
    return text if log["problem"] is None else f"{text}; {visible(log['problem'])}"


def _upstreams(upstreams: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for upstream in upstreams:
        for endpoint in upstream["endpoints"]:
            unknown = NOTHING if not upstream["workers"] else None
            state = "ok" if endpoint["reachable"] else "unreachable"
            counts = (str(endpoint[name]) for name in ("active", "idle", "queued"))
            yield (
                upstream["name"],
                endpoint["endpoint"],
                str(endpoint["weight"]),
                unknown or state,
                *counts,
            )


def _policies(policies: dict[str, dict[str, int]]) -> Iterator[tuple[str, ...]]:
    for name, counts in policies.items():
        yield name, *(str(counts.get(decision, 0)) for decision in DECISIONS)


def _workers(workers: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for worker in workers:
        report = worker["report"] or {}
        connections = str(report.get("connections", "no answer"))
        yield str(worker["worker"]), str(worker["pid"]), worker["state"], connections


def _providers(workers: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Give a row for each provider and each worker: every worker fetches keys by itself."""
    for worker in workers:
        report = worker["report"] or {}
        for name, provider in report.get("auth", {}).get("providers", {}).items():
            yield name, str(worker["worker"]), str(provider.get("kind", "")), _keys(provider)


def _keys(provider: dict[str, Any]) -> str:
    """Say how fetched keys are; others cannot change."""
    for state in (provider, *provider.values()):
        if isinstance(state, dict) and "fetched_at" in state:
            if state["age"] is None:
                return "none could be fetched yet"
            words = [f"{state['keys']} keys", f"{state['age']:.0f} s old"]
            words += ["stale"] if state["stale"] else []
            words += ["failing"] if state["failing"] else []
            return ", ".join(words)
    return "configured"
