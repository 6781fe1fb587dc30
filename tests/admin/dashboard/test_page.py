"""The page, in a browser, on an admin server that tells what a test wants it to."""

from __future__ import annotations

import re
import time

from tests.admin.dashboard.looking import BUSY, dashboard, rows, since_start
from tests.admin.dashboard.telling import TellingServer, route, traffic, upstream
from tests.support.chromium import Chromium
from tests.support.patience import PATIENCE

MARKUP = """<img src=x onerror="window.harmed = 1"><script>window.harmed = 1</script>"""


def test_names_and_reasons_are_text(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(
        route(MARKUP, {"200": 5}),
        upstreams=[upstream(MARKUP, {"200": 5}, MARKUP)],
        policies={MARKUP: dict.fromkeys(("admitted", "refused"), 1)},
        workers=[{"worker": 0, "pid": 1, "state": MARKUP, "connections": 0, "active_requests": 0}],
        auth={MARKUP: 1},
    )
    server.control.said = {"status": MARKUP, "version": MARKUP, "problems": [MARKUP]}
    with dashboard(browser, server) as page:
        since_start(page)
        shown = page.text("body")
        assert shown.count("window.harmed = 1") >= 8 * 2
        assert page.evaluate("document.querySelectorAll('img').length") == 1
        assert page.evaluate("document.scripts.length") == 1
        assert page.evaluate("typeof window.harmed") == "undefined"
        assert page.complaints() == []


def test_the_browser_itself_refuses_markup(browser: Chromium, server: TellingServer) -> None:
    with dashboard(browser, server) as page:
        for attempt in (
            "document.body.innerHTML = '<p>'",
            "document.body.insertAdjacentHTML('beforeend', '<p>')",
        ):
            outcome = page.evaluate(
                f"(() => {{ try {{ {attempt}; return 'done' }} catch (e) {{ return e.name }} }})()"
            )
            assert outcome == "TypeError"
        # So a mistake of that kind would not stay unnoticed by the tests either.
        assert any("TrustedHTML" in complaint for complaint in page.complaints())


def test_a_restart_shows_no_negative_numbers(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(route("users", {"200": 10_000, "503": 500}), **BUSY)
    with dashboard(browser, server) as page:
        server.control.started = time.time()
        server.control.seen = traffic(route("users", {"200": 40}))
        since_start(page)
        page.until("!document.querySelector('#limits .empty').hidden", "what is after the restart")
        assert page.text("#server-errors") == "0 %"
        page.evaluate("document.querySelector('input[value=\"60\"]').click()")
        assert not re.search(r"[-\u2212]\d", page.text("main"))
        assert page.complaints() == []


def test_counts_that_go_down_are_a_restart_too(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(route("users", {"200": 10_000}))
    with dashboard(browser, server) as page:
        server.control.seen = traffic(route("users", {"200": 40}), connections=4321)
        page.until(
            "document.getElementById('connections').innerText === '4,321'", "the next document"
        )
        assert page.text("#rate") == "0 /s"


def test_numbers_of_the_window_that_was_chosen(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(route("old", {"200": 50}), route("busy", {"404": 600}))
    with dashboard(browser, server) as page:
        assert page.text("#rate") == "0 /s"
        assert page.text("#client-errors") == "\u2013"
        since_start(page)
        # 650 within a minute and a little.
        assert 9 < float(page.text("#rate").split()[0]) < 11
        assert page.text("#client-errors") == "92.3 %"
        names = [cells[0] for cells in rows(page, "routes")]
        assert names == ["busy", "old"]


def test_tables_are_ordered_by_their_heads(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(
        route("a", {"200": 9}), route("b", {"200": 5, "500": 5}), route("c", {"200": 20})
    )
    with dashboard(browser, server) as page:
        since_start(page)
        orders = []
        for _ in range(4):
            orders.append(
                (
                    "".join(cells[0] for cells in rows(page, "routes")),
                    page.evaluate("document.querySelector('[aria-sort]')?.ariaSort ?? null"),
                )
            )
            page.evaluate(
                "[...document.querySelectorAll('#routes th button')]"
                ".find((button) => button.textContent === '5xx').click()"
            )
        assert orders == [("cba", None), ("bca", "descending"), ("cab", "ascending"), ("cba", None)]


def test_every_table_tells_what_is_there(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(
        route("users", {"200": 90, "404": 6, "503": 4}), route("", {"404": 1}), **BUSY
    )
    with dashboard(browser, server) as page:
        since_start(page)
        users, nameless = rows(page, "routes")
        assert users[3:5] == ["4.00 %", "6.00 %"]
        assert nameless[0] == "no route"
        above, first, second = rows(page, "upstreams")
        assert above[2] == "10.0 %"
        assert above[-3:] == ["2", "4", "0"]
        assert first[0] == "http://10.0.0.1:9000"
        assert second[0] == "http://10.0.0.2:9000 unreachable"
        assert rows(page, "limits")[0] == ["per-user", "10", "10.0 %", "90", "1", "2", "3", "4"]
        assert rows(page, "auth") == [
            ["accepted", "90", "90.0 %"],
            ["token-expired", "10", "10.0 %"],
        ]
        assert rows(page, "workers")[1] == ["1", "71", "starting", "0", "0"]
        assert [cells[0] for cells in rows(page, "phases")] == [
            "decide",
            "verify",
            "wait",
            "stream",
        ]
        assert page.text("#access-log").startswith("50 lines, 5 left out by sampling, 7 dropped")
        assert page.text("#revocations") == "3 of 100,000, this gateway alone"


def test_columns_about_what_has_not_happened_are_left_out(
    browser: Chromium, server: TellingServer
) -> None:
    counts = {"admitted": 9, "refused": 1} | dict.fromkeys(("shadowed", "uncounted"), 0)
    server.control.seen = traffic(policies={"a": counts | {"unavailable": 0, "crowded": 0}})
    with dashboard(browser, server) as page:
        since_start(page)
        assert rows(page, "limits") == [["a", "1", "10.0 %", "9"]]


def test_what_is_empty_says_so(browser: Chromium, server: TellingServer) -> None:
    with dashboard(browser, server) as page:
        for place in ("routes", "upstreams", "limits", "phases", "auth", "workers"):
            words = page.evaluate(f"document.querySelector('#{place} .empty').innerText")
            assert words.startswith("No ")
            assert rows(page, place) == []


def test_a_reload_that_was_refused(browser: Chromium, server: TellingServer) -> None:
    server.control.said = {
        "configuration": {
            "loaded_at": "2026-11-28T05:39:16Z",
            "last_reload_successful": False,
            "refused_at": "2026-11-28T06:00:00Z",
            "refusal": "2 errors",
        }
    }
    with dashboard(browser, server) as page:
        assert re.fullmatch(r"refused .* ago\): 2 errors", page.text("#last-reload"))


def test_curves_break_where_nobody_looked(browser: Chromium, server: TellingServer) -> None:
    now = time.time()
    point = (5, 0, 0, 0.002, 0.004, 0.001, 0.002)
    empty = (0, 0, 0, None, None, None, None)
    server.control.seen = traffic(
        history=[
            [now - 100, *point],
            [now - 95, *point],
            [now - 60, *point],
            [now - 55, *empty],
            [now - 50, *point],
        ]
    )
    with dashboard(browser, server) as page:

        def pieces(chart: str) -> int:
            path: str = page.evaluate(
                f"document.querySelector('#chart-{chart} .curve').getAttribute('d')"
            )
            return path.count("M")

        # The last piece of the rate is what the page has seen itself.
        assert (pieces("requests"), pieces("latency")) == (3, 3)


def test_answers_that_are_no_documents_are_said(browser: Chromium, server: TellingServer) -> None:
    with dashboard(browser, server) as page:
        # What the gateway cannot describe is an internal error of it.
        server.control.seen = {"bounds": 1}
        page.until("document.body.dataset.state === 'away'", "the trouble")
        assert page.text("#away").startswith("The admin server answers with status 500.")
        server.control.seen = traffic()
        page.until("document.body.dataset.state === 'ok'", "the recovery", 2 * PATIENCE)
        assert page.evaluate("document.getElementById('away').hidden")


def test_a_page_that_nobody_looks_at_asks_seldom(browser: Chromium, server: TellingServer) -> None:
    with dashboard(browser, server) as page:
        page.evaluate(
            "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
        )
        page.evaluate(
            "window.pauses = []; window.setTimeout = (_, pause) => window.pauses.push(pause)"
        )
        # The question that is due comes, and then none for long.
        page.evaluate(
            "new Promise((resolve) => { const look = () => window.pauses.length ? resolve()"
            " : requestAnimationFrame(look); look(); })"
        )
        assert page.evaluate("window.pauses") == [30_000]
        asked = len(page.requested())
        page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
        page.evaluate(
            "new Promise((resolve) => { const look = () => window.pauses.length > 1 ? resolve()"
            " : requestAnimationFrame(look); look(); })"
        )
        assert len(page.requested()) > asked
        assert page.evaluate("window.pauses")[1] == 2000
