"""No print begins with an open door or on a full plate, and no job is lost over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from appliance.errors import JobRefused, PrinterError
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.polar.messages import Print
from appliance.polar.status import status_code, status_message
from appliance.printer import api
from appliance.printer.api import JobState
from appliance.settings_panel import DoorPolicy, DoorSettings, PlateSettings
from appliance.store import Record

World = Any  # the fixture's class; conftest modules cannot be imported


async def turns(count: int = 40) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def printing(world: World) -> bool:
    return world.state.job is not None and world.state.job.phase is Phase.PRINTING


def ended(world: World) -> bool:
    return world.state.job is not None and world.state.job.phase is Phase.ENDED


def starting(world: World) -> bool:
    return world.state.job is not None and world.state.job.phase is Phase.STARTING


def code(world: World) -> int:
    return int(status_code(world.state.inputs()))


@pytest.fixture
async def guarded(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world with a door's switch and a plate that is to be confirmed."""
    monkeypatch.setattr("appliance.agent.gate.RETRY_PAUSE", 0.0)
    await world.kill()
    world.door_settings = DoorSettings(pin=4, while_printing=DoorPolicy.NOTHING)
    world.plate_settings = PlateSettings()
    world.begin()
    world.door.see(1)
    yield world
    await world.kill()


# --- the door -------------------------------------------------------------------------------------


async def test_a_print_waits_for_the_door(guarded: World, print_message: Print) -> None:
    guarded.door.see(0)
    assert code(guarded) == 14
    guarded.jobs.request(print_message)
    await guarded.until(lambda: starting(guarded))
    await turns()
    assert guarded.printer.starts == []
    assert code(guarded) == 14
    assert guarded.state.waiting_for_door == "Vase"
    message = status_message(guarded.state.inputs(), "P3D1", 0.0)
    assert (message.status, message.job_id, message.door) == (14, "P3D1-7", 0)
    assert (message.progress_detail or "").startswith("Close the door: Vase waits")
    guarded.door.see(1)
    await guarded.until(lambda: printing(guarded))
    assert len(guarded.printer.starts) == 1
    assert guarded.state.waiting_for_door == ""


async def test_the_door_is_opened_while_the_file_comes(
    guarded: World, print_message: Print
) -> None:
    guarded.fetch_allowed.clear()
    guarded.jobs.request(print_message)
    await guarded.fetch_started.wait()
    assert code(guarded) == 2
    guarded.door.see(2)
    assert code(guarded) == 14
    guarded.fetch_allowed.set()
    await guarded.until(lambda: starting(guarded))
    await turns()
    assert guarded.printer.starts == []
    guarded.door.see(3)
    await guarded.until(lambda: printing(guarded))


async def test_a_door_that_stays_open_ends_the_job_with_a_reason(
    guarded: World, print_message: Print
) -> None:
    await guarded.kill()
    guarded.door_settings = DoorSettings(pin=4, patience=0.01)
    guarded.begin()
    guarded.door.see(0)
    guarded.jobs.request(print_message)
    await guarded.until(lambda: ended(guarded))
    assert guarded.state.job.outcome is Outcome.FAILED
    assert "Vase was not printed: the door stayed open" in guarded.state.job.reason
    assert [report.completed for report in await guarded.reported()] == [False]
    assert not guarded.plate.full, "nothing was printed"


async def test_a_switch_that_is_lost_closes_no_door(guarded: World, print_message: Print) -> None:
    guarded.door.see(0)
    guarded.jobs.request(print_message)
    await guarded.until(lambda: starting(guarded))
    guarded.door.see(None)
    await turns()
    guarded.clock += 1000.0
    guarded.state.revision.bump()
    await turns()
    assert guarded.printer.starts == []
    assert guarded.state.job.detail.startswith("Waiting for the door: The door was open when")
    with pytest.raises(JobRefused, match="now it cannot be read"):
        await guarded.gate.start_now(api.StartJob(path="/x", key="local", name="local.gcode"))
    guarded.door.see(1)
    await guarded.until(lambda: printing(guarded))


async def test_cancel_while_it_waits_for_the_door(guarded: World, print_message: Print) -> None:
    guarded.door.see(0)
    guarded.jobs.request(print_message)
    await guarded.until(lambda: starting(guarded))
    assert await guarded.jobs.cancel()
    await guarded.until(lambda: ended(guarded))
    assert guarded.state.job.outcome is Outcome.CANCELED
    assert guarded.printer.starts == []


