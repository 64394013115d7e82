"""The status: on time, at once on news, never while offline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from appliance.agent.reporter import Reporter
from appliance.agent.state import AgentState
from appliance.errors import CloudError
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.polar.messages import Status
from appliance.printer import api

NEVER = 1000.0  # seconds; nothing in these tests lasts so long


class Ear:
    """The cloud's side of the reporter."""

    def __init__(self) -> None:
        self.state = AgentState()
        self.heard: list[Status] = []
        self.announced = 0
        self.serial: str | None = "P3D1"
        self.lost = False
        self.during: Callable[[], None] = lambda: None
        self._news = asyncio.Event()

    async def send(self, status: Status) -> None:
        await asyncio.sleep(0)
        self.during()
        if self.lost:
            raise CloudError("The connection was lost.")
        self.heard.append(status)
        self._news.set()

    def announce(self) -> None:
        self.announced += 1

    @asynccontextmanager
    async def listening(self, interval: float) -> AsyncIterator[None]:
        reporter = Reporter(self.state, interval, self.send, lambda: self.serial, self.announce)
        task = asyncio.create_task(reporter.run())
        try:
            yield
            assert not task.done(), "it must never end"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, count: int) -> Status:
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard[-1]


async def turns() -> None:
    """Give everybody who is ready the chance to do what they want."""
    for _ in range(20):
        await asyncio.sleep(0)


def snapshot(state: api.JobState | None = None, **changes: object) -> api.Snapshot:
    job = api.Job(
        job_id="123",
        key="k",
        name="a",
        source=api.Source.LOCAL,
        path="/a",
        state=state or api.JobState.PRINTING,
        started_at=1.0,
        file_size=100,
    )
    whole = api.Snapshot(link=api.LinkState.READY, job=job if state else None)
    return msgspec.structs.replace(whole, **changes)


def cloud_job(phase: Phase, outcome: Outcome | None = None) -> CloudJob:
    return CloudJob(job_id="P3D1-7", key="k7", received_at=1.0, phase=phase, outcome=outcome)


@pytest.fixture
def ear() -> Ear:
    return Ear()


async def test_every_interval(ear: Ear) -> None:
    ear.state.see_snapshot(snapshot())
    ear.state.see_online(True)
    async with ear.listening(0.01):
        await ear.until(4)
    assert {status.status for status in ear.heard} == {0}
    assert {status.serial_number for status in ear.heard} == {"P3D1"}


async def test_at_once_on_a_change_and_only_then(ear: Ear) -> None:
    ear.state.see_snapshot(snapshot())
    ear.state.see_online(True)
    async with ear.listening(NEVER):
        assert (await ear.until(1)).status == 0
        ear.state.see_snapshot(snapshot(api.JobState.PRINTING))
        assert (await ear.until(2)).status == 1
        progress = snapshot(api.JobState.PRINTING, lines_sent=99)
        for _ in range(5):  # progress and temperatures are no news
            ear.state.see_snapshot(progress)
            await turns()
        assert len(ear.heard) == 2
        ear.state.see_snapshot(snapshot(api.JobState.PAUSED))
        assert (await ear.until(3)).status == 4
        ear.state.see_job(cloud_job(Phase.DOWNLOADING))
        await ear.until(4)
        problem = api.Problem("Unplugged", "Check the cable.")
        ear.state.see_snapshot(snapshot(problem=problem))
        assert "cable" in ((await ear.until(5)).progress_detail or "")


async def test_door_and_plate_are_news(ear: Ear) -> None:
    ear.state.see_snapshot(snapshot())
    ear.state.see_online(True)
    async with ear.listening(NEVER):
        assert (await ear.until(1)).door is None
        for count, (door, code) in enumerate(((1, 0), (0, 14), (3, 0), (2, 14)), start=2):
            ear.state.see_door(door)
            status = await ear.until(count)
            assert (status.door, status.status) == (door, code)
        ear.state.see_plate(True)
        assert (await ear.until(6)).status == 15
        ear.state.see_snapshot(snapshot(api.JobState.PAUSED))
        assert (await ear.until(7)).status == 4
        ear.state.see_door(3)
        await ear.until(8)
        ear.state.see_door_asks(True)
        assert "door paused" in ((await ear.until(9)).progress_detail or "")


async def test_never_while_offline_and_at_once_when_back(ear: Ear) -> None:
    async with ear.listening(0.001):
        for state in (None, api.JobState.PRINTING, api.JobState.PAUSED):
            ear.state.see_snapshot(snapshot(state))
            await turns()
        assert ear.heard == []
        ear.state.see_online(True)
        assert (await ear.until(1)).status == 4
        ear.state.see_online(False)
        await turns()
        heard = len(ear.heard)
        ear.state.see_snapshot(snapshot(None))
        await turns()
        assert len(ear.heard) == heard
        ear.state.see_online(True)
        assert (await ear.until(heard + 1)).status == 0


async def test_each_connection_is_told_even_what_the_last_one_knew(ear: Ear) -> None:
    ear.state.see_snapshot(snapshot())
    ear.state.see_online(True)
    async with ear.listening(NEVER):
        await ear.until(1)
        ear.state.see_online(False)
        await turns()
        ear.state.see_online(True)
        await ear.until(2)


async def test_without_a_serial_number_there_is_nothing_to_say(ear: Ear) -> None:
    ear.serial = None
    ear.state.see_online(True)
    async with ear.listening(0.001):
        await turns()
    assert ear.heard == []


async def test_only_what_was_delivered_counts_as_announced(ear: Ear) -> None:
    ear.state.see_online(True)
    ear.state.see_job(cloud_job(Phase.ENDED, Outcome.COMPLETED))
    ear.lost = True
    async with ear.listening(0.001):
        await turns()
        assert ear.announced == 0
        ear.lost = False
        assert (await ear.until(2)).status == 7
    assert ear.announced in (len(ear.heard), len(ear.heard) - 1)


async def test_a_status_from_before_the_end_does_not_announce_it(ear: Ear) -> None:
    ear.state.see_online(True)
    ear.state.see_job(cloud_job(Phase.FINISHING))
    ear.during = lambda: ear.state.see_job(cloud_job(Phase.ENDED, Outcome.COMPLETED))
    async with ear.listening(NEVER):
        assert (await ear.until(1)).status == 5
        await turns()
        assert [status.status for status in ear.heard] == [5, 7]
        assert ear.announced == 1
