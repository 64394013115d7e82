"""What the printer was told so far: position, modes, feed rate, tool, fans, temperatures.

The tracker follows every command sent (about 5 µs for a move on a desktop). Positions are
logical millimetres, as M114 reports them; None is what cannot be known from commands alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

DEFAULT_STEPPER_TIMEOUT = 120.0  # s, Marlin's DEFAULT_STEPPER_DEACTIVE_TIME
AGREEMENT = 0.011  # mm; M114 rounds to two decimals

_MOVE_WORDS = re.compile(r"([XYZEF])\s*([-+]?(?:\d+\.?\d*|\.\d+))").findall
_WORDS = re.compile(r"([A-Z])\s*([-+]?(?:\d+\.?\d*|\.\d+))?").findall
_CODE = re.compile(r"([GMT])\s*(\d+)")
_REPORTED = re.compile(r"(?<![A-Za-z])([XYZE])0?:\s*(-?\d+(?:\.\d+)?)")
_AXES = "XYZ"
# After these the head stands where only M114 can tell.
_WANDERING = frozenset({12, 27, 29, 30, 33, 34, 35, 38, 60, 61, 76, 425})


class ExtruderMode(Enum):
    """What G90 and G91 mean for the extruder; firmwares differ."""

    FOLLOWS = "follows"  # Marlin 2: G90 and G91 set it, M82 and M83 after them set it alone
    EITHER = "either"  # Marlin 1: relative after G91 or M83
    OWN = "own"  # Prusa's Marlin 1: only M82 and M83 set it


def extruder_mode(firmware_name: str) -> ExtruderMode:
    """The mode of a firmware, from FIRMWARE_NAME of its M115 answer."""
    name = firmware_name.lower()
    if name.startswith("prusa-firmware") and "buddy" not in name:
        return ExtruderMode.OWN
    if re.match(r"marlin\s*v?1\b", name):
        return ExtruderMode.EITHER
    return ExtruderMode.FOLLOWS


@dataclass(frozen=True)
class MachineState:
    """Everything that a pause must bring back. Lengths mm, feed rate mm/min, fans 0 to 255."""

    x: float | None = None
    y: float | None = None
    z: float | None = None
    e: float | None = None
    feed: float | None = None
    relative: bool = False  # G91
    e_relative: bool = False  # the flag that M82 and M83 set
    inches: bool = False
    tool: int = 0
    fans: Mapping[int, float] = field(default_factory=dict)
    hotends: Mapping[int, float] = field(default_factory=dict)  # targets by tool
    bed: float = 0.0
    chamber: float | None = None  # None: never used
    stepper_timeout: float = DEFAULT_STEPPER_TIMEOUT  # M84 S, seconds
    homed: frozenset[str] = frozenset()
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # logical minus machine position (G92)

    @property
    def parkable(self) -> bool:
        """All axes are homed and known, so the head may be sent to an absolute place."""
        return len(self.homed) == 3 and None not in (self.x, self.y, self.z)


class Tracker:
    """Follows the commands sent to one printer."""

    def __init__(self, mode: ExtruderMode = ExtruderMode.FOLLOWS) -> None:
        self._mode = mode
        self._at: list[float | None] = [None, None, None]
        self._e: float | None = 0.0
        self._feed: float | None = None
        self._relative = self._e_relative = self._inches = False
        self._tool = 0
        self._fans: dict[int, float] = {}
        self._hotends: dict[int, float] = {}
        self._bed = 0.0
        self._chamber: float | None = None
        self._stepper_timeout = DEFAULT_STEPPER_TIMEOUT
        self._homed: set[str] = set()
        self._shift = [0.0, 0.0, 0.0]
        self.feed_percent = 100.0  # M220
        self.flow_percent: dict[int, float] = {}  # M221, by tool
        self._g: dict[int, Callable[[str], None]] = {
            2: self._move, 3: self._move, 5: self._move, 28: self._home, 92: self._set,
        }  # fmt: skip
        self._m: dict[int, Callable[[str], None]] = {
            18: self._motors_off, 84: self._motors_off,
            104: self._hotend, 109: self._hotend, 140: self._set_bed, 190: self._set_bed,
            141: self._set_chamber, 191: self._set_chamber,
            106: self._fan, 107: self._fan_off, 220: self._feed_override,
            221: self._flow_override,
        }  # fmt: skip

    @property
    def tools(self) -> frozenset[int]:
        """Every tool that was selected or heated."""
        return frozenset({self._tool, *self._hotends})

    @property
    def heating(self) -> bool:
        """Some heater has a target above 0."""
        return any(v > 0 for v in (*self._hotends.values(), self._bed, self._chamber or 0.0))

    def state(self) -> MachineState:
        """A copy of all that a pause must bring back."""
        x, y, z = self._at
        return MachineState(
            x, y, z, self._e, self._feed, self._relative, self._e_relative, self._inches,
            self._tool, dict(self._fans), dict(self._hotends), self._bed, self._chamber,
            self._stepper_timeout, frozenset(self._homed),
            (self._shift[0], self._shift[1], self._shift[2]),
        )  # fmt: skip

    def track(self, command: str) -> None:
        """Follow one command, free of comments."""
        if command.startswith(("G1 ", "G0 ")):
            self._move(command)
            return
        match = _CODE.match(command)
        if match is None:
            return
        letter, code = match[1], int(match[2])
        if letter == "G":
            self._track_g(code, command)
        elif letter == "T":
            self._tool = code
        elif code in (82, 83):
            self._e_relative = code == 83
        else:
            handler = self._m.get(code)
            if handler is not None:
                handler(command[match.end() :])

    def _track_g(self, code: int, command: str) -> None:
        if code <= 1:
            self._move(command)
        elif code in (90, 91):
            self._relative = code == 91
            if self._mode is ExtruderMode.FOLLOWS:
                self._e_relative = code == 91
        elif code in (20, 21):
            self._inches = code == 20
        elif code in _WANDERING:
            self._at = [None, None, None]
        else:
            handler = self._g.get(code)
            if handler is not None:
                handler(command)

    def _move(self, command: str) -> None:
        unit = 25.4 if self._inches else 1.0
        for letter, digits in _MOVE_WORDS(command):
            value = float(digits) * unit
            if letter == "E":
                self._extrude(value)
            elif letter == "F":
                self._feed = value
            else:
                axis = _AXES.index(letter)
                if self._relative:
                    here = self._at[axis]
                    self._at[axis] = None if here is None else here + value
                else:
                    self._at[axis] = value

    def _extrude(self, value: float) -> None:
        relative = self._e_relative
        if self._mode is ExtruderMode.EITHER:
            relative = relative or self._relative
        if not relative:
            self._e = value
        elif self._e is not None:
            self._e += value

    def _home(self, command: str) -> None:
        rest = command[3:]
        named = [axis for axis in range(3) if _AXES[axis] in rest]
        for axis in named or range(3):
            self._at[axis] = None
            self._shift[axis] = 0.0
            self._homed.add(_AXES[axis])

    def _set(self, command: str) -> None:
        """G92: this place is called so from now on; G92.1 undoes it."""
        if command.startswith("G92.1"):
            for axis, shift in enumerate(self._shift):
                here = self._at[axis]
                self._at[axis] = None if here is None else here - shift
            self._shift = [0.0, 0.0, 0.0]
            return
        unit = 25.4 if self._inches else 1.0
        named = dict(_MOVE_WORDS(command))
        for axis, letter in enumerate(_AXES):
            if letter not in named:
                continue
            value = float(named[letter]) * unit
            here = self._at[axis]
            if here is None:
                self._homed.discard(letter)  # where that is on the machine is not known
            else:
                self._shift[axis] += value - here
            self._at[axis] = value
        if "E" in named:
            self._e = float(named["E"]) * unit

    def _motors_off(self, rest: str) -> None:
        words = dict(_WORDS(rest))
        if "S" in words:
            self._stepper_timeout = float(words["S"] or 0)
            return
        if not words:
            self._homed.clear()
        self._homed.difference_update(words)

    def _hotend(self, rest: str) -> None:
        words = dict(_WORDS(rest))
        target = words.get("S") or words.get("R")
        if target:
            self._hotends[int(float(words.get("T") or self._tool))] = float(target)

    def _set_bed(self, rest: str) -> None:
        words = dict(_WORDS(rest))
        target = words.get("S") or words.get("R")
        self._bed = float(target) if target else self._bed

    def _set_chamber(self, rest: str) -> None:
        words = dict(_WORDS(rest))
        target = words.get("S") or words.get("R")
        self._chamber = float(target) if target else self._chamber

    def _fan(self, rest: str) -> None:
        words = dict(_WORDS(rest))
        if "T" not in words:  # T chooses a second speed, which slicers do not use
            self._fans[int(float(words.get("P") or 0))] = float(words.get("S") or 255)

    def _fan_off(self, rest: str) -> None:
        self._fans[int(float(dict(_WORDS(rest)).get("P") or 0))] = 0.0

    def _feed_override(self, rest: str) -> None:
        percent = dict(_WORDS(rest)).get("S")
        self.feed_percent = float(percent) if percent else self.feed_percent

    def _flow_override(self, rest: str) -> None:
        words = dict(_WORDS(rest))
        if words.get("S"):
            self.flow_percent[int(float(words.get("T") or self._tool))] = float(words["S"])


def reported_position(answer: Iterable[str]) -> dict[str, float] | None:
    """X, Y, Z and E of an answer to M114; None when it holds no position.

    Marlin says "X:10.00 Y:20.00 Z:0.30 E:12.30 Count X:800 Y:1600 Z:120".
    """
    for line in answer:
        found = {a: float(v) for a, v in _REPORTED.findall(line.partition("Count")[0])}
        if all(axis in found for axis in _AXES):
            return found
    return None


def agreed(tracked: float | None, reported: float | None) -> float | None:
    """The exact tracked value where the rounded report agrees with it, else the report."""
    if tracked is None or not math.isfinite(tracked):
        return reported
    if reported is None or abs(tracked - reported) <= AGREEMENT:
        return tracked
    return reported
