from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

MakeFrames = Callable[..., list[Path]]


def frame(width: int, height: int, step: int) -> bytes:
    """Corners red, green / blue, white; a bar whose length is ``step``."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    pen = ImageDraw.Draw(image)
    w, h = width // 2, height // 2
    colours = ((220, 30, 30), (30, 200, 60), (40, 60, 220), (240, 240, 240))
    for (x, y), colour in zip(((0, 0), (w, 0), (0, h), (w, h)), colours, strict=True):
        pen.rectangle((x, y, x + w, y + h), fill=colour)
    pen.rectangle((w // 2, h - 8, w // 2 + step % w, h + 8), fill=(0, 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def make_frames(tmp_path: Path) -> MakeFrames:
    """Makes a folder of frames: make_frames(count, width=320, height=180)."""

    def make(count: int, width: int = 320, height: int = 180) -> list[Path]:
        folder = tmp_path / "frames with 100%d ! and spaces"
        folder.mkdir(exist_ok=True)
        paths = [folder / f"frame-{number:09d}.jpg" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(frame(width, height, number))
        return paths

    return make


@pytest.fixture
def discover() -> Callable[[Path], str]:
    """What gst-discoverer-1.0 says of a file."""

    def run(path: Path) -> str:
        return subprocess.run(
            ["gst-discoverer-1.0", "-v", str(path)], capture_output=True, text=True, check=True
        ).stdout

    return run


@pytest.fixture
def decoded(tmp_path: Path) -> Callable[[Path], list[Image.Image]]:
    """All pictures of a video, decoded by GStreamer."""

    def run(path: Path) -> list[Image.Image]:
        folder = tmp_path / "decoded"
        folder.mkdir()
        elements = [
            ["filesrc", f"location={path}"],
            ["qtdemux"],
            ["h264parse"],
            ["avdec_h264"],
            ["videoconvert"],
            ["pngenc", "compression-level=1"],
            ["multifilesink", f"location={folder}/%05d.png"],
        ]
        words = [word for element in elements for word in ["!", *element]][1:]
        subprocess.run(["gst-launch-1.0", "-q", *words], check=True, timeout=60)
        return [Image.open(file).convert("RGB") for file in sorted(folder.iterdir())]

    return run