async def test_a_restart_while_it_waits_goes_on_waiting(
    guarded: World, print_message: Print
) -> None:
    guarded.door.see(0)
    guarded.jobs.request(print_message)
    await guarded.until(lambda: starting(guarded))
    await guarded.kill()
    guarded.begin()
    await turns()
    assert guarded.printer.starts == [], "the switch was not read yet"
    guarded.door.see(0)
    await turns()
    assert (guarded.printer.starts, code(guarded)) == ([], 14)
    guarded.door.see(1)
    await guarded.until(lambda: printing(guarded))


async def test_a_print_that_the_printer_has_taken_is_found_again(
    guarded: World, print_message: Print
) -> None:
    """Killed before the answer was read; now the door is open and another print lies there."""
    guarded.jobs.request(print_message)
    await guarded.until(lambda: printing(guarded))
    job = guarded.state.job
    await guarded.kill()
    record = msgspec.structs.replace(job, phase=Phase.STARTING)
    Record(guarded.folder / "job.json", CloudJob).save(record)
    guarded.begin()
    guarded.door.see(0)
    guarded.plate.fill("another")
    await guarded.until(lambda: printing(guarded))
    assert guarded.state.job.key == job.key
    assert len(guarded.printer.started_keys) == 1


async def test_a_printer_that_is_away_is_waited_for_behind_the_open_door(
    guarded: World, print_message: Print
) -> None:
    guarded.printer.refusal = PrinterError("The printer is not connected yet.")
    guarded.jobs.request(print_message)
    await guarded.until(lambda: starting(guarded) and bool(guarded.printer.starts))
    guarded.door.see(0)
    await turns()
    tries = len(guarded.printer.starts)
    guarded.printer.refusal = None
    await turns()
    assert len(guarded.printer.starts) == tries
    guarded.door.see(1)
    await guarded.until(lambda: printing(guarded))


async def test_waiting_for_the_door_uses_up_no_patience_with_the_printer(
    guarded: World, print_message: Print
) -> None:
    guarded.printer.refusal = PrinterError("The printer is not connected yet.")
    guarded.jobs.request(print_message)
    await guarded.until(lambda: starting(guarded) and bool(guarded.printer.starts))
    guarded.door.see(0)
    await turns()
    assert guarded.state.job.detail == ""
    guarded.clock += 1000.0
    tries = len(guarded.printer.starts)
    guarded.door.see(1)
    await turns()
    assert len(guarded.printer.starts) > tries
    assert starting(guarded), "the printer has its time again"
    guarded.clock += 1000.0
    await guarded.until(lambda: ended(guarded))
    assert guarded.state.job.reason == "The printer is not connected yet."


async def test_what_is_waited_for_is_not_said_any_longer(
    guarded: World, print_message: Print
) -> None:
    said: list[str] = []
    guarded.printer.refusal = PrinterError("It is off.")
    request = api.StartJob(path="/x", key="k", name="Vase")
    start = asyncio.create_task(guarded.gate.start(request, lambda: False, said.append))
    await turns()
    assert said[-1] == "Waiting for the printer: It is off."
    guarded.door.see(0)
    await turns()
    guarded.printer.refusal = None
    guarded.door.see(1)
    await start
    assert said[-1] == "Starting the print"


async def test_a_local_print_is_refused_at_the_open_door(guarded: World) -> None:
    request = api.StartJob(path="/x", key="local", name="local.gcode")
    guarded.door.see(0)
    with pytest.raises(JobRefused, match="door is open"):
        await guarded.gate.start_now(request)
    guarded.door.see(1)
    await guarded.gate.start_now(request)
    assert guarded.printer.started_keys == ["local"]


# --- the plate --------------------------------------------------------------------------------


