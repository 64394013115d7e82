"""The printer daemon's local API with a stream that is written down beforehand."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from appliance import ipc
from appliance.printer import api
from appliance.printer.api import JobState


class FakeDaemon:
    """The printer daemon's API with a stream that is written down beforehand."""

    def __init__(self, *stream: JobState | None) -> None:
        self.stream = stream
        self.cancels = 0
        self.resumes = 0
        self.started: api.StartJob | None = None
        self.present: api.Job | None = None
        self.over = asyncio.Event()

    def app(self) -> web.Application:
        app = ipc.application()
        app.add_routes(
            [
                web.get("/snapshot", self._snapshot),
                web.get("/events", self._events),
                web.post("/job", self._start),
                web.post("/job/cancel", self._cancel),
                web.post("/job/resume", self._resume),
            ]
        )
        return app

    def snapshot(self, state: JobState | None) -> api.Snapshot:
        if state is None or self.started is None:
            return api.Snapshot()
        return api.Snapshot(
            job=api.Job(
                job_id="123",
                key=self.started.key,
                name=self.started.name,
                source=api.Source.LOCAL,
                path=self.started.path,
                state=state,
                started_at=1.0,
                file_size=10,
                bytes_read=5,
                print_seconds=7.0,
            )
        )

    async def _snapshot(self, _request: web.Request) -> web.Response:
        return ipc.reply(api.Snapshot(machine="Fake", job=self.present))

    async def _start(self, request: web.Request) -> web.Response:
        self.started = await ipc.body(request, api.StartJob)
        return ipc.reply(self.snapshot(JobState.PRINTING))

    async def _cancel(self, _request: web.Request) -> web.Response:
        self.cancels += 1
        return ipc.reply(api.Snapshot())

    async def _resume(self, _request: web.Request) -> web.Response:
        self.resumes += 1
        return ipc.reply(api.Snapshot())

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        for state in self.stream:
            await stream.send_bytes(msgspec.json.encode(self.snapshot(state)))
        self.over.set()
        return stream


def ended_print(key: str) -> api.Job:
    return api.Job(
        job_id="123",
        key=key,
        name="Vase",
        source=api.Source.LOCAL,
        path="/a",
        state=JobState.COMPLETED,
        started_at=1.0,
        file_size=10,
    )
