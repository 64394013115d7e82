"""Local prints are reported with the job id "123", each of them once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.agent.local import LocalJobs
from appliance.agent.plate import Plate
from appliance.agent.reports import Reports
from appliance.agent.state import AgentState
from appliance.cloud.outbox import JobReport, Outbox
from appliance.errors import StorageError
from appliance.printer import api
from appliance.printer.client import PrinterUnreachable
from appliance.settings_panel import PlateSettings

FakePrinter = Any  # of the fixture `world`; conftest modules cannot be imported


async def nothing() -> None:
    """No next print."""


class Desk:
    """The agent's part for local prints, over a disk and a printer that outlive it."""

    def __init__(self, folder: Path, printer: FakePrinter) -> None:
        self.folder = folder
        self.printer = printer

    @contextlib.asynccontextmanager
    async def life(self, *, shown: float = 0.0) -> AsyncIterator[None]:
        self.state = self.printer.state = AgentState()
        self.outbox = Outbox(self.folder / "outbox")
        self.plate = Plate(self.folder, PlateSettings(), self.state, nothing)
        reports = Reports(self.outbox, lambda: "P3D1")
        local = LocalJobs(self.state, self.printer, reports, self.plate, shown=shown)
        self.printer.tell()
        task = asyncio.create_task(local.run())
        try:
            yield
            assert not task.done(), "it must never end"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def print(self, key: str, source: api.Source = api.Source.LOCAL) -> None:
        request = api.StartJob(path="/a", key=key, name=f"{key}.gcode", source=source)
        await self.printer.start(request)
        self.printer.tell()

    async def forgotten(self, *keys: str) -> None:
        async with asyncio.timeout(20):
            while self.printer.forgotten != list(keys):
                await self.state.revision.wait_beyond(self.state.revision.number)

    def reports(self) -> list[JobReport]:
        return [e.item for e in self.outbox.pending() if isinstance(e.item, JobReport)]


@pytest.fixture
async def desk(tmp_path: Path, world: Any) -> Desk:
    await world.kill()  # only its printer is of use here
    return Desk(tmp_path, world.printer)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_end_is_reported_once(desk: Desk) -> None:
    async with desk.life():
        await desk.print("one")
        await turns()
        assert desk.reports() == []
        desk.printer.finish(api.JobState.COMPLETED)
        await desk.forgotten("one")
        await desk.print("two")
        desk.printer.finish(api.JobState.CANCELED, "Canceled at the printer.")
        await desk.forgotten("one", "two")
    assert [(r.job_id, r.key, r.completed) for r in desk.reports()] == [
        ("123", "one", True),
        ("123", "two", False),
    ]
    assert desk.reports()[0].print_seconds == 60
    assert desk.state.notice == "Canceled at the printer."


async def test_an_end_without_a_reason_is_seen_all_the_same(desk: Desk) -> None:
    async with desk.life():
        await desk.print("one")
        desk.printer.finish(api.JobState.FAILED)
        await desk.forgotten("one")
    assert "one.gcode" in desk.state.notice


async def test_the_plate_is_full_before_the_end_is_forgotten(desk: Desk) -> None:
    forget = desk.printer.forget
    seen: list[bool] = []

    async def look_first(key: str) -> api.Snapshot:
        seen.append(desk.state.plate_full)
        snapshot: api.Snapshot = await forget(key)
        return snapshot

    desk.printer.forget = look_first
    async with desk.life():
        await desk.print("one")
        desk.printer.finish(api.JobState.COMPLETED)
        await desk.forgotten("one")
        await desk.plate.clear()
    async with desk.life():
        assert not desk.state.plate_full
    assert seen == [True]


async def test_killed_between_report_and_forget(desk: Desk) -> None:
    async with desk.life(shown=1000.0):
        await desk.print("one")
        desk.printer.finish(api.JobState.COMPLETED)
        await turns()
        assert len(desk.reports()) == 1
        assert desk.printer.forgotten == []
    async with desk.life():
        await desk.forgotten("one")
        assert len(desk.reports()) == 1


async def test_killed_after_the_delivery(desk: Desk) -> None:
    async with desk.life(shown=1000.0):
        await desk.print("one")
        desk.printer.finish(api.JobState.COMPLETED)
        await turns()
        [entry] = desk.outbox.pending()
        desk.outbox.delivered(entry)
    async with desk.life():
        await desk.forgotten("one")
        assert desk.reports() == [], "the cloud has it already"


async def test_the_end_is_left_to_be_seen_until_another_print_begins(desk: Desk) -> None:
    async with desk.life(shown=1000.0):
        await desk.print("one")
        desk.printer.finish(api.JobState.COMPLETED)
        await turns()
        assert desk.printer.job is not None, "the command line has not seen it yet"
        await desk.print("two")
        await desk.forgotten("one")
        assert desk.printer.job.key == "two"


@pytest.mark.parametrize(
    "error", [PrinterUnreachable("It is away."), StorageError("The disk is full.")]
)
async def test_a_daemon_that_cannot_forget_is_no_trouble(desk: Desk, error: Exception) -> None:
    async def forget(key: str) -> api.Snapshot:
        desk.printer.forgotten.append(key)
        desk.state.revision.bump()
        raise error

    desk.printer.forget = forget
    async with desk.life():
        await desk.print("one")
        desk.printer.finish(api.JobState.COMPLETED)
        await desk.forgotten("one")
        desk.printer.tell()
        await turns()
        assert len(desk.reports()) == 1


async def test_prints_of_the_cloud_are_somebody_elses(desk: Desk) -> None:
    async with desk.life():
        await desk.print("one", api.Source.CLOUD)
        desk.printer.finish(api.JobState.COMPLETED)
        await turns()
        assert (desk.reports(), desk.printer.forgotten) == ([], [])
