"""What is owed reaches the cloud, whatever happens to the connection on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.agent import delivery as delivery_module
from appliance.agent.delivery import PROOFS, Delivery, Fetcher, VideoSender
from appliance.cloud import outbox_sender
from appliance.cloud.outbox import JobReport, Outbox, VideoToSend
from appliance.cloud.outbox_sender import OutboxSender
from appliance.cloud.uploads import Uploader
from appliance.errors import CloudError, TransferError
from appliance.polar.messages import UploadType
from appliance.sim.cloud_records import PastPrint

Linked = Any  # the fixture's class; conftest modules cannot be imported

REPORT = JobReport(job_id="123", key="k1", completed=True, print_seconds=60, filament_mm=900)


def past(linked: Linked) -> tuple[PastPrint, ...]:
    return tuple(linked.cloud.printer.past)


@contextlib.asynccontextmanager
async def delivering(linked: Linked, outbox: Outbox) -> AsyncIterator[Delivery]:
    delivery = Delivery(linked.client, linked.membership)
    async with aiohttp.ClientSession() as http:
        sender = OutboxSender(
            outbox,
            delivery.send_report,
            VideoSender(Uploader(http, delivery.request_slot)),
            linked.client.wait_online,
        )
        task = asyncio.create_task(sender.run())
        try:
            yield delivery
            assert not task.done(), "it must never end"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def empty(outbox: Outbox) -> None:
    """Removals have no event of their own; the sender's next look is one turn away."""
    async with asyncio.timeout(20):
        while outbox.pending():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(outbox_sender, "OFFLINE_PAUSE", 0.01)
    return Outbox(tmp_path / "outbox")


async def test_a_report_is_kept_until_the_cloud_has_read_it(linked: Linked, outbox: Outbox) -> None:
    outbox.add_report(REPORT)
    async with delivering(linked, outbox):
        await empty(outbox)
    [one] = past(linked)
    assert (one.job_id, one.ending, one.print_seconds, one.filament_mm) == (
        "123", "completed", 60, 900,
    )  # fmt: skip


async def test_a_connection_that_dies_on_the_report_costs_nothing(
    linked: Linked, outbox: Outbox
) -> None:
    """The cloud never read it: the first connection is cut as the message arrives."""
    linked.cloud.faults.close_on = {"job"}
    outbox.add_report(REPORT)
    before = linked.cloud.state.connections
    async with delivering(linked, outbox):
        await linked.cloud.wait_for(lambda state: state.connections > before + 1, 20)
        assert past(linked) == ()
        assert len(outbox.pending()) == 1, "it is still owed"
        linked.cloud.faults.close_on = set()
        await empty(outbox)
    assert [one.job_id for one in past(linked)] == ["123"]


async def test_a_connection_that_dies_before_the_proof_has_it_sent_again(
    linked: Linked, outbox: Outbox
) -> None:
    linked.cloud.faults.close_on = {"capabilities"}
    outbox.add_report(REPORT)
    async with delivering(linked, outbox):
        await linked.cloud.wait_for(lambda state: len(state.printer().past) >= 1, 20)
        assert len(outbox.pending()) == 1, "read, but that is not known here"
        linked.cloud.faults.close_on = set()
        await empty(outbox)
    assert {one.job_id for one in past(linked)} == {"123"}


async def test_lost_connections_are_no_answer_left_open(linked: Linked, outbox: Outbox) -> None:
    """However often the line breaks, a report is never taken at the connection's word."""
    async with delivering(linked, outbox) as delivery:
        linked.cloud.faults.close_on = {"job"}
        for _ in range(PROOFS + 2):
            await asyncio.wait_for(linked.client.wait_online(), 20)
            with pytest.raises(CloudError):
                await delivery.send_report(REPORT)
        assert past(linked) == ()


async def test_a_cloud_that_proves_nothing_is_believed_in_the_end(
    linked: Linked, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "ANSWER_LIMIT", 0.05)
    linked.cloud.faults.ignore = {"capabilities"}
    async with delivering(linked, outbox) as delivery:
        for _ in range(PROOFS):
            with pytest.raises(CloudError, match="did not answer"):
                await delivery.send_report(REPORT)
        await delivery.send_report(REPORT)


async def test_unregistered_nothing_can_be_asked(linked: Linked, outbox: Outbox) -> None:
    await linked.membership.unregister(linked.client)
    async with delivering(linked, outbox) as delivery:
        for ask in (
            delivery.send_report(REPORT),
            delivery.video_limit("P3D1-1"),
            delivery.request_slot(UploadType.IDLE, None),
        ):
            with pytest.raises(CloudError, match="not registered"):
                await ask


async def test_a_time_lapse_reaches_the_storage(
    linked: Linked, outbox: Outbox, tmp_path: Path
) -> None:
    job_id = linked.cloud.queue("Tower", b"G28\n")
    video = tmp_path / "video.mp4"
    video.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(1000))
    entry = outbox.add_video(job_id, video, key="k1")
    assert entry is not None
    assert isinstance(entry.item, VideoToSend)
    async with delivering(linked, outbox) as delivery:
        assert await delivery.video_limit(job_id) == 20_000_000
        await linked.cloud.wait_for(lambda state: job_id in state.printer().videos, 20)
        await empty(outbox)
    assert linked.cloud.printer.videos[job_id] == 1012
    assert not Path(entry.item.path).exists()


async def test_a_job_is_fetched_within_its_limit(linked: Linked, tmp_path: Path) -> None:
    job_id = linked.cloud.queue("Tower", b"G28\n" * 100)
    url = f"{linked.cloud.url}/files/{job_id}.gcode"
    told: list[int] = []
    async with aiohttp.ClientSession() as http:
        fetch = Fetcher(http, 1000)
        await fetch(url, tmp_path / "a.gcode", lambda done, total: told.append(done))
        assert (tmp_path / "a.gcode").read_bytes() == b"G28\n" * 100
        assert told[-1] == 400
        with pytest.raises(TransferError):
            await Fetcher(http, 399)(url, tmp_path / "b.gcode", lambda done, total: None)
        with pytest.raises(TransferError):
            await fetch("file:///etc/hostname", tmp_path / "c.gcode", lambda done, total: None)
    assert not (tmp_path / "c.gcode").exists()
