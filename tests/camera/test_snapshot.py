from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from appliance.camera import snapshot
from appliance.camera.shrink import shrink
from appliance.errors import CameraError


def noise(width: int, height: int, quality: int = 95) -> bytes:
    pixels = random.Random(width * height).randbytes(3 * width * height)
    image = Image.frombytes("RGB", (width, height), pixels)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 640), st.integers(16, 640), st.integers(900, 100_000))
def test_the_result_always_fits_is_whole_and_keeps_its_shape(
    width: int, height: int, max_size: int
) -> None:
    result = shrink(noise(width, height), max_size)
    assert len(result) <= max_size
    image = Image.open(io.BytesIO(result))
    image.load()
    assert image.width <= width
    assert image.height <= height
    if min(image.size) > 40:
        assert image.width / image.height == pytest.approx(width / height, rel=0.1)


async def test_a_large_picture_is_made_to_fit_the_right_way_up(
    corners: Callable[[int, int], bytes], seen: Callable[[bytes], tuple[int, int, str]]
) -> None:
    picture = corners(1280, 720)
    result = await snapshot.fit(picture, len(picture) // 2)
    assert len(result) <= len(picture) // 2
    assert seen(result)[2] == "rgbw"


async def test_a_real_snapshot_stays_under_the_protocols_example_size() -> None:
    result = await snapshot.fit(noise(1280, 720), 76_800)
    assert len(result) <= 76_800
    assert Image.open(io.BytesIO(result)).width >= 320


async def test_one_that_fits_is_left_alone(corners: Callable[[int, int], bytes]) -> None:
    picture = corners(64, 48)
    assert await snapshot.fit(picture, len(picture)) is picture


async def test_what_is_no_jpeg_is_refused_even_when_it_fits() -> None:
    with pytest.raises(CameraError, match="not a whole JPEG"):
        await snapshot.fit(b"GIF89a", 1000)


async def test_a_picture_with_a_broken_inside_is_a_sentence() -> None:
    whole = noise(320, 240)
    start = whole.index(b"\xff\xdb")  # quantization tables: without them nothing decodes
    broken = whole[:start] + b"\xff\xfe" + whole[start + 2 :]
    with pytest.raises(CameraError, match=r"cannot be read"):
        await snapshot.fit(broken, 2000)


async def test_what_can_never_fit_is_said(corners: Callable[[int, int], bytes]) -> None:
    with pytest.raises(CameraError, match="No picture fits into 100 bytes"):
        await snapshot.fit(corners(64, 48), 100)


async def test_a_header_that_claims_to_be_gigantic_does_no_harm() -> None:
    picture = bytearray(noise(320, 240))
    header = picture.index(b"\xff\xc0")
    picture[header + 5 : header + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(CameraError, match="cannot be read"):
        await snapshot.fit(bytes(picture), 2000)
