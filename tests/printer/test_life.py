"""The whole printer daemon under a watchdog: what hangs stops the feeding, a long wait does not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from appliance.config import PathSettings, PrinterSettings, Settings
from appliance.host.journal import Fields
from appliance.host.systemd import SystemdNotifier
from appliance.printer import api, hearts, main
from appliance.printer.client import PrinterClient
from appliance.printer.detect import Detector
from appliance.printer.link import Link
from appliance.printer.protocol import Marlin
from appliance.sim.marlin import MarlinOptions
from appliance.sim.printer import PtyPrinter

FED = "WATCHDOG=1"
LIMIT = 0.7  # seconds, of both hearts here


class Life:
    """One life of the daemon in this process, and what its systemd hears."""

    def __init__(self, folder: Path, port: str) -> None:
        self.settings = Settings(
            printer=PrinterSettings(port=port, baud=250_000),
            paths=PathSettings(state=str(folder / "state"), run=str(folder / "run")),
        )
        self.client = PrinterClient(self.settings.printer_socket)
        self.fields = Fields()
        self.heard: list[str] = []
        self._news = asyncio.Event()

    def hear(self, text: str) -> None:
        self.heard.append(text)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(30):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(self.heard[-5:]) from None

    async def fed_for(self, seconds: float) -> None:
        """Let it live for so long by the number of feeds, without one being left out."""
        wanted = self.heard.count(FED) + round(seconds * 20)
        await self.until(lambda: self.heard.count(FED) >= wanted or self.hangs != "")
        assert self.hangs == ""

    @property
    def hangs(self) -> str:
        return next((text for text in self.heard if "Hangs" in text), "")

    async def ready(self) -> None:
        async for snapshot in self.client.snapshots():
            if snapshot is not None and snapshot.link is api.LinkState.READY:
                return


@asynccontextmanager
async def living(folder: Path, port: str) -> AsyncIterator[Life]:
    life = Life(folder, port)
    # Six looks within WatchdogSec: one each 50 ms.
    notify = SystemdNotifier(life.hear, {"WATCHDOG_USEC": "300000"})
    daemon = asyncio.create_task(main.run(life.settings, life.fields, notify))
    await life.until(lambda: any(text.startswith("READY=1") for text in life.heard))
    async with life.client:
        yield life
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(daemon, 30)
    assert "STOPPING=1" in life.heard


@pytest.fixture(autouse=True)
def impatient(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearts, "LOOP_LIMIT", LIMIT)
    monkeypatch.setattr(hearts, "LINE_LIMIT", LIMIT)
    monkeypatch.setattr("appliance.host.systemd.STATUS_PAUSE", 0.1)


async def test_without_a_printer_it_is_fed_for_ever(tmp_path: Path) -> None:
    async with living(tmp_path, str(tmp_path / "ttyMissing")) as life:
        await life.until(lambda: any("ttyMissing is not there" in text for text in life.heard))
        await life.fed_for(2 * LIMIT)


async def test_with_no_port_at_all_it_is_fed_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "Detector", partial(Detector, ports=list))
    async with living(tmp_path, "auto") as life:
        await life.fed_for(4 * LIMIT)


async def test_a_port_that_never_opens_is_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that does not come back from open() holds its thread, and not the event loop."""

    async def never(*_: object) -> Link:
        await asyncio.Event().wait()
        raise AssertionError

    def detector(settings: PrinterSettings, **further: object) -> Detector:
        return Detector(settings, open_port=never, **further)  # type: ignore[arg-type]

    monkeypatch.setattr(main, "Detector", detector)
    async with living(tmp_path, "/dev/null") as life:
        await life.until(lambda: life.hangs != "")
        assert life.hangs == "STATUS=Hangs: search for the printer."
        fed = life.heard.count(FED)
        await asyncio.wait({asyncio.create_task(asyncio.sleep(LIMIT / 2))})
        assert life.heard.count(FED) == fed


async def test_idle_and_heating_take_their_time(tmp_path: Path) -> None:
    options = MarlinOptions(speed=4.0, boot_time=0.1)
    async with (
        PtyPrinter(options, link=tmp_path / "ttyPrinter") as board,
        living(tmp_path, board.path) as life,
    ):
        await life.ready()
        await life.fed_for(2 * LIMIT)
        path = tmp_path / "benchy.gcode"
        path.write_text("M109 S200\nG28\nM104 S0\n")
        await life.client.start(
            api.StartJob(path=str(path), key="k", job_id="P3D-7", name="benchy")
        )
        assert life.fields.job() == "P3D-7"
        await life.until(lambda: any("Printing benchy" in text for text in life.heard))
        await life.fed_for(2 * LIMIT)
        assert (await life.client.snapshot()).job is not None


async def test_a_line_whose_alarm_is_lost_is_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours in a callback ends no task: nothing would ever be sent again."""

    def fail(self: Marlin, now: float) -> list[object]:
        raise RuntimeError("a mistake of ours")

    options = MarlinOptions(speed=1000.0, boot_time=0.1)
    async with (
        PtyPrinter(options, link=tmp_path / "ttyPrinter") as board,
        living(tmp_path, board.path) as life,
    ):
        await life.ready()
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with monkeypatch.context() as broken:
            broken.setattr(Marlin, "tick", fail)
            broken.setattr(Marlin, "received", fail)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(LIMIT / 4):
                    await life.client.run_gcode(["M105"])
            await life.until(lambda: life.hangs != "")
        assert life.hangs == "STATUS=Hangs: line to the printer."
