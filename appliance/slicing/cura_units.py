"""The values of a legacy settings list, and how single ones become PrusaSlicer's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.slicing.errors import BadConfiguration

Settings = dict[str, str]
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
ROUND_ENDS = 1 - math.pi / 4  # of a line's height: what its round edges lack to a rectangle


def number(value: float) -> str:
    """As PrusaSlicer writes it: no exponent, no useless zeros."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def parse_number(name: str, text: str) -> float:
    """The number at the beginning of ``text``. Raises BadConfiguration naming the setting."""
    match = _NUMBER.match(text)
    if match is None:
        raise BadConfiguration(
            f"The slicer's configuration says {name}={text[:20]!r}, where a number is expected. "
            "Correct the slicing settings in the Polar Cloud."
        )
    return float(match[0])


@dataclass(frozen=True)
class Values:
    """Numbers by name in small letters, each given or the engine's own default."""

    numbers: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.numbers[name.lower()]

    def mm(self, name: str) -> float:
        """A length that the list gives in micrometres."""
        return self[name] / 1000

    def width(self, name: str = "extrusionWidth", height: str = "layerThickness") -> float:
        """PrusaSlicer's width (mm) for the engine's: the same plastic at the same spacing.

        The engine counts a line as a rectangle, PrusaSlicer as one with round edges
        (Flow::rounded_rectangle_extrusion_spacing).
        """
        return self.mm(name) + ROUND_ENDS * self.mm(height)

    @property
    def nozzle(self) -> float:
        """Of the nozzle, mm: the engine need not know it, PrusaSlicer must."""
        given = self.mm("nozzleSize") or self.mm("extrusionWidth")
        return max(given, self.mm("layerThickness"), self.mm("initialLayerThickness"))

    @property
    def solid(self) -> bool:
        """The model is to be filled entirely."""
        distance = self["sparseInfillLineDistance"]
        shells = min(self["downSkinCount"], self["upSkinCount"])
        return 0 < distance <= self["extrusionWidth"] or shells >= ALL_LAYERS

    @property
    def hollow(self) -> bool:
        """A vase, or outlines alone."""
        return self["spiralizeMode"] > 0 or self["simpleMode"] > 0

    @property
    def raft(self) -> bool:
        """Printed on a raft (fffProcessor.h)."""
        return self["raftBaseThickness"] > 0 and self["raftInterfaceThickness"] > 0


ALL_LAYERS = 1000  # solid layers and more mean: all of them; LegacyCura writes 10000
Convert = Callable[[Values, float], Settings]


def same(*keys: str, digits: bool = True) -> Convert:
    """The number as it is."""
    return lambda _, value: dict.fromkeys(keys, number(value if digits else round(value)))


def millimetres(*keys: str) -> Convert:
    """Micrometres to millimetres."""
    return lambda _, value: dict.fromkeys(keys, number(value / 1000))


def percent(*keys: str) -> Convert:
    """With a percent sign."""
    return lambda _, value: dict.fromkeys(keys, f"{number(value)}%")
