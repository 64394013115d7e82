"""The printer daemon's API and its client, over the real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from appliance import ipc
from appliance.errors import ApplianceError
from appliance.printer import api
from appliance.printer import client as client_module
from appliance.printer.client import PrinterClient, PrinterUnreachable
from appliance.sim.printer import PtyPrinter

Daemon = Any  # the fixture's class; conftest modules cannot be imported
PATIENCE = 20.0


@pytest.fixture
async def idle(quick: None, tmp_path: Path, world: Any) -> AsyncIterator[Daemon]:
    """A daemon whose printer is not there."""
    async with world(tmp_path / "no-port") as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_PAUSE", 0.02)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/job", b"{}"),
        ("/job", b'{"path": "/x", "key": "k", "color": "red"}'),
        ("/job/pause", b'{"kind": "long"}'),
        ("/job/forget", b"[]"),
        ("/temperature", b'{"targets": {"bed": "hot"}}'),
        ("/gcode", b'{"lines": "M105"}'),
        ("/gcode", b"\xff"),
    ],
)
async def test_bad_bodies_are_refused_by_name(idle: Daemon, path: str, content: bytes) -> None:
    http = ipc.connect(idle.socket)
    async with http, http.post(path, data=content) as response:
        assert response.status == 400
        assert path in msgspec.json.decode(await response.read(), type=ipc.Refusal).long


async def test_what_does_not_exist_is_no_mistake_of_ours(
    idle: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    http = ipc.connect(idle.socket)
    async with http:
        for method, path, status in (("GET", "/lamp", 404), ("POST", "/snapshot", 405)):
            async with http.request(method, path) as response:
                assert response.status == status
        with pytest.raises(ApplianceError, match="HTTP 404"):
            await ipc.ask(http, ("GET", "/lamp"), None, api.Snapshot, 5)
    assert "Traceback" not in caplog.text


async def test_the_stream_gives_a_whole_snapshot_at_once_and_after_a_change(
    daemon: Daemon, board: PtyPrinter
) -> None:
    seen: list[api.Snapshot] = []
    async with asyncio.timeout(PATIENCE):
        async for snapshot in daemon.client.snapshots():
            assert snapshot is not None
            seen.append(snapshot)
            if len(seen) == 1:
                await daemon.client.run_gcode(["M118 A1 action:notification Hello"])
            elif snapshot.message == "Hello":
                break
    assert seen[0].link is api.LinkState.READY
    assert seen[0].firmware.startswith("Marlin")
    assert seen[-1].firmware == seen[0].firmware, "not a difference but the whole"
    assert [one.revision for one in seen] == sorted({one.revision for one in seen})
    assert len({one.life for one in seen}) == 1


async def test_the_stream_comes_back_with_the_daemon(idle: Daemon) -> None:
    stream = idle.client.snapshots()
    async with asyncio.timeout(PATIENCE):
        first = await anext(stream)
        latest = first
        while latest is None or latest.problem is None:  # nothing changes after it was found out
            latest = await anext(stream)
        await idle.end()
        while await anext(stream) is not None:
            pass
        assert await anext(stream) is None, "it tells again and again that the daemon is away"
        await idle.begin()
        while (back := await anext(stream)) is None:
            pass
    assert first is not None
    assert back.life != first.life


async def test_a_broken_line_is_like_a_daemon_that_is_away(tmp_path: Path) -> None:
    """A WebSocket frame that is none ends the connection, not the listener."""

    async def events(request: web.Request) -> web.StreamResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        await stream.send_bytes(msgspec.json.encode(api.Snapshot(life="a")))
        assert request.transport is not None
        request.transport.write(b"\xff\xff\xff\xff garbage")
        return stream

    app = ipc.application()
    app.add_routes([web.get("/events", events)])
    runner = await ipc.serve(app, tmp_path / "s.sock")
    async with PrinterClient(tmp_path / "s.sock") as client, asyncio.timeout(PATIENCE):
        stream = client.snapshots()
        for _ in range(2):
            assert await anext(stream) == api.Snapshot(life="a")
            assert await anext(stream) is None
    await runner.cleanup()


async def test_nobody_there(tmp_path: Path) -> None:
    async with PrinterClient(tmp_path / "missing.sock") as client:
        with pytest.raises(PrinterUnreachable, match="systemctl status polar-printer"):
            await client.snapshot()
        assert await anext(client.snapshots()) is None


async def test_a_daemon_that_does_not_answer_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wedged = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        await wedged.wait()
        raise web.HTTPNoContent

    app = ipc.application()
    app.add_routes([web.get("/snapshot", never)])
    runner = await ipc.serve(app, tmp_path / "s.sock")
    monkeypatch.setattr(PrinterClient._ask, "__defaults__", (0.05,))
    async with PrinterClient(tmp_path / "s.sock") as client:
        with pytest.raises(PrinterUnreachable):
            await client.snapshot()
    wedged.set()
    await runner.cleanup()


async def test_listeners_that_go_are_forgotten(idle: Daemon) -> None:
    http = ipc.connect(idle.socket)
    async with http:
        for _ in range(5):
            async with http.ws_connect("/events") as stream:
                await stream.receive_bytes()
    assert await idle.client.snapshot()
    async with asyncio.timeout(5):
        await idle.end()  # waits for none of them
