from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from appliance.cloud.slots import Slots, read_slot
from appliance.cloud.transfer import Refused
from appliance.errors import TransferError
from appliance.polar.messages import GetUrlResponse, Result, UploadType

FIELDS = {"key": "k", "Policy": "pppp-secret", "X-Amz-Signature": "ssss-secret"}


def answer(kind: UploadType = UploadType.IDLE, expires: int = 86400) -> GetUrlResponse:
    return GetUrlResponse(
        status=Result.SUCCESS,
        serial_number="P3D99979",
        type=kind,
        expires=expires,
        max_size=76800,
        content_type="image/jpeg",
        method="post",
        url="https://s3.example/polar3d.com",
        fields=FIELDS,
    )


class Cloud:
    """Answers requests for slots and keeps count."""

    def __init__(self, expires: int = 100) -> None:
        self.asked: list[tuple[UploadType, str | None]] = []
        self.expires = expires

    async def __call__(self, kind: UploadType, job_id: str | None) -> GetUrlResponse:
        self.asked.append((kind, job_id))
        await asyncio.sleep(0)
        return answer(kind, self.expires)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_slot_has_everything_of_the_answer_in_order() -> None:
    slot = read_slot(answer(), UploadType.IDLE, 1000.0)
    assert slot.fields == tuple(FIELDS.items())
    assert str(slot.url) == "https://s3.example/polar3d.com"
    assert (slot.max_size, slot.content_type) == (76800, "image/jpeg")


def test_a_slot_does_not_show_its_secrets() -> None:
    assert "secret" not in repr(read_slot(answer(), UploadType.IDLE, 0.0))


def test_failed_is_told_with_the_clouds_message() -> None:
    failed = GetUrlResponse(status=Result.FAILED, message="Invalid jobId")
    with pytest.raises(Refused, match="Invalid jobId"):
        read_slot(failed, UploadType.TIMELAPSE, 0.0)
    with pytest.raises(Refused, match="gave no reason"):
        read_slot(GetUrlResponse(status=Result.FAILED), UploadType.IDLE, 0.0)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"type": UploadType.TIMELAPSE}, "another type"),
        ({"method": "put"}, "POST"),
        ({"url": "file:///etc/passwd"}, "only http and https"),
        ({"url": "no address"}, "only http and https"),
        ({"url": "http://[broken"}, "not a URL"),
        ({"content_type": "image/jpeg\r\nX-Evil: 1"}, "content type"),
    ],
)
def test_an_unusable_answer_is_refused(change: dict[str, object], error: str) -> None:
    with pytest.raises(TransferError, match=error):
        read_slot(msgspec.structs.replace(answer(), **change), UploadType.IDLE, 0.0)


def test_the_content_type_is_that_of_the_type_when_none_is_given() -> None:
    bare = msgspec.structs.replace(answer(UploadType.TIMELAPSE), content_type=None)
    assert read_slot(bare, UploadType.TIMELAPSE, 0.0).content_type == "video/mp4"


async def test_a_slot_is_used_until_shortly_before_it_expires() -> None:
    cloud, clock = Cloud(expires=100), Clock()
    slots = Slots(cloud, clock)
    first = await slots.get(UploadType.IDLE, None)
    clock.now += 89.0
    assert await slots.get(UploadType.IDLE, None) is first
    clock.now += 1.0
    assert await slots.get(UploadType.IDLE, None) is not first
    assert len(cloud.asked) == 2


async def test_a_days_slot_is_renewed_five_minutes_before() -> None:
    cloud, clock = Cloud(expires=86400), Clock()
    slots = Slots(cloud, clock)
    await slots.get(UploadType.IDLE, None)
    clock.now += 86400 - 301
    await slots.get(UploadType.IDLE, None)
    assert len(cloud.asked) == 1
    clock.now += 1
    await slots.get(UploadType.IDLE, None)
    assert len(cloud.asked) == 2


async def test_the_lifetime_counts_from_the_answer_not_from_the_question() -> None:
    clock = Clock()

    async def slow(kind: UploadType, _job: str | None) -> GetUrlResponse:
        clock.now += 50.0
        return answer(kind, 100)

    slots = Slots(slow, clock)
    slot = await slots.get(UploadType.IDLE, None)
    assert slot.renew_at == 1000.0 + 50.0 + 90.0


async def test_a_slot_that_lives_for_no_time_is_asked_for_each_time() -> None:
    cloud = Cloud(expires=0)
    slots = Slots(cloud, Clock())
    await slots.get(UploadType.IDLE, None)
    await slots.get(UploadType.IDLE, None)
    assert len(cloud.asked) == 2


async def test_one_slot_per_type_and_job() -> None:
    cloud = Cloud()
    slots = Slots(cloud, Clock())
    for kind, job in [
        (UploadType.PRINTING, "job-1"),
        (UploadType.TIMELAPSE, "job-1"),
        (UploadType.IDLE, "job-1"),
        (UploadType.PRINTING, "job-1"),
        (UploadType.IDLE, None),
        (UploadType.PRINTING, "job-2"),
        (UploadType.TIMELAPSE, "job-1"),
    ]:
        await slots.get(kind, job)
    assert cloud.asked == [
        (UploadType.PRINTING, "job-1"),
        (UploadType.TIMELAPSE, "job-1"),
        (UploadType.IDLE, None),
        (UploadType.PRINTING, "job-2"),
    ]


async def test_two_uploads_at_once_ask_once() -> None:
    cloud = Cloud()
    slots = Slots(cloud, Clock())
    first, second = await asyncio.gather(
        slots.get(UploadType.IDLE, None), slots.get(UploadType.IDLE, None)
    )
    assert first is second
    assert len(cloud.asked) == 1


@pytest.mark.parametrize("forget", [lambda slots, slot: slots.drop(slot), lambda s, _: s.clear()])
async def test_a_dropped_slot_is_asked_for_again(forget: Callable[[Slots, object], None]) -> None:
    cloud = Cloud()
    slots = Slots(cloud, Clock())
    forget(slots, await slots.get(UploadType.IDLE, None))
    await slots.get(UploadType.IDLE, None)
    assert len(cloud.asked) == 2


async def test_a_late_refusal_does_not_drop_the_newer_slot() -> None:
    cloud, clock = Cloud(expires=100), Clock()
    slots = Slots(cloud, clock)
    old = await slots.get(UploadType.IDLE, None)
    clock.now += 200
    new = await slots.get(UploadType.IDLE, None)
    slots.drop(old)
    assert await slots.get(UploadType.IDLE, None) is new
