from __future__ import annotations

import io
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from appliance.config import CameraSettings

Colour = tuple[int, int, int]
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 60), (40, 60, 220), (240, 240, 240)
CORNERS: dict[str, Colour] = {"tl": RED, "tr": GREEN, "bl": BLUE, "br": WHITE}

WorkerCommand = Callable[[CameraSettings], Sequence[str]]


def draw_corners(width: int, height: int) -> bytes:
    image = Image.new("RGB", (width, height), (128, 128, 128))
    pen = ImageDraw.Draw(image)
    w, h = width // 2, height // 2
    for (x, y), colour in zip(((0, 0), (w, 0), (0, h), (w, h)), CORNERS.values(), strict=True):
        pen.rectangle((x, y, x + w, y + h), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture
def corners() -> Callable[[int, int], bytes]:
    """Makes a JPEG whose four quarters are red, green / blue, white."""
    return draw_corners


@pytest.fixture
def seen() -> Callable[[bytes], tuple[int, int, str]]:
    """Reads (width, height, "tl tr bl br" as letters of r g b w) from a picture's corners."""

    def read(data: bytes) -> tuple[int, int, str]:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        x, y = image.width // 8, image.height // 8
        places = ((x, y), (-x, y), (x, -y), (-x, -y))
        names = dict(zip((RED, GREEN, BLUE, WHITE), "rgbw", strict=True))
        letters = ""
        for px, py in places:
            pixel = image.getpixel((px % image.width, py % image.height))
            assert isinstance(pixel, tuple)
            nearest = min(
                names, key=lambda c: sum((a - b) ** 2 for a, b in zip(c, pixel, strict=True))
            )
            letters += names[nearest]
        return image.width, image.height, letters

    return read


@pytest.fixture
def worker_script(tmp_path: Path) -> Callable[[str], WorkerCommand]:
    """Makes the command of a worker whose body has `send`, `requests` and `picture`."""

    def make(body: str) -> WorkerCommand:
        (tmp_path / "picture.jpg").write_bytes(draw_corners(64, 48))
        script = tmp_path / "worker.py"
        prelude = f"""
            import os, pathlib, signal, sys
            from appliance.camera.framing import Decoder, Frame, Kind, encode
            folder = pathlib.Path({str(tmp_path)!r})
            picture = (folder / "picture.jpg").read_bytes()
            lives = folder / "lives"
            with lives.open("a") as file:
                file.write(f"{{os.getpid()}}\\n")
            life = len(lives.read_text().split())
            def send(frame):
                os.write(1, encode(frame))
            def requests():
                decoder = Decoder()
                while data := os.read(0, 65536):
                    yield from decoder.feed(data)
        """
        script.write_text(textwrap.dedent(prelude) + textwrap.dedent(body), encoding="utf-8")
        return lambda _: [sys.executable, str(script)]

    return make