async def test_the_plate_is_full_after_a_print_and_the_next_is_refused(
    guarded: World, print_message: Print
) -> None:
    guarded.jobs.request(print_message)
    await guarded.until(lambda: printing(guarded))
    guarded.printer.finish(JobState.COMPLETED)
    await guarded.until(lambda: ended(guarded))
    assert (code(guarded), guarded.state.plate_full) == (7, True)
    second = Print(job_id="P3D1-8", gcode_file="http://x/8", job_name="Cup")
    with pytest.raises(JobRefused, match="Cup was not begun: the build plate is not clear"):
        guarded.jobs.request(second)
    assert guarded.state.job.job_id == "P3D1-7", "its end is announced undisturbed"
    for _ in range(3):
        guarded.jobs.announced()
    await guarded.until(lambda: guarded.state.job is None)
    assert code(guarded) == 15
    with pytest.raises(JobRefused, match="not clear"):
        guarded.jobs.request(second)
    assert guarded.state.job is None
    with pytest.raises(JobRefused, match="not clear"):
        await guarded.gate.start_now(api.StartJob(path="/x", key="local", name="local.gcode"))
    await guarded.plate.clear()
    assert code(guarded) == 0
    guarded.jobs.request(second)
    await guarded.until(lambda: printing(guarded))


async def test_cleared_while_the_end_is_announced_it_stays_clear(
    guarded: World, print_message: Print
) -> None:
    guarded.jobs.request(print_message)
    await guarded.until(lambda: printing(guarded))
    guarded.printer.finish(JobState.COMPLETED)
    await guarded.until(lambda: ended(guarded))
    await guarded.plate.clear()
    for _ in range(3):
        guarded.jobs.announced()
    await guarded.until(lambda: guarded.state.job is None)
    assert code(guarded) == 0


async def test_a_print_that_never_laid_anything_down_leaves_it_clear(
    guarded: World, print_message: Print
) -> None:
    guarded.jobs.request(print_message)
    await guarded.until(lambda: printing(guarded))
    guarded.printer.job = msgspec.structs.replace(guarded.printer.job, state=JobState.CANCELED)
    guarded.printer.tell()
    await guarded.until(lambda: ended(guarded))
    assert not guarded.plate.full


async def test_a_print_the_printer_service_lost_may_lie_there(
    guarded: World, print_message: Print
) -> None:
    guarded.jobs.request(print_message)
    await guarded.until(lambda: printing(guarded))
    guarded.printer.job = None
    guarded.printer.tell()
    await guarded.until(lambda: ended(guarded))
    assert guarded.plate.full


async def test_a_plate_that_was_filled_while_the_file_came_ends_the_job(
    guarded: World, print_message: Print
) -> None:
    guarded.fetch_allowed.clear()
    guarded.jobs.request(print_message)
    await guarded.fetch_started.wait()
    guarded.plate.fill("a print that was started past the agent")
    guarded.fetch_allowed.set()
    await guarded.until(lambda: ended(guarded))
    assert "not clear" in guarded.state.job.reason
    assert guarded.printer.starts == []


async def printed_without_the_agent(world: World) -> None:
    """The printer daemon's print ended while the agent was off, and the agent starts."""
    await world.kill()
    await world.printer.start(api.StartJob(path="/x", key="local", name="local.gcode"))
    world.printer.finish(JobState.COMPLETED)
    world.begin(heard=False)
    world.door.see(1)


async def test_a_local_print_waits_for_the_printer_daemons_word_on_the_plate(
    guarded: World,
) -> None:
    await printed_without_the_agent(guarded)
    with pytest.raises(JobRefused, match="not clear"):
        await guarded.gate.start_now(api.StartJob(path="/x", key="two", name="two.gcode"))
    assert guarded.printer.started_keys == ["local"]


async def test_a_print_of_the_cloud_waits_for_the_printer_daemons_word_on_the_plate(
    guarded: World, print_message: Print
) -> None:
    await printed_without_the_agent(guarded)
    guarded.jobs.request(print_message)
    await guarded.until(lambda: ended(guarded))
    assert "not clear" in guarded.state.job.reason
    assert guarded.printer.started_keys == ["local"]


@pytest.mark.parametrize("kills", range(1, 25))
async def test_killed_at_any_step_the_plate_is_full_at_the_end(
    guarded: World, print_message: Print, kills: int
) -> None:
    guarded.jobs.request(print_message)
    lives = 0
    while not (guarded.state.job is None and guarded.jobs.last is not None):
        for _ in range(kills + lives):
            await asyncio.sleep(0)
            if guarded.printer.job is not None and not guarded.printer.job.state.ended:
                guarded.printer.finish(JobState.COMPLETED)
            guarded.jobs.announced()
        if guarded.jobs.last is not None or ended(guarded):
            assert guarded.state.plate_full, "before the end of the job is on the disk"
        await guarded.kill()
        guarded.begin()
        guarded.door.see(1)
        lives += 1
        await turns(5)
        assert lives < 500
    assert guarded.plate.full
