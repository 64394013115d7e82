"""One cloud job to its end: every way there, and the agent killed at every step."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.errors import (
    EncoderError,
    JobRefused,
    PrinterError,
    StorageError,
    TransferError,
)
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.polar.messages import Print
from appliance.printer import api
from appliance.printer.client import PrinterUnreachable
from appliance.store import Record

World = Any  # the fixture's class; conftest modules cannot be imported


def outcome(world: World) -> Outcome | None:
    return world.state.job.outcome if world.state.job else None


def ended(world: World) -> bool:
    return world.state.job is not None and world.state.job.phase is Phase.ENDED


def printing(world: World) -> bool:
    return world.state.job is not None and world.state.job.phase is Phase.PRINTING


async def test_a_job_goes_from_the_print_command_to_its_report(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.COMPLETED
    assert world.video.made == [world.state.job.key]
    [report] = await world.reported()
    assert (report.job_id, report.completed, report.print_seconds) == ("P3D1-7", True, 60)
    for _ in range(3):
        world.jobs.announced()
    await world.until(lambda: world.state.job is None)
    assert world.printer.job is None
    assert world.jobs.last.outcome is Outcome.COMPLETED


async def test_the_final_state_stays_until_it_was_announced(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    world.jobs.announced()
    world.jobs.announced()
    await asyncio.sleep(0)
    assert ended(world)


async def test_cancel_while_downloading(world: World, print_message: Print) -> None:
    world.fetch_allowed.clear()
    world.jobs.request(print_message)
    await world.fetch_started.wait()
    assert await world.jobs.cancel()
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.CANCELED
    assert world.printer.starts == []
    assert [r.completed for r in await world.reported()] == [False]


async def test_cancel_while_printing(world: World, print_message: Print) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    assert await world.jobs.cancel()
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.CANCELED
    assert world.video.made == []


async def test_cancel_without_a_job_is_for_somebody_else(world: World) -> None:
    assert not await world.jobs.cancel()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TransferError("The cloud has no file for this job (404)."), "404"),
        (PrinterError("other", short="x"), "other"),
    ],
)
async def test_a_download_that_fails_ends_the_job_with_its_reason(
    world: World, print_message: Print, error: Exception, words: str
) -> None:
    world.fetch_error = error
    world.jobs.request(print_message)
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.FAILED
    assert words in world.state.job.reason
    assert [r.completed for r in await world.reported()] == [False]


async def test_a_refused_start_ends_the_job(world: World, print_message: Print) -> None:
    world.printer.refusal = JobRefused("Another print is running.")
    world.jobs.request(print_message)
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.FAILED
    assert world.state.job.reason == "Another print is running."


async def test_a_print_that_fails_ends_with_the_printers_reason(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.FAILED, "The printer restarted by itself.")
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.FAILED
    assert world.state.job.reason == "The printer restarted by itself."


@pytest.mark.parametrize("error", [EncoderError("It hung."), RuntimeError("a mistake of ours")])
async def test_an_encoder_that_fails_ends_the_job_all_the_same(
    world: World, print_message: Print, error: Exception
) -> None:
    world.video.error = error
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.COMPLETED
    assert str(error) in world.state.job.video_note


async def test_a_second_print_is_refused_and_the_first_goes_on(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    with pytest.raises(JobRefused, match="still printing"):
        world.jobs.request(Print(serial_number="P3D1", job_id="P3D1-8", gcode_file="http://x/8"))
    world.jobs.request(print_message)  # the cloud repeats itself: no second print, no error
    assert world.state.job.job_id == "P3D1-7"
    assert len(world.printer.started_keys) == 1


async def test_a_cloud_print_is_refused_while_a_local_one_runs(
    world: World, print_message: Print
) -> None:
    await world.printer.start(api.StartJob(path="/x", key="local", name="local.gcode"))
    world.printer.tell()
    with pytest.raises(JobRefused, match=r"local\.gcode"):
        world.jobs.request(print_message)


async def test_a_job_without_gcode_says_what_to_do(world: World) -> None:
    world.jobs.request(Print(job_id="P3D1-9", stl_file="http://x/9.stl"))
    await world.until(lambda: ended(world))
    assert "slice" in world.state.job.reason


async def test_a_new_print_may_come_while_the_last_end_is_announced(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    world.jobs.request(Print(job_id="P3D1-8", gcode_file="http://x/8"))
    await world.until(lambda: printing(world) and world.state.job.job_id == "P3D1-8")
    assert len(world.printer.started_keys) == 2


async def test_a_print_the_printer_service_lost_fails(world: World, print_message: Print) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.job = None
    world.printer.tell()
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.FAILED


async def test_without_a_record_a_running_print_is_taken_over(
    world: World, print_message: Print, tmp_path: Path
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    await world.kill()
    (tmp_path / "job.json").write_text("{ damaged")
    world.begin()
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    assert [r.job_id for r in await world.reported()] == ["P3D1-7"]


@pytest.mark.parametrize("kills", range(1, 30))
async def test_killed_at_any_step_the_job_ends_as_if_nothing_had_happened(
    world: World, print_message: Print, kills: int
) -> None:
    """Killed after ``kills`` turns of the event loop, then after one more, and so on."""
    world.jobs.request(print_message)
    lives = 0
    while not (world.state.job is None and world.jobs.last is not None):
        for _ in range(kills + lives):
            await asyncio.sleep(0)
            if world.printer.job is not None and not world.printer.job.state.ended:
                world.printer.finish(api.JobState.COMPLETED)
            world.jobs.announced()
        await world.kill()
        world.begin()
        lives += 1
        await world.until(lambda: True)
        for _ in range(3):
            await asyncio.sleep(0)
        assert lives < 500
    assert len(world.printer.started_keys) == 1, "the print was started twice"
    assert len(world.reports()) == 1
    assert world.jobs.last.outcome is Outcome.COMPLETED
    await world.kill()


async def test_a_cancel_survives_a_kill(world: World, print_message: Print) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    job = world.state.job
    await world.jobs.cancel()
    await world.kill()
    world.begin()
    await world.until(lambda: ended(world))
    assert world.state.job.key == job.key
    assert outcome(world) is Outcome.CANCELED


async def test_a_cancel_that_meets_a_daemon_that_is_away_is_asked_again(
    world: World, print_message: Print
) -> None:
    """A job must not end as failed while its print goes on."""
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    cancel, asked = world.printer.cancel, asyncio.Event()

    async def away() -> api.Snapshot:
        asked.set()
        raise PrinterUnreachable("The printer service does not answer.")

    world.printer.cancel = away
    assert await world.jobs.cancel()
    world.printer.tell()
    await asyncio.wait_for(asked.wait(), 20)
    assert printing(world)
    assert world.reports() == []
    world.printer.cancel = cancel
    world.printer.tell()  # it is back
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.CANCELED


async def test_a_second_cancel_changes_nothing(world: World, print_message: Print) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    assert await world.jobs.cancel()
    assert await world.jobs.cancel()
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.CANCELED
    assert not await world.jobs.cancel()


async def test_a_broken_disk_does_not_keep_a_job_from_its_end(
    world: World,
    print_message: Print,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(Record, "save", full)
    monkeypatch.setattr(Record, "clear", full)
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.COMPLETED
    for _ in range(3):
        world.jobs.announced()
    await world.until(lambda: world.state.job is None)
    assert "The disk is full." in caplog.text


async def test_cancel_any_reaches_a_local_print(world: World) -> None:
    await world.printer.start(api.StartJob(path="/x", key="local", name="local.gcode"))
    await world.jobs.cancel_any()
    assert world.printer.job.state is api.JobState.CANCELED
    with pytest.raises(JobRefused):
        await world.jobs.cancel_any()


async def test_a_mistake_of_ours_ends_the_job_and_does_not_come_back(
    world: World, print_message: Print
) -> None:
    world.fetch_error = RuntimeError("a mistake")
    world.jobs.request(print_message)
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.FAILED
    assert "RuntimeError" in world.state.job.reason
    assert not world.task.done()


async def test_killed_while_a_canceled_job_is_being_started(
    world: World, print_message: Print
) -> None:
    """The daemon took the print, the cancel is on the disk, the answer never came."""
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    started = world.state.job
    await world.kill()
    record = msgspec.structs.replace(started, phase=Phase.STARTING, cancel_requested=True)
    Record(world.folder / "job.json", CloudJob).save(record)
    world.begin()
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.CANCELED
    assert world.printer.job.state is api.JobState.CANCELED


async def test_a_job_that_failed_is_not_begun_again_after_a_kill(
    world: World, print_message: Print
) -> None:
    world.fetch_error = TransferError("404")
    world.jobs.request(print_message)
    await world.until(lambda: ended(world))
    await world.kill()
    world.fetch_error = None
    world.begin()
    await world.until(lambda: ended(world))
    assert world.printer.starts == []
    assert [r.completed for r in await world.reported()] == [False]


async def test_a_print_that_another_one_followed_is_still_reported(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    await world.kill()
    world.printer.finish(api.JobState.COMPLETED)
    world.printer.unseen = (world.printer.job,)
    world.printer.job = None
    await world.printer.start(api.StartJob(path="/x", key="local", name="local.gcode"))
    world.begin()
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.COMPLETED


async def test_a_canceled_download_leaves_nothing_on_the_disk(
    world: World, print_message: Print
) -> None:
    world.fetch_allowed.clear()
    world.jobs.request(print_message)
    await world.fetch_started.wait()
    spool = world.folder / "spool"
    spool.mkdir(exist_ok=True)
    (spool / f"{world.state.job.key}.gcode.part").write_bytes(b"half")
    await world.jobs.cancel()
    await world.until(lambda: ended(world))
    for _ in range(3):
        world.jobs.announced()
    await world.until(lambda: world.state.job is None)
    assert list(spool.iterdir()) == []


async def test_the_last_print_is_forgotten_before_the_next_one_begins(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    first = world.state.job
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    world.fetch_error = TransferError("404")
    world.jobs.request(Print(job_id="P3D1-8", gcode_file="http://x/8"))
    await world.until(lambda: ended(world) and world.state.job.job_id == "P3D1-8")
    assert first.key in world.printer.forgotten
    changed = world.outbox.changed()
    while len(world.reports()) < 2:
        await asyncio.wait_for(changed.wait(), 20)
    assert {(r.job_id, r.completed) for r in world.reports()} == {
        ("P3D1-7", True),
        ("P3D1-8", False),
    }


async def test_a_cancel_during_the_handing_over_ends_the_print_that_was_taken(
    world: World, print_message: Print, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start was taken, its answer was lost, and the daemon is away for a moment."""
    monkeypatch.setattr("appliance.agent.gate.RETRY_PAUSE", 0.0)
    start, asked = world.printer.start, asyncio.Event()

    async def lost(request: api.StartJob) -> api.Snapshot:
        await start(request)
        world.printer.away = PrinterUnreachable("The printer service does not answer.")
        await world.jobs.cancel()
        raise world.printer.away

    snapshot = world.printer.snapshot

    async def noted() -> api.Snapshot:
        asked.set()
        answer: api.Snapshot = await snapshot()
        return answer

    world.printer.start, world.printer.snapshot = lost, noted
    world.jobs.request(print_message)
    await asyncio.wait_for(asked.wait(), 20)
    await asyncio.sleep(0)
    assert not ended(world), "whether it was taken is not known yet"
    world.printer.away = None
    await world.until(lambda: ended(world))
    assert outcome(world) is Outcome.CANCELED
    assert world.printer.job.state is api.JobState.CANCELED


async def local_print(world: World) -> None:
    await world.printer.start(api.StartJob(path="/x", key="local", name="local.gcode"))
    world.printer.tell()


async def test_offline_the_end_is_announced_until_something_else_is_printed(
    world: World, print_message: Print
) -> None:
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    world.state.see_online(True)
    await local_print(world)
    await asyncio.sleep(0)
    assert ended(world), "the cloud is there to hear of it"
    world.state.see_online(False)
    await world.until(lambda: world.state.job is None)
    assert [report.job_id for report in world.reports()] == ["P3D1-7"]
    assert world.printer.job.key == "local"


async def test_an_end_that_no_cloud_is_to_be_told_of_is_shown_for_a_while(
    world: World, print_message: Print, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.agent.jobs.SHOWN", 0.05)
    world.jobs.request(print_message)
    await world.until(lambda: printing(world))
    world.serial_number = None
    world.printer.finish(api.JobState.COMPLETED)
    await world.until(lambda: ended(world))
    await world.until(lambda: world.state.job is None)
    assert world.jobs.last.outcome is Outcome.COMPLETED
