"""The printer daemon's API: HTTP and a WebSocket on a Unix socket (types in api.py)."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from appliance.ipc import application, body, reply
from appliance.printer import api
from appliance.printer.engine import Engine

STREAM_PAUSE = 0.1  # seconds between two snapshots of a stream; a change waits no longer


class PrinterService:
    """Serves one engine; see the table in api.py."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        """The application to be served."""
        app = application()
        app.add_routes(
            [
                web.get("/snapshot", self._snapshot),
                web.get("/events", self._events),
                web.post("/job", self._start),
                web.post("/job/pause", self._pause),
                web.post("/job/resume", self._resume),
                web.post("/job/cancel", self._cancel),
                web.post("/job/forget", self._forget),
                web.post("/temperature", self._temperature),
                web.post("/gcode", self._gcode),
                web.post("/connect", self._connect),
                web.post("/restart", self._restart),
            ]
        )
        app.on_shutdown.append(self._close_streams)
        return app

    async def _close_streams(self, _app: web.Application) -> None:
        for stream in set(self._streams):
            await stream.close()

    async def _snapshot(self, _request: web.Request) -> web.Response:
        return reply(self._engine.snapshot())

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse(heartbeat=20.0)
        await stream.prepare(request)
        self._streams.add(stream)
        sender = asyncio.create_task(self._send_snapshots(stream))
        try:
            async for _ in stream:  # nothing is expected; this ends when the listener goes
                pass
        finally:
            self._streams.discard(stream)
            sender.cancel()
        return stream

    async def _send_snapshots(self, stream: web.WebSocketResponse) -> None:
        while not stream.closed:
            seen = self._engine.revision.number
            try:
                await stream.send_bytes(msgspec.json.encode(self._engine.snapshot()))
            except ConnectionError:
                return
            await asyncio.sleep(STREAM_PAUSE)
            await self._engine.revision.wait_beyond(seen)

    async def _start(self, request: web.Request) -> web.Response:
        await self._engine.start(await body(request, api.StartJob))
        return reply(self._engine.snapshot())

    async def _pause(self, request: web.Request) -> web.Response:
        self._engine.pause((await body(request, api.PauseJob)).kind)
        return reply(self._engine.snapshot())

    async def _resume(self, _request: web.Request) -> web.Response:
        self._engine.resume()
        return reply(self._engine.snapshot())

    async def _cancel(self, _request: web.Request) -> web.Response:
        self._engine.cancel()
        return reply(self._engine.snapshot())

    async def _forget(self, request: web.Request) -> web.Response:
        self._engine.forget((await body(request, api.ForgetJob)).key)
        return reply(self._engine.snapshot())

    async def _temperature(self, request: web.Request) -> web.Response:
        wanted = await body(request, api.SetTemperature)
        await self._engine.set_temperature(wanted.targets, wanted.when)
        return reply(self._engine.snapshot())

    async def _gcode(self, request: web.Request) -> web.Response:
        wanted = await body(request, api.RunGcode)
        answer = await self._engine.run_gcode(wanted.lines, wanted.when)
        return reply(api.GcodeAnswer(answer))

    async def _connect(self, _request: web.Request) -> web.Response:
        self._engine.connect()
        return reply(self._engine.snapshot())

    async def _restart(self, _request: web.Request) -> web.Response:
        self._engine.retire()
        return reply(self._engine.snapshot())
