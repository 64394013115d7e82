"""Heaters go off however the daemon, the connection or a print ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from appliance.config import PrinterSettings
from appliance.errors import PrinterError
from appliance.printer import api
from appliance.printer.api import JobState
from appliance.printer.detect import Found, Remembered
from appliance.printer.engine import Engine
from appliance.printer.heat import HeatMemory
from appliance.printer.printing import Printing
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.printer import PtyPrinter
from appliance.store import Record

Daemon = Any  # the fixture's class; conftest modules cannot be imported
World = Callable[..., AbstractAsyncContextManager[Daemon]]

HEATING = ["M140 S60", "M104 S200", "M109 S200", "G28", *(f"G1 X{n} F3000" for n in range(50))]


def cold(marlin: VirtualMarlin) -> bool:
    return all(heater.target == 0 for _, heater in marlin.machine.heaters())


def hot(marlin: VirtualMarlin) -> bool:
    return any(heater.target > 0 for _, heater in marlin.machine.heaters())


class TestSlowHeater:
    @pytest.fixture
    def options(self) -> MarlinOptions:
        return MarlinOptions(speed=1.0, boot_time=0.1, home_time=0.1)

    async def test_a_line_of_a_person_that_heats_does_not_hold_the_end_up(
        self, daemon: Daemon, board: PtyPrinter
    ) -> None:
        asked = asyncio.create_task(daemon.client.run_gcode(["M109 S200"]))
        await board.wait_for(hot)
        await daemon.until(lambda s: s.heaters and s.heaters["tool0"].target)
        await daemon.end()
        with pytest.raises(PrinterError, match="stopping"):
            await asked
        assert await board.ask(lambda marlin, now: cold(marlin))

    async def test_a_line_of_a_person_that_heats_does_not_hold_a_cancel_up(
        self, daemon: Daemon, board: PtyPrinter
    ) -> None:
        await daemon.print(["G28", *(f"G1 X{n % 9} F3000" for n in range(4000))])
        asked = asyncio.create_task(daemon.client.run_gcode(["M109 S200"]))
        await board.wait_for(hot)
        await daemon.client.cancel()
        await daemon.job(JobState.CANCELED)
        await asked
        assert await board.ask(lambda marlin, now: cold(marlin))

    async def test_nothing_begins_while_the_daemon_stops(self, daemon: Daemon) -> None:
        await daemon.engine.stop()
        with pytest.raises(PrinterError, match="stopping"):
            await daemon.client.set_temperature({"tool0": 200.0})


class TestNoBreakingIn:
    """Marlin's default build cannot be told to stop waiting."""

    @pytest.fixture
    def options(self) -> MarlinOptions:
        return MarlinOptions(speed=8.0, boot_time=0.1, emergency_parser=False)

    async def test_what_is_sent_last_is_done_when_the_printer_listens_again(
        self, daemon: Daemon, board: PtyPrinter
    ) -> None:
        await daemon.print(HEATING)
        await board.wait_for(lambda marlin: "M109 S200" in marlin.executed)
        await daemon.end()
        await board.wait_for(cold)


async def test_left_hot_forgotten_and_restarted_it_is_cooled(
    daemon: Daemon, board: PtyPrinter
) -> None:
    await daemon.print([*HEATING, *(f"G1 X{n % 9} F300" for n in range(4000))])
    await daemon.until(lambda s: s.heaters and s.heaters["tool0"].target)
    await board.unplug()
    failed = await daemon.job(JobState.FAILED)
    await daemon.client.forget(failed.key)
    await daemon.end()
    await daemon.begin()
    assert await board.ask(lambda marlin, now: hot(marlin))
    await board.plug()
    await daemon.ready()
    await board.wait_for(cold)


async def test_a_heater_that_a_person_left_on_is_remembered(
    daemon: Daemon, board: PtyPrinter
) -> None:
    await daemon.client.set_temperature({"bed": 60.0})
    await daemon.until(lambda s: s.heaters and s.heaters["bed"].target)
    await board.unplug()
    await daemon.until(lambda s: s.link is api.LinkState.DISCONNECTED)
    await daemon.end()
    await board.plug()
    await daemon.begin()
    await daemon.ready()
    await board.wait_for(cold)


async def test_a_line_that_would_break_the_running_print_is_refused(
    daemon: Daemon, board: PtyPrinter
) -> None:
    """M28 would have Marlin write the rest of the file to its card instead of printing it."""
    await daemon.print(["G28", *(f"G1 X{n % 9} F300" for n in range(4000))])
    with pytest.raises(PrinterError, match="M28"):
        await daemon.client.run_gcode(["M28 x.g"])
    assert (await daemon.client.snapshot()).job.state is JobState.PRINTING


class FinderOfAHaltedPrinter:
    """What the detector brings of a printer that halts at every boot."""

    class Link:
        def write(self, data: bytes) -> None:
            """Nobody listens."""

        def close(self) -> None:
            """Nothing is open."""

    async def find(self, *_: object) -> Found:
        said = (
            b"Error:MINTEMP triggered, system stopped! Heater_ID: 0\n"
            b"Error:Printer halted. kill() called!\n"
        )
        return Found(self.Link(), "/dev/x", 250_000, said)


async def test_a_printer_that_halts_at_every_boot_tells_its_reason(tmp_path: Path) -> None:
    settings = PrinterSettings()
    engine = Engine(
        settings,
        FinderOfAHaltedPrinter(),
        Record(tmp_path / "port.json", Remembered),
        Printing(settings, Record(tmp_path / "print.json", api.Job)),
        HeatMemory(Record(tmp_path / "hot.json", bool)),
    )
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(20):
        while engine.snapshot().link is not api.LinkState.HALTED:
            await engine.revision.wait_beyond(engine.revision.number)
    problem = engine.snapshot().problem
    assert problem is not None and "MINTEMP" in problem.long
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
