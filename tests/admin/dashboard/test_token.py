"""The page where the admin server wants a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pygateway.config import Admin
from tests.admin.dashboard.looking import SHOWN
from tests.admin.dashboard.telling import TellingServer
from tests.support.chromium import Chromium, Page

TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of these tests


@pytest.fixture
def guarded() -> Iterator[TellingServer]:
    with TellingServer(Admin.model_validate({"token": TOKEN})) as serving:
        yield serving


def enter(page: Page, token: str) -> None:
    page.until("document.activeElement.id === 'token'", "the field for the token")
    page.type(token)
    page.press("Enter")


def test_the_token_is_asked_for_and_held_in_memory(
    browser: Chromium, guarded: TellingServer
) -> None:
    with browser.page(f"{guarded.url}/dashboard") as page:
        enter(page, "another-token-of-this-test")
        page.until("document.getElementById('refusal').innerText", "the refusal")
        assert page.evaluate("document.querySelector('main').hidden")
        enter(page, TOKEN)
        page.until(SHOWN, "the dashboard")
        assert page.evaluate("document.getElementById('entrance').hidden")
        assert f"Bearer {TOKEN}" in [fields.get("authorization") for fields in page.sent()]
        # Nowhere else.
        assert not any(TOKEN in url for url in page.requested())
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
            0,
            0,
            "",
        ]
        assert TOKEN not in page.evaluate("document.documentElement.outerHTML")
        assert page.evaluate("document.getElementById('token').value") == ""
        # Only what was refused for want of the token is complained of.
        assert all("401" in complaint for complaint in page.complaints())


def test_letters_that_no_token_has_are_refused(browser: Chromium, guarded: TellingServer) -> None:
    with browser.page(f"{guarded.url}/dashboard") as page:
        enter(page, "\u2603 snow")
        page.until("document.getElementById('refusal').innerText", "the refusal")


def test_a_token_that_is_replaced_is_asked_for_again(
    browser: Chromium, guarded: TellingServer
) -> None:
    with browser.page(f"{guarded.url}/dashboard") as page:
        enter(page, TOKEN)
        page.until(SHOWN, "the dashboard")
        guarded.settings = Admin.model_validate({"token": TOKEN[::-1]})
        enter(page, TOKEN[::-1])
        page.until(SHOWN, "the dashboard")
