"""One camera for all who watch; none when nobody does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from appliance.errors import CameraError
from appliance.web.live import BOUNDARY, VIEWERS, Live, TooManyViewers, cam_url
from tests.web.local_world import FakeCamera, World, served


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        yield one


async def part(stream: aiohttp.StreamReader) -> bytes:
    """The next picture of a stream."""
    async with asyncio.timeout(20):
        assert await stream.readline() == f"--{BOUNDARY}\r\n".encode()
        head = b""
        while (line := await stream.readline()) != b"\r\n":
            head += line
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        jpeg = await stream.readexactly(length)
        assert await stream.readline() == b"\r\n"
    return jpeg


async def quiet(live: Live) -> None:
    """Wait until nobody watches."""
    async with asyncio.timeout(20):
        while live.viewers:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_pictures_come_one_after_the_other(world: World) -> None:
    async with world.browser() as http, http.get("/live.mjpeg") as answer:
        assert answer.status == 200
        assert answer.content_type == "multipart/x-mixed-replace"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        for _ in range(4):
            assert await part(answer.content) == world.camera.jpeg


async def test_viewers_share_one_loop_which_ends_with_the_last() -> None:
    camera = FakeCamera()
    live = Live(camera.picture, interval=3600.0)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(VIEWERS):
            frames = await stack.enter_async_context(contextlib.aclosing(live.frames()))
            assert await anext(frames) == camera.jpeg
        assert (live.viewers, camera.taken) == (VIEWERS, 1)
        with pytest.raises(TooManyViewers):
            await anext(live.frames())
    assert live.viewers == 0
    names = {task.get_name() for task in asyncio.all_tasks() if not task.cancelling()}
    assert "live picture" not in names


async def test_nothing_is_captured_while_nobody_watches(world: World) -> None:
    assert world.camera.taken == 0
    async with world.browser() as http:
        async with http.get("/live.mjpeg") as answer:
            await part(answer.content)
        await quiet(world.live)
        taken = world.camera.taken
        await asyncio.sleep(0.1)  # five times the interval
        assert world.camera.taken == taken
        async with http.get("/live.mjpeg") as answer:  # and again
            assert await part(answer.content) == world.camera.jpeg


async def test_a_failed_camera_ends_the_stream_cleanly(world: World) -> None:
    async with world.browser() as http, http.get("/live.mjpeg") as answer:
        await part(answer.content)
        world.camera.error = CameraError("The camera gave no picture.")
        async with asyncio.timeout(20):
            rest = await answer.content.read()
        assert rest.endswith(f"--{BOUNDARY}--\r\n".encode())


async def test_one_missing_picture_ends_nothing(world: World) -> None:
    async with world.browser() as http, http.get("/live.mjpeg") as answer:
        await part(answer.content)
        world.camera.error = CameraError("Once.")
        world.camera.asked.clear()
        await world.camera.asked.wait()
        world.camera.error = None
        for _ in range(5):
            await part(answer.content)


async def test_without_a_picture_it_is_said(world: World) -> None:
    world.camera.error = CameraError("There is no camera. Connect one.")
    async with world.browser() as http:
        for path in ("/live.mjpeg", "/snapshot.jpg"):
            async with http.get(path) as answer:
                assert answer.status == 503
                assert await answer.text() == "There is no camera. Connect one."


async def test_a_snapshot_is_one_picture(world: World) -> None:
    async with world.browser() as http, http.get("/snapshot.jpg") as answer:
        assert answer.content_type == "image/jpeg"
        assert await answer.read() == world.camera.jpeg


async def test_a_viewer_that_reads_nothing_is_let_go(world: World) -> None:
    world.camera.jpeg = bytes(3_000_000)
    world.live._slow = 0.2
    key = world.access.feed_key
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port, limit=1024)
    host = f"127.0.0.1:{world.server.port}"
    writer.write(f"GET /live.mjpeg?key={key} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await writer.drain()
    await reader.readline()  # it began; nothing more is read
    assert world.live.viewers == 1
    await quiet(world.live)
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(20):
            rest = await reader.read()  # it was cut, not kept waiting
            assert not rest.endswith(f"--{BOUNDARY}--\r\n".encode())
    writer.close()


async def test_its_address_is_the_permission(world: World) -> None:
    async with world.stranger() as http:
        for path in ("/live.mjpeg", "/snapshot.jpg"):
            for query in ("", "?key=", "?key=0", f"?key={world.access.api_key}"):
                async with http.get(path + query) as answer:
                    assert answer.status == 403
            async with http.get(f"{path}?key={world.access.feed_key}") as answer:
                assert answer.status == 200
        # and it is none for anything else
        async with http.get(f"/state.json?key={world.access.feed_key}") as answer:
            assert answer.status == 403
        async with http.get(f"/api/job?key={world.access.feed_key}") as answer:
            assert answer.status == 403


async def test_a_mistake_in_the_camera_ends_the_streams_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> bytes:
        raise ValueError("a mistake of ours")

    live = Live(broken)
    async with contextlib.aclosing(live.frames()) as frames:
        assert [frame async for frame in frames] == []
    assert "a mistake of ours" in caplog.text


async def test_closing_ends_every_stream(world: World) -> None:
    async with world.browser() as http, http.get("/live.mjpeg") as answer:
        await part(answer.content)
        world.live.close()
        async with asyncio.timeout(20):
            await answer.content.read()


async def test_the_address_for_the_cloud_shows_the_picture(world: World) -> None:
    key = world.access.feed_key
    assert cam_url("", 80, key) is cam_url("192.168.1.2", 0, key) is None
    assert cam_url("192.168.1.2", 80, key) == f"http://192.168.1.2/live.mjpeg?key={key}"
    assert cam_url("fd00::2", 8080, key) == f"http://[fd00::2]:8080/live.mjpeg?key={key}"
    address = cam_url("127.0.0.1", world.server.port, key)
    assert address is not None
    # As a picture on the cloud's page asks for it.
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}
    async with world.stranger() as http, http.get(address, headers=headers) as answer:
        assert await part(answer.content) == world.camera.jpeg
