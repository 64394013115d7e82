from __future__ import annotations

import errno
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.timelapse.frames import LIMIT, FrameStore, first_spacing

HEADER = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00\xff\xda\x00\x02"
START = 1_700_000_000.0


def picture(number: int) -> bytes:
    """The smallest thing that passes for a whole JPEG, with a number inside."""
    return HEADER + b"%d" % number + b"\xff\xd9"


def number_of(path: Path) -> int:
    return int(path.read_bytes().removeprefix(HEADER).removesuffix(b"\xff\xd9"))


def numbers(store: FrameStore) -> list[int]:
    return [number_of(path) for path in store.frames()]


@settings(max_examples=30, deadline=None)
@given(
    beats=st.integers(1, 400),
    limit=st.sampled_from([2, 4, 10, 36]),
    beat=st.floats(0.1, 1.0),
    restarts=st.sets(st.integers(0, 400), max_size=5),
)
def test_any_length_of_print_gives_bounded_even_ordered_frames(
    beats: int, limit: int, beat: float, restarts: set[int]
) -> None:
    with TemporaryDirectory() as folder:
        store = FrameStore(Path(folder), limit, interval=1.0)
        for number in range(beats):
            if number in restarts:
                store = FrameStore(Path(folder), limit, interval=77.0)  # the first word stands
            now = START + number * beat
            assert store.add(picture(number), now) == (number == 0 or number in numbers(store))
            assert len(store.frames()) <= limit
        kept_before = numbers(store)
        assert store.add(picture(beats), START + beats * beat, last=True)
        kept = numbers(store)
        assert kept == sorted(set(kept))
        assert kept[0] == 0
        assert kept[-1] == beats
        assert len(kept) <= limit
        gaps = [(b - a) * beat for a, b in pairwise(kept_before)]
        if gaps:
            assert max(gaps) <= 2 * min(gaps) + 1e-6
            assert min(gaps) >= 0.99
        if store.spacing > 1.0:  # it was full once
            assert len(kept_before) >= limit // 2


def test_a_print_of_a_week_is_half_a_minute(tmp_path: Path) -> None:
    store = FrameStore(tmp_path, estimated_seconds=7 * 86400)
    now, week = START, START + 7 * 86400
    while now < week:
        store.add(picture(int(now - START)), now)
        now += store.spacing  # as a clock that is asked often would make it
    assert LIMIT // 2 <= len(store.frames()) <= LIMIT
    assert len(list(tmp_path.iterdir())) == len(store.frames()) + 1  # and the plan


@pytest.mark.parametrize("actual", [0.5, 0.75, 1.0, 1.5, 4.0])
@pytest.mark.parametrize("estimate", [600.0, 3600.0])
def test_an_estimate_that_is_half_wrong_still_gives_a_full_video(
    tmp_path: Path, estimate: float, actual: float
) -> None:
    store = FrameStore(tmp_path, estimated_seconds=estimate)
    for tenth in range(int(estimate * actual * 10)):
        if store.wanted(START + tenth / 10):
            store.add(picture(tenth), START + tenth / 10)
    assert LIMIT // 2 - 10 <= len(store.frames()) <= LIMIT


@pytest.mark.parametrize(
    ("estimate", "interval", "spacing"),
    [
        (3600.0, 0.0, 10.0),
        (1800.0, 0.0, 5.0),
        (60.0, 0.0, 1.0),
        (1e9, 0.0, 10.0),
        (None, 0.0, 2.0),
        (0.0, 0.0, 2.0),
        (3600.0, 3.5, 3.5),
        (3600.0, 0.001, 0.2),
    ],
)
def test_the_first_spacing(estimate: float | None, interval: float, spacing: float) -> None:
    assert first_spacing(estimate, interval) == spacing


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 60), st.integers(0, 40))
def test_killed_while_thinning_it_carries_on(frames: int, kill_at: int) -> None:
    """The process ends at the kill_at-th change of the disk; then it is started again."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        changes = 0

        class Killed(BaseException):
            pass

        def counted(change: str) -> None:
            original = getattr(Path, change)

            def replacement(self: Path, *arguments: object, **options: object) -> object:
                nonlocal changes
                if self.suffix in (".jpg", ".partial"):
                    if changes == kill_at:
                        raise Killed
                    changes += 1
                return original(self, *arguments, **options)

            patch.setattr(Path, change, replacement)

        for change in ("unlink", "replace", "write_bytes"):
            counted(change)
        store = FrameStore(Path(folder), 4, interval=1.0)
        try:
            for number in range(frames):
                store.add(picture(number), START + number)
        except Killed:
            pass
        patch.undo()
        store = FrameStore(Path(folder), 4, interval=1.0)
        kept = numbers(store)
        assert kept == sorted(kept)
        assert len(kept) <= 4
        gaps = {b - a for a, b in pairwise(kept)}
        assert len(gaps) <= 1
        assert not list(Path(folder).glob("*.partial"))
        if kept:
            assert kept[0] == 0
            due = START + kept[-1] + store.spacing
            assert not store.wanted(due - 0.5)
            assert store.wanted(due)


def test_a_lost_plan_is_read_from_the_frames(tmp_path: Path) -> None:
    store = FrameStore(tmp_path, 4, interval=1.0)
    for number in range(30):
        store.add(picture(number), START + number)
    before, spacing = numbers(store), store.spacing
    (tmp_path / "plan.json").write_bytes(b"\0\0\0")
    again = FrameStore(tmp_path, 4, interval=1.0)
    assert (numbers(again), again.spacing) == (before, spacing)


def test_a_clock_that_is_set_back_stops_nothing(tmp_path: Path) -> None:
    store = FrameStore(tmp_path, interval=5.0)
    assert store.add(picture(0), START)
    assert not store.add(picture(1), START + 4)
    assert store.add(picture(2), START - 86400)
    assert not store.wanted(START - 86400 + 4)
    assert store.wanted(START - 86400 + 5)


def test_a_full_disk_is_reported_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FrameStore(tmp_path, interval=1.0)
    assert store.add(picture(0), START)

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert not store.add(picture(1), START + 1)
        assert "No space left" in store.problem
        assert len(list(tmp_path.iterdir())) == 2
    assert store.add(picture(2), START + 2)
    assert not store.problem
    assert numbers(store) == [0, 2]


def test_a_folder_that_cannot_be_made_is_reported_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FrameStore(tmp_path / "file" / "frames")
    assert store.problem
    assert store.wanted(START)
    assert not store.add(picture(0), START)
    assert store.frames() == []
    store.clear()


def test_half_a_picture_is_not_kept(tmp_path: Path) -> None:
    store = FrameStore(tmp_path)
    assert not store.add(picture(0)[:-1], START)
    assert "not a whole JPEG" in store.problem


def test_cleared_it_starts_from_nothing(tmp_path: Path) -> None:
    store = FrameStore(tmp_path, 4, interval=1.0)
    for number in range(10):
        store.add(picture(number), START + number)
    store.clear()
    assert store.frames() == []
    assert list(tmp_path.iterdir()) == []
    assert store.spacing == 1.0
    assert store.add(picture(50), START + 10)
    assert numbers(store) == [50]


def test_an_odd_limit_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        FrameStore(tmp_path, 5)
