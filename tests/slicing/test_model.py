from __future__ import annotations

import math
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.slicing.errors import BadModel, ModelTooLarge
from appliance.slicing.model import Box, check_stl, marked_copy, taken_for_text
from tests.slicing.shapes import ascii_stl, ball, binary, box

LARGE = 10_000_000


def check(folder: Path, data: bytes, max_bytes: int = LARGE) -> Box:
    path = folder / "model"
    path.write_bytes(data)
    return check_stl(path, max_bytes)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_forms_are_measured(tmp_path: Path, end: str) -> None:
    triangles = box((20, 15, 10), (-5, 2.5, 1))
    for data in (binary(triangles), ascii_stl(triangles, end)):
        found = check(tmp_path, data)
        assert found.low == pytest.approx((-5, 2.5, 1))
        assert found.size == pytest.approx((20, 15, 10))
        assert found.middle == pytest.approx((5, 10))
        assert found.triangles == 12


def test_a_binary_file_may_begin_with_solid(tmp_path: Path) -> None:
    assert check(tmp_path, binary(box(), b"solid exported by CAD")).triangles == 12


def test_many_triangles_in_little_memory(tmp_path: Path) -> None:
    triangles = ball(35)
    for data in (binary(triangles), ascii_stl(triangles)):
        path = tmp_path / "model"
        path.write_bytes(data)
        tracemalloc.start()
        found = check_stl(path, LARGE)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found.triangles == len(triangles)
        assert found.size == pytest.approx((40, 40, 40), rel=0.01)
        assert peak < 2_000_000


WHOLE = binary(box())
TEXT = ascii_stl(box())
NAN = struct.pack("<f", math.nan)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\0" * 300, "empty"),
        (binary([]), "no triangles"),
        (b"solid nothing\nendsolid nothing\n", "no triangles"),
        (WHOLE[:-50], "announces 12 triangles and holds 11"),
        (WHOLE[:-7], "cut off"),
        (WHOLE + b"\0" * 50, "damaged"),
        (WHOLE + b"x", "damaged"),
        (WHOLE[:40], "cut off"),
        (b"PNG or whatever this is" * 20, "cut off, or no STL"),
        (WHOLE[:96] + NAN + WHOLE[100:], "NaN"),
        (WHOLE[:96] + struct.pack("<f", math.inf) + WHOLE[100:], "NaN"),
        (TEXT.replace(b"vertex 2.000000e+01", b"vertex nan", 1), "NaN"),
        (TEXT.replace(b"vertex", b"vertex x", 1), "is no corner"),
        (TEXT.replace(b"  vertex", b"  vortex", 1), "2 corners instead of 3"),
        (TEXT[: len(TEXT) // 2], "cut off"),
        (TEXT[: TEXT.index(b"endsolid")], "cut off"),
        (binary([((0, 0, 0), (5, 0, 0), (0, 5, 0))]), "flat"),
        (binary(box((0.02, 0.02, 0.02))), "too little"),
    ],
    ids=str,
)
def test_what_cannot_be_printed_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadModel, match=said) as caught:
        check(tmp_path, data)
    assert len(caught.value.short) <= 20


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelTooLarge, match="more than any printer"):
        check(tmp_path, binary(box((20_000, 5, 5))))
    with pytest.raises(ModelTooLarge, match="fewer triangles"):
        check(tmp_path, WHOLE, 500)


def test_the_caller_can_give_up(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for data in (WHOLE, ascii_stl(ball(20))):
        path.write_bytes(data)
        with pytest.raises(InterruptedError):
            check_stl(path, LARGE, _give_up)


def _give_up() -> None:
    raise InterruptedError


def test_round_numbers_are_marked_as_binary(tmp_path: Path) -> None:
    """PrusaSlicer takes a binary file for text when its first 128 bytes are all below 128."""
    plain = tmp_path / "plain.stl"
    plain.write_bytes(binary(box((4, 4, 8), (8, 8, 0))))
    assert taken_for_text(plain)
    copy = tmp_path / "copy.stl"
    marked_copy(plain, copy)
    assert not taken_for_text(copy)
    assert copy.stat().st_size == plain.stat().st_size
    assert check_stl(copy, LARGE) == check_stl(plain, LARGE)
    plain.write_bytes(WHOLE)
    assert not taken_for_text(plain) or max(WHOLE[84:212]) <= 127
    plain.write_bytes(TEXT)
    assert not taken_for_text(plain)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(0, len(WHOLE)), st.booleans())
def test_any_bytes_are_measured_or_refused(
    tmp_path: Path, data: bytes, at: int, text: bool
) -> None:
    whole = TEXT if text else WHOLE
    for broken in (data, b"solid " + data, whole[:at] + data + whole[at:], whole[:at] + data):
        try:
            found = check(tmp_path, broken)
        except BadModel as error:
            assert error.long.endswith(".")
        else:
            assert all(math.isfinite(value) for value in (*found.low, *found.high))


def test_a_long_line_costs_no_memory_and_little_time(tmp_path: Path) -> None:
    began = time.perf_counter()
    with pytest.raises(BadModel):
        check(tmp_path, b"solid " + b"x" * 5_000_000)
    assert time.perf_counter() - began < 10
