from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from pygateway.admin.dashboard import FILES, PATHS
from pygateway.config import Admin
from tests.admin.serving import Serving

MOST_BYTES = 20_000
"""Of a file: all of them are to be read."""


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        yield serving


def test_the_root_leads_to_the_dashboard(admin: Serving) -> None:
    reply = admin.ask("GET", "/")
    assert (reply.status, reply.headers["location"]) == (307, "/dashboard")


def test_every_file_is_served_as_what_it_is(admin: Serving) -> None:
    kinds = {"": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path in PATHS - {"/"}:
        reply = admin.ask("GET", path)
        assert reply.status == 200
        kind = path.rpartition(".")[2] if "." in path else ""
        assert reply.headers["content-type"].partition(";")[0] == kinds[kind]
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_page_may_do_little(admin: Serving) -> None:
    policy = admin.ask("GET", "/dashboard").headers["content-security-policy"].split("; ")
    assert {
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    } <= set(policy)
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize(
    "path", ["/dashboard/page.html", "/dashboard/../guard.py", "/dashboard/__init__.py", "/page.js"]
)
def test_nothing_else_is_served(admin: Serving, path: str) -> None:
    assert admin.ask("GET", path).status == 404


def test_nobody_can_write(admin: Serving) -> None:
    assert admin.ask("POST", "/dashboard").status == 405


def test_a_link_elsewhere_leads_to_the_page_and_not_to_its_numbers(admin: Serving) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert admin.ask("GET", "/dashboard", headers=headers).status == 200
    for path in ("/traffic", "/status", "/dashboard/nothing"):
        assert admin.ask("GET", path, headers=headers).status == 403


def test_a_name_that_leads_here_gets_no_page(admin: Serving) -> None:
    assert admin.ask("GET", "/dashboard", headers={"Host": "evil.example"}).status == 421


def test_with_a_token_the_page_is_open_and_its_numbers_are_not() -> None:
    with Serving(Admin.model_validate({"token": "sixteen-letters-or-more"})) as guarded:
        for path in PATHS:
            assert guarded.ask("GET", path).status in {200, 307}
        for path in ("/traffic", "/status", "/dashboard/nothing"):
            assert guarded.ask("GET", path).status == 401


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_is_small_and_loads_nothing_from_elsewhere(name: str) -> None:
    text = FILES[name].decode()
    assert len(text) < MOST_BYTES
    addresses = set(re.findall(r"[a-z]+://[^\s\"')]+", text))
    # The names of XML's vocabularies are no addresses.
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_no_code_stands_in_the_page() -> None:
    text = FILES["page.html"].decode()
    assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:|<style", text)
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [""]
