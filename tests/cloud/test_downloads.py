from __future__ import annotations

import asyncio
import errno
import gzip
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.cloud import partfile
from appliance.cloud.downloads import Downloaded
from appliance.cloud.partfile import discard, part_path
from appliance.cloud.transfer import Refused
from appliance.errors import StorageError, TransferError
from appliance.sim.storage import Storage
from tests.cloud.file_server import (
    CONTENT,
    TAG,
    Bench,
    Request,
    head,
    ranged,
    says,
    whole,
)


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
