"""The simulated front panel on the local cloud's page: a bridge from its socket to browsers.

``GET /api/panel`` is a WebSocket. To the page go, at once and at every change, the display's
PNG as a binary message, and the rest as JSON: ``{"there": true, "width": 122, "height": 38,
"rows": ["..."], "doorOpen": false, "keys": ["ok"]}``, or ``{"there": false}``. From the page
come Finger and DoorMoved of ``sim/panel_wire.py``. A key that a page holds is lifted when the
page goes away.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_wire import FromWatcher, Seen

_LOG = logging.getLogger(__name__)

HEARTBEAT = 4.0  # seconds; a browser that vanished lets go of its keys after this and a half
_LONGEST = 1024  # bytes of a page's message


class PanelWeb:
    """Serves the panel on ``socket`` to any number of pages, each with a watcher of its own."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._decoder: msgspec.json.Decoder[FromWatcher] = msgspec.json.Decoder(FromWatcher)
        self._pages: set[web.WebSocketResponse] = set()

    def attach(self, app: web.Application) -> None:
        """Add the route to ``app``."""
        app.add_routes([web.get("/api/panel", self._serve)])
        app.on_shutdown.append(self._close)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            # Browsers let every site open a WebSocket; only ours may press buttons.
            return web.json_response(
                {"error": "Only this cloud's own page may do that."}, status=403
            )
        page = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=_LONGEST)
        await page.prepare(request)
        self._pages.add(page)
        try:
            async with PanelWatcher(self._socket) as watcher:
                showing = asyncio.create_task(_show(watcher, page))
                try:
                    await self._obey(page, watcher)
                finally:
                    showing.cancel()
                    await asyncio.wait({showing})
        finally:
            self._pages.discard(page)
        return page

    async def _obey(self, page: web.WebSocketResponse, watcher: PanelWatcher) -> None:
        async for message in page:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                watcher.send(self._decoder.decode(message.data))
            except msgspec.DecodeError as error:
                _LOG.warning("The page of the front panel said %.100r: %s", message.data, error)

    async def _close(self, _app: web.Application) -> None:
        for page in self._pages.copy():
            await page.close(code=WSCloseCode.GOING_AWAY)


async def _show(watcher: PanelWatcher, page: web.WebSocketResponse) -> None:
    """Send what is seen; a page that is slow gets the newest only."""
    png = b""
    try:
        async for seen in watcher.changes():
            if seen is not None and seen.png != png:
                png = seen.png
                await page.send_bytes(png)
            await page.send_str(_told(seen))
    except ConnectionError:
        _LOG.debug("A page of the front panel has gone.")


def _told(seen: Seen | None) -> str:
    body: dict[str, Any] = {"there": seen is not None}
    if seen is not None:
        body |= {
            "width": seen.width,
            "height": seen.height,
            "rows": seen.rows,
            "doorOpen": seen.door_open,
            "keys": seen.keys,
        }
    return msgspec.json.encode(body).decode()
