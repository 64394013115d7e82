from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import EncoderError
from appliance.timelapse.selection import evenly, select

MakeFrames = Callable[..., list[Path]]


@given(st.integers(0, 2000), st.integers(1, 400))
def test_evenly_keeps_first_last_order_and_spacing(count: int, limit: int) -> None:
    chosen = evenly(range(count), limit)
    assert len(chosen) == min(count, limit)
    assert chosen == sorted(set(chosen))
    if chosen:
        assert chosen[-1] == count - 1
        assert chosen[0] == 0 or limit == 1
    gaps = {b - a for a, b in pairwise(chosen)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_broken_frames_and_those_of_another_size_are_left_out(
    make_frames: MakeFrames,
) -> None:
    frames = make_frames(12)
    whole = frames[0].read_bytes()
    frames[1].write_bytes(b"")
    frames[2].write_bytes(whole[: len(whole) // 2])
    frames[3].write_bytes(b"\xff\xd8broken garbage\xff\xd9")
    frames[4].unlink()
    other = make_frames(1, 200, 100)[0].read_bytes()
    frames[0].write_bytes(whole)
    frames[5].write_bytes(other)
    frames[6].write_bytes(whole + bytes(20))
    chosen = select(frames, 360)
    assert chosen.frames == [frames[0], *frames[6:]]
    assert (chosen.width, chosen.height, chosen.left_out) == (320, 180, 5)


def test_nothing_usable_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="camera gave no frame"):
        select([], 360)
    with pytest.raises(EncoderError, match="None of the 2 frames"):
        select([tmp_path / "a", tmp_path / "b"], 360)
