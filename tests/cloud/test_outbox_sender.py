from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.cloud.outbox import JobReport, Outbox, VideoToSend
from appliance.cloud.outbox_sender import REFUSALS, OutboxSender
from appliance.cloud.transfer import Refused
from appliance.cloud.uploads import TooLarge
from appliance.errors import CloudError, StorageError, TransferError


class Cloud:
    """Takes what is sent unless told otherwise; time moves only when all wait for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox = Outbox(folder / "outbox")
        self.online = asyncio.Event()
        self.online.set()
        self.taken: list[str] = []
        self.tries: list[tuple[float, str]] = []
        self.problems: dict[str, list[Exception]] = {}
        self.holds: dict[str, asyncio.Event] = {}
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def send(self, item: JobReport | VideoToSend) -> None:
        name = f"{'report' if isinstance(item, JobReport) else 'video'} {item.job_id}"
        self.tries.append((self.now, name))
        if name in self.holds:
            await self.holds[name].wait()
        if self.problems.get(name):
            raise self.problems[name].pop(0)
        self.taken.append(name)

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, future))
        await future

    async def until(self, reached: Callable[[], bool]) -> None:
        """Let all run; when nobody can, move time to the next sleeper."""
        async with asyncio.timeout(30):
            while not reached():
                for _ in range(20):
                    await asyncio.sleep(0)
                if reached():
                    return
                while self._sleepers and self._sleepers[0][2].done():
                    heapq.heappop(self._sleepers)
                assert self._sleepers, f"nobody waits for anything: {self.taken}"
                when, _, future = heapq.heappop(self._sleepers)
                self.now = max(self.now, when)
                future.set_result(None)

    def add_report(self, job: str) -> None:
        self.outbox.add_report(JobReport(job_id=job, key="a", completed=True))

    def add_video(self, job: str) -> None:
        source = self.folder / f"{job}.mp4"
        source.write_bytes(b"film")
        self.outbox.add_video(job, source, key="a")

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[asyncio.Task[None]]:
        sender = OutboxSender(
            self.outbox,
            self.send,
            self.send,
            self.online.wait,
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        task = asyncio.create_task(sender.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


async def test_all_is_delivered_in_order_and_forgotten(cloud: Cloud) -> None:
    for job in ("1", "2", "3"):
        cloud.add_report(job)
        cloud.add_video(job)
    async with cloud.sender():
        await cloud.until(lambda: not cloud.outbox.pending())
    assert [name for name in cloud.taken if "report" in name] == [f"report {n}" for n in "123"]
    assert [name for name in cloud.taken if "video" in name] == [f"video {n}" for n in "123"]
    assert Outbox(cloud.folder / "outbox").pending() == []


async def test_what_is_added_later_goes_out_at_once(cloud: Cloud) -> None:
    async with cloud.sender():
        for _ in range(20):
            await asyncio.sleep(0)
        cloud.add_report("1")
        await cloud.until(lambda: cloud.taken == ["report 1"])
    assert cloud.now == 0.0


async def test_nothing_is_sent_while_offline(cloud: Cloud) -> None:
    cloud.online.clear()
    cloud.add_report("1")
    async with cloud.sender():
        for _ in range(50):
            await asyncio.sleep(0)
        assert cloud.tries == []
        cloud.online.set()
        await cloud.until(lambda: cloud.taken == ["report 1"])


async def test_a_long_upload_holds_no_report_up(cloud: Cloud) -> None:
    cloud.holds["video 1"] = asyncio.Event()
    cloud.add_video("1")
    async with cloud.sender():
        await cloud.until(lambda: bool(cloud.tries))
        cloud.add_report("2")
        await cloud.until(lambda: cloud.taken == ["report 2"])
        cloud.holds["video 1"].set()
        await cloud.until(lambda: cloud.taken == ["report 2", "video 1"])


@pytest.mark.parametrize("kind", ["report", "video"])
async def test_a_broken_entry_holds_no_other_up(
    cloud: Cloud, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.problems[f"{kind} 1"] = [
        TransferError("Tried often enough."),
        StorageError("The file cannot be read."),
        Refused("The cloud said no."),
        KeyError("a bug"),
    ]
    add = cloud.add_report if kind == "report" else cloud.add_video
    add("1")
    add("2")
    async with cloud.sender():
        await cloud.until(lambda: cloud.taken == [f"{kind} 2"])
        assert cloud.now == 0.0
        (entry,) = cloud.outbox.pending()
        assert (entry.attempts, entry.last_error) == (1, "Tried often enough.")
        await cloud.until(lambda: not cloud.outbox.pending())
    assert cloud.taken == [f"{kind} 2", f"{kind} 1"]
    times = [when for when, name in cloud.tries if name == f"{kind} 1"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == 4
    assert all(2.5 <= gap <= 2.5 + 5 * 2**n for n, gap in enumerate(gaps))
    assert "KeyError: 'a bug'" in caplog.text


async def test_a_lost_connection_is_not_held_against_the_entry(cloud: Cloud) -> None:
    cloud.problems["report 1"] = [CloudError("Not connected.")] * 8
    cloud.add_report("1")
    async with cloud.sender():
        await cloud.until(lambda: len(cloud.tries) == 8)
        assert cloud.outbox.pending()[0].attempts == 0
        await cloud.until(lambda: not cloud.outbox.pending())
    times = [when for when, _ in cloud.tries]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == [2, 4, 8, 16, 32, 60, 60, 60]


async def test_a_video_that_is_too_large_is_given_up(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.problems["video 1"] = [TooLarge("time-lapse", 5, 4)]
    cloud.add_video("1")
    async with cloud.sender():
        await cloud.until(lambda: not cloud.outbox.pending())
    assert "5 bytes are more than the 4 bytes" in caplog.text
    assert cloud.taken == []


async def test_a_video_that_vanished_is_given_up(cloud: Cloud) -> None:
    cloud.add_video("1")
    (cloud.folder / "outbox" / "00000001.mp4").unlink()
    cloud.problems["video 1"] = [StorageError("The time-lapse to upload cannot be read.")]
    async with cloud.sender():
        await cloud.until(lambda: not cloud.outbox.pending())


async def test_a_video_that_is_always_refused_is_given_up_but_no_report(cloud: Cloud) -> None:
    no = [Refused("Invalid jobId") for _ in range(REFUSALS + 5)]
    cloud.problems = {"video 1": list(no), "report 1": list(no)}
    cloud.add_report("1")
    cloud.add_video("1")
    async with cloud.sender():
        await cloud.until(lambda: not cloud.outbox.pending())
    assert cloud.taken == ["report 1"]
    assert len([name for _, name in cloud.tries if name == "video 1"]) == REFUSALS


async def test_what_the_disk_will_not_forget_is_not_sent_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.add_report("1")
    real, failures = cloud.outbox.delivered, [StorageError("read-only")] * 2

    def delivered(entry: object) -> None:
        if failures:
            raise failures.pop()
        real(entry)  # type: ignore[arg-type]

    monkeypatch.setattr(cloud.outbox, "delivered", delivered)
    async with cloud.sender():
        await cloud.until(lambda: not cloud.outbox.pending())
    assert cloud.taken == ["report 1"]


async def test_cancelled_in_the_middle_it_is_still_owed(cloud: Cloud) -> None:
    cloud.holds["video 1"] = asyncio.Event()
    cloud.add_video("1")
    async with cloud.sender() as task:
        await cloud.until(lambda: bool(cloud.tries))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    assert len(Outbox(cloud.folder / "outbox").pending()) == 1


async def test_the_log_speaks_of_failures_only_as_often_as_they_happen(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.problems["report 1"] = [TransferError("No.")] * 3
    cloud.add_report("1")
    async with cloud.sender():
        await cloud.until(lambda: not cloud.outbox.pending())
    assert caplog.text.count("was not delivered") == 3
