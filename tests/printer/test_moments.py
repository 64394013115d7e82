"""A person's command that fits one moment alone never goes out at another."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import JobRefused
from appliance.printer.api import JobState, Moment, PauseKind
from appliance.sim.printer import PtyPrinter

Daemon = Any  # the fixture's class; conftest modules cannot be imported

HAND = ["G21", "G91", "G1 X1 F600", "G90", "M400"]
PUSH = ["G21", "M83", "G1 E1 F100", "M400"]
TOWER = ["G28", "M83", "M104 S200", *(f"G1 X{n % 9} E0.1 F3000" for n in range(4000))]


async def test_while_idle(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.ready()
    await daemon.client.run_gcode(HAND, Moment.IDLE)
    await daemon.client.set_temperature({"tool0": 50.0}, Moment.IDLE)
    for ask in (
        daemon.client.run_gcode(PUSH, Moment.PAUSED),
        daemon.client.set_temperature({"tool0": 60.0}, Moment.PAUSED),
    ):
        with pytest.raises(JobRefused, match="paused"):
            await ask
    assert [line for line in board.marlin.executed if line in {*HAND, *PUSH}] == HAND


async def test_never_beside_a_print_whatever_it_does(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.ready()
    await daemon.print(TOWER)
    await daemon.job(JobState.PRINTING)
    await refused(daemon, Moment.IDLE, Moment.PAUSED)
    await daemon.client.pause(PauseKind.PAUSE)
    await daemon.job(JobState.PAUSED)
    await refused(daemon, Moment.IDLE)
    await daemon.client.run_gcode(PUSH, Moment.PAUSED)
    await daemon.client.resume()
    await refused(daemon, Moment.IDLE, Moment.PAUSED)
    await daemon.client.cancel()
    await daemon.job(JobState.CANCELED)
    moves = {"G1 X1 F600", "G1 E1 F100"}
    assert [line for line in board.marlin.executed if line in moves] == ["G1 E1 F100"]


async def test_not_while_the_firmware_itself_waits(daemon: Daemon, board: PtyPrinter) -> None:
    """Its lines would stand in the firmware's queue and come into the print."""
    await daemon.ready()
    lines = [*TOWER[:100], "M600", *TOWER[100:200]]
    await daemon.print(lines)
    await daemon.job(JobState.PAUSED)
    await refused(daemon, Moment.IDLE, Moment.PAUSED)
    await daemon.client.resume()
    await daemon.job(JobState.COMPLETED)


async def test_after_a_resume_the_print_is_as_its_file_says(
    daemon: Daemon, board: PtyPrinter
) -> None:
    await daemon.ready()
    lines = ["G28", "M82", "M109 S200", *(f"G1 X{n % 9} E{n / 10:g}" for n in range(1, 3000))]
    await daemon.print(lines)
    await board.wait_for(lambda marlin: "G1 X1 E1" in marlin.executed)
    await daemon.client.pause(PauseKind.PAUSE)
    await daemon.job(JobState.PAUSED)
    await daemon.client.run_gcode(["G21", "M83", "G1 E7 F100", "M400"], Moment.PAUSED)
    await daemon.client.resume()
    await daemon.job(JobState.COMPLETED)
    end = await board.ask(lambda marlin, now: marlin.machine.motion)
    assert end.target[3] == pytest.approx(299.9)
    assert end.absolute_e


async def refused(daemon: Daemon, *moments: Moment) -> None:
    for moment in moments:
        with pytest.raises(JobRefused):
            await daemon.client.run_gcode(HAND, moment)
        with pytest.raises(JobRefused):
            await daemon.client.set_temperature({"bed": 1.0}, moment)
