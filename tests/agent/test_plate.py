"""The build plate: full after a print, over every restart, until somebody says it is clear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.agent.plate import REMEMBERED, Plate, PlateRecord, lies_on_plate
from appliance.agent.queue import QueueEmpty
from appliance.agent.state import AgentState
from appliance.errors import CloudError, StorageError
from appliance.polar.job import CloudJob, Phase
from appliance.printer import api
from appliance.printer.api import INTERRUPTED, JobState
from appliance.settings_panel import PlateSettings
from appliance.store import Record


def printed(key: str = "k1", **changes: Any) -> api.Job:
    job = api.Job(
        job_id="123",
        key=key,
        name="Vase",
        source=api.Source.LOCAL,
        path="/a",
        state=JobState.COMPLETED,
        started_at=1.0,
        file_size=100_000,
    )
    return msgspec.structs.replace(job, **changes)


class Table:
    """A plate over one disk, from life to life of the agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0
        self.error: Exception | None = None
        self.clock = 100.0  # seconds since the device was switched on
        self.wall = 1_000_000.0  # Unix seconds
        self._task: asyncio.Task[None] | None = None

    def build(self, *, confirm: bool = True, print_next: bool = False) -> Plate:
        self.state = AgentState()
        settings = PlateSettings(confirm=confirm, print_next=print_next)
        self.plate = Plate(
            self.folder,
            settings,
            self.state,
            self._print_next,
            clock=lambda: self.clock,
            wall=lambda: self.wall,
        )
        self._task = asyncio.create_task(self.plate.run())
        return self.plate

    def full(self) -> bool:
        return self.plate.full

    def shown(self) -> bool:
        return self.state.plate_full

    async def end(self) -> None:
        if self._task is not None:
            assert not self._task.done(), "it must never end"
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _print_next(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error

    async def show(self, job: api.Job | None = None, *unseen: api.Job) -> None:
        """The printer daemon shows this."""
        self.state.see_snapshot(
            api.Snapshot(link=api.LinkState.READY, job=job, unseen=tuple(unseen))
        )
        await turns()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    one = Table(tmp_path)
    yield one
    await one.end()


@pytest.mark.parametrize(
    ("changes", "lies"),
    [
        ({}, True),
        ({"state": JobState.CANCELED}, False),
        ({"state": JobState.CANCELED, "bytes_read": 4096}, False),
        ({"state": JobState.CANCELED, "bytes_read": 4097}, True),
        ({"state": JobState.CANCELED, "bytes_read": 200_000, "file_size": 50_000_000}, True),
        ({"state": JobState.CANCELED, "bytes_read": 500, "file_size": 1000}, False),
        ({"state": JobState.CANCELED, "bytes_read": 501, "file_size": 1000}, True),  # a small one
        ({"state": JobState.FAILED, "bytes_read": 50_000}, True),
        ({"state": JobState.FAILED, "bytes_read": 50_000, "layers": 10}, False),  # a long heating
        ({"state": JobState.FAILED, "bytes_read": 5, "layers": 10, "layer": 1}, True),
        ({"state": JobState.CANCELED, "bytes_read": 5, "layer": 0}, False),
        ({"state": JobState.FAILED, "reason": INTERRUPTED}, True),  # nobody noted how far it came
        ({"state": JobState.CANCELED, "file_size": 0}, False),
    ],
)
def test_what_lies_on_the_plate(changes: dict[str, Any], lies: bool) -> None:
    assert lies_on_plate(printed(**changes)) is lies


@pytest.mark.parametrize("state", [state for state in JobState if not state.ended])
async def test_a_print_that_goes_on_fills_nothing(table: Table, state: JobState) -> None:
    table.build()
    await table.show(printed(state=state, bytes_read=900, layer=9))
    assert not table.shown()


async def test_full_from_the_end_until_it_is_cleared_and_never_twice(table: Table) -> None:
    plate = table.build()
    await table.show(printed())
    assert table.full()
    assert table.shown()
    await plate.clear()
    assert not table.shown()
    await table.show(printed(), printed())  # the end is still being shown
    plate.see(printed())
    plate.fill("k1")
    assert not table.full()
    await table.show(printed("k2"))
    assert table.full()


async def test_it_is_full_before_anybody_has_looked(table: Table) -> None:
    table.build()
    table.state.see_snapshot(api.Snapshot(job=printed()))
    assert table.full(), "asked in the very moment of the end"


async def test_clearing_at_the_very_end_of_a_print_clears_that_print(table: Table) -> None:
    plate = table.build()
    table.state.see_snapshot(api.Snapshot(job=printed()))
    await plate.clear()
    await turns()
    assert not table.full()


async def test_a_print_that_another_one_followed_fills_it_too(table: Table) -> None:
    table.build()
    await table.show(printed("k2", state=JobState.PRINTING), printed("k1"))
    assert table.full()


async def test_a_restart_keeps_it_full_and_keeps_it_clear(table: Table) -> None:
    table.build()
    await table.show(printed())
    await table.end()
    plate = table.build()
    assert table.shown()
    await plate.clear()
    await table.end()
    table.build()
    await table.show(printed())
    assert not table.shown(), "it was taken off before the restart"


async def test_without_the_question_it_is_never_full(table: Table) -> None:
    table.build()
    await table.show(printed())
    await table.end()
    plate = table.build(confirm=False)
    assert not table.shown()
    await table.show(printed("k2"))
    plate.fill("k3")
    assert not table.full()


async def test_a_damaged_record_is_no_trouble(table: Table) -> None:
    (table.folder / "plate.json").write_text("{ damaged")
    table.build()
    assert not table.full()
    await table.show(printed())
    assert table.full()


async def test_a_card_that_cannot_be_read_or_written(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(Record, "save", broken)
    monkeypatch.setattr(Record, "load", broken)
    plate = table.build()
    await table.show(printed())
    assert table.full()
    await plate.clear()
    assert not table.full()
    assert caplog.text.count("The disk is full.") == 3


async def test_the_record_does_not_grow_without_end(table: Table) -> None:
    plate = table.build()
    for number in range(REMEMBERED + 5):
        plate.fill(f"k{number}")
    record = Record(table.folder / "plate.json", PlateRecord).load()
    assert record is not None
    assert len(record.prints) == REMEMBERED
    assert record.prints[-1] == f"k{REMEMBERED + 4}"


# --- the next print ------------------------------------------------------------------------------


async def test_the_next_print_is_asked_for_once(table: Table) -> None:
    plate = table.build(print_next=True)
    table.state.see_online(True)
    await table.show(printed())
    assert table.asked == 0
    await plate.clear()
    await plate.clear()
    await turns()
    await table.show(printed())
    assert table.asked == 1


async def test_it_is_not_asked_for_unless_the_settings_say_so(table: Table) -> None:
    plate = table.build()
    table.state.see_online(True)
    await table.show(printed())
    await plate.clear()
    await turns()
    assert table.asked == 0


async def test_an_empty_queue_is_no_news(table: Table) -> None:
    plate = table.build(print_next=True)
    table.error = QueueEmpty("There is no job in the queue that is ready to print.")
    table.state.see_online(True)
    await table.show(printed())
    await plate.clear()
    await turns()
    assert table.asked == 1
    assert table.state.notice == "The build plate is clear."


async def test_clearing_a_clear_plate_asks_for_nothing(table: Table) -> None:
    plate = table.build(print_next=True)
    table.state.see_online(True)
    await table.show()
    await plate.clear()
    await turns()
    assert table.asked == 0


async def test_the_end_is_told_to_the_cloud_first(table: Table) -> None:
    plate = table.build(print_next=True)
    table.state.see_online(True)
    job = CloudJob(job_id="P3D1-7", key="k1", received_at=1.0, phase=Phase.FINISHING)
    table.state.see_job(job)
    await table.show(printed())
    await plate.clear()
    table.state.see_job(msgspec.structs.replace(job, phase=Phase.ENDED))
    await turns()
    assert table.asked == 0, "several updates must say that it is complete"
    table.state.see_job(None)
    await turns()
    assert table.asked == 1


async def test_it_waits_for_cloud_printer_and_door(table: Table) -> None:
    plate = table.build(print_next=True)
    await table.show(printed())
    await plate.clear()
    table.state.see_snapshot(api.Snapshot())
    table.state.see_online(True)
    await turns()
    table.state.see_door(0)
    await table.show()
    assert table.asked == 0
    table.state.see_door(1)
    await turns()
    assert table.asked == 1


async def test_a_restart_in_between_asks_once(table: Table) -> None:
    plate = table.build(print_next=True)
    await table.show(printed())
    await plate.clear()
    for _ in range(2):
        await table.end()
        table.build(print_next=True)
        table.state.see_online(True)
        await table.show()
    assert table.asked == 1


async def cleared_offline(table: Table) -> None:
    plate = table.build(print_next=True)
    await table.show(printed())
    await plate.clear()
    await turns()


async def go_online(table: Table) -> None:
    table.state.see_online(True)
    await table.show()


@pytest.mark.parametrize(("later", "asked"), [(900.0, 1), (900.1, 0)])
async def test_after_some_minutes_nobody_expects_it_any_more(
    table: Table, later: float, asked: int
) -> None:
    await cleared_offline(table)
    table.clock += later
    table.wall += 40_000_000  # the clock was set meanwhile: that is not how long it took
    await go_online(table)
    assert table.asked == asked


@pytest.mark.parametrize(
    ("jump", "later", "asked"),
    [(60, 0, 1), (-60, 0, 1), (901, 0, 0), (-901, 0, 0), (40_000_000, 0, 0), (60, 901, 0)],
)
async def test_a_wish_of_an_earlier_life_is_judged_by_the_wall(
    table: Table, jump: float, later: float, asked: int
) -> None:
    await cleared_offline(table)
    await table.end()
    table.build(print_next=True)
    table.wall += jump
    table.clock += later
    await go_online(table)
    assert table.asked == asked


async def test_a_wish_does_not_outlive_its_setting(table: Table) -> None:
    await cleared_offline(table)
    await table.end()
    table.build(print_next=False)
    await go_online(table)
    assert table.asked == 0


async def test_a_print_that_begins_meanwhile_is_the_next_one(table: Table) -> None:
    plate = table.build(print_next=True)
    await table.show(printed())
    await plate.clear()
    await table.show(printed("k2", state=JobState.PRINTING))
    await table.show()
    table.state.see_online(True)
    await turns()
    assert table.asked == 0


@pytest.mark.parametrize(
    "error", [CloudError("There is no connection."), RuntimeError("a mistake")]
)
async def test_a_question_that_fails_is_said_and_ends_nothing(
    table: Table, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    plate = table.build(print_next=True)
    table.error = error
    table.state.see_online(True)
    await table.show(printed())
    await plate.clear()
    await turns()
    assert table.asked == 1
    assert str(error) in caplog.text
    await table.show(printed("k2"))
    assert table.full()
