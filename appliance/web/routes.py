"""The one table's rows: which address does what, and what a request must bring for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import msgspec
from aiohttp import web

from appliance.web.html import Html, PageContext
from appliance.web.need import Need

__all__ = ["Handler", "Need", "Route", "json", "page_context", "see_other", "show"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FLASH_COOKIE = "flash"

_PAGE = web.RequestKey("page", PageContext)


class Route(msgspec.Struct, frozen=True):
    """One address. ``path`` is written as aiohttp does: ``/files/{name}``; GET answers HEAD too.

    ``streams``: the handler reads a large body itself and bounds it; its CSRF token comes in
    the header X-CSRF or as ``?csrf=``. All other bodies are limited to BODY_LIMIT and read
    before the handler is called. ``quiet``: a page asks it by itself, so it does not count as
    use of the setup mode.
    """

    method: str
    path: str
    handler: Handler
    needs: Need
    streams: bool = False
    quiet: bool = False


def page_context(request: web.Request) -> PageContext:
    """What a page needs to know of its request. Every handler may ask it."""
    return request[_PAGE]


def give_context(request: web.Request, context: PageContext) -> None:
    """The server's part of :func:`page_context`."""
    request[_PAGE] = context


def show(page: Html, status: int = 200) -> web.Response:
    """The answer with a page."""
    return web.Response(text=page, status=status, content_type="text/html", charset="utf-8")


def json(value: object, status: int = 200) -> web.Response:
    """The answer with a msgspec struct or plain values as JSON."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


def see_other(to: str, flash: str = "") -> web.Response:
    """Go on to another address of ours after a form (303), so that reloading sends nothing.

    ``flash`` is a sentence that the next page shows once; no secrets.
    """
    response = web.Response(status=303, headers={"Location": to})
    if flash:
        response.set_cookie(
            FLASH_COOKIE, quote(flash), max_age=60, httponly=True, samesite="Strict", path="/"
        )
    return response
