"""No print begins with an open door or on a full plate, and no job is lost over it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from appliance.agent.local import LocalJobs
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


# --- any sequence -------------------------------------------------------------------------------


class Walk:
    """A life with a real door, a real plate and a printer that refuses what the daemon does."""

    def __init__(self, world: World, patience: float, policy: DoorPolicy, has_ok: bool) -> None:
        self.world = world
        self.really_open = False
        self.on_plate = False
        self.accepted: list[str] = []
        self.wrong: list[str] = []  # how prints began that should not have
        self._numbers = 0
        self._local: asyncio.Task[None] | None = None
        world.door_settings = DoorSettings(pin=4, patience=patience, while_printing=policy)
        world.plate_settings = PlateSettings()
        world.has_ok = has_ok
        self._begin = world.printer.start
        world.printer.start = self._start
        self._cancel = world.printer.cancel
        world.printer.cancel = self._end_canceled

    def begin(self) -> None:
        world = self.world
        world.begin()
        local = LocalJobs(world.state, world.printer, world.owed, world.plate, shown=0.0)
        self._local = asyncio.create_task(local.run())

    async def end(self) -> None:
        await self.world.kill()
        if self._local is not None:
            assert not self._local.done()
            self._local.cancel()
            await asyncio.gather(self._local, return_exceptions=True)

    async def _start(self, request: api.StartJob) -> api.Snapshot:
        printer = self.world.printer
        before = printer.job
        known = (before, *printer.unseen)
        if not any(job is not None and job.key == request.key for job in known):
            if before is not None and not before.state.ended:
                raise JobRefused(f"{before.name} is printing.")
            # Noted, not raised: the jobs would take it for a mistake of the printer daemon.
            self.wrong += ["the door was open"] * self.really_open
            self.wrong += ["the plate was full"] * self.on_plate
            if before is not None:
                printer.unseen = (*printer.unseen, before)
        snapshot: api.Snapshot = await self._begin(request)
        return snapshot

    async def _end_canceled(self) -> api.Snapshot:
        snapshot: api.Snapshot = await self._cancel()
        self.on_plate = True  # this printer has then read the whole file
        return snapshot

    # What may happen.

    def door(self, value: int | None) -> None:
        """The switch is read, or cannot be read."""
        if value is not None:
            self.really_open = value in (0, 2)
        self.world.door.see(value)

    def cloud_print(self) -> None:
        self._numbers += 1
        message = Print(job_id=f"P3D1-{self._numbers}", gcode_file="http://x/1", job_name="Vase")
        with suppress(JobRefused):
            self.world.jobs.request(message)
            self.accepted.append(message.job_id)

    async def local_print(self) -> None:
        self._numbers += 1
        with suppress(JobRefused):
            await self.world.gate.start_now(
                api.StartJob(path="/x", key=f"local{self._numbers}", name="local.gcode")
            )
            self.world.printer.tell()

    def print_ends(self, state: JobState, read: int) -> None:
        printer = self.world.printer
        if printer.job is not None and not printer.job.state.ended:
            self.on_plate = self.on_plate or state is JobState.COMPLETED or read > 0
            printer.job = msgspec.structs.replace(printer.job, state=state, bytes_read=read)
            printer.tell()

    async def clear(self) -> None:
        self.on_plate = False
        await self.world.plate.clear()

    def announce(self) -> None:
        for _ in range(6):
            self.world.jobs.announced()

    async def cancel(self) -> None:
        with suppress(JobRefused):
            await self.world.jobs.cancel_any()

    async def resume(self) -> None:
        with suppress(JobRefused):
            await self.world.door.resume()

    async def restart(self) -> None:
        await self.end()
        self.begin()

    def hold(self, held: bool) -> None:
        """The download stands still, or goes on."""
        (self.world.fetch_allowed.clear if held else self.world.fetch_allowed.set)()

    async def to_the_end(self) -> None:
        """Everything that was accepted comes to an end."""
        self.hold(False)
        for _ in range(6):
            self.door(1)
            await turns()
            self.print_ends(JobState.COMPLETED, 100)
            await turns()
            self.announce()
            await turns()
            await self.clear()
            await turns()


Step = Callable[[Walk], Any]

ENDS = st.sampled_from(
    [(JobState.COMPLETED, 100), (JobState.FAILED, 40), (JobState.FAILED, 0), (JobState.CANCELED, 9)]
)
STEPS: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.sampled_from([("cloud_print",), ("local_print",), ("cloud_print",)]),
    st.sampled_from([("clear",), ("announce",), ("cancel",), ("resume",), ("restart",)]),
    st.sampled_from([("door", value) for value in (0, 1, 2, 3, None, 1)]),
    ENDS.map(lambda end: ("print_ends", *end)),
    st.sampled_from([("hold", True), ("hold", False), ("clear",), ("announce",)]),
)


@hypothesis_settings(max_examples=120, deadline=None)
@given(
    steps=st.lists(st.tuples(STEPS, st.sampled_from([40, 0, 2, 10])), min_size=8, max_size=40),
    patience=st.sampled_from([0.0, 600.0]),
    policy=st.sampled_from(list(DoorPolicy)),
    has_ok=st.booleans(),
)
def test_whatever_happens_no_print_begins_wrongly_and_no_job_is_lost(
    make_world: Callable[[Path], World],
    steps: list[tuple[tuple[Any, ...], int]],
    patience: float,
    policy: DoorPolicy,
    has_ok: bool,
) -> None:
    async def walk(folder: Path) -> None:
        world = make_world(folder)
        await world.kill()
        one = Walk(world, patience, policy, has_ok)
        one.begin()
        one.door(1)
        for (name, *arguments), rest in steps:
            outcome = getattr(one, name)(*arguments)
            if asyncio.iscoroutine(outcome):
                await outcome
            await turns(rest)
            assert world.plate.full == one.on_plate, "no print lies there unnoticed or for ever"
            assert one.wrong == []
        await one.to_the_end()
        assert one.wrong == []
        assert world.state.job is None
        assert not world.task.done(), "every part of the agent goes on for ever"
        told = [report.job_id for report in world.reports() if report.job_id != "123"]
        assert sorted(told) == sorted(one.accepted), "each job has one end"
        await one.end()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(walk(Path(folder)))
