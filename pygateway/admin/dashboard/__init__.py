"""The dashboard: one page for people, which the admin server serves to their browsers.

page.html    what is fixed of it
page.css     how it looks
page.js      what moves; it names the other scripts, which it loads

The page only asks `/traffic` and `/status`, as anybody could who may. It has no build step, loads
nothing from elsewhere, and holds nothing secret: who needs a token to ask for numbers needs it here
too, and enters it in the page, which is therefore served without.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

PATH: Final = "/dashboard"

MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

PAGE: Final = "page.html"

FILES: Final = {
    file.name: file.read_bytes()
    for file in files(__name__).iterdir()
    if file.name.rpartition(".")[2] in MEDIA_TYPES
}
"""Every file by its name, read once, so that no path of a request ever reaches the disk."""

PATHS: Final = frozenset({"/", PATH, *(f"{PATH}/{name}" for name in FILES if name != PAGE)})
"""What the page consists of."""

HEADERS: Final = {
    # What the page may do, and nothing else. Names of routes come from configurations and reasons
    # from other machines: were one of them markup, it could still not run. Trusted Types make the
    # browser refuse innerHTML and its like altogether.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    # A new version of the gateway brings a new page.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def add_dashboard(application: FastAPI) -> None:
    """Add the page and its files, which are no part of the API and its OpenAPI document."""

    @application.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse(PATH, 307, {"Cache-Control": "no-store"})

    @application.get(PATH, include_in_schema=False)
    async def page() -> Response:
        return _file(PAGE)

    @application.get(f"{PATH}/{{name}}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in FILES or name == PAGE:
            raise HTTPException(404)
        return _file(name)


def _file(name: str) -> Response:
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(FILES[name], headers=HEADERS, media_type=media_type)
