"""A daemon that ends is started again, and one that does not want to end is killed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance import supervisor
from appliance.supervisor import Daemon

CHILD = """
import signal, socket, sys
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
sys.exit(0 if line.recv(1) else 3)
"""


class Line:
    """Where the children call: each is held until it is let go."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.held: list[asyncio.StreamWriter] = []  # a writer that nobody holds is closed

    async def call(self) -> asyncio.StreamWriter:
        return await asyncio.wait_for(self.calls.get(), 20)

    def daemon(self, *more: str) -> Daemon:
        return Daemon("child", [sys.executable, "-c", CHILD, str(self.path), *more])


@pytest.fixture
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    monkeypatch.setattr(supervisor, "RESTART_PAUSE", 0.01)
    one = Line(tmp_path / "line")

    async def called(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one.held.append(writer)
        one.calls.put_nowait(writer)

    server = await asyncio.start_unix_server(called, one.path)
    yield one
    server.close()


@contextlib.asynccontextmanager
async def kept(daemon: Daemon) -> AsyncIterator[None]:
    keeper = asyncio.create_task(daemon.keep_running())
    yield
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    async with asyncio.timeout(10):
        await daemon.stop(0.2)


async def test_whatever_ends_it_it_is_started_again(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    daemon = line.daemon()
    async with kept(daemon):
        first = await line.call()
        first.write(b"x")  # ends with code 0
        second = await line.call()
        second.close()  # ends with code 3
        third = await line.call()
        assert daemon._process is not None
        daemon._process.kill()
        await line.call()
        third.close()
    assert "ended with code 0" in caplog.text
    assert "ended with code 3" in caplog.text
    assert f"ended with code -{signal.SIGKILL.value}" in caplog.text


async def test_it_ends_when_asked(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    daemon = line.daemon()
    async with kept(daemon):
        await line.call()
    assert daemon._process is not None
    assert daemon._process.returncode == -signal.SIGTERM
    assert "killed" not in caplog.text


async def test_it_is_killed_when_it_does_not(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    daemon = line.daemon("deaf")
    async with kept(daemon):
        await line.call()
    assert daemon._process is not None
    assert daemon._process.returncode == -signal.SIGKILL
    assert "did not end in time and was killed" in caplog.text


async def test_what_never_ran_or_has_ended_needs_no_end(line: Line) -> None:
    daemon = line.daemon()
    await daemon.stop(0.1)
    async with kept(daemon):
        (await line.call()).close()
        assert daemon._process is not None
        await daemon._process.wait()
        await daemon.stop(0.1)
