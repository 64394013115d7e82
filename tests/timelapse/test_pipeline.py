from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from appliance.timelapse import pipeline
from appliance.timelapse.pipeline import Encoding, arguments, plan, smaller

FRAMES = st.integers(1, 360)
SIDES = st.integers(64, 4096)


def elements(words: list[str]) -> list[str]:
    return " ".join(words).split(" ! ")


def test_the_software_pipeline() -> None:
    parts = elements(arguments(Encoding(24, 1280, 720, 1_500_000)))
    assert parts[0].startswith("-q multifilesrc location=%05d.jpg start-index=0 stop-index=23")
    assert "framerate=(fraction)12/1" in parts[0]
    assert "format=I420,width=1280,height=720,framerate=12/1" in parts[5]
    assert "speed-preset=veryfast threads=2 rc-lookahead=10" in parts[6]
    assert "bitrate=1500" in parts[6]
    assert parts[7] == "video/x-h264,profile=high"
    assert parts[9].startswith("mp4mux faststart=true")


def test_the_hardware_pipeline_names_the_level() -> None:
    parts = elements(arguments(Encoding(24, 1280, 720, 1_500_000, hardware=True)))
    assert "video_bitrate=1500000" in parts[6]
    assert parts[6].startswith("v4l2h264enc ")
    assert "level=(string)4" in parts[7]


@given(FRAMES, SIDES, SIDES, st.none() | st.integers(1_000, 50_000_000))
def test_a_plan_is_within_level_4_even_and_within_the_budget(
    frames: int, width: int, height: int, max_size: int | None
) -> None:
    encoding = plan(frames, width, height, max_size)
    blocks = math.ceil(encoding.width / 16) * math.ceil(encoding.height / 16)
    assert blocks <= pipeline.MAX_MACROBLOCKS
    assert encoding.width % 2 == encoding.height % 2 == 0
    assert encoding.width >= 2
    assert encoding.height >= 2
    if max_size:
        assert encoding.bitrate * encoding.seconds / 8 <= max_size
    assert encoding.seconds <= 30


@given(SIDES, SIDES)
def test_a_picture_that_fits_keeps_its_pixels(width: int, height: int) -> None:
    encoding = plan(100, width, height, None)
    if width * height <= 1280 * 720 and max(width, height) <= 1920:
        assert (encoding.width, encoding.height) == (width // 2 * 2, height // 2 * 2)
    elif min(width, height) > 200:
        assert math.isclose(encoding.width / encoding.height, width / height, rel_tol=0.05)


@given(FRAMES, st.integers(200, 1920), st.integers(200, 1080), st.integers(20_000, 5_000_000))
def test_each_attempt_is_smaller_than_the_last(
    frames: int, width: int, height: int, max_size: int
) -> None:
    first = plan(frames, width, height, max_size)
    second = smaller(first, max_size + 1 + max_size // 3, max_size)
    assert second.bitrate < first.bitrate or first.bitrate <= 8_000
    assert second.width * second.height < first.width * first.height or second.height == 96
