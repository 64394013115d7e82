"""Executes G-code with no notion of time: where every command leaves an ideal machine.

A second, independent reading of what commands mean, to hold the product's own against. It
knows the three ways in which firmwares read G90 and G91 for the extruder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

EXTRUDABLE = 170.0  # °C; below, Marlin counts extruder moves but does not make them
_WORD = re.compile(r"([A-Z])(-?[0-9.]+)?")


@dataclass
class Machine:
    """An ideal printer; lengths in mm, feed rate in mm/min. Heaters reach targets at once."""

    e_follows_g90: bool = True  # Marlin 2: G90/G91 set the extruder's mode as well
    g91_rules_e: bool = False  # Marlin 1: after G91 the extruder is relative whatever M82 says
    at: dict[str, float] = field(default_factory=lambda: dict.fromkeys("XYZE", 0.0))
    relative: bool = False
    e_relative: bool = False
    unit: float = 1.0
    feed: float = 1500.0
    tool: int = 0
    fans: dict[int, float] = field(default_factory=dict)
    hotends: dict[int, float] = field(default_factory=dict)
    bed: float = 0.0
    chamber: float = 0.0
    homed: set[str] = field(default_factory=set)
    idle_timeout: float = 120.0
    filament: float = 0.0  # what truly went through the extruders
    purged: float = 0.0  # of it, in one place (neither X nor Y nor Z moved), net

    def run(self, command: str) -> list[str]:
        """Execute ``command``; the lines that a Marlin would answer with before its ok."""
        if command.startswith(("M117", "M118")):
            return []
        (letter, code), *rest = _WORD.findall(command)
        words = {name: float(value) if value else None for name, value in rest}
        number = int(code or -1)
        if letter == "T":
            self.tool = number
        elif letter == "G":
            self._g(number, words)
        elif number == 114:
            x, y, z, e = (self.at[axis] for axis in "XYZE")
            return [f"X:{x:.2f} Y:{y:.2f} Z:{z:.2f} E:{e:.2f} Count X:0 Y:0 Z:0"]
        else:
            self._m(number, words)
        return []

    @property
    def settings(self) -> dict[str, object]:
        """All that the next command of a print depends on, rounded for comparison."""
        return {
            "at": {axis: round(value, 3) for axis, value in self.at.items()},
            "modes": (self.relative, self.e_relative, self.unit, self.tool),
            "feed": round(self.feed, 3),
            "fans": {fan: speed for fan, speed in self.fans.items() if speed},
            "hotends": {tool: value for tool, value in self.hotends.items() if value},
            "beds": (self.bed, self.chamber),
            "homed": sorted(self.homed),
            "timeout": self.idle_timeout,
        }

    @property
    def safe(self) -> bool:
        """Heaters and fans are off."""
        return not any((*self.hotends.values(), *self.fans.values(), self.bed, self.chamber))

    def _g(self, code: int, words: dict[str, float | None]) -> None:
        if code in (0, 1):
            self._move(words)
        elif code in (20, 21):
            self.unit = 25.4 if code == 20 else 1.0
        elif code == 28:
            for axis in [a for a in "XYZ" if a in words] or "XYZ":
                self.at[axis] = 0.0
                self.homed.add(axis)
        elif code in (90, 91):
            self.relative = code == 91
            if self.e_follows_g90:
                self.e_relative = code == 91
        elif code == 92:
            self.at.update({a: (words[a] or 0) * self.unit for a in "XYZE" if a in words})

    def _move(self, words: dict[str, float | None]) -> None:
        self.feed = (words.get("F") or 0) * self.unit or self.feed
        for axis in "XYZ":
            if axis in words:
                value = (words[axis] or 0) * self.unit
                self.at[axis] = self.at[axis] + value if self.relative else value
        if "E" in words:
            value = (words["E"] or 0) * self.unit
            relative = self.e_relative or (self.g91_rules_e and self.relative)
            pushed = value if relative else value - self.at["E"]
            self.at["E"] += pushed
            if self.hotends.get(self.tool, 0.0) >= EXTRUDABLE:
                self.filament += pushed
                self.purged += 0.0 if words.keys() & set("XYZ") else pushed

    def _m(self, code: int, words: dict[str, float | None]) -> None:
        value = words.get("S")
        named = words.get("T")
        tool = self.tool if named is None else int(named)
        if code in (82, 83):
            self.e_relative = code == 83
        elif code in (104, 109):
            self.hotends[tool] = value or 0.0
        elif code in (140, 190):
            self.bed = value or 0.0
        elif code in (141, 191):
            self.chamber = value or 0.0
        elif code in (106, 107):
            speed = 0.0 if code == 107 else 255.0 if value is None else value
            self.fans[int(words.get("P") or 0)] = speed
        elif code in (18, 84):
            self._motors(value, words)

    def _motors(self, value: float | None, words: dict[str, float | None]) -> None:
        if value is not None:
            self.idle_timeout = value
        elif words:
            self.homed -= words.keys()
        else:
            self.homed.clear()
