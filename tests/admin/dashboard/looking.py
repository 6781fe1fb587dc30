"""Looks at the page as people do."""

from __future__ import annotations

from typing import Any

from tests.admin.dashboard.telling import TellingServer, times, upstream
from tests.support.chromium import Chromium, Page

SHOWN = "!document.querySelector('main').hidden"

BUSY: dict[str, Any] = {
    "upstreams": [
        upstream("users", {"200": 90, "": 10}, "http://10.0.0.1:9000", "http://10.0.0.2:9000")
    ],
    "policies": {
        name: {
            "admitted": 90,
            "refused": 10,
            "shadowed": 1,
            "uncounted": 2,
            "unavailable": 3,
            "crowded": 4,
        }
        for name in ("per-user", "a-limit-with-quite-a-long-name-that-somebody-thought-of")
    },
    "phases": dict.fromkeys(("decide", "verify", "wait", "stream"), times(1, 2, 3, 4, 5))
    | {"parse": times(), "limit": times(), "connect": times()},
    "auth": {"accepted": 90, "token-expired": 10},
    "workers": [
        {"worker": 0, "pid": 70, "state": "ready", "connections": 5, "active_requests": 1},
        {"worker": 1, "pid": 71, "state": "starting", "connections": 0, "active_requests": 0},
    ],
    "access_log": {"written": 50, "sampled_out": 5, "dropped": 7},
}
"""Something in every table, and most of what gets a colour."""


def dashboard(
    browser: Chromium, server: TellingServer, width: int = 1280, theme: str = "light"
) -> Page:
    """The page, as soon as it shows numbers."""
    page = browser.page(f"{server.url}/dashboard", width, theme=theme)
    page.until(SHOWN, "the dashboard")
    return page


def since_start(page: Page) -> None:
    """Have numbers be about everything since the gateway's start."""
    page.evaluate("document.querySelector('input[value=start]').click()")


def rows(page: Page, place: str) -> list[list[str]]:
    """The texts of a table's cells that are shown."""
    found: list[list[str]] = page.evaluate(
        f"[...document.querySelectorAll('#{place} tbody tr')].map((row) =>"
        " [...row.children].filter((cell) => !cell.hidden)"
        ".map((cell) => cell.innerText.replaceAll('\\u00a0', ' ')))"
    )
    return found
