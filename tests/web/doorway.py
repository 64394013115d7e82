"""What tests of who may enter share: hands on the clock, and a server on a real socket."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from appliance.settings_web import WebSettings
from appliance.web import html
from appliance.web.access import Access, Clock, Surroundings
from appliance.web.routes import Need, Route, page_context, show
from appliance.web.server import Ends, WebServer, ends_of
from appliance.web.sessions import Kept

SECRET = "the inside of the house"
PAGE = {"Accept": "text/html"}


class Memory:
    """A store that forgets nothing, and counts what it was given."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.saves = 0

    def load(self) -> Kept | None:
        return None if self.data is None else msgspec.json.decode(self.data, type=Kept)

    def save(self, value: Kept) -> None:
        self.data = msgspec.json.encode(value)
        self.saves += 1


class Doorway:
    """An access whose clock, surroundings and panel are in the test's hand."""

    def __init__(self, *, panel: bool = True, password: str = "", api_key: str = "") -> None:
        self.time = 1000.0
        self.store = Memory()
        self.around = Surroundings(names=frozenset({"polar"}))
        self.shown: list[str] = []  # what the panel was told, in order
        self._options = {"panel": panel, "password": password, "api_key": api_key}
        self._random = random.Random(7)
        self.access = self.make()

    def make(self) -> Access:
        """The access as it is after a start of the agent."""
        clock = Clock(lambda: self.time, lambda: 1.7e9 + self.time, self._random.randbytes)
        return Access(
            self.store,
            lambda: self.around,
            show_code=self.shown.append,
            clock=clock,
            panel=bool(self._options["panel"]),
            password=str(self._options["password"]),
            api_key=str(self._options["api_key"]),
        )

    def first_boot(self, **more: bool) -> None:
        self.around = msgspec.structs.replace(
            self.around, first_boot=True, hotspot=True, captive=True, **more
        )


class Handled:
    """A handler that says the secret, and counts how often it was asked."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.count += 1
        page = html.page("Inside", html.tag("p", SECRET), context=page_context(request))
        return show(page)


def table(handled: Handled) -> list[Route]:
    """A route of every kind: each need, each method, with and without a body of its own."""
    return [
        Route("GET", "/", handled, Need.SESSION),
        *(
            Route(method, f"/{need.value}/{method.lower()}", handled, need)
            for need in Need
            for method in ("GET", "POST", "PUT", "DELETE")
        ),
        Route("GET", "/files/{name}", handled, Need.SESSION),
        Route("POST", "/upload", handled, Need.SESSION, streams=True),
        Route("GET", "/setup/poll", handled, Need.SETUP, quiet=True),
    ]


def by_hotspot(_request: web.Request) -> tuple[str, str]:
    return "10.42.0.77", "10.42.0.1"


@asynccontextmanager
async def served(
    doorway: Doorway, routes: Sequence[Route], ends: Ends = ends_of
) -> AsyncIterator[WebServer]:
    place = WebSettings(host="127.0.0.1", port=0)
    server = WebServer(place, doorway.access, routes, ends=ends)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def browsing(server: WebServer) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser with cookies of its own, which follows no redirect by itself."""
    jar = aiohttp.CookieJar(unsafe=True)
    base = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession(base, cookie_jar=jar, headers=PAGE) as http:
        yield http


async def text_of(http: aiohttp.ClientSession, path: str, **options: object) -> tuple[int, str]:
    async with http.get(path, allow_redirects=False, **options) as response:  # type: ignore[arg-type]
        return response.status, await response.text()


async def csrf_of_page(http: aiohttp.ClientSession, path: str) -> str:
    found = re.search(r'data-csrf="([0-9a-f]{64})"', (await text_of(http, path))[1])
    assert found
    return found[1]


async def sign_in(doorway: Doorway, http: aiohttp.ClientSession) -> None:
    """As a person does: open a page, compare the code, press OK, be let in by the poll."""
    await text_of(http, "/")
    _, page = await text_of(http, "/enter?to=/")
    assert doorway.shown[-1] and doorway.shown[-1] in page
    assert doorway.access.confirm(doorway.shown[-1])
    assert "admitted" in (await text_of(http, "/enter/state"))[1]
