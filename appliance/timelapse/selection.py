"""Which of the kept frames go into the video."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from appliance.camera import jpeg
from appliance.errors import CameraError, EncoderError

T = TypeVar("T")

_HEADER = 128 * 1024  # bytes; more than any camera writes before the first scan
_TAIL = 64


@dataclass(frozen=True)
class Selection:
    """Frames of one and the same size."""

    frames: list[Path]
    width: int
    height: int
    left_out: int  # broken ones, and those of another size


def select(paths: Sequence[Path], limit: int) -> Selection:
    """At most ``limit`` whole frames, evenly chosen, of the size that most of them have.

    A broken JPEG in the middle, or one of another size, makes GStreamer stop, stretch the
    video or renegotiate half-way; so they never get there. Only headers are read. Raises
    EncoderError when nothing is left.
    """
    sizes = [(path, size) for path in paths if (size := _size(path))]
    if not sizes:
        raise EncoderError(
            f"None of the {len(paths)} frames is a whole picture."
            if paths
            else "The camera gave no frame during this print."
        )
    (width, height), _ = Counter(size for _, size in sizes).most_common(1)[0]
    frames = [path for path, size in sizes if size == (width, height)]
    return Selection(evenly(frames, limit), width, height, len(paths) - len(frames))


def evenly(items: Sequence[T], limit: int) -> list[T]:
    """At most ``limit`` of ``items`` in order, the first and the last among them."""
    if len(items) <= limit:
        return list(items)
    if limit == 1:
        return [items[-1]]
    step = (len(items) - 1) / (limit - 1)
    return [items[round(index * step)] for index in range(limit)]


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            if not file.read().rstrip(b"\0").endswith(jpeg.EOI):
                return None
        return jpeg.header_size(start)
    except (OSError, CameraError):
        return None
