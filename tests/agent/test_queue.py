"""The queue is loaded page by page; a print is asked for once, and its answer is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.agent import queue as queue_module
from appliance.agent.queue import JOB_GONE, NEXT_PRINT_TEXT, Queue, refusal
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, CloudError, JobRefused
from appliance.panel.state import QueueEntry, QueuePage
from appliance.polar import messages
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.polar.messages import GetQueueResponse, QueuedJob, Result, SendNextPrintResponse
from appliance.printer import api

Linked = Any  # the fixture's class; conftest modules cannot be imported
T = TypeVar("T")
SN = "P3D1"


class Line:
    """A line to a cloud that answers as the test says."""

    def __init__(self) -> None:
        self.online = True
        self.status_text = "There is no connection."
        self.capabilities = frozenset({"sendNextPrint"})
        self.asked: list[messages.PrinterMessage] = []
        self.news = asyncio.Event()
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.dropped = 0

    async def ask(
        self,
        message: messages.PrinterMessage,
        answer: type[T],
        timeout: float,
        *,
        fits: Callable[[T], bool] = lambda _: True,
    ) -> T:
        self.asked.append(message)
        self.news.set()
        try:
            given = await self.answer
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        finally:
            self.answer = asyncio.get_running_loop().create_future()
        assert isinstance(given, answer)
        assert fits(given)
        return given

    def says(self, message: messages.CloudMessage) -> None:
        self.answer.set_result(message)

    def fails(self, text: str) -> None:
        self.answer.set_exception(CloudError(text))

    async def question(self) -> messages.PrinterMessage:
        """The next one."""
        async with asyncio.timeout(10):
            await self.news.wait()
        self.news.clear()
        return self.asked[-1]


class Desk:
    """A queue, and a printer that is at rest."""

    def __init__(self) -> None:
        self.line = Line()
        self.state = AgentState()
        self.serial: str | None = SN
        self.queue = Queue(self.line, self.state, lambda: self.serial)

    def loading(self, skip: int = 0, limit: int = 2) -> asyncio.Task[None]:
        return asyncio.create_task(self.queue.load(skip, limit))

    def asking(self, job_id: str | None = None) -> asyncio.Task[None]:
        return asyncio.create_task(self.queue.print_next(job_id))


@pytest.fixture
async def desk() -> Desk:
    return Desk()


def answer(*names: str, skip: int = 0, total: int | None = None) -> GetQueueResponse:
    jobs = [QueuedJob(job_id=f"{SN}-{n}", job_name=n, owner="Ada") for n in names]
    return GetQueueResponse(
        total_count=len(jobs) if total is None else total,
        skip=skip,
        job_count=len(jobs),
        jobs=jobs,
    )


def entry(name: str) -> QueueEntry:
    return QueueEntry(f"{SN}-{name}", name, "Ada")


def sent(job_id: str) -> messages.Print:
    return messages.Print(serial_number=SN, job_id=job_id, gcode_file="http://x/1")


def no_print(word: str) -> SendNextPrintResponse:
    return SendNextPrintResponse(serial_number=SN, status=Result.FAILED, message=word)


# Looking at it.


async def test_a_page_is_loaded_and_seen(desk: Desk) -> None:
    before = desk.state.revision.number
    task = desk.loading(skip=2)
    assert await desk.line.question() == messages.GetQueue(serial_number=SN, skip=2, limit=2)
    assert desk.queue.page == QueuePage(loading=True, skip=2)
    assert desk.state.revision.number == before + 1
    desk.line.says(answer("c", "d", "e", skip=2, total=9))
    await task
    assert desk.queue.page == QueuePage(entries=(entry("c"), entry("d")), skip=2, total=9)
    assert desk.state.revision.number == before + 2


async def test_the_old_entries_stay_while_the_same_page_is_loaded_again(desk: Desk) -> None:
    task = desk.loading()
    await desk.line.question()
    desk.line.says(answer("a"))
    await task
    task = desk.loading()
    await desk.line.question()
    assert desk.queue.page == QueuePage(loading=True, entries=(entry("a"),), total=1)
    desk.line.says(answer())
    await task
    assert desk.queue.page == QueuePage()


async def test_of_several_loads_the_last_one_counts(desk: Desk) -> None:
    first = desk.loading(0)
    await desk.line.question()
    others = [desk.loading(2), desk.loading(4)]
    await asyncio.sleep(0)
    desk.line.says(answer("a", "b", total=6))
    assert await desk.line.question() == messages.GetQueue(serial_number=SN, skip=4, limit=2)
    assert desk.queue.page.loading
    desk.line.says(answer("e", skip=4, total=5))
    await asyncio.gather(first, *others)
    assert desk.queue.page == QueuePage(entries=(entry("e"),), skip=4, total=5)
    assert len(desk.line.asked) == 2, "nobody waits for the page between"


async def test_a_queue_that_became_shorter_shows_its_last_page(desk: Desk) -> None:
    task = desk.loading(skip=6)
    await desk.line.question()
    desk.line.says(answer(skip=6, total=3))
    assert await desk.line.question() == messages.GetQueue(serial_number=SN, skip=2, limit=2)
    desk.line.says(answer("c", skip=2, total=3))
    await task
    assert desk.queue.page == QueuePage(entries=(entry("c"),), skip=2, total=3)


async def test_names_are_readable(desk: Desk) -> None:
    task = desk.loading()
    await desk.line.question()
    jobs = [QueuedJob(job_id="P3D1-1"), QueuedJob(job_id="P3D1-2", job_name="a\nb" + "x" * 999)]
    desk.line.says(GetQueueResponse(total_count=2, job_count=2, jobs=jobs))
    await task
    first, second = desk.queue.page.entries
    assert (first.name, first.owner) == ("P3D1-1", "")
    assert second.name.startswith("a bxxx")
    assert len(second.name) == 300


async def test_why_there_is_no_page(desk: Desk) -> None:
    async def problem() -> str:
        async with asyncio.timeout(10):
            await desk.queue.load(8)
        assert (desk.queue.page.loading, desk.queue.page.skip) == (False, 8)
        return desk.queue.page.problem

    desk.line.fails("The Polar Cloud did not answer getQueue within 10 s.")
    assert "did not answer" in await problem()
    desk.line.online = False
    assert await problem() == "There is no connection."
    desk.serial = None
    assert "not registered" in await problem()


async def test_a_load_that_is_given_up_does_not_load_for_ever(desk: Desk) -> None:
    task = desk.loading()
    await desk.line.question()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not desk.queue.page.loading


# Asking for a print.


@pytest.mark.parametrize("wanted", [None, f"{SN}-7"])
async def test_the_print_comes(desk: Desk, wanted: str | None) -> None:
    desk.queue.page = QueuePage(entries=(entry("7"),), total=1)
    task = desk.asking(wanted)
    assert await desk.line.question() == messages.SendNextPrint(serial_number=SN, job_id=wanted)
    desk.queue.print_came(sent(f"{SN}-7"))
    await task
    assert desk.line.dropped == 1, "no refusal is awaited any longer"
    assert desk.queue.page == QueuePage(), "the queue is another now"


async def test_a_print_that_others_sent_is_not_the_one(desk: Desk) -> None:
    task = desk.asking(f"{SN}-7")
    await desk.line.question()
    desk.queue.print_came(sent(f"{SN}-8"))
    await asyncio.sleep(0)
    assert not task.done()
    desk.queue.print_refused(sent(f"{SN}-7"), JobRefused("8 is still printing."))
    with pytest.raises(JobRefused, match="8 is still printing"):
        await task


@pytest.mark.parametrize("word", [*NEXT_PRINT_TEXT, "SOMETHING\nNEW"])
@pytest.mark.parametrize("wanted", [None, f"{SN}-7"])
async def test_each_refusal_is_said(desk: Desk, word: str, wanted: str | None) -> None:
    task = desk.asking(wanted)
    await desk.line.question()
    desk.line.says(no_print(word))
    with pytest.raises(CloudError) as caught:
        await task
    expected = NEXT_PRINT_TEXT.get(word, ("The Polar Cloud sends no print (SOMETHING NEW).", ""))
    if (word, wanted) == ("NO_QUEUED_JOBS", f"{SN}-7"):
        expected = JOB_GONE
    assert caught.value.long == expected[0]
    assert expected[1] in ("", caught.value.short)


@given(st.text(max_size=300))
def test_any_word_of_the_cloud_can_be_shown(word: str) -> None:
    error = refusal(no_print(word))
    assert error.long.isprintable()
    assert len(error.long) < 200
    assert all(len(short) <= 20 for _, short in [*NEXT_PRINT_TEXT.values(), JOB_GONE])


async def test_nothing_comes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PATIENCE", 0.01)
    with pytest.raises(CloudError, match="sent no print") as caught:
        await desk.queue.print_next()
    assert caught.value.short == "No print came"
    desk.queue.print_came(sent(f"{SN}-7"))  # too late; nobody waits
    monkeypatch.undo()
    await desk.line.question()
    task = desk.asking()
    await desk.line.question()
    desk.queue.print_came(sent(f"{SN}-7"))
    await task


async def test_the_connection_is_lost_meanwhile(desk: Desk) -> None:
    task = desk.asking()
    await desk.line.question()
    desk.line.fails("The connection was lost before the Polar Cloud answered.")
    with pytest.raises(CloudError, match="connection was lost"):
        await task


async def test_only_one_print_is_asked_for_at_a_time(desk: Desk) -> None:
    task = desk.asking()
    await desk.line.question()
    with pytest.raises(JobRefused, match="asked for already"):
        await desk.queue.print_next()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert desk.line.dropped == 1
    with pytest.raises(CloudError, match="offline"):
        desk.line.fails("offline")
        await desk.queue.print_next()


async def test_without_the_capability_nothing_is_asked_for(desk: Desk) -> None:
    desk.line.capabilities = frozenset()
    task = desk.asking()
    assert await desk.line.question() == messages.Capabilities(serial_number=SN)
    desk.line.says(messages.CapabilitiesResponse(serial_number=SN, capabilities=["other"]))
    with pytest.raises(CloudError, match="does not let this printer ask") as caught:
        await task
    assert caught.value.short == "Not allowed"
    assert len(desk.line.asked) == 1


async def test_a_session_that_has_just_begun_asks_what_is_allowed(desk: Desk) -> None:
    desk.line.capabilities = frozenset()
    task = desk.asking()
    await desk.line.question()
    desk.line.says(messages.CapabilitiesResponse(serial_number=SN, capabilities=["sendNextPrint"]))
    assert isinstance(await desk.line.question(), messages.SendNextPrint)
    desk.queue.print_came(sent(f"{SN}-1"))
    await task


def cloud_job(phase: Phase) -> CloudJob:
    ended = phase is Phase.ENDED
    outcome = Outcome.COMPLETED if ended else None
    return CloudJob(job_id="1", key="k", received_at=1.0, phase=phase, outcome=outcome)


def printed(state: api.JobState) -> api.Snapshot:
    job = api.Job(
        job_id="123",
        key="k",
        name="",
        source=api.Source.LOCAL,
        path="",
        state=state,
        started_at=1.0,
        file_size=1,
    )
    return api.Snapshot(link=api.LinkState.READY, job=job)


@pytest.mark.parametrize("state", [s for s in api.JobState if not s.ended])
async def test_not_beside_a_print(desk: Desk, state: api.JobState) -> None:
    desk.state.see_snapshot(printed(state))
    with pytest.raises(JobRefused, match="not over yet") as caught:
        await desk.queue.print_next()
    assert caught.value.short == "Not while printing"


@pytest.mark.parametrize("phase", [p for p in Phase if p is not Phase.ENDED])
async def test_not_beside_a_cloud_job(desk: Desk, phase: Phase) -> None:
    desk.state.see_job(cloud_job(phase))
    with pytest.raises(JobRefused, match="not over yet"):
        await desk.queue.print_next()


async def test_not_onto_a_full_plate_nor_offline_nor_unregistered(desk: Desk) -> None:
    desk.state.see_job(cloud_job(Phase.ENDED))  # being announced: over
    desk.state.see_plate(True)
    with pytest.raises(JobRefused, match="plate is not clear"):
        await desk.queue.print_next()
    desk.state.see_plate(False)
    desk.line.online = False
    with pytest.raises(CloudError, match="There is no connection"):
        await desk.queue.print_next()
    desk.serial = None
    with pytest.raises(CloudError, match="not registered"):
        await desk.queue.print_next()
    assert desk.line.asked == []


# Against the local cloud, over a real connection.


class Joined:
    """The queue of a registered printer; each ``print`` is told to it."""

    def __init__(self, linked: Linked) -> None:
        self.linked = linked
        self.cloud = linked.cloud
        self.queue = Queue(linked.client, linked.state, linked.membership.serial_number)
        self.came: list[str] = []
        linked.membership.hand_on(self._deliver)

    def _deliver(self, message: messages.CloudMessage) -> None:
        if isinstance(message, messages.Print):
            self.came.append(message.job_id)
            self.queue.print_came(message)

    async def fails(self, job_id: str | None = None) -> ApplianceError:
        with pytest.raises(ApplianceError) as caught:
            async with asyncio.timeout(20):
                await self.queue.print_next(job_id)
        return caught.value


@pytest.fixture
async def joined(linked: Linked) -> Joined:
    return Joined(linked)


async def test_the_local_clouds_queue_in_pages(joined: Joined) -> None:
    jobs = [joined.cloud.queue(f"Job {n} ü", b"G28\n") for n in range(10)]
    await joined.queue.load(0, 4)
    await joined.queue.load(8, 4)
    page = joined.queue.page
    assert [one.job_id for one in page.entries] == jobs[8:]
    assert [one.name for one in page.entries] == ["Job 8 ü", "Job 9 ü"]
    assert (page.skip, page.total, page.problem) == (8, 10, "")
    await joined.queue.load(12, 4)
    assert [one.job_id for one in joined.queue.page.entries] == jobs[8:]
    assert joined.queue.page.skip == 8


async def test_the_local_cloud_sends_what_was_asked_for(joined: Joined) -> None:
    assert (await joined.fails()).short == "No job is ready"
    first, second = (joined.cloud.queue(name, b"G28\n") for name in ("one", "two"))
    async with asyncio.timeout(20):
        await joined.queue.print_next(second)
        assert (await joined.fails(second)).long == JOB_GONE[0], "it is being printed already"
        await joined.queue.print_next()
    assert joined.came == [second, first]
    assert (await joined.fails("../x")).short == "Unknown job"
    joined.cloud.faults.broken = {"sendNextPrint"}
    assert (await joined.fails()).long == NEXT_PRINT_TEXT["SERVER_ERROR"][0]


async def test_the_capability_is_known_for_one_connection(joined: Joined) -> None:
    client = joined.linked.client

    async def known(wanted: bool) -> None:
        async with asyncio.timeout(20):
            while bool(client.capabilities) is not wanted:
                await client.ask(
                    messages.Capabilities(serial_number=joined.linked.serial),
                    messages.CapabilitiesResponse,
                    10,
                )

    await known(True)
    assert client.capabilities == {"sendNextPrint"}
    joined.cloud.state.capabilities.clear()
    joined.cloud.drop_connections()
    async with asyncio.timeout(20):
        await client.wait_offline()
        assert client.capabilities == frozenset()
        await client.wait_online()
    await known(False)
    joined.cloud.queue("one", b"G28\n")
    assert (await joined.fails()).short == "Not allowed"
    assert joined.came == []


async def test_the_local_cloud_is_gone(joined: Joined) -> None:
    await joined.cloud.go_offline()
    async with asyncio.timeout(20):
        await joined.linked.client.wait_offline()
    await joined.queue.load()
    assert joined.queue.page.problem
    assert (await joined.fails()).short == "Offline"
    await joined.cloud.go_online()
