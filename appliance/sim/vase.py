"""The shape of the demo print: a twisted six-lobed vase. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

HEIGHT = 42.0  # mm
LEVELS = 84
SIDES = 90
LOBES = 6
TWIST = math.radians(110)

Point = tuple[float, float, float]
Triangle = tuple[Point, Point, Point]


def _point(side: int, level: int) -> Point:
    """A point on the wall; the belly is wide, the neck narrow, the rim opens again."""
    part = level / LEVELS
    angle = 2 * math.pi * side / SIDES
    radius = 13 + 4 * math.sin(math.pi * (0.15 + 1.2 * part)) + 2.5 * part**6
    radius *= 1 + 0.15 * math.cos(LOBES * angle)
    return (
        radius * math.cos(angle + TWIST * part),
        radius * math.sin(angle + TWIST * part),
        HEIGHT * part,
    )


def _triangles() -> Iterator[Triangle]:
    """The closed surface, outward."""
    for side in range(SIDES):
        for level in range(LEVELS):
            low, low_next = _point(side, level), _point(side + 1, level)
            high, high_next = _point(side, level + 1), _point(side + 1, level + 1)
            yield low, low_next, high_next
            yield low, high_next, high
        yield (0.0, 0.0, 0.0), _point(side + 1, 0), _point(side, 0)
        yield (0.0, 0.0, HEIGHT), _point(side, LEVELS), _point(side + 1, LEVELS)


def stl() -> bytes:
    """The surface as binary STL; slicers work the normals out by themselves."""
    facets = [
        struct.pack("<12fH", 0, 0, 0, *one, *two, *three, 0) for one, two, three in _triangles()
    ]
    return b"vase".ljust(80, b"\0") + struct.pack("<I", len(facets)) + b"".join(facets)
