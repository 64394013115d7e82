"""A walk through the front panel by keys alone, against the running agent and the local cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from appliance.panel.keys import Key
from appliance.polar.messages import FinalState, Resume
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_walk import PanelWalk

Whole = Any  # the fixture's class; conftest modules cannot be imported
Square = Callable[[int], bytes]


@pytest.fixture
async def watcher(panelled: Whole) -> AsyncIterator[PanelWatcher]:
    async with PanelWatcher(panelled.folder / "run/panel.sock") as watcher:
        yield watcher


@pytest.fixture
def walk(watcher: PanelWatcher) -> PanelWalk:
    return PanelWalk(watcher, print)


async def printing(whole: Whole, job_id: str) -> None:
    await whole.wait(lambda s: whole.code(s) == 3 and whole.fields()["jobId"] == job_id)
    await whole.wait(lambda _: whole.fields()["bytesRead"] > whole.fields()["fileSize"] / 50)


async def has_code(whole: Whole, code: int) -> None:
    await whole.wait(lambda state: whole.code(state) == code)


async def test_a_day_at_the_panel(
    panelled: Whole, watcher: PanelWatcher, walk: PanelWalk, square: Square
) -> None:
    """Queue, start, pause, change filament, resume, finish, clear the plate, the next one."""
    first = panelled.cloud.queue("Gears", square(1600))
    second = panelled.cloud.queue("Tower", square(60))
    await walk.open_menu()
    await walk.print_queued("Gears")
    await printing(panelled, first)

    await walk.open_menu()
    await walk.choose("Print")
    await walk.choose("Pause")
    await has_code(panelled, 4)
    await watcher.hold(Key.LEFT, 1.0)  # home, wherever it was
    await walk.confirm("OK Resume")
    await printing(panelled, first)

    await walk.open_menu()
    await walk.choose("Print")
    await walk.choose("New filament")
    await has_code(panelled, 10)
    for words in ("Pull the old out", "Push the new in", "OK loads it"):
        await walk.confirm(words)
    await printing(panelled, first)

    await panelled.wait(lambda state: bool(state.printer().past), 90)
    [past] = panelled.cloud.printer.past
    assert (past.job_id, past.ending) == (first, FinalState.COMPLETED)
    await has_code(panelled, 15)
    await walk.clear_plate()
    await printing(panelled, second)  # the next one of the queue, by itself
    await panelled.wait(lambda state: len(state.printer().past) == 2, 90)
    await has_code(panelled, 15)
    await walk.clear_plate()
    await has_code(panelled, 0)
    assert "Traceback" not in panelled.logs()


async def test_the_door_pauses_and_ok_goes_on(
    panelled: Whole, watcher: PanelWatcher, walk: PanelWalk, square: Square
) -> None:
    job_id = panelled.cloud.queue("Gears", square(3000))
    serial = panelled.cloud.printer.serial_number
    await watcher.door(open=True)
    await has_code(panelled, 14)
    await panelled.cloud.start_print(job_id)
    await walk.read("Gears")  # it says for what the door is to be closed
    assert panelled.code(panelled.cloud.state) == 14
    await watcher.door(open=False)
    await printing(panelled, job_id)

    await watcher.door(open=True)
    await has_code(panelled, 4)
    await panelled.cloud.send(Resume(serial_number=serial))
    await panelled.wait(lambda _: panelled.fields()["door"] == 0)
    await watcher.door(open=False)
    await panelled.wait(lambda _: panelled.fields()["door"] == 1)
    assert panelled.code(panelled.cloud.state) == 4, "closing alone does not go on"
    await walk.confirm("Resume")
    await printing(panelled, job_id)

    await walk.open_menu()
    await walk.choose("Print")
    await walk.choose("Cancel print")
    await walk.choose("Yes, cancel")
    await panelled.wait(lambda state: bool(state.printer().past))
    assert panelled.cloud.printer.past[0].ending is FinalState.CANCELED


async def test_the_panel_outlives_the_agent(
    panelled: Whole, watcher: PanelWatcher, walk: PanelWalk, square: Square
) -> None:
    job_id = panelled.cloud.queue("Gears", square(3000))
    await panelled.cloud.start_print(job_id)
    await printing(panelled, job_id)
    await panelled.agent.kill()
    await watcher.gone()
    await panelled.agent.start()
    await walk.read("Gears", 30)
    await walk.open_menu()
    await walk.choose("Print")
    await walk.choose("Pause")
    await has_code(panelled, 4)
