from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from appliance.camera.orient import upright
from appliance.errors import CameraError

Seen = Callable[[bytes], tuple[int, int, str]]

# By hand from section 3.6: reflect-H swaps top and bottom, reflect-V left and right, and the
# quarter turn counter-clockwise comes last. The original is "rg" above "bw".
UPRIGHT = {
    0: "rgbw",
    1: "bwrg",
    2: "grwb",
    3: "wbgr",
    4: "gwrb",
    5: "wgbr",
    6: "rbgw",
    7: "brwg",  # 90 degrees clockwise, as the document says
}


@pytest.mark.parametrize(("transform", "expected"), UPRIGHT.items())
def test_each_transform_turns_the_picture_as_the_protocol_says(
    transform: int, expected: str, corners: Callable[[int, int], bytes], seen: Seen
) -> None:
    width, height, letters = seen(upright(corners(160, 96), transform))
    assert letters == expected
    assert (width, height) == ((96, 160) if transform & 4 else (160, 96))


def test_nothing_to_do_keeps_the_very_same_bytes(corners: Callable[[int, int], bytes]) -> None:
    picture = corners(160, 96)
    assert upright(picture, 0) is picture


def test_an_exif_orientation_is_applied_and_forgotten(
    corners: Callable[[int, int], bytes], seen: Seen
) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # show me turned 90 degrees clockwise
    buffer = io.BytesIO()
    Image.open(io.BytesIO(corners(160, 96))).save(buffer, "JPEG", exif=tags, quality=92)
    turned = upright(buffer.getvalue(), 0)
    assert seen(turned) == (96, 160, UPRIGHT[7])
    assert 0x0112 not in Image.open(io.BytesIO(turned)).getexif()
    assert seen(upright(buffer.getvalue(), 3))[2] == UPRIGHT[7][::-1]


@pytest.mark.parametrize("broken", [b"", b"\xff\xd8\xff\xd9", b"GIF89a", b"\xff\xd8" * 50])
def test_a_broken_picture_is_a_camera_error(broken: bytes) -> None:
    with pytest.raises(CameraError, match="cannot be read"):
        upright(broken, 3)
