"""The page for those who have a small screen, a keyboard, little sight, or none."""

from __future__ import annotations

import time

import pytest

from tests.admin.dashboard.looking import BUSY, dashboard, since_start
from tests.admin.dashboard.telling import TellingServer, route, traffic
from tests.support.chromium import Chromium


def test_problems_are_said_where_screen_readers_hear(
    browser: Chromium, server: TellingServer
) -> None:
    server.control.said = {"status": "degraded", "problems": ["one is missing", "so is another"]}
    with dashboard(browser, server) as page:
        assert page.text("#state") == "Degraded"
        assert page.text("#problems").splitlines() == ["one is missing", "so is another"]
        live = page.evaluate("document.getElementById('problems').ariaLive")
        assert (live, page.evaluate("document.getElementById('state').role")) == (
            "polite",
            "status",
        )


@pytest.mark.parametrize("width", [390, 320, 768])
def test_a_narrow_screen_does_not_overflow(
    browser: Chromium, server: TellingServer, width: int
) -> None:
    long = "a-route-with-quite-a-long-name-that-somebody-thought-of-one-day"
    server.control.seen = traffic(route(long, {"200": 9, "503": 1}), route("b", {"200": 1}), **BUSY)
    server.control.said = {"status": "degraded", "problems": [long * 3]}
    with dashboard(browser, server, width) as page:
        since_start(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# Every text whose contrast with what is behind it is below what WCAG 2.2 wants (1.4.3, AA). Colours
# that let something through are laid over what is behind them, as the browser does.
CONTRASTS = """(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const colour = (css) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (front, back) =>
        [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3]));
    const behind = (element) => {
        if (element === null) return colour(getComputedStyle(document.body).backgroundColor);
        const own = colour(getComputedStyle(element).backgroundColor);
        return own[3] === 1 ? own : over(own, behind(element.parentElement));
    };
    const light = (parts) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
        const c = parts[i] / 255;
        return sum + weight * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    }, 0);
    const poor = [];
    let texts = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        const back = behind(element);
        const drawn = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
        const lights = [light(over(colour(drawn), back)), light(back)].sort();
        const ratio = (lights[1] + 0.05) / (lights[0] + 0.05);
        texts += 1;
        if (ratio < 4.5) poor.push([walker.currentNode.data, ratio.toFixed(2)]);
    }
    return [texts, poor];
})()"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_contrast(browser: Chromium, server: TellingServer, theme: str) -> None:
    server.control.seen = traffic(
        route("users", {"200": 90, "404": 6, "503": 4}), route("", {"200": 1}), **BUSY
    )
    server.control.said = {"status": "degraded", "problems": ["one is missing"]}
    with dashboard(browser, server, theme=theme) as page:
        since_start(page)
        texts, poor = page.evaluate(CONTRASTS)
        assert texts > 100
        assert poor == []
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(12, 15, 20)"
        assert dark is (theme == "dark")


def test_tables_and_fields_have_names(browser: Chromium, server: TellingServer) -> None:
    server.control.seen = traffic(route("users", {"200": 9}), **BUSY)
    with dashboard(browser, server) as page:
        tables = page.evaluate(
            "[...document.querySelectorAll('table')].map((table) => ["
            " document.getElementById(table.getAttribute('aria-labelledby')).innerText,"
            " [...table.querySelectorAll('thead th')].every((head) => head.scope === 'col'),"
            " [...table.querySelectorAll('tbody tr')].every((row) =>"
            "  row.querySelectorAll('th[scope=row]').length === 1)])"
        )
        assert len(tables) == 6
        assert all(all(parts) for parts in tables)
        assert page.evaluate("[...document.querySelectorAll('input')].every((it) => it.labels[0])")
        assert page.evaluate("document.documentElement.lang") == "en"


def test_the_keyboard_reads_charts(browser: Chromium, server: TellingServer) -> None:
    now = time.time()
    server.control.seen = traffic(
        history=[
            [now - 20 + i, 100.0 + i, 0, 0, 0.002, 0.004, 0.001, 0.002] for i in range(0, 15, 5)
        ]
    )
    with dashboard(browser, server) as page:
        assert page.evaluate(
            "document.querySelector('#chart-requests svg').getAttribute('aria-label')"
        ).startswith(
            "Requests over time. requests: now 0\u00a0/s, between 0\u00a0/s and 110\u00a0/s"
        )
        page.evaluate("document.querySelector('#chart-requests svg').focus()")
        page.press("Home")
        assert page.text("#reading").endswith("requests 100 /s")
        page.press("ArrowRight")
        assert page.text("#reading").endswith("requests 105 /s")
        # The moment is marked in every chart.
        assert page.evaluate("document.querySelectorAll('.cursor').length") == 4
        page.press("Escape")
        assert page.evaluate("document.querySelectorAll('.cursor').length") == 0
        assert page.evaluate("document.querySelector('#chart-requests .tip').hidden")
