from __future__ import annotations

import asyncio
import errno
import gzip
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.cloud import partfile
from appliance.cloud.downloads import Downloaded, DownloadRules, download
from appliance.cloud.partfile import discard, part_path
from appliance.cloud.transfer import Refused
from appliance.errors import StorageError, TransferError
from appliance.sim.storage import Storage

CONTENT = bytes(range(256)) * 400  # 102,400 bytes, no two places of it alike modulo 256
TAG = '"v1"'

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


class Request:
    """What a client asked for, read from the bare wire."""

    def __init__(self, head: bytes, server: Server, reader: asyncio.StreamReader) -> None:
        self._server = server
        self._reader = reader
        lines = head.decode().split("\r\n")
        self.path = lines[0].split(" ")[1]
        pairs = (line.partition(":") for line in lines[1:] if line)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    async def until(self, done: int) -> None:
        """Wait until the client has ``done`` bytes of the file, or has hung up."""
        gone = asyncio.ensure_future(self._reader.read())
        while self._server.done < done and not gone.done():
            self._server.moved.clear()
            moved = asyncio.ensure_future(self._server.moved.wait())
            await asyncio.wait({moved, gone}, return_when=asyncio.FIRST_COMPLETED)
            moved.cancel()
        gone.cancel()

    @property
    def start(self) -> int | None:
        wanted = self.headers.get("range")
        return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else None


