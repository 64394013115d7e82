from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.cloud.transfer import Refused
from appliance.cloud.uploads import TooLarge, Uploader, UploadLimits
from appliance.errors import CloudError, StorageError, TransferError
from appliance.polar.messages import GetUrlResponse, Result, UploadType
from appliance.sim.storage import Storage

KEY = "files/printer/P3D99979/snapshot.jpg"
LIMITS = UploadLimits(picture_attempts=3, video_attempts=4, stall=20.0, answer=20.0)


class Cloud:
    """A status server's side of ``getUrl`` before a real store, and all that time needs."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_790_000_000.0
        self.storage = Storage(folder, b"store-secret", lambda: self.now)
        self.base = ""
        self.requests = 0
        self.max_size = 1000
        self.lifetime = 3600
        self.change: dict[str, str] = {}
        self.naps: list[float] = []

    async def request_slot(self, kind: UploadType, job_id: str | None) -> GetUrlResponse:
        self.requests += 1
        content_type = "video/mp4" if kind is UploadType.TIMELAPSE else "image/jpeg"
        slot = self.storage.presign(self.base, KEY, content_type, self.max_size, self.lifetime)
        return GetUrlResponse(
            status=Result.SUCCESS,
            type=kind,
            expires=self.lifetime,
            max_size=self.max_size,
            content_type=content_type,
            method="post",
            url=slot["url"],
            fields=slot["fields"] | self.change,
        )

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def uploader(self, http: aiohttp.ClientSession, limits: UploadLimits = LIMITS) -> Uploader:
        return Uploader(
            http, self.request_slot, clock=lambda: self.now, sleep=self.sleep, limits=limits
        )

    def stored(self) -> bytes:
        (found,) = self.storage.objects()
        return found.path.read_bytes()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    cloud = Cloud(tmp_path / "storage")
    app = web.Application()
    cloud.storage.add_routes(app)
    async with TestServer(app) as server:
        cloud.base = str(server.make_url("/"))
        yield cloud


async def test_a_picture_is_stored_and_the_slot_used_again(
    cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    uploader = cloud.uploader(http)
    await uploader.upload(UploadType.IDLE, None, b"one")
    await uploader.upload(UploadType.IDLE, None, b"two")
    (found,) = cloud.storage.objects()
    assert (found.path.read_bytes(), found.uploads, found.content_type) == (b"two", 2, "image/jpeg")
    assert cloud.requests == 1


async def test_a_video_is_streamed_from_the_disk(
    cloud: Cloud, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    video = tmp_path / "film.mp4"
    content = os.urandom(3_000_001)
    video.write_bytes(content)
    cloud.max_size = 3_000_001
    await cloud.uploader(http).upload(UploadType.TIMELAPSE, "job", video)
    assert cloud.stored() == content
    assert cloud.storage.objects()[0].content_type == "video/mp4"


async def test_the_form_is_what_section_1_5_asks_for(http: aiohttp.ClientSession) -> None:
    fields = {"key": "ü/key", "acl": "public-read", 'odd"name': "a\r\nb", "Policy": "x" * 5000}
    seen: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response(status=201)

    async def slot(kind: UploadType, _job: str | None) -> GetUrlResponse:
        return GetUrlResponse(
            status=Result.SUCCESS,
            type=kind,
            expires=60,
            max_size=10,
            content_type="image/jpeg",
            url=str(server.make_url("/bucket")),
            fields=fields,
        )

    app = web.Application()
    app.router.add_post("/bucket", take)
    async with TestServer(app) as server:
        await Uploader(http, slot).upload(UploadType.IDLE, None, b"\r\n--JPEG")
    ((headers, body),) = seen
    assert "Transfer-Encoding" not in headers  # S3 does not take it
    assert int(headers["Content-Length"]) == len(body)
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    # An independent reading of the form, by the standard library's mail parser.
    parts = list(BytesParser(policy=HTTP).parsebytes(head + body).iter_parts())
    names = [part.get_param("name", header="content-disposition") for part in parts]
    assert names == ["key", "acl", "odd%22name", "Policy", "file"]
    values = [part.get_payload(decode=True) for part in parts]
    assert values == ["ü/key".encode(), b"public-read", b"a\r\nb", b"x" * 5000, b"\r\n--JPEG"]
    assert parts[-1].get_content_type() == "image/jpeg"
    assert parts[-1].get_filename() == "image.jpg"
    assert body.count(b'name="Policy"\r\n\r\n') == 1


async def test_a_picture_over_the_limit_is_made_to_fit(
    cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    asked: list[tuple[int, int]] = []

    async def fit(content: bytes, limit: int) -> bytes:
        asked.append((len(content), limit))
        return content[:limit]

    uploader = cloud.uploader(http)
    await uploader.upload(UploadType.PRINTING, "job", b"x" * 1000, fit)
    assert asked == []
    await uploader.upload(UploadType.PRINTING, "job", b"x" * 1001, fit)
    assert asked == [(1001, 1000)]
    assert cloud.storage.objects()[0].size == 1000


async def test_what_does_not_fit_never_leaves(
    cloud: Cloud, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async def poor_fit(content: bytes, limit: int) -> bytes:
        return content[: limit + 1]

    uploader = cloud.uploader(http)
    video = tmp_path / "film.mp4"
    video.write_bytes(b"x" * 1001)
    with pytest.raises(TooLarge, match="1001 bytes are more than the 1000") as caught:
        await uploader.upload(UploadType.TIMELAPSE, "job", video)
    assert (caught.value.limit, caught.value.size) == (1000, 1001)
    with pytest.raises(TooLarge):
        await uploader.upload(UploadType.IDLE, None, b"x" * 1001)
    with pytest.raises(TooLarge):
        await uploader.upload(UploadType.IDLE, None, b"x" * 2000, poor_fit)
    assert cloud.storage.objects() == []
    assert cloud.naps == []


async def test_the_stores_own_limit_counts_too(cloud: Cloud, http: aiohttp.ClientSession) -> None:
    async def lying(kind: UploadType, job: str | None) -> GetUrlResponse:
        honest = await cloud.request_slot(kind, job)
        return GetUrlResponse(
            status=honest.status,
            type=kind,
            expires=60,
            max_size=100_000,
            url=honest.url,
            fields=honest.fields,
        )

    with pytest.raises(TooLarge) as caught:
        await Uploader(http, lying).upload(UploadType.IDLE, None, b"x" * 5000)
    assert caught.value.limit == 1000


async def test_a_busy_store_is_tried_again_with_back_off(
    cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    cloud.storage.faults.refuse = 2
    await cloud.uploader(http).upload(UploadType.IDLE, None, b"picture")
    assert cloud.stored() == b"picture"
    assert len(cloud.naps) == 2
    assert all(0 <= nap <= ceiling for nap, ceiling in zip(cloud.naps, (1, 2), strict=True))
    assert cloud.requests == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_tries_end(cloud: Cloud, http: aiohttp.ClientSession, status: int) -> None:
    cloud.storage.faults.refuse, cloud.storage.faults.refuse_status = 3, status
    with pytest.raises(TransferError, match=rf"3 tries.*\({status} SlowDown\)") as caught:
        await cloud.uploader(http).upload(UploadType.IDLE, None, b"picture")
    assert not isinstance(caught.value, Refused)
    assert len(cloud.naps) == 2


async def test_a_video_is_tried_more_often(
    cloud: Cloud, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    video = tmp_path / "film.mp4"
    video.write_bytes(b"film")
    cloud.storage.faults.refuse = 3
    await cloud.uploader(http).upload(UploadType.TIMELAPSE, "job", video)
    assert cloud.stored() == b"film"


async def test_retry_after_is_kept(http: aiohttp.ClientSession, cloud: Cloud) -> None:
    answers = iter([web.Response(status=503, headers={"Retry-After": "17"}), web.Response()])

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return next(answers)

    app = web.Application()
    app.router.add_post("/storage/polar3d.com", take)
    async with TestServer(app) as server:
        cloud.base = str(server.make_url("/"))
        await cloud.uploader(http).upload(UploadType.IDLE, None, b"x")
    assert cloud.naps == [17.0]


async def test_a_cut_connection_is_tried_again(
    cloud: Cloud, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    video = tmp_path / "film.mp4"
    content = os.urandom(500_000)
    video.write_bytes(content)
    cloud.max_size = 500_000
    cloud.storage.faults.cut_uploads, cloud.storage.faults.cut_after = 2, 200_000
    await cloud.uploader(http).upload(UploadType.TIMELAPSE, "job", video)
    assert cloud.stored() == content
    assert len(cloud.naps) == 2


async def test_nobody_listening(cloud: Cloud, http: aiohttp.ClientSession, port: int) -> None:
    cloud.base = f"http://127.0.0.1:{port}"
    with pytest.raises(TransferError, match=r"No connection to 127\.0\.0\.1"):
        await cloud.uploader(http).upload(UploadType.IDLE, None, b"picture")


@pytest.fixture
def port(unused_tcp_port: int) -> int:
    return unused_tcp_port


async def test_a_store_that_takes_nothing_is_left_after_the_stall_time(
    cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    release = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/storage/polar3d.com", hang)
    async with TestServer(app) as server:
        cloud.base = str(server.make_url("/"))
        limits = UploadLimits(picture_attempts=2, stall=0.05, answer=0.05)
        with pytest.raises(TransferError, match="No answer in time"):
            await cloud.uploader(http, limits).upload(UploadType.IDLE, None, b"picture")
        release.set()


async def test_a_slot_that_the_store_calls_expired_is_renewed_once(
    cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    # Our clock stands still: only the store knows that the slot has expired.
    uploader = Uploader(http, cloud.request_slot, clock=lambda: 0.0, sleep=cloud.sleep)
    await uploader.upload(UploadType.IDLE, None, b"one")
    cloud.now += 4000
    await uploader.upload(UploadType.IDLE, None, b"two")
    assert cloud.requests == 2
    assert cloud.stored() == b"two"


async def test_once_all_is_sent_the_answer_has_longer(
    cloud: Cloud, http: aiohttp.ClientSession
) -> None:
    async def think(request: web.Request) -> web.Response:
        await request.read()
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0.8, done.set)
        await done.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/storage/polar3d.com", think)
    async with TestServer(app) as server:
        cloud.base = str(server.make_url("/"))
        limits = UploadLimits(picture_attempts=1, stall=0.5, answer=20.0)
        await cloud.uploader(http, limits).upload(UploadType.IDLE, None, b"picture")


async def test_a_second_refusal_is_final_and_names_s3s_code(
    cloud: Cloud, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.change = {"X-Amz-Signature": "5ec4e7" * 10}
    uploader = cloud.uploader(http)
    with pytest.raises(Refused, match=r"403 SignatureDoesNotMatch") as caught:
        await uploader.upload(UploadType.IDLE, None, b"picture")
    assert cloud.requests == 2
    assert cloud.naps == []
    shown = caplog.text + repr(caught.value) + str(caught.value) + repr(uploader)
    assert "5ec4e7" not in shown
    policy = (await cloud.request_slot(UploadType.IDLE, None)).fields
    assert policy and policy["Policy"][:20] not in shown
    assert caught.value.__cause__ is None
    # Afterwards nothing bad is remembered.
    cloud.change = {}
    await uploader.upload(UploadType.IDLE, None, b"picture")


async def test_redirects_are_not_followed(cloud: Cloud, http: aiohttp.ClientSession) -> None:
    hits: list[str] = []

    async def away(request: web.Request) -> web.Response:
        await request.read()
        hits.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/{tail:.*}", away)
    async with TestServer(app) as server:
        cloud.base = str(server.make_url("/"))
        with pytest.raises(Refused, match="elsewhere"):
            await cloud.uploader(http).upload(UploadType.IDLE, None, b"x")
    assert set(hits) == {"/storage/polar3d.com"}


async def test_a_failed_answer_and_a_lost_cloud_reach_the_caller(
    http: aiohttp.ClientSession,
) -> None:
    async def failed(_kind: UploadType, _job: str | None) -> GetUrlResponse:
        return GetUrlResponse(status=Result.FAILED, message="Invalid jobId")

    async def offline(_kind: UploadType, _job: str | None) -> GetUrlResponse:
        raise CloudError("Not connected.")

    with pytest.raises(Refused, match="Invalid jobId"):
        await Uploader(http, failed).upload(UploadType.PRINTING, "job", b"x")
    with pytest.raises(CloudError):
        await Uploader(http, offline).upload(UploadType.PRINTING, "job", b"x")


async def test_a_video_that_is_gone_is_a_storage_error(
    cloud: Cloud, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        await cloud.uploader(http).upload(UploadType.TIMELAPSE, "job", tmp_path / "none.mp4")


async def test_cancellation_ends_it_at_once(cloud: Cloud, http: aiohttp.ClientSession) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        arrived.set()
        await release.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/storage/polar3d.com", hang)
    async with TestServer(app) as server:
        cloud.base = str(server.make_url("/"))
        task = asyncio.create_task(cloud.uploader(http).upload(UploadType.IDLE, None, b"x"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
