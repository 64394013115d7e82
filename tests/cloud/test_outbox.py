from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import store
from appliance.cloud.outbox import Entry, JobReport, Outbox, OutboxLimits, VideoToSend
from appliance.errors import StorageError

NOW = 1_790_000_000.0


def report(job: str = "job-1", key: str = "a", completed: bool = True) -> JobReport:
    return JobReport(job_id=job, key=key, completed=completed, print_seconds=60, filament_mm=100)


def video(folder: Path, content: bytes = b"film", name: str = "film.mp4") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def box(folder: Path, **more: float | int) -> Outbox:
    return Outbox(folder / "outbox", limits=OutboxLimits(**more), now=lambda: NOW)  # type: ignore[arg-type]


def keys(outbox: Outbox) -> list[str]:
    return [entry.key for entry in outbox.pending()]


def test_entries_survive_a_restart_in_order(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    outbox.add_report(report("job-1"))
    outbox.add_video("job-1", video(tmp_path), key="a")
    outbox.add_report(report("job-2"))
    again = box(tmp_path)
    assert again.pending() == outbox.pending()
    assert [type(entry.item) for entry in again.pending()] == [JobReport, VideoToSend, JobReport]
    assert again.pending()[0].item == report("job-1")


def test_order_holds_beyond_nine_entries(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    for number in range(12):
        outbox.add_report(report(f"job-{number}"))
    ids = [entry.item.job_id for entry in box(tmp_path).pending()]
    assert ids == [f"job-{number}" for number in range(12)]


def test_a_video_is_taken_over_by_rename(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    source = video(tmp_path)
    inode = source.stat().st_ino
    entry = outbox.add_video("job-1", source, key="a")
    assert entry is not None and isinstance(entry.item, VideoToSend)
    kept = Path(entry.item.path)
    assert not source.exists()
    assert (kept.parent, kept.stat().st_ino, entry.item.size) == (tmp_path / "outbox", inode, 4)


def test_the_folder_may_move(tmp_path: Path) -> None:
    box(tmp_path).add_video("job-1", video(tmp_path), key="a")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(tmp_path / "outbox", moved)
    (entry,) = box(moved).pending()
    assert isinstance(entry.item, VideoToSend)
    assert Path(entry.item.path).read_bytes() == b"film"


def test_delivered_is_for_good_and_nothing_is_left(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    first = outbox.add_report(report())
    second = outbox.add_video("job-1", video(tmp_path), key="a")
    assert first and second
    outbox.delivered(first)
    outbox.delivered(second)
    outbox.delivered(second)
    assert outbox.pending() == box(tmp_path).pending() == []
    assert [path.name for path in (tmp_path / "outbox").iterdir()] == ["delivered.json"]


def test_records_are_for_us_alone(tmp_path: Path) -> None:
    box(tmp_path).add_report(report())
    assert (tmp_path / "outbox" / "00000001.json").stat().st_mode & 0o077 == 0


def test_the_same_is_not_owed_twice(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    first = outbox.add_report(report())
    assert outbox.add_report(report()) == first
    kept = outbox.add_video("job-1", video(tmp_path), key="a")
    again = video(tmp_path)
    assert outbox.add_video("job-1", again, key="a") == kept
    assert not again.exists()
    assert len(outbox.pending()) == len(box(tmp_path).pending()) == 2
    # A local print has the job id "123" each time; only the key tells two apart.
    outbox.add_report(report("123", "b"))
    outbox.add_report(report("123", "c"))
    assert len(outbox.pending()) == 4


def test_what_was_delivered_is_not_owed_again_even_after_a_restart(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    for entry in (
        outbox.add_report(report()),
        outbox.add_video("job-1", video(tmp_path), key="a"),
    ):
        assert entry
        outbox.delivered(entry)
    again = box(tmp_path)
    left = video(tmp_path)
    assert again.add_report(report()) is None
    assert again.add_video("job-1", left, key="a") is None
    assert not left.exists()
    assert again.pending() == []


def test_a_kill_between_the_two_halves_of_delivered(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    entry = outbox.add_video("job-1", video(tmp_path), key="a")
    assert entry
    (tmp_path / "outbox" / "delivered.json").write_text(json.dumps([entry.key]))
    assert box(tmp_path).pending() == []
    assert sorted((tmp_path / "outbox").glob("*.mp4")) == []


def test_attempts_and_the_last_error_are_kept(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    entry = outbox.add_video("job-1", video(tmp_path), key="a")
    assert entry
    outbox.failed(entry, "first")
    outbox.failed(entry, "second")
    (kept,) = box(tmp_path).pending()
    assert (kept.attempts, kept.last_error) == (2, "second")
    outbox.delivered(entry)
    outbox.failed(entry, "late")
    assert box(tmp_path).pending() == []


def test_a_missing_video_is_said(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    with pytest.raises(StorageError, match="is not there"):
        outbox.add_video("job-1", tmp_path / "none.mp4", key="a")
    assert outbox.pending() == box(tmp_path).pending() == []


def test_a_video_that_cannot_be_moved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = box(tmp_path)
    source = video(tmp_path)
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self == source:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(StorageError, match="cross-device"):
        outbox.add_video("job-1", source, key="a")
    assert source.exists()
    assert outbox.pending() == box(tmp_path).pending() == []


def test_old_and_too_many_videos_go_but_no_report(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = NOW
    outbox = Outbox(
        tmp_path / "outbox", limits=OutboxLimits(video_bytes=10, video_age=1000), now=lambda: now
    )
    for number in range(3):
        outbox.add_report(report(f"job-{number}"))
        outbox.add_video(f"job-{number}", video(tmp_path), key="a")
    ids = [entry.item.job_id for entry in outbox.pending() if isinstance(entry.item, VideoToSend)]
    assert ids == ["job-1", "job-2"]
    assert "newer ones need its room" in caplog.text
    now += 1001
    outbox.prune()
    assert [type(entry.item) for entry in outbox.pending()] == [JobReport] * 3
    assert sorted((tmp_path / "outbox").glob("*.mp4")) == []


def test_a_single_video_larger_than_the_bound_is_kept(tmp_path: Path) -> None:
    outbox = box(tmp_path, video_bytes=2)
    outbox.add_video("job-1", video(tmp_path), key="a")
    assert len(outbox.pending()) == 1


def test_a_clock_that_was_not_set_makes_no_video_old(tmp_path: Path) -> None:
    now = 1000.0  # 1970: no network yet
    outbox = Outbox(tmp_path / "outbox", now=lambda: now)
    outbox.add_video("job-1", video(tmp_path), key="a")
    now = NOW
    outbox.prune()
    assert len(outbox.pending()) == 1


def test_a_damaged_record_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = box(tmp_path)
    outbox.add_report(report("job-1"))
    outbox.add_report(report("job-2"))
    (tmp_path / "outbox" / "00000001.json").write_bytes(b'{"sequence": 1, "ite')
    again = box(tmp_path)
    assert [entry.item.job_id for entry in again.pending()] == ["job-2"]
    assert (tmp_path / "outbox" / "00000001.json.bad").exists()
    assert "00000001.json.bad" in caplog.text
    third = again.add_report(report("job-3"))
    assert third and third.sequence == 3


def test_strange_files_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / "00000007.mp4").write_bytes(b"nobody's")
    (folder / ".00000008.json.x").write_bytes(b"half")
    (folder / "notes.txt").write_bytes(b"a person's")
    (folder / "delivered.json").write_bytes(b"[1, 2")
    outbox = box(tmp_path)
    assert outbox.pending() == []
    assert sorted(path.name for path in folder.iterdir()) == ["delivered.json.bad", "notes.txt"]


def _no_space(_handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_that_a_full_disk_does_not_take_is_made_with_the_first_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        outbox = box(tmp_path)
    assert "cannot be made" in caplog.text
    assert outbox.pending() == []
    outbox.add_report(report("job-1"))
    assert keys(box(tmp_path)) == keys(outbox) == ["report job-1 a"]


def test_on_a_full_disk_videos_make_room_for_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = box(tmp_path)
    outbox.add_video("job-1", video(tmp_path), key="a")
    outbox.add_video("job-2", video(tmp_path), key="a")
    real = store.write_atomic

    def write(path: Path, data: bytes, mode: int = 0o600) -> None:
        if len(list((tmp_path / "outbox").glob("*.mp4"))) > 1:
            raise StorageError("The disk is full.")
        real(path, data, mode)

    monkeypatch.setattr(store, "write_atomic", write)
    outbox.add_report(report("job-2"))
    assert keys(outbox) == keys(box(tmp_path)) == ["video job-2 a", "report job-2 a"]


def test_a_report_that_cannot_be_written_is_owed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = box(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _no_space)
        entry = outbox.add_report(report())
    assert entry and outbox.pending() == [entry]
    assert "in memory alone" in caplog.text
    # The next note on it brings it to the disk.
    outbox.failed(entry, "offline")
    assert keys(box(tmp_path)) == [entry.key]


def test_delivered_works_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = box(tmp_path)
    entry = outbox.add_report(report())
    assert entry

    def write(path: Path, data: bytes, mode: int = 0o600) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(store, "write_atomic", write)
    outbox.delivered(entry)
    assert outbox.add_report(report()) is None
    assert outbox.pending() == box(tmp_path).pending() == []


def test_numbers_are_not_used_again_within_a_process(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    first = outbox.add_report(report("job-1"))
    assert first
    outbox.delivered(first)
    second = outbox.add_report(report("job-2"))
    assert second and second.sequence > first.sequence


async def test_every_listener_is_told_of_an_addition(tmp_path: Path) -> None:
    outbox = box(tmp_path)
    one, two = outbox.changed(), outbox.changed()
    outbox.add_report(report())
    async with asyncio.timeout(5):
        await one.wait()
        await two.wait()
    one.clear()
    outbox.add_report(report())  # the same again is no change
    assert not one.is_set()


# Kills. First in this process, at any step, as seen by hypothesis; then for real.


class Killed(BaseException):
    """The process ends here: no handler may do anything more."""


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """Stop at the ``step``-th change of the file system and let nothing happen after it."""
    names = ("replace", "unlink", "mkstemp", "fsync")
    originals: list[tuple[object, str, Callable[..., object]]] = []
    count = 0

    def wrap(owner: object, name: str) -> None:
        real = getattr(owner, name)
        originals.append((owner, name, real))

        def act(*args: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count >= step:
                raise Killed  # and again in every handler that tries to clean up
            # A kill, unlike a power cut, spares what was not synced: no need to wait for it.
            return None if name == "fsync" else real(*args, **named)

        setattr(owner, name, act)

    for owner, name in zip((Path, Path, tempfile, os), names, strict=True):
        wrap(owner, name)
    try:
        yield
    finally:
        for owner, name, real in originals:
            setattr(owner, name, real)


STEPS = st.one_of(
    st.tuples(st.just("report"), st.integers(0, 4)),
    st.tuples(st.just("video"), st.integers(0, 4)),
    st.tuples(st.just("deliver"), st.integers(0, 7)),
    st.tuples(st.just("fail"), st.integers(0, 7)),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(max_examples=80, deadline=None)
@given(script=st.lists(st.tuples(STEPS, st.none() | st.integers(1, 14)), max_size=15))
def test_nothing_is_lost_and_nothing_delivered_comes_back(
    script: list[tuple[tuple[str, int], int | None]],
) -> None:
    """A model of what is owed beside the outbox, with kills in the middle of any act.

    An act that was killed may have happened or not, and is then simply done again, as the
    agent does from its own job record.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outbox = box(folder)
        owed: list[str] = []
        done: set[str] = set()
        for (act, number), kill in script:
            try:
                with killed_at(kill or 10**9):
                    _perform(outbox, folder, act, number)
            except Killed:
                outbox = box(folder)
                missing = [key for key in owed if key not in keys(outbox)]
                # What was owed is still there, but for one that was just being delivered.
                assert len(missing) <= (act == "deliver")
                assert not done & set(keys(outbox))
                if not missing:
                    _perform(outbox, folder, act, number)
            _follow(act, number, owed, done)
            if act == "restart":
                outbox = box(folder)
            assert keys(outbox) == keys(box(folder)) == owed


def _perform(outbox: Outbox, folder: Path, act: str, number: int) -> None:
    pending = outbox.pending()
    if act == "report":
        outbox.add_report(report(f"job-{number}"))
    elif act == "video":
        # Encoded once: after that it is either here or in the outbox.
        (folder / "films").mkdir(exist_ok=True)
        source = folder / "films" / f"{number}.mp4"
        made = folder / f"made-{number}"
        if not made.exists():
            source.write_bytes(b"film %d" % number)
            made.touch()
        outbox.add_video(f"job-{number}", source, key="a")
    elif act == "deliver" and number < len(pending):
        _check(pending[number])
        outbox.delivered(pending[number])
    elif act == "fail" and number < len(pending):
        outbox.failed(pending[number], "no")


def _check(entry: Entry) -> None:
    if isinstance(entry.item, VideoToSend):
        number = entry.item.job_id.removeprefix("job-")
        assert Path(entry.item.path).read_bytes() == f"film {number}".encode()


def _follow(act: str, number: int, owed: list[str], done: set[str]) -> None:
    if act in ("report", "video"):
        key = f"{act} job-{number} a"
        if key not in owed and key not in done:
            owed.append(key)
    elif act == "deliver" and number < len(owed):
        done.add(owed.pop(number))
