"""What a slicing run needs, whichever configuration it came from."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from appliance.settings_slicing import SlicingSettings
from appliance.slicing.errors import ModelTooLarge
from appliance.slicing.model import Box

_POINT = re.compile(r"\s*(-?\d+(?:\.\d+)?)x(-?\d+(?:\.\d+)?)\s*")
_SLACK = 0.01  # mm, what a float32 of an STL file may be off
_CORNERS = 72  # of a round bed


@dataclass(frozen=True)
class Volume:
    """Where can be printed, mm; ``height`` 0 is one that nobody told."""

    left: float
    front: float
    right: float
    back: float
    height: float = 0.0

    def refuse(self, model: Box, placed: tuple[float, float] | None) -> None:
        """Raise ModelTooLarge when ``model`` is larger, or hangs over where it is ``placed``.

        ``placed`` is where the middle of the model will be, None when PrusaSlicer chooses.
        """
        width, depth = self.right - self.left, self.back - self.front
        size = model.size
        allowed = (width, depth, self.height or math.inf)
        if any(is_ > may + _SLACK for is_, may in zip(size, allowed, strict=True)):
            raise ModelTooLarge(
                f"The model measures {_mm(*size)}, more than the {_volume(width, depth, self)} "
                "that can be printed. Make it smaller, or turn it, and slice again."
            )
        if placed is None:
            return
        x, y = placed
        low = (x - size[0] / 2 - self.left, y - size[1] / 2 - self.front)
        high = (self.right - x - size[0] / 2, self.back - y - size[1] / 2)
        if min(*low, *high) < -_SLACK:
            raise ModelTooLarge(
                f"The model stands {-min(*low, *high):.1f} mm over the edge of the bed. "
                "Move it to the middle and slice again.",
                short="Model over the edge",
            )


def _mm(*numbers: float) -> str:
    return " × ".join(f"{value:.0f}" for value in numbers) + " mm"


def _volume(width: float, depth: float, volume: Volume) -> str:
    return _mm(width, depth, volume.height) if volume.height else _mm(width, depth)


@dataclass(frozen=True)
class Plan:
    """Settings of PrusaSlicer by name, and where the middle of the model comes, mm.

    ``center`` None lets PrusaSlicer put it in the middle of the bed. ``settings`` may name what
    the installed version does not know; ``given`` are the names of the configuration itself,
    of which a person is told when they are not understood.
    """

    settings: Mapping[str, str]
    center: tuple[float, float] | None = None
    volume: Volume | None = None
    notes: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()


def configured(settings: SlicingSettings) -> Volume | None:
    """The printer's volume from our own settings; None when it is not told there."""
    width, depth = settings.bed_width, settings.bed_depth
    if not (width and depth):
        return None
    if settings.bed_origin == "center":
        return Volume(-width / 2, -depth / 2, width / 2, depth / 2, settings.bed_height)
    return Volume(0, 0, width, depth, settings.bed_height)


def bed_keys(volume: Volume, *, round_: bool = False) -> dict[str, str]:
    """The same in PrusaSlicer's keys."""
    if round_:
        shape = _ellipse(volume)
    else:
        xs, ys = (volume.left, volume.right), (volume.front, volume.back)
        shape = [(xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1])]
    keys = {"bed_shape": ",".join(f"{x:.3f}x{y:.3f}" for x, y in shape)}
    if volume.height:
        keys["max_print_height"] = f"{volume.height:.3f}"
    return keys


def _ellipse(volume: Volume) -> list[tuple[float, float]]:
    x, y = (volume.left + volume.right) / 2, (volume.front + volume.back) / 2
    rx, ry = volume.right - x, volume.back - y
    angles = (2 * math.pi * n / _CORNERS for n in range(_CORNERS))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def volume_in(shape: str, height: str) -> Volume | None:
    """The volume that ``bed_shape`` and ``max_print_height`` tell; None when they do not."""
    points = [_POINT.fullmatch(point) for point in shape.split(",")]
    found = [(float(point[1]), float(point[2])) for point in points if point]
    if len(found) < 3 or len(found) < len(points):
        return None
    xs, ys = [x for x, _ in found], [y for _, y in found]
    try:
        high = max(float(height or 0), 0.0)
    except ValueError:
        high = 0.0
    return Volume(min(xs), min(ys), max(xs), max(ys), high)
