"""How far, how fast and with which G-code a hand may move the printer; pure functions.

Lengths are mm, feeds mm/min. Everything that leaves here lies within the limits of
:class:`MoveSettings`, whatever numbers come in; a wish that does not is a JobRefused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from appliance.errors import JobRefused
from appliance.printer.parking import number, push
from appliance.settings_panel import MoveSettings

AXES = ("x", "y", "z")
UNHOMED_LONGEST = 10.0  # mm of one move along an axis whose place is not known
SLOWEST = 60.0  # mm/min; slower moves would keep the printer for hours
DIGITS = 3  # behind the point: a micrometre is finer than any motor's step

Place = Mapping[str, float]
"""Where the head stands, by axis, in mm; an axis that is not known for certain is missing."""


def home_commands(axes: Iterable[str]) -> list[str]:
    """Home ``axes`` and say where the head is then (G28, M114). Raises JobRefused."""
    named = _checked_axes(axes)
    letters = [] if len(named) == len(AXES) else [axis.upper() for axis in named]
    return [" ".join(["G28", *letters]), "M114"]


def checked_moves(
    limits: MoveSettings, distances: Mapping[str, float], here: Place, *, absolute: bool
) -> dict[str, float]:
    """How far each axis moves, checked and without those that stay. Raises JobRefused.

    An axis whose place is known stays within the build volume, or comes nearer to it where
    it stands outside (endstops often do). One whose place is not known only makes moves of
    up to UNHOMED_LONGEST, as Marlin's own menu does, and never goes to a place.
    """
    _checked_axes(distances)
    moves: dict[str, float] = {}
    for axis, wish in distances.items():
        _refuse_unless_finite(wish)
        distance = round(wish - _known(axis, here) if absolute else wish, DIGITS)
        if distance:
            moves[axis] = distance
    if math.hypot(*moves.values()) > limits.longest:
        raise JobRefused(
            f"A move by hand may be {limits.longest:g} mm long at most (settings, [moves]).",
            short="Move too long",
        )
    for axis, distance in moves.items():
        _check_end(limits, axis, distance, here.get(axis))
    return moves


def jog_commands(
    limits: MoveSettings, moves: Mapping[str, float], speed: float | None
) -> list[str]:
    """One straight move by ``moves`` (checked), waited for; the modes are the usual ones after.

    The usual ones are those that a firmware begins with and that a print file may count on:
    millimetres, absolute axes, and (by G90, where the firmware links the two) an absolute
    extruder. M400 answers when the head stands still, so that held keys cannot pile up moves.
    """
    words = " ".join(f"{axis.upper()}{number(moves[axis])}" for axis in AXES if axis in moves)
    feed = number(_feed(limits, moves, speed))
    return ["G21", "G91", f"G1 {words} F{feed}", "G90", "M400"]


def extrude_commands(
    limits: MoveSettings, amount: float, speed: float | None, *, paused: bool
) -> list[str]:
    """Push ``amount`` mm of filament, or pull it back, and wait for it. Raises JobRefused.

    Afterwards the extruder is absolute and at 0 again, as after a start of the firmware: a
    print file that sets neither is right then. Not so while a print is ``paused``: its resume
    brings back both as the file had them, and does so from what it remembers.
    """
    _refuse_unless_finite(amount)
    amount = round(amount, DIGITS)
    if not amount:
        return []
    if abs(amount) > limits.longest_extrusion:
        raise JobRefused(
            f"At most {limits.longest_extrusion:g} mm of filament are moved at once "
            "(settings, [moves]).",
            short="Too much filament",
        )
    pushes = [command for _, command in push(amount, _clamped(speed, limits.feed_e))]
    return ["G21", "M83", *pushes, "M400", *(() if paused else ("G92 E0", "M82"))]


def _checked_axes(axes: Iterable[str]) -> list[str]:
    named = set(axes)
    if not named or not named.issubset(AXES):
        raise JobRefused("Name the axes to move: x, y or z.", short="Unknown axis")
    return [axis for axis in AXES if axis in named]


def _refuse_unless_finite(value: float) -> None:
    if not math.isfinite(value):
        raise JobRefused("A length must be a number of millimetres.", short="Bad number")


def _known(axis: str, here: Place) -> float:
    if axis not in here:
        raise JobRefused(
            f"The place of {axis.upper()} is not known. Home it first.", short="Home first"
        )
    return here[axis]


def _check_end(limits: MoveSettings, axis: str, distance: float, begin: float | None) -> None:
    if begin is None:
        if abs(distance) > UNHOMED_LONGEST:
            raise JobRefused(
                f"The place of {axis.upper()} is not known, so it moves by "
                f"{UNHOMED_LONGEST:g} mm at most. Home it first.",
                short="Home first",
            )
        return
    size: float = getattr(limits, f"size_{axis}")
    end = round(begin + distance, DIGITS)
    if _outside(end, size) > 0 and _outside(end, size) >= _outside(begin, size):
        raise JobRefused(
            f"{axis.upper()} stands at {begin:g} mm and may be moved within 0 to {size:g} mm "
            "(settings, [moves]).",
            short=f"{axis.upper()} limit reached",
        )


def _outside(place: float, size: float) -> float:
    """How far ``place`` is outside of 0 to ``size``."""
    return max(0.0, -place, place - size)


def _feed(limits: MoveSettings, moves: Mapping[str, float], speed: float | None) -> float:
    """Along the move, such that neither X and Y together nor Z exceed theirs."""
    length = math.hypot(*moves.values())
    flat = math.hypot(moves.get("x", 0.0), moves.get("y", 0.0))
    upright = abs(moves.get("z", 0.0))
    most = min(
        limits.feed_xy * length / flat if flat else math.inf,
        limits.feed_z * length / upright if upright else math.inf,
    )
    return _clamped(speed, most)


def _clamped(speed: float | None, most: float) -> float:
    if speed is None:
        return _cut(most)
    if not (math.isfinite(speed) and speed > 0):
        raise JobRefused("A speed must be a number of mm/min above 0.", short="Bad number")
    return _cut(min(max(speed, SLOWEST), most))


def _cut(feed: float) -> float:
    """To one digit behind the point, and downwards: a rounded feed might be above the limit."""
    return math.floor(feed * 10) / 10 if feed >= 1 else feed
