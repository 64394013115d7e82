"""The printer daemon's parts around a virtual Marlin, in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from appliance import ipc
from appliance.config import PrinterSettings
from appliance.printer import api, engine, handshake
from appliance.printer.client import PrinterClient
from appliance.printer.detect import Detector, Remembered
from appliance.printer.engine import Engine
from appliance.printer.heat import HeatMemory
from appliance.printer.printing import Printing
from appliance.printer.protocol import Marlin
from appliance.printer.service import PrinterService
from appliance.sim.marlin import MarlinOptions
from appliance.sim.printer import PtyPrinter
from appliance.sim.talk import Talk
from appliance.store import Record
from tests.printer.talking import REPORTING

PATIENCE = 30.0  # seconds; a loaded machine is slow


class Daemon:
    """The printer daemon without a process of its own; ``begin`` and ``end`` are its lives."""

    def __init__(self, folder: Path, port: str) -> None:
        self.folder = folder
        self.settings = PrinterSettings(port=port, baud=250_000)
        self.socket = folder / "printer.sock"
        self.client = PrinterClient(self.socket)
        self.record = Record(folder / "print.json", api.Job)
        self.port = Record(folder / "port.json", Remembered)
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """The daemon starts."""
        printing = Printing(self.settings, self.record)
        self.engine = Engine(
            self.settings,
            Detector(self.settings),
            self.port,
            printing,
            HeatMemory(Record(self.folder / "hot.json", bool)),
        )
        self._runner = await ipc.serve(PrinterService(self.engine).app(), self.socket)
        self._task = asyncio.create_task(self.engine.run())

    async def end(self) -> None:
        """The daemon ends as on SIGTERM."""
        if self._task is None or self._runner is None:
            return
        await self.engine.stop()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._runner.cleanup()
        self._task = None

    async def until(self, condition: Callable[[api.Snapshot], object]) -> api.Snapshot:
        """The first snapshot for which ``condition`` holds, looking after every change."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(snapshot := self.engine.snapshot()):
                    await self.engine.revision.wait_beyond(snapshot.revision)
        except TimeoutError:
            raise TimeoutError(f"still {self.engine.snapshot()}") from None
        return snapshot

    async def ready(self) -> api.Snapshot:
        return await self.until(lambda snapshot: snapshot.link is api.LinkState.READY)

    async def job(self, *states: api.JobState) -> api.Job:
        """The print, once it is in one of ``states``."""
        snapshot = await self.until(lambda s: s.job is not None and s.job.state in states)
        assert snapshot.job is not None
        return snapshot.job

    def file(self, lines: list[str], name: str = "tower.gcode") -> Path:
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        return path

    async def print(self, lines: list[str], key: str = "k1") -> list[str]:
        """Start a print of ``lines``."""
        request = api.StartJob(path=str(self.file(lines)), key=key, name="tower.gcode")
        await self.client.start(request)
        return lines


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The virtual board needs no time to be met."""
    monkeypatch.setattr(handshake, "GREETING_WAIT", 0.1)
    monkeypatch.setattr(handshake, "BANNER_WAIT", 0.05)
    monkeypatch.setattr(handshake, "SETTLE", 0.05)
    monkeypatch.setattr(engine, "RETRY_PAUSE", 0.05)
    yield


@pytest.fixture
def options() -> MarlinOptions:
    return MarlinOptions(speed=1000.0, boot_time=0.1)


@pytest.fixture
async def board(tmp_path: Path, options: MarlinOptions) -> AsyncIterator[PtyPrinter]:
    async with PtyPrinter(options, link=tmp_path / "ttyPrinter") as printer:
        yield printer


@pytest.fixture
async def daemon(quick: None, board: PtyPrinter, tmp_path: Path) -> AsyncIterator[Daemon]:
    one = Daemon(tmp_path, board.path)
    async with one.client:
        await one.begin()
        await one.ready()
        yield one
        await one.end()


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Daemon]]:
    """Makes a daemon for a port, with the record that an earlier life left."""

    @contextlib.asynccontextmanager
    async def make(port: Path, left: api.Job | None = None) -> AsyncIterator[Daemon]:
        one = Daemon(tmp_path, str(port))
        if left is not None:
            one.record.save(left)
        async with one.client:
            await one.begin()
            yield one
            await one.end()

    return make


@pytest.fixture
def talk() -> Talk:
    """A printer that introduced itself and reports its temperatures by itself."""
    talk = Talk(Marlin(baud=250_000))
    talk.introduce(REPORTING, "EMERGENCY_PARSER")
    return talk
