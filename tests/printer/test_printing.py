"""What remains of a print when the daemon or its disk goes; the print itself is in test_job."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.config import PrinterSettings
from appliance.errors import JobRefused, StorageError
from appliance.gcode.facts import GcodeFacts
from appliance.printer import api, printing
from appliance.printer.api import JobState
from appliance.printer.printing import Printing
from appliance.printer.protocol import Marlin
from appliance.store import Record

TODAY = 1_790_000_000.0  # Unix seconds


class FullDisk(Record[api.Job]):
    """A card on which nothing can be written or removed any more."""

    def load(self) -> api.Job | None:
        raise StorageError("The card cannot be read.")

    def save(self, value: api.Job) -> None:
        raise StorageError("The disk is full.")

    def clear(self) -> None:
        raise StorageError("The disk is read-only.")


def job(state: JobState) -> api.Job:
    return api.Job(
        job_id="123",
        key="k",
        name="a.gcode",
        source=api.Source.LOCAL,
        path="/gone",
        state=state,
        pause=api.PauseKind.PAUSE if state is JobState.PAUSED else None,
        started_at=1.0,
        file_size=10,
    )


def request(path: Path, key: str = "k") -> api.StartJob:
    return api.StartJob(path=str(path), key=key, name=path.name)


@pytest.fixture
def record(tmp_path: Path) -> Record[api.Job]:
    return Record(tmp_path / "print.json", api.Job)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.gcode"
    path.write_text("G28\nG1 X10 F3000\n")
    return path


@pytest.mark.parametrize("state", JobState)
def test_what_the_next_life_makes_of_each_state(record: Record[api.Job], state: JobState) -> None:
    record.save(job(state))
    next_life = Printing(PrinterSettings(), record)
    view = next_life.view(0.0)
    assert view is not None
    if state.ended:
        assert view == job(state)
    else:
        assert (view.state, view.pause) == (JobState.FAILED, None)
        assert "restarted during the print" in view.reason
        assert record.load() == view, "a second restart must say the same"
    assert next_life.left_hot == (state is not JobState.COMPLETED)
    assert not next_life.running
    assert not next_life.busy


async def test_a_broken_card_stops_nothing(tmp_path: Path, file: Path) -> None:
    one = Printing(PrinterSettings(), FullDisk(tmp_path / "print.json", api.Job))
    await one.prepare(request(file))
    one.begin("k", Marlin(), 0.0)
    assert one.running
    one.lost("The cable is out.", 1.0)
    one.forget("k")
    assert one.view(2.0) is None
    one.close()


def test_the_end_of_an_interrupted_print_needs_no_disk(tmp_path: Path) -> None:
    class Unwritable(FullDisk):
        def load(self) -> api.Job | None:
            return job(JobState.PRINTING)

    view = Printing(PrinterSettings(), Unwritable(tmp_path / "p.json", api.Job)).view(0.0)
    assert view is not None
    assert view.state is JobState.FAILED


async def test_of_two_requests_at_the_same_moment_one_prints(
    record: Record[api.Job], file: Path
) -> None:
    one = Printing(PrinterSettings(), record)
    await asyncio.gather(one.prepare(request(file, "a")), one.prepare(request(file, "b")))
    one.begin("b", Marlin(), 0.0)
    with pytest.raises(JobRefused, match="same moment"):
        one.begin("a", Marlin(), 0.0)
    view = one.view(0.0)
    assert view is not None
    assert view.key == "b"
    with pytest.raises(JobRefused, match=r"a\.gcode is printing"):
        await one.prepare(request(file, "c"))
    one.close()


async def test_without_a_print_there_is_nothing_to_change(record: Record[api.Job]) -> None:
    one = Printing(PrinterSettings(), record)
    with pytest.raises(JobRefused, match="Nothing is being printed"):
        one.pause(api.PauseKind.PAUSE, 0.0)
    with pytest.raises(JobRefused, match="Nothing is being printed"):
        one.resume(0.0)
    one.lost("nothing to lose", 0.0)
    one.fail("nothing to fail", 0.0)
    assert one.view(0.0) is None
    assert record.load() is None


async def test_a_first_reading_gives_up_when_the_daemon_ends(
    record: Record[api.Job], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, given_up = threading.Event(), threading.Event()

    def endless(file: object, facts: GcodeFacts, rest: Callable[[], None]) -> GcodeFacts:
        try:
            while True:
                rest()
                reading.set()
        finally:
            given_up.set()

    monkeypatch.setattr(printing, "first_reading", endless)
    one = Printing(PrinterSettings(), record)
    await one.prepare(request(file))
    one.begin("k", Marlin(), 0.0)
    assert await asyncio.to_thread(reading.wait, 20)
    one.close()
    assert await asyncio.to_thread(given_up.wait, 20)


async def test_each_line_about_a_state_carries_its_job(
    record: Record[api.Job], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = Printing(PrinterSettings(), record)
    await one.prepare(request(file))
    with caplog.at_level("INFO"):
        one.begin("k", Marlin(), 0.0)
    told = [entry for entry in caplog.records if entry.msg.startswith("print ")]
    assert [vars(entry)["job_id"] for entry in told] == ["123"]
    one.close()


async def test_a_first_reading_tells_what_the_slicer_did_not(
    record: Record[api.Job], file: Path
) -> None:
    one = Printing(PrinterSettings(), record)
    await one.prepare(request(file))
    one.begin("k", Marlin(), 0.0)
    assert one._reading is not None
    await asyncio.wait_for(one._reading, 20)
    view = one.view(0.0)
    assert view is not None
    assert view.estimated_seconds is not None
    assert view.estimated_seconds > 0
    one.close()


async def test_a_clock_that_is_set_during_the_print_moves_its_start_and_nothing_else(
    record: Record[api.Job], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = 30.0  # 1970
    monkeypatch.setattr("time.time", lambda: wall)
    one = Printing(PrinterSettings(), record)
    await one.prepare(request(file))
    one.begin("k", Marlin(), 500.0)
    wall = 90.0
    before = one.view(560.0)
    wall = TODAY
    after = one.view(620.0)
    wall = TODAY + 10.3  # trimmed
    later = one.view(630.0)
    one.lost("The cable is out.", 640.0)
    wall = TODAY + 80.0
    ended = one.view(700.0)
    assert before is not None and after is not None and later is not None and ended is not None
    assert (before.started_at, before.print_seconds) == (30.0, 60.0)
    assert (after.started_at, after.print_seconds) == (TODAY - 120.0, 120.0)
    assert (later.started_at, later.print_seconds) == (TODAY - 120.0, 130.0)
    assert (ended.ended_at, ended.print_seconds) == (TODAY + 20.0, 140.0)
    one.close()
