"""The printer daemon as a process: killed, stopped, started twice."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.printer import api
from appliance.printer.api import JobState, LinkState
from appliance.printer.client import PrinterClient
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.printer import PtyPrinter

PATIENCE = 40.0  # seconds; a process starts slowly on a loaded machine
PROMISE = 5.0  # seconds until it has ended


def cold(marlin: VirtualMarlin) -> bool:
    return all(heater.target == 0 for _, heater in marlin.machine.heaters())


class Process:
    """One daemon, in a process of its own."""

    def __init__(self, folder: Path, port: str) -> None:
        self._log = folder / "printer.log"
        config = folder / "config.toml"
        config.write_text(
            f'[printer]\nport = "{port}"\nbaud = 250000\n'
            f'[paths]\nstate = "{folder}/state"\nrun = "{folder}/run"\n'
        )
        self._command = [sys.executable, "-m", "appliance", "--config", str(config), "printer"]
        self.client = PrinterClient(folder / "run" / "printer.sock")
        self.process: asyncio.subprocess.Process | None = None

    async def spawn(self) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)

    async def start(self) -> api.Snapshot:
        self.process = await self.spawn()
        return await self.until(lambda s: s.link is LinkState.READY)

    async def end(self, number: signal.Signals) -> float:
        """Send the signal; the seconds until it has ended."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        await asyncio.wait_for(self.process.wait(), PATIENCE)
        return time.monotonic() - began

    async def until(self, condition: Callable[[api.Snapshot], Any]) -> api.Snapshot:
        last = None
        try:
            async with asyncio.timeout(PATIENCE):
                async for last in self.client.snapshots():
                    if last is not None and condition(last):
                        return last
        except TimeoutError:
            raise TimeoutError(f"still {last}; {self.log()[-2000:]}") from None
        raise AssertionError("the stream ended")

    async def print(self, folder: Path, lines: list[str]) -> None:
        path = folder / "long.gcode"
        path.write_text("\n".join(lines) + "\n")
        await self.client.start(api.StartJob(path=str(path), key="k", name="long.gcode"))

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[PtyPrinter]:
    options = MarlinOptions(speed=50.0, boot_time=0.1)
    async with PtyPrinter(options, link=tmp_path / "ttyPrinter") as printer:
        yield printer


@pytest.fixture
async def daemon(tmp_path: Path, board: PtyPrinter) -> AsyncIterator[Process]:
    one = Process(tmp_path, board.path)
    async with one.client:
        await one.start()
        yield one
        if one.process is not None and one.process.returncode is None:
            await one.end(signal.SIGKILL)


def long_print() -> list[str]:
    """No word of how long it takes, so that the file is read for that first."""
    return ["M104 S200", "M140 S60", "G28"] + [f"G1 X{n % 100} F6000" for n in range(60_000)]


async def test_killed_in_the_middle_the_next_life_says_so_and_cools(
    daemon: Process, board: PtyPrinter, tmp_path: Path
) -> None:
    await daemon.print(tmp_path, long_print())
    await board.wait_for(lambda marlin: marlin.executed_count > 40)
    await daemon.end(signal.SIGKILL)
    assert not await board.ask(lambda marlin, now: cold(marlin))
    snapshot = await daemon.start()
    assert snapshot.job is not None
    assert snapshot.job.state is JobState.FAILED
    assert "restarted during the print" in snapshot.job.reason
    await board.wait_for(cold)
    moves = board.marlin.executed_count
    await daemon.client.run_gcode(["M105"])
    assert not any(line.startswith("G1") for line in board.marlin.executed[moves:])
    assert (tmp_path / "state" / "port.json").exists(), "the port is remembered"
    assert "Traceback" not in daemon.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_stopped_in_the_middle_it_leaves_the_printer_safe(
    daemon: Process, board: PtyPrinter, tmp_path: Path, number: signal.Signals
) -> None:
    await daemon.print(tmp_path, long_print())
    await board.wait_for(lambda marlin: marlin.executed_count > 40)
    listener = asyncio.create_task(daemon.until(lambda s: s.job and s.job.state.ended))
    assert await daemon.end(number) < PROMISE
    assert await board.ask(lambda marlin, now: cold(marlin))
    assert board.marlin.executed[-1] in ("M84", "M105")
    assert daemon.process is not None
    assert daemon.process.returncode == 0
    record = msgspec.json.decode((tmp_path / "state/print.json").read_bytes(), type=api.Job)
    assert record.state is JobState.FAILED
    assert "stopped during the print" in record.reason
    assert "Traceback" not in daemon.log()
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)


async def test_a_second_daemon_is_told_so_and_the_first_goes_on(daemon: Process) -> None:
    second = await daemon.spawn()
    assert await asyncio.wait_for(second.wait(), PATIENCE) == 1
    assert "runs already" in daemon.log()
    assert (await daemon.client.snapshot()).link is LinkState.READY


async def test_no_port_and_no_word_from_anybody(tmp_path: Path) -> None:
    one = Process(tmp_path, str(tmp_path / "ttyMissing"))
    async with one.client:
        one.process = await one.spawn()
        snapshot = await one.until(lambda s: s.problem)
        assert snapshot.problem is not None
        assert "ttyMissing is not there" in snapshot.problem.long
        assert snapshot.problem.short == "Printer not found"
        assert await one.end(signal.SIGTERM) < PROMISE
        assert one.process.returncode == 0
