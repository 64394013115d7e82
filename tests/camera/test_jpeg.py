from __future__ import annotations

import io
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from appliance.camera import jpeg
from appliance.errors import CameraError


def made(width: int, height: int, *, progressive: bool, grey: bool, exif: bool) -> bytes:
    noise = random.Random(width * height).randbytes(width * height)
    image = Image.frombytes("L", (width, height), noise)
    tags = Image.Exif()
    tags[0x010E] = "x" * 300
    buffer = io.BytesIO()
    ready = image if grey else image.convert("RGB")
    ready.save(buffer, "JPEG", progressive=progressive, exif=tags if exif else b"")
    return buffer.getvalue()


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_the_size_is_read_from_the_markers(
    width: int, height: int, progressive: bool, grey: bool, exif: bool
) -> None:
    data = made(width, height, progressive=progressive, grey=grey, exif=exif)
    assert jpeg.size_of(data) == (width, height)
    assert jpeg.size_of(data + bytes(37)) == (width, height)  # padded, as some cameras do


@given(st.data())
def test_a_picture_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    whole = made(32, 24, progressive=False, grey=False, exif=True)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CameraError):
        jpeg.size_of(whole[:cut])


@given(st.binary(max_size=400))
@example(jpeg.SOI + jpeg.EOI)
@example(jpeg.SOI + b"\xff\xc0\x00\x02\xff\xda\x00\x02" + jpeg.EOI)
@example(jpeg.SOI + b"\xff\xc0\x00\x01" + jpeg.EOI)
@example(jpeg.SOI + b"\xff" * 50 + jpeg.EOI)
def test_garbage_is_a_camera_error_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(CameraError):
        jpeg.size_of(garbage)
    with pytest.raises(CameraError):
        jpeg.size_of(jpeg.SOI + garbage + jpeg.EOI)
