"""Reference pictures: what the renderers drew when somebody last looked at it.

``UPDATE_REFERENCE=1 pytest tests/panel`` makes them anew; look at each before it is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from PIL import Image, ImageChops

FOLDER = Path(__file__).parent / "reference"

Compare: TypeAlias = Callable[[Image.Image, str, str], None]


@pytest.fixture
def reference(tmp_path: Path) -> Compare:
    """``reference(picture, folder, name)`` fails where a pixel differs from the kept picture."""

    def compare(picture: Image.Image, folder: str, name: str) -> None:
        path = FOLDER / folder / f"{name}.png"
        if os.environ.get("UPDATE_REFERENCE") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or _difference(picture, path):
                picture.save(path, optimize=True)
            return
        assert path.exists(), f"No reference {path}: make it with UPDATE_REFERENCE=1, look at it."
        if difference := _difference(picture, path):
            seen = tmp_path / f"{folder}-{name}.png"
            picture.save(seen)
            pytest.fail(f"{path} shows something else than {seen}: {difference}")

    return compare


def _difference(picture: Image.Image, path: Path) -> str:
    with Image.open(path) as kept:
        if kept.size != picture.size:
            return f"size {picture.size} instead of {kept.size}"
        box = ImageChops.difference(kept.convert("RGB"), picture.convert("RGB")).getbbox()
    return f"pixels in {box}" if box else ""
