"""Whatever happens at door, plate and printer: no print begins wrongly, no job is lost."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from appliance.agent.local import LocalJobs
from appliance.errors import JobRefused
from appliance.polar.messages import Print
from appliance.printer import api
from appliance.printer.api import JobState
from appliance.settings_panel import DoorPolicy, DoorSettings, PlateSettings

World = Any  # the fixture's class; conftest modules cannot be imported


async def turns(count: int = 40) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Walk:
    """A life with a real door, a real plate and a printer that refuses what the daemon does."""

    def __init__(self, world: World, patience: float, policy: DoorPolicy, has_ok: bool) -> None:
        self.world = world
        self.left_open = False  # when it was last read in this life of the agent
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
        self.left_open = False  # what an earlier life read nobody knows
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
            self.wrong += ["the door was open"] * self.left_open
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
            self.left_open = value in (0, 2)
        self.world.door.see(value)

    def wait(self, seconds: float) -> None:
        """Time passes, for the door."""
        self.world.clock += seconds
        self.world.state.revision.bump()

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
    [
        (JobState.COMPLETED, 100),
        (JobState.FAILED, 60),
        (JobState.FAILED, 0),
        (JobState.CANCELED, 90),
    ]
)
STEPS: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.sampled_from([("cloud_print",), ("local_print",), ("cloud_print",)]),
    st.sampled_from([("clear",), ("announce",), ("cancel",), ("resume",), ("restart",)]),
    st.sampled_from([("door", value) for value in (0, 1, 2, 3, None, 1)]),
    ENDS.map(lambda end: ("print_ends", *end)),
    st.sampled_from([("hold", True), ("hold", False), ("clear",), ("announce",)]),
    st.sampled_from([("door", None), ("wait", 5.0), ("wait", 11.0)]),
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
