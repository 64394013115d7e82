"""The head: modes, feed rates and moves (G0 to G3, G28, G90 to G92, M82, M83, M220)."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum, auto
from math import atan2, copysign, hypot, pi, sqrt
from typing import NamedTuple

from appliance.sim.planner import ORIGIN, Planner, Position

AXES = "XYZE"
STEPS_PER_MM = (80.0, 80.0, 400.0)
MILLIMETRES_PER_INCH = 25.4

Words = dict[str, float | None]
"""The parameters of a command; a letter without a value is None."""


class WaitKind(Enum):
    """What a command that blocks the queue waits for."""

    MOVE = auto()
    HEATUP = auto()  # M108 ends it
    USER = auto()  # M108 and M876 end it


class Wait(NamedTuple):
    """Not before ``until`` (seconds), unless M108 or M876 ends it."""

    until: float
    kind: WaitKind = WaitKind.MOVE


Waiting = Generator[Wait, float, None]
"""A command under way: yields what it waits for, is sent the time."""


class Motion:
    """Where the head is to go; hands moves to the planner and waits while that is full."""

    def __init__(self, planner: Planner, home_time: float) -> None:
        self.planner = planner
        self.target: Position = ORIGIN  # the end of the last planned move
        self.absolute = True
        self.absolute_e = True
        self.feed_rate = 25.0  # mm/s
        self.feed_percent = 100.0
        self.unit = 1.0  # millimetres
        self._home_time = home_time
        self._stops = 0

    def synchronize(self, now: float) -> Waiting:
        """Until no move is left (M400)."""
        while now < self.planner.idle_at:
            now = yield Wait(self.planner.idle_at)

    def dwell(self, words: Words, now: float) -> Waiting:
        """G4: P milliseconds or S seconds, after the moves before it."""
        seconds = words.get("S") or (words.get("P") or 0.0) / 1000
        yield from self._after_moves(seconds, now)

    def _after_moves(self, seconds: float, now: float) -> Waiting:
        """Until the moves are done and then for ``seconds`` at normal speed."""
        yield from self.synchronize(now)
        until = max(now, self.planner.idle_at) + seconds / self.planner.speed
        while now < until:
            now = yield Wait(until)

    def linear(self, words: Words, now: float) -> Waiting | None:
        """G0 and G1."""
        origin = self.target
        target = self._next_target(words)
        dx, dy, dz, de = (b - a for a, b in zip(origin, target, strict=True))
        length = sqrt(dx * dx + dy * dy + dz * dz) or abs(de)
        return self._move(origin, target, length, now)

    def arc(self, words: Words, clockwise: bool, now: float) -> Waiting | None:
        """G2 and G3 by I and J or by R; one block each."""
        origin = self.target
        target = self._next_target(words)
        length = self._arc_length(origin, target, words, clockwise)
        return self._move(origin, target, hypot(length, target[2] - origin[2]), now)

    def _next_target(self, words: Words) -> Position:
        if feed := words.get("F"):
            self.feed_rate = feed * self.unit / 60
        values = []
        for axis, current in zip(AXES, self.target, strict=True):
            value = words.get(axis)
            if value is None:
                values.append(current)
            elif self.absolute_e if axis == "E" else self.absolute:
                values.append(value * self.unit)
            else:
                values.append(current + value * self.unit)
        x, y, z, e = values
        return (x, y, z, e)

    def _arc_length(
        self, origin: Position, target: Position, words: Words, clockwise: bool
    ) -> float:
        chord = hypot(target[0] - origin[0], target[1] - origin[1])
        if radius := words.get("R"):
            half = min(1.0, chord / 2 / abs(radius * self.unit))
            angle = 2 * atan2(half, sqrt(1 - half * half))
            return abs(radius * self.unit) * (angle if radius > 0 else 2 * pi - angle)
        i, j = ((words.get(word) or 0.0) * self.unit for word in "IJ")
        start = atan2(-j, -i)
        end = atan2(target[1] - origin[1] - j, target[0] - origin[0] - i)
        sweep = (start - end if clockwise else end - start) % (2 * pi)
        return hypot(i, j) * (sweep if chord > 1e-6 else 2 * pi)

    def _move(
        self, origin: Position, target: Position, length: float, now: float
    ) -> Waiting | None:
        self.target = target
        if not length:
            return None
        seconds = length / (self.feed_rate * self.feed_percent / 100)
        if self.planner.room_at(now) <= now:
            self.planner.add(origin, target, seconds, now)
            return None
        return self._move_later(origin, target, seconds, now)

    def _move_later(
        self, origin: Position, target: Position, seconds: float, now: float
    ) -> Waiting:
        stops = self._stops
        while (room := self.planner.room_at(now)) > now:
            now = yield Wait(room)
            if self._stops != stops:
                return
        self.planner.add(origin, target, seconds, now)

    def home(self, words: Words, now: float) -> Waiting:
        """G28: the named axes, or X, Y and Z."""
        yield from self._after_moves(self._home_time, now)
        named = [axis for axis in "XYZ" if axis in words] or list("XYZ")
        self.relocate(dict.fromkeys(named, 0.0))

    def relocate(self, words: Words) -> None:
        """G92: the head is where ``words`` say, without a move."""
        x, y, z, e = (
            current if (value := words.get(axis)) is None else value * self.unit
            for axis, current in zip(AXES, self.target, strict=True)
        )
        self.target = (x, y, z, e)
        self.planner.relocate(self.target)

    def stop(self, now: float) -> None:
        """M410 and kill: every move is dropped, the head stands where it stopped."""
        self._stops += 1
        self.target = self.planner.stop(now)

    def reset(self, now: float) -> None:
        """The board starts anew and takes the place where it stands for the origin."""
        self.stop(now)
        self.planner.relocate(ORIGIN)
        self.target = ORIGIN
        self.absolute = self.absolute_e = True
        self.feed_rate, self.feed_percent, self.unit = 25.0, 100.0, 1.0

    def report(self, now: float) -> str:
        """M114's line: the planned position, and the steps of the real one."""
        x, y, z, e = self.target
        counts = (
            f"{axis}:{copysign(round(abs(mm) * steps), mm):.0f}"
            for axis, mm, steps in zip(
                "XYZ", self.planner.position(now)[:3], STEPS_PER_MM, strict=True
            )
        )
        return f"X:{x:.2f} Y:{y:.2f} Z:{z:.2f} E:{e:.2f} Count {' '.join(counts)}"
