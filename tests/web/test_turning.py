"""Tapping on the camera's picture, compared with what the pictures' own code does."""

import io

import pytest
from PIL import Image, ImageChops

from appliance.camera.orient import upright
from appliance.web.turning import ALL, Turn, between, turned

_TAPS = {
    Turn.LEFT: Image.Transpose.ROTATE_90,
    Turn.RIGHT: Image.Transpose.ROTATE_270,
    Turn.MIRROR: Image.Transpose.FLIP_LEFT_RIGHT,
}


def _jpeg() -> bytes:
    """Grey blocks of 16 pixels, so that no turn blurs them."""
    image = Image.new("L", (96, 64))
    for index, grey in enumerate((0, 60, 120, 180, 240, 30)):
        image.paste(grey, (16 * index, 0, 16 * index + 16, 16 * (index % 4) + 16))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _shown(transform: int) -> Image.Image:
    return Image.open(io.BytesIO(upright(_jpeg(), transform))).convert("L")


def _alike(one: Image.Image, other: Image.Image) -> bool:
    if one.size != other.size:
        return False
    _low, high = ImageChops.difference(one, other).getextrema()
    return isinstance(high, int | float) and high < 24


@pytest.mark.parametrize("turn", Turn)
@pytest.mark.parametrize("transform", ALL)
def test_a_tap_turns_what_is_seen(transform: int, turn: Turn) -> None:
    expected = _shown(transform).transpose(_TAPS[turn])
    found = [each for each in ALL if _alike(_shown(each), expected)]
    assert found == [turned(transform, turn)]


@pytest.mark.parametrize("present", ALL)
@pytest.mark.parametrize("wanted", ALL)
def test_what_is_left_to_do_to_a_turned_picture(present: int, wanted: int) -> None:
    once = upright(_jpeg(), present)
    again = Image.open(io.BytesIO(upright(once, between(present, wanted)))).convert("L")
    assert _alike(again, _shown(wanted))


def test_four_turns_and_two_mirrors_change_nothing() -> None:
    for transform in ALL:
        left = right = transform
        for _ in range(4):
            left, right = turned(left, Turn.LEFT), turned(right, Turn.RIGHT)
        assert left == right == transform
        assert turned(turned(transform, Turn.MIRROR), Turn.MIRROR) == transform
        assert turned(turned(transform, Turn.LEFT), Turn.RIGHT) == transform
        assert between(transform, transform) == 0
