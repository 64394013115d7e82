"""How long a print will take and how much filament it needs, from its moves alone.

A rough trapezoid planner: each move speeds up from the corner before it and slows down to
the corner after it. Heating, homing and probing are left out, as slicers leave them out.
"""

from __future__ import annotations

import math
import re

ACCELERATION = 1000.0  # mm/s², until the file says otherwise (M204); Marlin's usual value is near
CORNER_SPEED = 8.0  # mm/s through a right-angled corner; Marlin's classic jerk
MAX_SPEED = 500.0  # mm/s, faster than common machines move, whatever the file asks for
_DEFAULT_SPEED = 25.0  # mm/s before the first F; Marlin begins with 1500 mm/min
_WORDS = re.compile(r"([A-Z])\s*([-+]?(?:\d+\.?\d*|\.\d+))").findall
_CODE = re.compile(r"([GMT])\s*0*(\d+)")


class Estimator:
    """Give it the commands of a print in order, then ask for seconds and filament."""

    def __init__(self) -> None:
        self._at = [0.0, 0.0, 0.0]
        self._e = 0.0
        self._relative = self._e_relative = False
        self._unit = 1.0  # mm
        self._speed = _DEFAULT_SPEED
        self._acceleration = ACCELERATION
        self._seconds = 0.0
        self._tool = 0
        self._pushed: dict[int, float] = {}  # by tool: filament out of the spool now, mm
        self._used: dict[int, float] = {}  # by tool: the most that ever was out of it
        # The last move waits for the next one, whose direction tells how it ends.
        self._length = self._cruise = self._entry = 0.0
        self._way = (0.0, 0.0, 0.0)

    @property
    def filament_mm(self) -> float:
        """Filament of all tools, mm; what was pulled back and pushed again counts once."""
        return math.fsum(self._used.values())

    def seconds(self) -> float:
        """The time of all moves and dwells so far."""
        return self._seconds + self._duration(0.0)

    def command(self, command: str) -> None:
        """Take the next command."""
        match = _CODE.match(command)
        if match is None:
            return
        letter, code = match[1], int(match[2])
        if letter == "T":
            self._tool = code
        elif letter == "G" and code <= 3:
            self._move(code, dict(_WORDS(command)))
        elif letter == "G":
            self._other_g(code, dict(_WORDS(command)))
        elif code in (82, 83):
            self._e_relative = code == 83
        elif code == 204:
            self._accelerate(dict(_WORDS(command)))

    def _other_g(self, code: int, words: dict[str, str]) -> None:
        if code == 4:
            self._stop()
            waits = float(words.get("P", 0)) / 1000 + float(words.get("S", 0))
            self._seconds += max(0.0, waits)
        elif code in (20, 21):
            self._unit = 25.4 if code == 20 else 1.0
        elif code in (90, 91):
            self._relative = self._e_relative = code == 91
        elif code == 28:
            self._stop()
            named = [axis for axis in range(3) if "XYZ"[axis] in words]
            for axis in named or range(3):
                self._at[axis] = 0.0
        elif code == 92:
            for axis, letter in enumerate("XYZ"):
                if letter in words:
                    self._at[axis] = float(words[letter]) * self._unit
            self._e = float(words["E"]) * self._unit if "E" in words else self._e

    def _accelerate(self, words: dict[str, str]) -> None:
        asked = float(words.get("P") or words.get("S") or 0)
        if asked > 0:
            self._acceleration = asked

    def _move(self, code: int, words: dict[str, str]) -> None:
        if "F" in words:
            self._speed = max(float(words["F"]) * self._unit / 60, 0.1)
        start = tuple(self._at)
        for axis, letter in enumerate("XYZ"):
            if letter in words:
                value = float(words[letter]) * self._unit
                self._at[axis] = self._at[axis] + value if self._relative else value
        pushed = self._extrude(float(words["E"]) * self._unit) if "E" in words else 0.0
        way = (self._at[0] - start[0], self._at[1] - start[1], self._at[2] - start[2])
        length = math.hypot(*way)
        if code >= 2:
            length = max(length, self._arc(code, start[0], start[1], words))
        if length > 0:
            self._plan(length, (way[0] / length, way[1] / length, way[2] / length))
        elif pushed:
            self._plan(abs(pushed), (0.0, 0.0, 0.0))

    def _extrude(self, value: float) -> float:
        """Follow the filament; returns how far it was pushed, mm."""
        push = value if self._e_relative else value - self._e
        self._e += push
        out = self._pushed.get(self._tool, 0.0) + push
        self._pushed[self._tool] = out
        if out > self._used.get(self._tool, 0.0):
            self._used[self._tool] = out
        return push

    def _arc(self, code: int, x: float, y: float, words: dict[str, str]) -> float:
        """The length of an arc from (x, y) to where the head now is (G2 clockwise, G3 not)."""
        chord = math.hypot(self._at[0] - x, self._at[1] - y)
        if "R" in words:
            radius = abs(float(words["R"])) * self._unit
            half = min(1.0, chord / (2 * radius)) if radius else 0.0
            return 2 * radius * math.asin(half)
        cx = x + float(words.get("I", 0)) * self._unit
        cy = y + float(words.get("J", 0)) * self._unit
        begin = math.atan2(y - cy, x - cx)
        end = math.atan2(self._at[1] - cy, self._at[0] - cx)
        turn = (end - begin if code == 3 else begin - end) % (2 * math.pi)
        return math.hypot(x - cx, y - cy) * (turn or 2 * math.pi)

    def _plan(self, length: float, way: tuple[float, float, float]) -> None:
        cruise = min(self._speed, MAX_SPEED)
        last = self._way
        cosine = way[0] * last[0] + way[1] * last[1] + way[2] * last[2]
        # The speed may change by CORNER_SPEED at once: any speed straight on, less the sharper.
        turn = math.sqrt(max(2 - 2 * cosine, 1e-9))  # length of the change of direction, 0 to 2
        corner = min(cruise, self._cruise, CORNER_SPEED * math.sqrt(2) / turn)
        reach = math.sqrt(self._entry**2 + 2 * self._acceleration * self._length)
        corner = min(corner, reach)
        self._seconds += self._duration(corner)
        self._length, self._cruise, self._entry, self._way = length, cruise, corner, way

    def _stop(self) -> None:
        self._seconds += self._duration(0.0)
        self._length = self._cruise = self._entry = 0.0
        self._way = (0.0, 0.0, 0.0)

    def _duration(self, leave: float) -> float:
        """Of the waiting move, from its entry speed over its cruise speed to ``leave``, mm/s."""
        if not self._length:
            return 0.0
        a, enter, cruise = self._acceleration, self._entry, self._cruise
        ramps = (2 * cruise**2 - enter**2 - leave**2) / (2 * a)
        if ramps > self._length:  # it never reaches its cruise speed
            peak = math.sqrt(max((2 * a * self._length + enter**2 + leave**2) / 2, 1e-9))
            peak = max(peak, enter, leave)
            even = self._length / max(peak, 1e-3)
            return max((2 * peak - enter - leave) / a, even)
        return (2 * cruise - enter - leave) / a + (self._length - ramps) / cruise
