"""The dashboard of a real gateway: `pygateway run`, its workers, its upstreams, real requests."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.admin.dashboard.looking import rows, since_start
from tests.support.chromium import Chromium, Page
from tests.support.client import Client, request
from tests.support.patience import PATIENCE
from tests.support.redis import free_port
from tests.support.upstream import ScriptedUpstream
from tests.toys.program import Program

QUOTA = 3

TURNS = 2 * PATIENCE
"""Seconds for what comes with some of the page's questions, which have pauses between them."""


@dataclass
class Running:
    """A gateway that can be ended and started again.

    Attributes:
        file: Its configuration, in which the admin server has an address.
        url: Where its dashboard is.
    """

    file: Path
    url: str

    @contextmanager
    def start(self) -> Iterator[Program]:
        """Run it, once it listens."""
        with Program("run", "-c", self.file) as program:
            program.address()
            yield program


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """Two workers; an upstream that answers and one that is not there."""
    admin, nobody = f"127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    file = tmp_path / "gateway.yaml"
    with ScriptedUpstream() as upstream:
        routes: list[dict[str, Any]] = [
            {"name": "users", "match": {"paths": ["/users"]}, "upstream": "app"},
            {"name": "away", "match": {"paths": ["/away"]}, "upstream": "nobody"},
            {
                "name": "limited",
                "match": {"paths": ["/limited"]},
                "upstream": "app",
                "rate_limits": ["few"],
            },
            {"name": "hello", "match": {"paths": ["/hello"]}, "respond": {"body": "hello"}},
        ]
        document = {
            "version": 1,
            "listen": "127.0.0.1:0",
            "admin": admin,
            "workers": 2,
            "upstreams": {
                "app": {"endpoints": [upstream.url]},
                "nobody": {"endpoints": [nobody], "retry": {"attempts": 1}},
            },
            "rate_limits": {"few": {"by": "ip", "quota": QUOTA, "window": "1h"}},
            "routes": [each | {"auth": "none"} for each in routes],
        }
        file.write_text(json.dumps(document))
        yield Running(file, f"http://{admin}/dashboard")


def send(program: Program, path: str, times: int, status: int) -> None:
    """Send requests, all of which are answered alike."""
    with Client(program.address()) as client:
        for _ in range(times):
            assert client.exchange(request("GET", path)).status == status


def shown(page: Page, selector: str, number: str) -> None:
    """Wait until a number is shown."""
    wanted = json.dumps(number.replace(" ", "\u00a0"))
    page.until(f"document.querySelector('{selector}').textContent === {wanted}", number, TURNS)


def test_what_is_shown_was_sent(browser: Chromium, gateway: Running) -> None:
    with gateway.start() as program:
        send(program, "/users", 30, 200)
        send(program, "/limited", QUOTA, 200)
        send(program, "/limited", 4, 429)
        send(program, "/away", 5, 502)
        send(program, "/hello", 6, 200)
        send(program, "/nowhere", 2, 404)
        with browser.page(gateway.url) as page:
            since_start(page)
            shown(page, "#server-errors", "10.0 %")
            shown(page, "#client-errors", "12.0 %")
            document = page.evaluate("fetch('/traffic').then((response) => response.json())")
            seconds = time.time() - document["started"]
            assert float(page.text("#rate").split()[0]) == pytest.approx(50 / seconds, rel=0.2)
            routes = {cells[0]: cells[3:5] for cells in rows(page, "routes")}
            assert routes == {
                "users": ["0 %", "0 %"],
                "limited": ["0 %", "57.1 %"],
                "away": ["100 %", "0 %"],
                "hello": ["0 %", "0 %"],
                "no route": ["0 %", "100 %"],
            }
            assert rows(page, "routes")[0][0] == "users"
            assert rows(page, "limits") == [["few", "4", "57.1 %", str(QUOTA)]]
            upstreams = {cells[0]: cells for cells in rows(page, "upstreams")}
            assert upstreams["app"][2] == "0 %"
            assert upstreams["nobody"][2] == "100 %"
            assert upstreams["nobody"][7] == "5"
            assert sum("unreachable" in name for name in upstreams) == 1
            assert {cells[2] for cells in rows(page, "workers")} == {"ready"}
            assert sorted(int(cells[1]) for cells in rows(page, "workers")) == sorted(
                worker["pid"] for worker in document["workers"]
            )
            phases = {cells[0]: cells[2] for cells in rows(page, "phases")}
            assert phases["decide"] == "50"
            assert re.match(r"[\u2264\d]", page.text("#p50"))
            assert re.match(r"[\u2264\d]", page.text("#overhead-p99"))


def test_it_lives(browser: Chromium, gateway: Running) -> None:
    with gateway.start() as program, browser.page(gateway.url) as page:
        page.until("!document.querySelector('main').hidden", "the dashboard")
        assert page.text("#rate") == "0 /s"
        send(program, "/users", 100, 200)
        page.until("document.getElementById('rate').textContent > '0'", "the rate", TURNS)
        # The gateway remembers what was before the page was opened: its points are in the curves.
        send(program, "/users", 100, 200)
        page.until(
            "[...document.querySelectorAll('.curve')].filter((curve) =>"
            " curve.dataset.points > 1).length === 7",
            "points in every curve",
            TURNS,
        )
        page.until("document.title.includes('/s')", "the title")


def test_it_asks_its_gateway_only_and_is_let_in(browser: Chromium, gateway: Running) -> None:
    with gateway.start() as program, browser.page(gateway.url) as page:
        send(program, "/users", 1, 200)
        page.until("!document.querySelector('main').hidden", "the dashboard")
        since_start(page)
        origin = gateway.url.removesuffix("/dashboard")
        assert all(url.startswith(f"{origin}/") for url in page.requested())
        assert {f"{origin}/traffic", f"{origin}/status"} <= set(page.requested())
        sites = [fields.get("sec-fetch-site") for fields in page.sent()]
        assert set(sites) == {"none", "same-origin"}
        # What asks for numbers is a plain GET to where the page is from, for which a browser sends
        # no Origin: so the guard lets it through.
        asking = [fields for fields in page.sent() if fields.get("sec-fetch-dest") == "empty"]
        assert asking
        assert not any("origin" in fields for fields in asking)
        assert page.complaints() == []


def test_a_gateway_that_goes_and_comes_back(browser: Chromium, gateway: Running) -> None:
    with gateway.start() as program:
        send(program, "/users", 300, 200)
        page = browser.page(gateway.url)
        with page:
            page.until("!document.querySelector('main').hidden", "the dashboard")
            assert page.text("#state") == "Serving"
            program.send(signal.SIGTERM)
            assert program.exit_code() == 0
            page.until("document.body.dataset.state === 'away'", "that it is away", TURNS)
            assert page.text("#state") == "Away"
            assert page.text("#away").startswith("The gateway does not answer.")
            assert page.evaluate("document.title").startswith("Away")
            with gateway.start() as successor:
                send(successor, "/users", 5, 200)
                page.until("document.body.dataset.state === 'ok'", "that it is back", TURNS)
                page.until(
                    "!document.getElementById('freshness').textContent.includes(' 0 s')",
                    "the second document",
                    TURNS,
                )
                assert page.evaluate("document.getElementById('away').hidden")
                since_start(page)
                assert not re.search(r"[-\u2212]\d", page.text("main"))
                assert {cells[2] for cells in rows(page, "workers")} == {"ready"}
                # That nobody answered is what the browser complains of, and nothing else.
                assert all("ERR_CONNECTION" in complaint for complaint in page.complaints())
