"""What a job needs before its print: models, configurations and slicing, cut short anywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.agent.preparation import clean
from appliance.errors import JobRefused, StorageError, TransferError
from appliance.polar.job import FETCHING, Chosen, CloudJob, Outcome, Phase
from appliance.polar.messages import Print
from appliance.printer import api
from appliance.slicing.errors import NotEnoughMemory
from appliance.store import Record

World = Any  # the fixture's class; conftest modules cannot be imported

STL = Print(
    job_id="P3D1-8",
    job_name="Part",
    stl_file="http://cloud/8.stl",
    config_file="http://cloud/8.ini",
)
THREEMF = Print(job_id="P3D1-9", threemf_file="http://cloud/9.3mf")


def phase(world: World) -> Phase | None:
    return world.state.job.phase if world.state.job else None


async def ended(world: World, outcome: Outcome) -> CloudJob:
    await world.until(lambda: phase(world) is Phase.ENDED)
    job: CloudJob = world.state.job
    assert job.outcome is outcome
    return job


def left(world: World) -> list[str]:
    spool = world.folder / "spool"
    return sorted(path.name for path in spool.iterdir()) if spool.exists() else []


async def test_a_model_and_its_configuration_become_a_print(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.jobs.request(STL)
    await world.until(lambda: phase(world) is Phase.PRINTING)
    job = world.state.job
    assert world.fetched == ["http://cloud/8.stl", "http://cloud/8.ini"]
    assert world.slicer.texts == [("http://cloud/8.stl", "http://cloud/8.ini")]
    [request] = world.slicer.requests
    assert (request.name, job.chosen) == ("Part", Chosen.STL)
    assert world.printer.starts[0].path == str(request.output) == job.gcode_path
    assert (job.estimated_seconds, job.filament_mm, job.layers) == (61.4, 250.6, 12)
    assert job.notes == ("fooBar was left out.",)
    assert "P3D1-8: fooBar was left out." in caplog.text
    assert left(world) == [f"{job.key}.gcode"], "the model is of no more use"
    world.printer.finish(api.JobState.COMPLETED)
    await ended(world, Outcome.COMPLETED)
    assert left(world) == []


async def test_a_3mf_is_sliced_with_its_own_settings(world: World) -> None:
    world.jobs.request(THREEMF)
    await world.until(lambda: phase(world) is Phase.PRINTING)
    assert world.slicer.texts == [("http://cloud/9.3mf", "")]


async def test_the_phases_and_what_is_said_in_them(world: World) -> None:
    seen: list[tuple[Phase, str]] = []
    see = world.state.see_job

    def note(job: CloudJob | None) -> None:
        if job is not None and job.phase in FETCHING and (job.phase, job.detail) not in seen:
            seen.append((job.phase, job.detail))
        see(job)

    world.state.see_job = note
    world.jobs.request(STL)
    await world.until(lambda: phase(world) is Phase.PRINTING)
    assert seen == [
        (Phase.DOWNLOADING, "Downloading"),
        (Phase.DOWNLOADING, "Downloading 50 %"),
        (Phase.CONFIGURING, ""),
        (Phase.CONFIGURING, "Downloading 50 %"),
        (Phase.SLICING, ""),
        (Phase.SLICING, "34 %: Generating perimeters"),
    ]


async def test_a_cancel_while_slicing_ends_it_at_once(world: World) -> None:
    world.slicer.allowed.clear()
    world.jobs.request(STL)
    await world.slicer.started.wait()
    await world.jobs.cancel_any()
    await ended(world, Outcome.CANCELED)
    assert world.slicer.canceled == 1
    assert left(world) == []
    [report] = await world.reported()
    assert (report.job_id, report.completed, report.filament_mm) == ("P3D1-8", False, None)
    assert world.printer.starts == []


async def test_a_model_that_cannot_be_sliced_ends_with_the_reason(world: World) -> None:
    world.slicer.error = NotEnoughMemory("The model needs more memory than there is.")
    world.jobs.request(STL)
    job = await ended(world, Outcome.FAILED)
    assert job.reason == "The model needs more memory than there is."
    assert left(world) == []
    assert [r.completed for r in await world.reported()] == [False]
    world.slicer.error = None
    world.jobs.request(msgspec.structs.replace(STL, job_id="P3D1-10"))
    await world.until(lambda: phase(world) is Phase.PRINTING)


@pytest.mark.parametrize("error", [TransferError("404"), StorageError("The disk is full.")])
async def test_a_configuration_that_cannot_be_had_ends_the_job(
    world: World, error: Exception
) -> None:
    world.jobs.request(STL)
    await world.fetch_started.wait()
    world.fetch_error = error
    assert str(error) in (await ended(world, Outcome.FAILED)).reason
    assert left(world) == []


async def test_what_cannot_be_chosen_ends_with_the_reason(world: World) -> None:
    world.jobs.request(msgspec.structs.replace(STL, config_file=None))
    assert "no slicing configuration" in (await ended(world, Outcome.FAILED)).reason
    assert world.fetched == []


@pytest.mark.parametrize("kills", range(1, 14))
async def test_killed_in_any_phase_it_begins_that_phase_anew(world: World, kills: int) -> None:
    world.jobs.request(STL)
    for _ in range(20):
        for _ in range(kills):
            await asyncio.sleep(0)
        await world.kill()
        before = phase(world)
        world.begin()
        assert phase(world) is before
    await world.until(lambda: phase(world) is Phase.PRINTING)
    assert len(world.printer.started_keys) == 1
    assert left(world) == [f"{world.state.job.key}.gcode"]
    await world.kill()


async def test_killed_while_slicing_it_slices_again_and_nothing_is_left(world: World) -> None:
    world.slicer.allowed.clear()
    world.jobs.request(STL)
    await world.slicer.started.wait()
    await world.kill()
    key = world.state.job.key
    rest = world.folder / "spool" / f".{key}.gcode.slicing"
    rest.mkdir()
    (rest / "out.gcode").write_text("half")
    stranger = world.folder / "spool" / ".other.gcode.slicing"
    stranger.mkdir()
    (stranger / "out.gcode").write_text("half")
    world.slicer.allowed.set()
    world.begin()
    await world.until(lambda: phase(world) is Phase.PRINTING)
    assert not stranger.exists()
    assert len(world.slicer.requests) == 2
    assert world.fetched == ["http://cloud/8.stl", "http://cloud/8.ini"], "the files were there"
    world.printer.finish(api.JobState.CANCELED)
    await ended(world, Outcome.CANCELED)
    assert left(world) == []


async def test_nothing_is_sliced_beside_a_print(world: World) -> None:
    """A print that was begun past the agent, while it was away."""
    world.slicer.allowed.clear()
    world.jobs.request(STL)
    await world.slicer.started.wait()
    await world.printer.start(api.StartJob(path="/x", key="local", name="local.gcode"))
    world.printer.tell()
    job = await ended(world, Outcome.FAILED)
    assert "local.gcode is being printed" in job.reason
    assert world.slicer.canceled == 1
    assert world.printer.job.key == "local"


async def test_a_record_of_a_version_without_models_is_carried_on(
    world: World, tmp_path: Path
) -> None:
    await world.kill()
    Record(tmp_path / "job.json", CloudJob).save(
        CloudJob(job_id="P3D1-1", key="k1", gcode_url="http://cloud/1.gcode", received_at=1.0)
    )
    world.begin()
    await world.until(lambda: phase(world) is Phase.PRINTING)
    assert world.fetched == ["http://cloud/1.gcode"]


async def test_a_print_is_refused_while_a_model_of_the_page_is_sliced(world: World) -> None:
    world.slicer.allowed.clear()
    model = world.folder / "a.stl"
    model.write_text("stl")
    world.models.request(model, None, "a.stl")
    with pytest.raises(JobRefused, match=r"a\.stl is being sliced"):
        world.jobs.request(STL)


def test_cleaning_keeps_what_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "k1.gcode").write_text("x")
    (tmp_path / ".k1.gcode.part").write_text("x")
    (tmp_path / ".k2.gcode.slicing").mkdir()
    clean(tmp_path, lambda name: name.startswith("k1"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".k1.gcode.part", "k1.gcode"]
    clean(tmp_path / "missing", lambda _: False)
