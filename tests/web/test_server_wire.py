"""The server on its socket: streams, limits, ports and static files."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.errors import ApplianceError
from appliance.settings_web import WebSettings
from appliance.web import connections, server
from appliance.web.connections import MOST
from appliance.web.html import Html
from appliance.web.routes import Need, Route, see_other, show
from appliance.web.server import BODY_LIMIT, WebServer
from tests.web.doorway import (
    Doorway,
    Handled,
    browsing,
    by_hotspot,
    csrf_of_page,
    served,
    sign_in,
    table,
    text_of,
)


@asynccontextmanager
async def raw(site: WebServer, request: bytes) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


class Streaming:
    """A picture after the other, until the browser goes or the camera breaks."""

    def __init__(self) -> None:
        self.begun, self.ended, self.broken = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace"})
        try:
            await response.prepare(request)
            while not self.broken.is_set():
                await response.write(b"picture" * 100)
                self.begun.set()
                await asyncio.sleep(0)
            raise RuntimeError("The camera broke.")
        finally:
            self.ended.set()


async def test_head_of_a_stream_is_its_head_alone() -> None:
    stream = Streaming()
    async with (
        served(Doorway(), [Route("GET", "/live", stream, Need.OPEN)]) as site,
        raw(site, b"HEAD /live") as reader,
    ):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 OK" in head and b"multipart/x-mixed-replace" in head
        assert b"nosniff" in head
        await stream.ended.wait()
        assert not stream.begun.is_set()


async def test_a_browser_that_goes_ends_its_stream_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Streaming()
    async with served(Doorway(), [Route("GET", "/live", stream, Need.OPEN)]) as site:
        async with raw(site, b"GET /live"):
            await stream.begun.wait()
        await stream.ended.wait()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_stream_that_breaks_is_cut_and_no_page_stands_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Streaming()
    async with (
        served(Doorway(), [Route("GET", "/live", stream, Need.OPEN)]) as site,
        raw(site, b"GET /live") as reader,
    ):
        await stream.begun.wait()
        stream.broken.set()
        received = await reader.read()
    assert received.count(b"HTTP/1.1") == 1 and b"mistake" not in received
    assert "The camera broke." in caplog.text


async def test_a_sentence_is_shown_once() -> None:
    async def act(_request: web.Request) -> web.StreamResponse:
        return see_other("/open/get", flash="Saved: <Küche>; all; good")

    door = Doorway()
    routes = [*table(Handled()), Route("POST", "/act", act, Need.OPEN)]
    async with served(door, routes) as site, browsing(site) as http:
        token = await csrf_of_page(http, "/open/get")
        async with http.post("/act", data={"csrf": token}) as response:
            assert "Saved: &lt;Küche&gt;; all; good" in await response.text()
        assert "Saved" not in (await text_of(http, "/open/get"))[1]


async def test_only_what_a_person_does_counts_as_use_of_the_setup() -> None:
    door = Doorway()
    door.first_boot()
    async with served(door, table(Handled()), by_hotspot) as site, browsing(site) as http:
        door.time += 299
        await text_of(http, "/setup/poll")  # the page asks by itself
        await text_of(http, "/open/get")
        assert door.access.setup_idle() == 299
        await text_of(http, "/setup/get")
        assert door.access.setup_idle() == 0


# Large, slow and many.


async def test_a_body_that_is_too_large_is_refused() -> None:
    door, handled = Doorway(), Handled()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 1024 + 2):
            yield b"x" * 1024

    async with served(door, table(handled)) as site, browsing(site) as http:
        await sign_in(door, http)
        headers = {"X-CSRF": await csrf_of_page(http, "/")}
        before = handled.count
        large = b"x" * (BODY_LIMIT + 1)
        for data in (large, {"a": large.decode()}, chunks()):
            async with http.post("/session/post", data=data, headers=headers) as response:
                assert response.status == 413
        assert handled.count == before
        async with http.post("/upload", data=large, headers=headers) as response:
            assert response.status == 200


async def test_a_form_that_stops_half_way_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_TIME", 0.05)
    handled = Handled()
    async with served(Doorway(), table(handled)) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(
            b"POST /open/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
        )
        assert b"408" in await reader.readline()
        writer.close()
    assert handled.count == 0


async def test_a_head_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = connections.Connections.__init__
    monkeypatch.setattr(made, "__defaults__", (MOST, 0.05))
    async with served(Doorway(), table(Handled())) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: loc")
        assert await reader.read() == b""
        writer.close()


async def test_there_are_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections.Connections.__init__, "__defaults__", (2, 15.0))
    request = b"GET /open/get HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served(Doorway(), table(Handled())) as site:
        open_ones = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(request)
            assert b"200" in await reader.readline()
            open_ones.append(writer)
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        assert b"503" in await reader.readline()
        for each in (*open_ones, writer):
            each.close()


# The port.


async def test_a_port_that_is_taken_gives_way_to_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken, socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # kept for who asks for it
        for each in (taken, free):
            each.bind(("127.0.0.1", 0))
        taken.listen()
        fallback = free.getsockname()[1]
        monkeypatch.setattr(server, "FALLBACK_PORT", fallback)
        door = Doorway()
        place = WebSettings(host="127.0.0.1", port=taken.getsockname()[1])
        site = WebServer(place, door.access, table(Handled()))
        await site.start()
        try:
            assert site.port == fallback
            assert "is used by another program" in site.problem and str(fallback) in site.problem
            assert site.problem in caplog.text
            async with browsing(site) as http:
                assert (await text_of(http, "/open/get"))[0] == 200
        finally:
            await site.close()


async def test_without_any_port_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "FALLBACK_PORT", port)
        place = WebSettings(host="127.0.0.1", port=port)
        site = WebServer(place, Doorway().access, [])
        with pytest.raises(ApplianceError, match="used by another program"):
            await site.start()
        await site.close()


def test_static_files_name_no_other_address() -> None:
    for file in (Path(server.STATIC)).iterdir():
        text = re.sub(r"http://www\.w3\.org/\S+", "", file.read_text())
        assert not re.search(r"https?://", text), file.name


def test_a_page_is_shown_as_html() -> None:
    response = show(Html("<p>ä</p>"), 201)
    assert (response.status, response.content_type, response.charset) == (201, "text/html", "utf-8")
