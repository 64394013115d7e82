from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from appliance.camera.driver import Scene
from appliance.camera.v4l2 import V4l2Driver, last_picture, pipeline, source
from appliance.config import CameraSettings
from appliance.errors import CameraError

SETTINGS = CameraSettings(width=320, height=240)
TEST_SOURCE = ["videotestsrc", "num-buffers=4", "pattern=smpte"]
YUYV = [*TEST_SOURCE, "!", "video/x-raw,format=YUY2,width=320,height=240,framerate=10/1"]
MJPG = [*YUYV, "!", "jpegenc"]


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "gst-launch-1.0"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_command_line_asks_for_the_size_and_prefers_mjpg() -> None:
    words = pipeline(source("/dev/video2"), (1280, 720))
    assert words[:3] == ["v4l2src", "device=/dev/video2", "num-buffers=8"]
    assert words[4] == "image/jpeg,width=1280,height=720;video/x-raw,width=1280,height=720"
    assert words[-2:] == ["fdsink", "fd=1"]
    assert not any("width" in word for word in pipeline(source("/dev/video2"), None))


@pytest.mark.parametrize("elements", [YUYV, MJPG], ids=["YUYV", "MJPG"])
def test_real_gstreamer_delivers_a_picture_from_either_format(elements: list[str]) -> None:
    driver = V4l2Driver(SETTINGS, elements=elements)
    driver.open()
    image = Image.open(io.BytesIO(driver.capture(Scene())))
    driver.close()
    assert image.size == (320, 240)
    left = image.getpixel((20, 20))  # the first bar of the test pattern is light grey
    third = image.getpixel((2 * 320 // 7 + 20, 20))  # the third is cyan
    assert isinstance(left, tuple)
    assert isinstance(third, tuple)
    assert min(left) > 150
    assert third[0] < 90
    assert min(third[1:]) > 130


def test_a_camera_without_that_size_gives_its_own() -> None:
    settings = CameraSettings(width=1280, height=720)
    driver = V4l2Driver(settings, elements=YUYV)
    for _ in range(2):  # the second one knows
        assert Image.open(io.BytesIO(driver.capture(Scene()))).size == (320, 240)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    driver = V4l2Driver(CameraSettings(device=str(tmp_path / "video7")))
    with pytest.raises(CameraError, match=r"no camera at .*video7"):
        driver.open()


def test_gstreamers_own_words_are_passed_on() -> None:
    driver = V4l2Driver(SETTINGS, elements=["v4l2src", "device=/dev/null", "num-buffers=1"])
    with pytest.raises(CameraError, match=r"gave no picture: ERROR.*/dev/null"):
        driver.capture(Scene())


def test_a_pipeline_that_hangs_is_ended(tmp_path: Path) -> None:
    settings = CameraSettings(exposure_timeout=0.4)
    hanging = V4l2Driver(
        settings, elements=YUYV, gst_launch=script(tmp_path, "exec tail -f /dev/null")
    )
    with pytest.raises(CameraError, match=r"took longer than 0\.2 s"):
        hanging.capture(Scene())


def test_a_missing_gstreamer_names_its_package(tmp_path: Path) -> None:
    driver = V4l2Driver(SETTINGS, elements=YUYV, gst_launch=str(tmp_path / "gst-launch-1.0"))
    with pytest.raises(CameraError, match=r"gst-launch-1\.0"):
        driver.capture(Scene())


def test_half_a_picture_is_not_taken_for_one(tmp_path: Path) -> None:
    driver = V4l2Driver(SETTINGS, elements=MJPG)
    whole = driver.capture(Scene())
    assert last_picture(whole + whole) == whole
    with pytest.raises(CameraError, match="not a whole JPEG"):
        last_picture(whole + whole[:-20])
    with pytest.raises(CameraError, match="not a whole JPEG"):
        last_picture(b"")
