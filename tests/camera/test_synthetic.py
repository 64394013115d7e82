from __future__ import annotations

import io
from datetime import datetime

import pytest
from PIL import Image, ImageChops

from appliance.camera.driver import Scene
from appliance.camera.synthetic import SyntheticDriver
from appliance.config import CameraSettings

NOON = datetime(2026, 11, 5, 12, 0, 0)


def driver(width: int = 640, height: int = 360, now: datetime = NOON) -> SyntheticDriver:
    made = SyntheticDriver(CameraSettings(width=width, height=height), now=lambda: now)
    made.open()
    return made


def scene(percent: float | None, name: str = "vase.gcode", tool: float = 210.0) -> Scene:
    return Scene(percent=percent, name=name, state="printing", tool=tool, bed=60.0, elapsed=61.0)


def parked(percent: float | None) -> Scene:
    return scene(percent, tool=24.0)


def object_pixels(image: Image.Image) -> int:
    """How much of the bed's middle is covered, compared with an empty bed."""
    empty = driver(*image.size).picture(parked(0.0))
    middle = (image.width * 4 // 10, image.height * 3 // 10, image.width * 6 // 10)
    box = (*middle, image.height * 8 // 10)
    difference = ImageChops.difference(image.crop(box), empty.crop(box)).convert("L")
    return sum(difference.point(lambda value: 255 if value > 24 else 0).histogram()[255:])


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 480), (480, 800), (101, 67)])
def test_the_picture_has_the_size_of_the_settings(width: int, height: int) -> None:
    picture = Image.open(io.BytesIO(driver(width, height).capture(scene(50.0))))
    assert picture.size == (width, height)
    assert picture.format == "JPEG"


def test_the_object_grows_with_the_print() -> None:
    camera = driver()
    covered = [object_pixels(camera.picture(parked(percent))) for percent in (10, 40, 70, 100)]
    assert covered == sorted(covered)
    assert covered[-1] > 3 * covered[0]


def test_drawing_only_the_new_layers_gives_the_same_picture() -> None:
    camera = driver()
    for percent in (5, 30, 60):
        grown = camera.picture(scene(percent))
    assert ImageChops.difference(grown, driver().picture(scene(60))).getbbox() is None


def test_a_new_print_begins_on_an_empty_bed() -> None:
    camera = driver()
    camera.picture(scene(100))
    assert (
        ImageChops.difference(camera.picture(scene(2)), driver().picture(scene(2))).getbbox()
        is None
    )


def test_two_jobs_look_different() -> None:
    camera = driver()
    first, second = camera.picture(scene(80, "vase.gcode")), camera.picture(scene(80, "bear"))
    box = (240, 120, 400, 280)
    assert ImageChops.difference(first.crop(box), second.crop(box)).getbbox() is not None


def test_without_a_print_the_bed_is_empty_and_the_head_parked() -> None:
    camera = driver()
    idle = camera.picture(Scene())
    assert object_pixels(idle) == 0
    assert ImageChops.difference(idle, camera.picture(Scene(percent=0.0))).getbbox() is None


def test_the_window_is_darker_at_night() -> None:
    day, night = (driver(now=NOON.replace(hour=hour)).picture(Scene()) for hour in (12, 0))
    day_light, night_light = (
        sum(image.resize((1, 1)).convert("RGB").getpixel((0, 0)) or ())  # type: ignore[arg-type]
        for image in (day, night)
    )
    assert night_light < day_light - 40


@pytest.mark.parametrize("name", ["", "x" * 400, "Bär – 北極熊 🐻.gcode", "a\nb"])
@pytest.mark.parametrize("percent", [None, -5.0, 0.0, 0.4, 99.9, 250.0])
def test_no_scene_breaks_it(name: str, percent: float | None) -> None:
    assert driver(320, 180).capture(Scene(percent=percent, name=name)).startswith(b"\xff\xd8")
