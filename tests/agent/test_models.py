"""A model of the local page: sliced, then printed; canceled, refused, and after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.agent.door import DoorOpen
from appliance.agent.gate import PlateFull
from appliance.errors import JobRefused, StorageError
from appliance.polar.messages import Print
from appliance.polar.status import status_code
from appliance.printer import api
from appliance.settings_panel import PlateSettings
from appliance.slicing.errors import BadConfiguration, BadModel
from appliance.store import Record

World = Any  # the fixture's class; conftest modules cannot be imported


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = tmp_path / name
        path.write_text(name)
        return path

    return make


Files = Callable[[str], Path]


def idle(world: World) -> bool:
    return world.state.model is None


def made(world: World) -> list[Path]:
    folder = world.folder / "sliced"
    return list(folder.iterdir()) if folder.exists() else []


async def test_it_is_sliced_and_printed_as_a_local_file(world: World, files: Files) -> None:
    world.slicer.allowed.clear()
    world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
    await world.slicer.started.wait()
    assert status_code(world.state.inputs()) == 11
    assert world.state.model.detail == "34 %: Generating perimeters"
    world.slicer.allowed.set()
    await world.until(lambda: idle(world))
    assert world.slicer.texts == [("part.stl", "mine.ini")]
    [start] = world.printer.starts
    assert (start.job_id, start.source, start.name) == ("123", api.Source.NETWORK, "part.stl")
    assert status_code(world.state.inputs()) == 11
    assert made(world) == [], "the printer daemon holds the file by itself"
    assert world.reports() == []


async def test_a_cancel_ends_it_at_once(world: World, files: Files) -> None:
    world.slicer.allowed.clear()
    world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
    await world.slicer.started.wait()
    await world.jobs.cancel_any()
    assert status_code(world.state.inputs()) == 6
    await world.until(lambda: idle(world))
    assert world.slicer.canceled == 1
    assert made(world) == []
    assert world.state.notice == "The print of part.stl was canceled before it began."
    assert [(r.job_id, r.completed) for r in await world.reported()] == [("123", False)]
    assert world.printer.starts == []


@pytest.mark.parametrize("error", [BadModel("It has no triangles."), RuntimeError("ours")])
async def test_what_goes_wrong_is_said_and_the_next_one_goes(
    world: World, files: Files, error: Exception
) -> None:
    world.slicer.error = error
    world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
    await world.until(lambda: idle(world))
    assert world.state.notice.startswith("part.stl: ")
    world.slicer.error = None
    world.models.request(files("next.stl"), files("mine.ini"), "next.stl")
    await world.until(lambda: idle(world))
    assert [start.name for start in world.printer.starts] == ["next.stl"]


async def test_a_3mf_uses_its_own_settings_and_else_those_kept_here(
    world: World, files: Files
) -> None:
    world.models.request(files("part.3mf"), files("mine.ini"), "part.3mf")
    await world.until(lambda: idle(world))
    assert world.slicer.texts == [("part.3mf", "")]
    await world.printer.cancel()
    asked = world.slicer.slice

    async def without_settings(request: Any, progress: Any) -> Any:
        if request.config is None:
            raise BadConfiguration("The model comes without slicing settings.")
        return await asked(request, progress)

    world.slicer.slice = without_settings
    world.models.request(files("part.3mf"), files("mine.ini"), "part.3mf")
    await world.until(lambda: idle(world))
    assert world.slicer.texts[1:] == [("part.3mf", "mine.ini")]


async def test_killed_while_slicing_it_is_sliced_again(world: World, files: Files) -> None:
    world.slicer.allowed.clear()
    world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
    await world.slicer.started.wait()
    await world.kill()
    world.slicer.allowed.set()
    world.begin()
    assert world.state.model.name == "part.stl"
    await world.until(lambda: idle(world))
    assert [start.name for start in world.printer.starts] == ["part.stl"]
    assert not (world.folder / "model.json").exists()


async def test_killed_after_the_print_began_it_is_not_begun_twice(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Record, "clear", full)
        world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
        await world.until(lambda: idle(world))
        await world.kill()
    world.begin(heard=False)
    await world.until(lambda: idle(world))
    assert len(world.slicer.requests) == 1
    assert len(world.printer.started_keys) == 1
    assert world.reports() == []


async def test_it_is_refused_where_it_could_not_be_printed(
    world: World, files: Files, print_message: Print
) -> None:
    model, config = files("part.stl"), files("mine.ini")

    def wish() -> None:
        world.models.request(model, config, "part.stl")

    world.fetch_allowed.clear()
    world.jobs.request(print_message)
    with pytest.raises(JobRefused, match="about to begin"):
        wish()
    await world.jobs.cancel()
    await world.until(lambda: world.state.job is None or world.state.job.outcome is not None)
    await world.kill()
    world.plate_settings = PlateSettings()
    world.begin()
    world.plate.fill("x")
    with pytest.raises(PlateFull):
        wish()
    assert world.slicer.requests == []


async def test_two_at_once_are_refused_and_so_is_one_beside_a_print(
    world: World, files: Files
) -> None:
    world.slicer.allowed.clear()
    world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
    with pytest.raises(JobRefused, match=r"part\.stl is being sliced"):
        world.models.request(files("next.stl"), files("mine.ini"), "next.stl")
    world.slicer.allowed.set()
    await world.until(lambda: idle(world))
    with pytest.raises(JobRefused, match="still printing"):
        world.models.request(files("next.stl"), files("mine.ini"), "next.stl")


async def test_an_open_door_is_told_before_anything_is_sliced(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(what: str) -> None:
        raise DoorOpen(f"The door is open: close it to {what}.")

    monkeypatch.setattr(world.door, "refuse", refuse)
    with pytest.raises(DoorOpen):
        world.models.request(files("part.stl"), files("mine.ini"), "part.stl")
    assert world.state.model is None
