"""A cloud print from end to end, with what goes wrong in the world around it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.polar.messages import Cancel, Command, FinalState, Pause, PauseKind, Resume
from appliance.printer.api import JobState
from appliance.sim.cloud_state import CloudState

Whole = Any  # the fixture's class; conftest modules cannot be imported
Square = Callable[[int], bytes]

HOST = {"M105", "M110", "M114", "M115", "M155", "M400"}


def commands(gcode: bytes) -> list[str]:
    return gcode.decode().splitlines()


def executed(whole: Whole) -> list[str]:
    return [line for line in whole.board.marlin.executed if line.split()[0] not in HOST]


def something_printed(fields: dict[str, Any]) -> bool:
    return bool(fields["bytesRead"] > fields["fileSize"] / 50)


async def completed(whole: Whole, job_id: str) -> None:
    def ending(state: CloudState) -> bool:
        return any(past.job_id == job_id for past in state.printer().past)

    await whole.wait(ending, 90)
    [past] = [past for past in whole.cloud.printer.past if past.job_id == job_id]
    assert past.ending is FinalState.COMPLETED, whole.logs()[-3000:]


def loaded(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


async def test_once_online_the_agent_has_no_library_for_keys_in_memory(whole: Whole) -> None:
    assert whole.cloud.state.lives[whole.cloud.printer.serial_number].connected
    assert "/cryptography/" not in loaded(whole.agent.process.pid)
    assert "/cryptography/" in loaded(os.getpid()), "the cloud, in this process, has it"
    assert (whole.folder / "state/key.pub").exists()


async def test_from_queue_to_time_lapse(whole: Whole, square: Square) -> None:
    gcode = square(150)
    job_id = whole.cloud.queue("Tower ü", gcode)
    await whole.cloud.start_print(job_id)
    await whole.wait(lambda state: whole.code(state) == 3)
    assert whole.fields()["jobId"] == job_id
    await completed(whole, job_id)
    await whole.wait(lambda state: job_id in state.printer().videos)
    await whole.clear_plate()
    assert executed(whole) == commands(gcode)
    assert whole.board.marlin.dropped_bytes == 0
    codes = [r.code for r in whole.cloud.state.lives[whole.cloud.printer.serial_number].statuses]
    assert codes.count(7) >= 3
    assert {2, 3, 5, 7, 15} <= set(codes)
    assert codes.index(15) > codes.index(7), "the end is announced first"
    assert 7 not in codes[codes.index(15) :]
    logs = whole.logs()
    assert "Traceback" not in logs
    for secret in ('1234"', "BEGIN PRIVATE", "X-Amz-Signature"):
        assert secret not in logs


@pytest.mark.parametrize("moment", [2, 3, 5])
async def test_the_agent_is_killed_or_stopped_and_the_job_ends_as_usual(
    whole: Whole, square: Square, moment: int
) -> None:
    gcode = square(200)
    job_id = whole.cloud.queue("Tower", gcode)
    await whole.cloud.start_print(job_id)
    await whole.wait(lambda state: whole.code(state) == moment)
    for end in (whole.agent.stop, whole.agent.kill, whole.agent.kill):
        await end()
        await whole.agent.start()
    await completed(whole, job_id)
    await whole.clear_plate()
    assert executed(whole) == commands(gcode)
    assert len(whole.cloud.printer.past) == 1


async def test_the_network_is_cut_and_the_print_goes_on(whole: Whole, square: Square) -> None:
    gcode = square(300)
    job_id = whole.cloud.queue("Tower", gcode)
    await whole.cloud.start_print(job_id)
    await whole.wait(lambda state: whole.code(state) == 3)
    await whole.cloud.go_offline()
    await whole.board.wait_for(lambda marlin: marlin.executed[-1:] == ["M84"], 60)
    await whole.cloud.go_online()
    await completed(whole, job_id)
    await whole.wait(lambda state: job_id in state.printer().videos)
    assert executed(whole) == commands(gcode)


async def test_no_print_on_a_plate_that_was_not_cleared(whole: Whole, square: Square) -> None:
    first, second = (whole.cloud.queue(name, square(40)) for name in ("One", "Two"))
    await whole.cloud.start_print(first)
    await completed(whole, first)
    await whole.wait(lambda state: whole.code(state) == 15)
    hellos = whole.hellos()
    for process in (whole.agent, whole.printer):  # a power cut makes no plate look empty
        await process.kill()
        await process.start()
    await whole.wait(lambda state: whole.hellos() > hellos and whole.code(state) == 15)
    before = len(executed(whole))
    await whole.cloud.start_print(second)
    async with asyncio.timeout(30):
        while "not clear" not in (await whole.view()).notice:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert len(executed(whole)) == before
    assert [job.job_id for job in whole.cloud.printer.queue] == [second]
    await whole.clear_plate()
    await whole.cloud.start_print(second)
    await completed(whole, second)


async def test_pause_resume_and_cancel(whole: Whole, square: Square) -> None:
    serial = whole.cloud.printer.serial_number
    job_id = whole.cloud.queue("Tower", square(2000))
    await whole.cloud.start_print(job_id)
    await whole.wait(lambda state: whole.code(state) == 3 and something_printed(whole.fields()))
    for kind, code in ((PauseKind.PAUSE, 4), (PauseKind.COLD, 9), (PauseKind.FILAMENT, 10)):
        await whole.cloud.send(Pause(serial_number=serial, type=kind))
        await whole.wait(lambda state, code=code: whole.code(state) == code)
    async with whole.client() as client:
        async for snapshot in client.snapshots():
            if snapshot and snapshot.job.state is JobState.PAUSED:
                break
    await whole.cloud.send(Resume(serial_number=serial))
    await whole.wait(lambda state: whole.code(state) == 3)
    await whole.cloud.send(Cancel(serial_number=serial))
    await whole.wait(lambda state: whole.code(state) == 6)
    await whole.wait(lambda state: bool(state.printer().past))
    assert whole.cloud.printer.past[0].ending is FinalState.CANCELED
    await whole.clear_plate()
    status = await whole.board.status()
    assert all(target == 0 for _, target in status.heaters.values())


async def test_commands_are_answered(whole: Whole) -> None:
    serial = whole.cloud.printer.serial_number
    life = whole.cloud.state.lives[serial]
    await whole.cloud.send(Command(serial_number=serial, command="M115\nM105\n"))
    await whole.wait(lambda state: bool(life.answers))
    assert "FIRMWARE_NAME" in life.answers[-1].text
    assert "T:" in life.answers[-1].text
    await whole.cloud.send(Command(serial_number=serial, command="M105\x07"))
    await whole.wait(lambda state: len(life.answers) > 1)
    assert "control" in life.answers[-1].text
