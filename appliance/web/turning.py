"""Turning the camera's picture by tapping: the eight ways in which a picture can lie.

A transform is the bit mask of protocol section 3.6: 1 = reflect about the horizontal midline,
2 = about the vertical one, 4 = then rotate by 90° counter-clockwise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

Matrix = tuple[int, int, int, int]  # a b / c d, of x to the right and y up

ALL: Final = range(8)


class Turn(StrEnum):
    """What a person taps."""

    LEFT = "left"  # by 90° counter-clockwise
    RIGHT = "right"
    MIRROR = "mirror"  # left and right change places


def _times(p: Matrix, q: Matrix) -> Matrix:
    """First ``q``, then ``p``."""
    return (
        p[0] * q[0] + p[1] * q[2],
        p[0] * q[1] + p[1] * q[3],
        p[2] * q[0] + p[3] * q[2],
        p[2] * q[1] + p[3] * q[3],
    )


_ROTATE: Final[Matrix] = (0, -1, 1, 0)


def _matrix(transform: int) -> Matrix:
    flipped: Matrix = (-1 if transform & 2 else 1, 0, 0, -1 if transform & 1 else 1)
    return _times(_ROTATE, flipped) if transform & 4 else flipped


_BITS: Final = {_matrix(transform): transform for transform in ALL}
_TAPS: Final[dict[Turn, Matrix]] = {
    Turn.LEFT: _ROTATE,
    Turn.RIGHT: (0, 1, -1, 0),
    Turn.MIRROR: (-1, 0, 0, 1),
}


def turned(transform: int, turn: Turn) -> int:
    """The transform after ``turn`` was tapped on a picture shown with ``transform``."""
    return _BITS[_times(_TAPS[turn], _matrix(transform))]


def between(present: int, wanted: int) -> int:
    """What must be done to a picture that has ``present`` already, to show it as ``wanted``."""
    a, b, c, d = _matrix(present)
    inverse: Matrix = (a, c, b, d)  # orthogonal: its transpose
    return _BITS[_times(_matrix(wanted), inverse)]
