"""A model from the cloud: sliced by the real slicer, printed, filmed; and what goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from appliance.polar.messages import Cancel, FinalState
from appliance.sim.cloud_records import FileKind, PastPrint
from tests.slicing.shapes import ball, binary, box, legacy, prusa

Whole = Any  # the fixture's class; conftest modules cannot be imported
MakeWhole = Callable[[Path, str], AbstractAsyncContextManager[Whole]]

SMALL = binary(box((12, 10, 3)))
LARGE = binary(ball(150))  # some seconds to slice


@pytest.fixture
async def tight(tmp_path: Path, make_whole: MakeWhole) -> AsyncIterator[Whole]:
    async with make_whole(tmp_path, "[slicing]\nmemory_limit = 40\n") as world:
        yield world


def queue(whole: Whole, name: str, model: bytes, config: bytes) -> str:
    job_id: str = whole.cloud.queue(name, model, kind=FileKind.STL, config=config)
    return job_id


def details(whole: Whole) -> list[str]:
    statuses = whole.cloud.state.lives[whole.cloud.printer.serial_number].statuses
    return [str(one.fields.get("progressDetail", "")) for one in statuses]


async def ending(whole: Whole, job_id: str) -> PastPrint:
    def over(state: Any) -> PastPrint | None:
        past: tuple[PastPrint, ...] = state.printer().past
        return next((one for one in past if one.job_id == job_id), None)

    found: PastPrint = await whole.wait(over, 90)
    return found


async def slicing(whole: Whole, job_id: str) -> None:
    """The slicer itself is at work."""
    await whole.wait(lambda _: f"Slicing Job: {job_id}" in details(whole)[-1])
    async with asyncio.timeout(30):
        while not slicers(whole):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def slicers(whole: Whole) -> list[str]:
    """Command lines of the slicers that work in this world's folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words.startswith("prusa-slicer") and str(whole.folder) in words:
            found.append(words)
    return found


async def gone(whole: Whole) -> None:
    async with asyncio.timeout(10):
        while slicers(whole):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def spool(whole: Whole) -> list[str]:
    folder = whole.folder / "state/spool"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def failed(whole: Whole, name: str, model: bytes, config: bytes) -> str:
    """The reason with which this job ends; it stays in the queue and the printer is ready."""
    job_id = queue(whole, name, model, config)
    await whole.cloud.start_print(job_id)
    assert (await ending(whole, job_id)).ending is FinalState.CANCELED
    await whole.wait(lambda state: whole.code(state) == 12)
    reason = details(whole)[-1]
    await whole.wait(lambda state: whole.code(state) == 0)
    assert job_id in [job.job_id for job in whole.cloud.printer.queue]
    assert spool(whole) == []
    return reason


def extent(lines: list[str], axis: str) -> float:
    """How long what was printed is along ``axis``, mm: the moves that extrude."""
    at = []
    for line in lines:
        words = dict(re.findall(r"([A-Z])(-?\d+\.?\d*|-?\.\d+)", line))
        if line.startswith("G1 ") and {"X", "Y", "E"} <= set(words):
            at.append(float(words[axis]))
    return max(at) - min(at)


async def test_from_stl_and_configuration_to_the_time_lapse(whole: Whole) -> None:
    job_id = queue(whole, "Box ü", SMALL, prusa())
    await whole.cloud.start_print(job_id)
    await slicing(whole, job_id)
    await whole.wait(lambda state: whole.code(state) == 3)
    fields = whole.fields()
    assert fields["estimatedTime"] > 20
    assert fields["stlFile"].endswith(f"{job_id}.stl")
    assert fields["configFile"].endswith(f"{job_id}.ini")
    past = await ending(whole, job_id)
    assert past.ending is FinalState.COMPLETED, whole.logs()[-3000:]
    await whole.wait(lambda state: job_id in state.printer().videos)
    await whole.clear_plate()
    executed = list(whole.board.marlin.executed)
    assert extent(executed, "X") == pytest.approx(11.55, abs=0.2)  # less half a line each side
    assert extent(executed, "Y") == pytest.approx(9.55, abs=0.2)
    assert past.filament_mm is not None
    assert past.filament_mm == pytest.approx(fields["filamentUsed"], abs=1)
    assert "M109 S215" in whole.board.marlin.executed
    assert whole.board.marlin.dropped_bytes == 0
    codes = [r.code for r in whole.cloud.state.lives[whole.cloud.printer.serial_number].statuses]
    assert {2, 3, 5, 7, 15} <= set(codes)
    assert spool(whole) == []
    assert "Traceback" not in whole.logs()


async def test_what_cannot_be_sliced_ends_in_words_and_the_next_is_printed(whole: Whole) -> None:
    html = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
    assert "cut off" in await failed(whole, "Broken", SMALL[:-30], prusa())
    assert "web page" in (await failed(whole, "Web page", SMALL, html)).lower()
    job_id = queue(whole, "Large", LARGE, prusa())
    await whole.cloud.start_print(job_id)
    await slicing(whole, job_id)
    await whole.cloud.send(Cancel(serial_number=whole.cloud.printer.serial_number))
    assert (await ending(whole, job_id)).ending is FinalState.CANCELED
    assert slicers(whole) == []
    assert spool(whole) == []
    await whole.wait(lambda state: whole.code(state) == 0)
    job_id = queue(whole, "Old settings", SMALL, legacy(fooBar=1))
    await whole.cloud.start_print(job_id)
    await whole.wait(lambda state: whole.code(state) == 3)
    assert "foobar" in " ".join((await whole.view()).job.notes).lower()
    assert (await ending(whole, job_id)).ending is FinalState.COMPLETED
    assert "M109 S205" in whole.board.marlin.executed


async def test_too_little_memory_ends_the_job_with_that_reason(tight: Whole) -> None:
    reason = await failed(tight, "Box", SMALL, prusa())
    assert "Not enough memory" in reason
    assert "40 MB" in reason


async def test_the_agent_is_killed_while_it_slices_and_slices_again(whole: Whole) -> None:
    job_id = queue(whole, "Ball", binary(ball(60, 6.0)), prusa())
    await whole.cloud.start_print(job_id)
    await slicing(whole, job_id)
    await whole.agent.kill()
    await gone(whole)
    await whole.agent.start()
    await whole.wait(lambda state: whole.code(state) == 3)
    await whole.cloud.send(Cancel(serial_number=whole.cloud.printer.serial_number))
    assert (await ending(whole, job_id)).ending is FinalState.CANCELED
    assert len(whole.cloud.printer.past) == 1
    await whole.wait(lambda state: whole.code(state) in (0, 15))
    assert spool(whole) == []