class Server:
    """A web server that does exactly as told, one answer per request, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.url = ""
        self.done = 0
        self.moved = asyncio.Event()

    def progress(self, done: int, _total: int | None) -> None:
        """What the client's on_progress tells."""
        self.done = done
        self.moved.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = Request(await reader.readuntil(b"\r\n\r\n"), self, reader)
            self.requests.append(request)
            self.done = 0
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await answer(request, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up, as several tests make it do
        finally:
            writer.close()


def head(status: str, **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(content: bytes = CONTENT, cut: int | None = None, **headers: object) -> Answer:
    """200 with the file, broken off once ``cut`` bytes have arrived."""
    named = {
        name: value
        for name, value in ({"Content_Length": len(content), "ETag": TAG} | headers).items()
        if value is not None
    }

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", **named) + content[:cut])
        if cut and "Content_Encoding" not in named:
            await request.until(min(cut, len(content)))

    return answer


def ranged(content: bytes = CONTENT, cut: int | None = None, tag: str = TAG) -> Answer:
    """A server that knows Range and If-Range as RFC 9110 says; ``cut`` bytes of each answer."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        start = request.start
        if start is None or request.headers.get("if-range", tag) != tag:
            await whole(content, cut, ETag=tag)(request, writer)
        elif start >= len(content):
            writer.write(head("416 No", Content_Range=f"bytes */{len(content)}", Content_Length=0))
        else:
            rest = content[start:]
            where = f"bytes {start}-{len(content) - 1}/{len(content)}"
            writer.write(
                head("206 Part", Content_Length=len(rest), Content_Range=where, ETag=tag)
                + rest[:cut]
            )
            if cut:
                await request.until(start + min(cut, len(rest)))

    return answer


def says(status: str, body: bytes = b"", **headers: object) -> Answer:
    async def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(status, Content_Length=len(body), **headers) + body)

    return answer


class Bench:
    """A server, a target, a clock that only sleeping moves, and a disk of any size."""

    def __init__(self, folder: Path, http: aiohttp.ClientSession, server: Server) -> None:
        self.server = server
        self.target = folder / "spool" / "job.gcode"
        self.http = http
        self.now = 0.0
        self.naps: list[float] = []
        self.free = 10_000_000
        self.progress: list[tuple[int, int | None]] = []
        self.rules = DownloadRules(
            stall=20.0, give_up=600.0, clock=lambda: self.now, sleep=self.sleep, free=self.space
        )

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def note(self, done: int, total: int | None) -> None:
        self.progress.append((done, total))
        self.server.progress(done, total)

    def space(self, folder: Path) -> int:
        part = part_path(self.target)
        return self.free - (part.stat().st_size if part.exists() else 0)

    async def fetch(self, *answers: Answer, **more: Any) -> Downloaded:
        self.server.answers = list(answers)
        arguments: dict[str, Any] = {
            "url": self.server.url + "/job.gcode?X-Amz-Signature=5ec4e7",
            "target": self.target,
            "limit": 1_000_000,
            "reserve": 0,
            "on_progress": self.note,
            "rules": self.rules,
        }
        return await download(self.http, **(arguments | more))

    @property
    def starts(self) -> list[int | None]:
        return [request.start for request in self.server.requests]

    def leftovers(self) -> list[str]:
        folder = self.target.parent
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield server
    listener.close()


@pytest.fixture
async def bench(tmp_path: Path, server: Server) -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as http:
        yield Bench(tmp_path, http, server)


async def test_a_file_comes_whole(bench: Bench) -> None:
    result = await bench.fetch(whole(Content_Type="text/x.gcode"))
    assert result == Downloaded(bench.target, len(CONTENT), "text/x.gcode", 1)
    assert bench.target.read_bytes() == CONTENT
    assert bench.leftovers() == ["job.gcode"]
    assert bench.progress[-1] == (len(CONTENT), len(CONTENT))
    assert bench.progress == sorted(bench.progress)
    assert bench.server.requests[0].headers["accept-encoding"] == "identity"


async def test_it_goes_on_after_cuts(bench: Bench) -> None:
    result = await bench.fetch(ranged(cut=30_000))
    assert bench.target.read_bytes() == CONTENT
    assert bench.starts == [None, 30_000, 60_000, 90_000]
    assert result.tries == 4
    assert bench.server.requests[1].headers["if-range"] == TAG
    assert all(nap <= 1.0 for nap in bench.naps)  # progress resets the back-off


async def test_without_range_it_begins_anew(bench: Bench) -> None:
    await bench.fetch(whole(cut=30_000), whole(cut=80_000), whole())
    assert bench.target.read_bytes() == CONTENT
    assert bench.starts == [None, 30_000, 80_000]


async def test_without_a_validator_no_range_is_asked_for(bench: Bench) -> None:
    await bench.fetch(whole(cut=30_000, ETag=None), ranged())
    assert bench.target.read_bytes() == CONTENT
    assert bench.starts == [None, None]


async def test_a_weak_etag_is_no_validator(bench: Bench) -> None:
    await bench.fetch(whole(cut=30_000, ETag='W/"v1"'), ranged())
    assert bench.starts == [None, None]


@pytest.mark.parametrize(("age", "starts"), [(0, [None, None]), (2, [None, 30_000])])
async def test_a_date_is_a_validator_once_it_is_old_enough(
    bench: Bench, age: int, starts: list[int | None]
) -> None:
    date: dict[str, Any] = {
        "ETag": None,
        "Last_Modified": "Sun, 22 Nov 2026 10:00:00 GMT",
        "Date": f"Sun, 22 Nov 2026 10:00:0{age} GMT",
    }
    await bench.fetch(whole(cut=30_000, **date), whole(**date))
    assert bench.starts == starts
    assert bench.target.read_bytes() == CONTENT


async def test_a_changed_file_is_fetched_anew(bench: Bench) -> None:
    other = CONTENT[::-1]
    await bench.fetch(ranged(cut=30_000), ranged(other, tag='"v2"'))
    assert bench.target.read_bytes() == other


async def test_a_server_that_ignores_if_range_does_not_mix_two_versions(bench: Bench) -> None:
    other = CONTENT[::-1]

    async def careless(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.start is None:
            await whole(other, ETag='"v2"')(request, writer)
            return
        where = f"bytes {request.start}-{len(other) - 1}/{len(other)}"
        rest = other[request.start :]
        writer.write(
            head("206 Part", Content_Length=len(rest), Content_Range=where, ETag='"v2"') + rest
        )

    await bench.fetch(ranged(cut=30_000), careless)
    assert bench.target.read_bytes() == other
    assert bench.starts == [None, 30_000, None]


@pytest.mark.parametrize("where", ["bytes 0-9/102400", "bytes 30000-9/5", "nonsense", ""])
async def test_a_wrong_content_range_is_not_trusted(bench: Bench, where: str) -> None:
    async def wrong(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("206 Part", Content_Length=5, Content_Range=where, ETag=TAG) + b"wrong")

    await bench.fetch(ranged(cut=30_000), wrong, ranged())
    assert bench.target.read_bytes() == CONTENT
    assert bench.starts == [None, 30_000, None]


async def test_a_file_that_became_shorter_is_fetched_anew(bench: Bench) -> None:
    short = CONTENT[:20_000]
    await bench.fetch(ranged(cut=30_000), says("416 No"), ranged(short, tag='"v2"'))
    assert bench.target.read_bytes() == short
    assert bench.starts == [None, 30_000, None]


async def test_a_wrong_content_length_never_ends_well(bench: Bench) -> None:
    bench.rules = msgspec.structs.replace(bench.rules, give_up=60.0)
    with pytest.raises(TransferError, match="no progress for 1 min: The connection was cut"):
        await bench.fetch(whole(Content_Length=len(CONTENT) + 7))
    assert bench.leftovers() == []


async def test_the_process_can_be_restarted_in_the_middle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partfile, "SYNC_EVERY", 10_000)
    arrived = asyncio.Event()

    async def half(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", Content_Length=len(CONTENT), ETag=TAG) + CONTENT[:50_000])
        await writer.drain()
        await arrived.wait()

    def progress(done: int, _total: int | None) -> None:
        if done == 50_000:
            arrived.set()

    task = asyncio.create_task(bench.fetch(half, half, on_progress=progress))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.leftovers() == ["job.gcode.part", "job.gcode.part.json"]
    kept = part_path(bench.target).stat().st_size
    assert kept == 50_000
    record = bench.target.with_name("job.gcode.part.json").read_text()
    assert "5ec4e7" not in record

    await bench.fetch(ranged())
    assert bench.target.read_bytes() == CONTENT
    start = bench.starts[-1]
    assert start is not None and 40_000 <= start <= 50_000
    assert bench.leftovers() == ["job.gcode"]


async def test_what_was_not_synced_is_not_trusted(bench: Bench) -> None:
    """After a power cut a file may have its size but not its last bytes."""
    bench.target.parent.mkdir()
    part_path(bench.target).write_bytes(CONTENT[:20_000] + b"\0" * 10_000)
    url = bench.server.url + "/job.gcode?X-Amz-Signature=5ec4e7"
    part = partfile.PartFile(bench.target, url, 0, bench.space)
    record = partfile.PartRecord(part._address, TAG, len(CONTENT), 20_000)
    bench.target.with_name("job.gcode.part.json").write_bytes(msgspec.json.encode(record))
    await bench.fetch(ranged())
    assert bench.starts == [20_000]
    assert bench.target.read_bytes() == CONTENT


async def test_the_part_of_another_address_is_not_used(bench: Bench) -> None:
    bench.target.parent.mkdir()
    part_path(bench.target).write_bytes(b"x" * 20_000)
    part = partfile.PartFile(bench.target, "http://elsewhere/", 0, bench.space)
    record = partfile.PartRecord(part._address, TAG, len(CONTENT), 20_000)
    bench.target.with_name("job.gcode.part.json").write_bytes(msgspec.json.encode(record))
    await bench.fetch(ranged())
    assert bench.starts == [None]
    assert bench.target.read_bytes() == CONTENT


async def test_discard_removes_everything(bench: Bench) -> None:
    await bench.fetch(whole())
    part_path(bench.target).write_bytes(b"x")
    bench.target.with_name("job.gcode.part.json").write_bytes(b"{}")
    discard(bench.target)
    discard(bench.target)
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "refused the file of this job"),
        (403, "its address may have expired"),
        (404, r"The cloud has no file for this job \(404\)\. Slice or upload it again\."),
        (410, "no longer has the file"),
        (418, r"did not give the file of this job \(418\)"),
        (304, "304"),
    ],
)
async def test_a_no_is_final(bench: Bench, status: int, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as caught:
        await bench.fetch(says(f"{status} No"))
    assert "5ec4e7" not in str(caught.value)
    assert len(bench.server.requests) == 1
    assert bench.leftovers() == []


async def test_a_failed_download_leaves_an_older_file_alone(bench: Bench) -> None:
    bench.target.parent.mkdir()
    bench.target.write_bytes(b"older")
    with pytest.raises(Refused):
        await bench.fetch(says("404 No"))
    assert bench.target.read_bytes() == b"older"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_later_is_tried_again(bench: Bench, status: int) -> None:
    await bench.fetch(says(f"{status} Later"), says(f"{status} Later", Retry_After="9"), whole())
    assert bench.target.read_bytes() == CONTENT
    assert bench.naps[0] <= 1.0
    assert bench.naps[1] == 9.0


async def test_no_progress_ends_it_with_the_last_problem(bench: Bench) -> None:
    with pytest.raises(TransferError, match=r"no progress for 10 min: The server.*\(503\)"):
        await bench.fetch(says("503 Later"))
    assert 600 <= bench.now <= 640
    assert max(bench.naps) <= 30
    assert bench.leftovers() == []


async def test_a_server_that_always_begins_anew_does_not_keep_us_for_ever(bench: Bench) -> None:
    with pytest.raises(TransferError, match="no progress"):
        await bench.fetch(whole(cut=30_000))


async def test_nobody_listening(bench: Bench, unused_tcp_port: int) -> None:
    bench.rules = msgspec.structs.replace(bench.rules, give_up=60.0)
    with pytest.raises(TransferError, match=r"No connection to 127\.0\.0\.1"):
        await bench.fetch(whole(), url=f"http://127.0.0.1:{unused_tcp_port}/")


async def test_a_stall_ends_the_try_and_the_next_goes_on(bench: Bench) -> None:
    release = asyncio.Event()

    async def stall(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", Content_Length=len(CONTENT), ETag=TAG) + CONTENT[:30_000])
        await writer.drain()
        await release.wait()

    bench.rules = msgspec.structs.replace(bench.rules, stall=1.0)
    await bench.fetch(stall, ranged())
    release.set()
    assert bench.starts == [None, 30_000]
    assert bench.target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://host/x", "//host/x", "", "http://", "gopher:x", "http://[::1"],
)
async def test_only_http_and_https(bench: Bench, url: str) -> None:
    with pytest.raises(Refused, match=r"only http and https|not a URL"):
        await bench.fetch(whole(), url=url)
    assert bench.server.requests == []


async def test_redirects_are_followed_to_http_only(bench: Bench) -> None:
    await bench.fetch(says("302 Go", Location="/other"), says("307 Go", Location="x"), whole())
    assert [request.path for request in bench.server.requests][1:] == ["/other", "/x"]
    assert bench.target.read_bytes() == CONTENT
    for location in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(Refused, match="only http and https"):
            await bench.fetch(says("302 Go", Location=location))


async def test_redirects_are_bounded(bench: Bench) -> None:
    with pytest.raises(Refused, match="in circles"):
        await bench.fetch(says("302 Go", Location="/again"))
    assert len(bench.server.requests) == 6


async def test_a_packed_file_is_unpacked(bench: Bench) -> None:
    packed = gzip.compress(CONTENT)
    result = await bench.fetch(
        whole(packed, cut=100, Content_Encoding="gzip"), whole(packed, Content_Encoding="gzip")
    )
    assert bench.target.read_bytes() == CONTENT
    assert result.size == len(CONTENT)
    assert bench.starts == [None, None]
    assert bench.progress[-1] == (len(CONTENT), None)


async def test_a_packed_bomb_stops_at_the_limit(bench: Bench) -> None:
    bomb = gzip.compress(bytes(5_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(TransferError, match="too large"):
        await bench.fetch(whole(bomb, Content_Encoding="gzip"))
    assert max(done for done, _ in bench.progress) <= 1_000_000
    assert bench.leftovers() == []


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress"])
async def test_other_packing_is_refused(bench: Bench, encoding: str) -> None:
    with pytest.raises(Refused, match="is packed in a way"):
        await bench.fetch(whole(Content_Encoding=encoding))
    assert len(bench.server.requests) == 1


async def test_the_size_limit_holds_before_and_while(bench: Bench) -> None:
    with pytest.raises(TransferError, match="more than 1000 bytes") as caught:
        await bench.fetch(whole(), limit=1000)
    assert caught.value.short == "File too large"
    assert bench.progress == []

    async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK"))  # no length: until the connection ends
        for _ in range(100):
            writer.write(CONTENT)
            await writer.drain()

    with pytest.raises(TransferError, match="too large"):
        await bench.fetch(endless, limit=500_000)
    assert max(done for done, _ in bench.progress) <= 500_000
    assert bench.leftovers() == []


async def test_a_limit_that_is_just_met(bench: Bench) -> None:
    assert (await bench.fetch(whole(), limit=len(CONTENT))).size == len(CONTENT)


async def test_a_full_disk_is_known_before(bench: Bench) -> None:
    bench.free = len(CONTENT) + 999
    with pytest.raises(StorageError) as caught:
        await bench.fetch(whole(), reserve=1000)
    assert caught.value.short == "Disk full"
    assert bench.progress == []
    assert bench.leftovers() == []
    bench.free += 1
    await bench.fetch(whole(), reserve=1000)


async def test_a_disk_that_fills_while_writing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partfile, "SYNC_EVERY", 10_000)

    def progress(done: int, _total: int | None) -> None:
        bench.free = 0  # somebody else writes, too
        bench.server.progress(done, None)

    async def in_two(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", Content_Length=len(CONTENT), ETag=TAG) + CONTENT[:50_000])
        await request.until(50_000)
        writer.write(CONTENT[50_000:])

    with pytest.raises(StorageError) as caught:
        await bench.fetch(in_two, on_progress=progress)
    assert caught.value.short == "Disk full"
    assert bench.starts == [None]
    assert bench.leftovers() == []


async def test_enospc_from_the_kernel(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        await bench.fetch(whole())
    assert caught.value.short == "Disk full"


async def test_a_folder_that_cannot_be_written(bench: Bench) -> None:
    bench.target.parent.write_text("a file, not a folder")
    with pytest.raises(StorageError, match="spool"):
        await bench.fetch(whole())


async def test_the_local_store_resumes(bench: Bench, tmp_path: Path) -> None:
    storage = Storage(tmp_path / "store", b"secret", lambda: 0.0)
    stored = storage.put("jobs/1.gcode", CONTENT, "text/plain")
    os.utime(stored.path, (1e9, 1e9))
    storage.faults.cut_downloads, storage.faults.cut_after = 1, 40_000
    app = web.Application()
    storage.add_routes(app)
    async with TestServer(app) as server:
        url = str(server.make_url("/storage/polar3d.com/jobs/1.gcode"))
        result = await bench.fetch(whole(), url=url)
    assert bench.target.read_bytes() == CONTENT
    assert result.tries == 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_any_mixture_of_troubles_gives_the_file_or_a_reason(
    bench: Bench, data: st.DataObject
) -> None:
    """Versions are never mixed, whatever the server does on the way."""
    versions = {'"v1"': CONTENT[:5000], '"v2"': CONTENT[::-1][:4000]}
    tags = st.sampled_from(sorted(versions))
    cuts = st.none() | st.integers(0, 5000)
    trouble = st.one_of(
        st.builds(lambda tag, cut: ranged(versions[tag], cut, tag), tags, cuts),
        st.builds(lambda tag, cut: whole(versions[tag], cut, ETag=tag), tags, cuts),
        st.just(says("503 Later")),
        st.just(says("416 No")),
    )
    answers = data.draw(st.lists(trouble, max_size=6))
    bench.now, bench.server.done = 0.0, 0
    discard(bench.target)
    try:
        await bench.fetch(*answers, ranged(versions['"v1"']))
        assert bench.target.read_bytes() in versions.values()
    except Refused as error:
        assert "416" in str(error)
    assert [name for name in bench.leftovers() if ".part" in name] == []
