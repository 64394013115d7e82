"""What the agent knows of the printer is never older than what it knew before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from appliance.agent.printer_watch import PrinterWatch
from appliance.agent.state import AgentState
from appliance.polar.job import CloudJob
from appliance.printer.api import Job, JobState, Problem, Snapshot, Source
from appliance.printer.client import PrinterClient


@pytest.mark.parametrize(
    ("snapshots", "last"),
    [
        ([Snapshot(life="a", revision=5), Snapshot(life="a", revision=4)], ("a", 5)),
        ([Snapshot(life="a", revision=5), Snapshot(life="a", revision=6)], ("a", 6)),
        ([Snapshot(life="a", revision=5), Snapshot(life="b", revision=1)], ("b", 1)),
        ([Snapshot(life="a", revision=5), None, Snapshot(life="a", revision=5)], ("a", 5)),
    ],
)
def test_an_older_snapshot_is_passed_over(
    snapshots: list[Snapshot | None], last: tuple[str, int]
) -> None:
    state = AgentState()
    for snapshot in snapshots:
        state.see_snapshot(snapshot)
    assert state.snapshot is not None
    assert (state.snapshot.life, state.snapshot.revision) == last


def test_every_change_is_one_revision() -> None:
    state = AgentState()
    state.see_online(True)
    state.see_notice("Look.")
    state.see_job(None)
    state.see_snapshot(None)
    assert state.revision.number == 4
    assert (state.online, state.notice) == (True, "Look.")


def test_a_notice_keeps_its_age_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, steady = 75.0, 100.0  # 1970
    monkeypatch.setattr("appliance.agent.state.time.time", lambda: wall)
    monkeypatch.setattr("appliance.agent.state.time.monotonic", lambda: steady)
    state = AgentState()
    assert state.notice_at == 0.0
    state.see_notice("Look.")
    wall, steady = 1.79e9, 130.0
    assert state.notice_at == 1.79e9 - 30.0


@pytest.mark.parametrize(
    ("cloud", "printed", "job_id"),
    [
        (None, None, ""),
        (None, JobState.PRINTING, "123"),
        (None, JobState.FAILED, ""),
        ("P3D-1", JobState.PRINTING, "P3D-1"),
        ("P3D-1", None, "P3D-1"),
    ],
)
def test_the_job_that_log_lines_belong_to(
    cloud: str | None, printed: JobState | None, job_id: str
) -> None:
    state = AgentState()
    if cloud is not None:
        state.see_job(CloudJob(job_id=cloud, key="k", received_at=1.0))
    if printed is not None:
        job = Job(
            job_id="123",
            key="k",
            name="Vase",
            source=Source.LOCAL,
            path="/x",
            state=printed,
            started_at=1.0,
            file_size=10,
        )
        state.see_snapshot(Snapshot(job=job))
    assert state.job_id == job_id


async def test_the_watch_brings_every_snapshot_and_that_there_is_none() -> None:
    class Printer:
        async def snapshots(self) -> AsyncIterator[Snapshot | None]:
            for snapshot in (Snapshot(life="a"), None):
                yield snapshot
                await asyncio.sleep(0)

    state = AgentState()
    seen: list[Snapshot | None] = []
    watch = asyncio.create_task(PrinterWatch(cast(PrinterClient, Printer()), state).run())
    for number in (0, 1):
        await state.revision.wait_beyond(number)
        seen.append(state.snapshot)
    await watch
    assert seen == [Snapshot(life="a"), None]


def test_the_panels_hardware_is_remembered_part_by_part() -> None:
    state, before = AgentState(), AgentState().revision.number
    away = Problem("Panel stopped", "It does not run.")
    state.see_health("display", None)
    assert list(state.panel_problems) == []
    state.see_health("display", away)
    state.see_health("door", away)
    assert list(state.panel_problems) == [away], "each once"
    stuck = Problem("Button stuck: ok", "It is down all the time.")
    state.see_health("buttons", stuck)
    state.see_health("door", None)
    assert list(state.panel_problems) == [stuck, away]
    assert state.revision.number == before + 5
