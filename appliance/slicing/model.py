"""STL files, checked before a slicer sees them: in one pass, in little memory.

Slicers crash on broken files or slice them into nothing, minutes later.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from appliance.slicing.errors import BadModel, ModelTooLarge

HEADER = 84  # bytes of a binary STL before its first triangle
_TRIANGLE = struct.Struct("<12x9f2x")
_BLOCK = 1024 * _TRIANGLE.size
_LOOKED_AT = 128  # bytes
_BATCH = 3072  # corners measured at once
_LINE = 512  # bytes of a line of an ASCII STL
_AGAIN = "Export it once more."
_SMALLEST = 0.1  # mm; less is a model in metres or inches
_LARGEST = 10_000.0  # mm


@dataclass(frozen=True)
class Box:
    """What a model measures, mm, and of how many triangles it consists."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    triangles: int = 0

    @property
    def size(self) -> tuple[float, float, float]:
        """Width, depth, height."""
        (a, b, c), (d, e, f) = self.low, self.high
        return d - a, e - b, f - c

    @property
    def middle(self) -> tuple[float, float]:
        """Of width and depth."""
        return (self.low[0] + self.high[0]) / 2, (self.low[1] + self.high[1]) / 2


class _Measure:
    """Grows by coordinates, column by column; what is no number shows in the sum."""

    def __init__(self) -> None:
        self.low = [math.inf] * 3
        self.high = [-math.inf] * 3
        self.triangles = 0

    def add(self, axis: int, numbers: tuple[float, ...]) -> None:
        """Raises BadModel when one is NaN or infinite."""
        if not math.isfinite(math.fsum(numbers)):
            raise BadModel(f"The model holds corners that are nowhere (NaN). {_AGAIN}")
        self.low[axis] = min(self.low[axis], *numbers)
        self.high[axis] = max(self.high[axis], *numbers)

    def add_corners(self, corners: list[tuple[float, float, float]]) -> None:
        """The corners of complete triangles. Raises BadModel as add does."""
        for axis, column in enumerate(zip(*corners, strict=True)):
            self.add(axis, column)
        self.triangles += len(corners) // 3

    def box(self) -> Box:
        """Raises BadModel when nothing can be printed of it."""
        low, high = self.low, self.high
        box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]), self.triangles)
        if not self.triangles:
            raise BadModel(f"The model is empty: it has no triangles. {_AGAIN}")
        if max(box.size) > _LARGEST:
            raise ModelTooLarge(
                f"The model measures {max(box.size):.0f} mm, more than any printer. {_AGAIN}"
            )
        if min(box.size) <= 0:
            raise BadModel("The model is flat: it has no volume. Export it as a solid body.")
        if max(box.size) < _SMALLEST:
            raise BadModel(
                f"The model measures {max(box.size):.3f} mm, too little to be printed. STL files "
                "are in millimetres: export it in that unit."
            )
        return box


def check_stl(path: Path, max_bytes: int, go_on: Callable[[], None] = lambda: None) -> Box:
    """What the STL file at ``path`` measures; for a thread, 1 s for some million triangles.

    Raises BadModel with what is wrong, ModelTooLarge beyond ``max_bytes``, OSError. ``go_on`` is
    called every thousand triangles, and may raise.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise ModelTooLarge(
                f"The model has {size / 1e6:.0f} MB, more than the {max_bytes / 1e6:.0f} MB that "
                "are sliced here. Export it with fewer triangles."
            )
        head = file.read(HEADER)
        file.seek(0)
        if not head.strip(b"\x00 \t\r\n"):
            raise BadModel(f"The model is empty. {_AGAIN}")
        if _is_ascii(head, size):
            return _ascii(file, go_on).box()
        return _binary(file, head, size, go_on).box()


def looks_like_stl(head: bytes, size: int) -> bool:
    """Whether a file of ``size`` bytes with this beginning may be an STL."""
    return _is_ascii(head, size) or (size >= HEADER and _declared(head) * 50 + HEADER == size)


def _declared(head: bytes) -> int:
    return int.from_bytes(head[80:84], "little")


def _is_ascii(head: bytes, size: int) -> bool:
    """Some exporters begin binary files with "solid", too: then the size tells."""
    if head.lstrip()[:5].lower() != b"solid":
        return False
    return not (len(head) == HEADER and _declared(head) * 50 + HEADER == size)


def _binary(file: BinaryIO, head: bytes, size: int, go_on: Callable[[], None]) -> _Measure:
    there, rest = divmod(size - HEADER, _TRIANGLE.size)
    if size < HEADER or there < _declared(head):
        raise BadModel(
            f"The model is cut off, or no STL file: it announces {_announced(head)} triangles "
            f"and holds {max(there, 0)}. {_AGAIN}"
        )
    if rest or there != _declared(head):
        raise BadModel(
            f"The model is damaged, or no STL file: {size} bytes are not the length of "
            f"{_declared(head)} triangles. {_AGAIN}"
        )
    measure = _Measure()
    measure.triangles = there
    file.seek(HEADER)
    while block := file.read(_BLOCK):
        columns = list(zip(*_TRIANGLE.iter_unpack(block), strict=True))
        for index, column in enumerate(columns):
            measure.add(index % 3, column)
        go_on()
    return measure


def _announced(head: bytes) -> int:
    return _declared(head) if len(head) == HEADER else 0


def taken_for_text(path: Path) -> bool:
    """Whether PrusaSlicer would take this binary STL for ASCII, and so for damaged.

    It looks for a byte above 127 in the 128 bytes after the header; round numbers have none.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEADER + _LOOKED_AT)
    binary = size >= HEADER and _declared(head) * _TRIANGLE.size + HEADER == size
    return binary and max(head[HEADER:], default=0) <= 127


def marked_copy(path: Path, target: Path, go_on: Callable[[], None] = lambda: None) -> None:
    """The same binary STL with the first triangle's attribute, which nobody reads, above 127."""
    with path.open("rb") as source, target.open("wb") as copy:
        head = bytearray(source.read(HEADER + _TRIANGLE.size))
        head[-2:] = b"\xff\xff"
        copy.write(head)
        while block := source.read(_BLOCK):
            copy.write(block)
            go_on()


_VERTEX = re.compile(rb"\s*vertex\s+(\S+)\s+(\S+)\s+(\S+)\s*", re.IGNORECASE)


def _ascii(file: BinaryIO, go_on: Callable[[], None]) -> _Measure:
    measure = _Measure()
    corners: list[tuple[float, float, float]] = []
    closed = number = 0  # corners of complete facets; lines
    last = b""
    while line := file.readline(_LINE):
        number += 1
        word = line.split(None, 1)[0].lower() if line.strip() else b""
        if word == b"vertex":
            corners.append(_corner(line, number))
        elif word == b"endfacet":
            if len(corners) != closed + 3:
                raise BadModel(
                    f"The model is damaged in line {number}: a facet has "
                    f"{len(corners) - closed} corners instead of 3. {_AGAIN}"
                )
            closed += 3
            if closed >= _BATCH:
                measure.add_corners(corners)
                corners, closed = [], 0
                go_on()
        last = word or last
    if len(corners) != closed or last != b"endsolid":
        raise BadModel(f"The model is cut off after line {number}. {_AGAIN}")
    measure.add_corners(corners)
    return measure


def _corner(line: bytes, number: int) -> tuple[float, float, float]:
    match = _VERTEX.fullmatch(line)
    try:
        if match is not None:
            return float(match[1]), float(match[2]), float(match[3])
    except ValueError:
        match = None
    raise BadModel(f"The model is damaged in line {number}: {line[:40]!r} is no corner. {_AGAIN}")
