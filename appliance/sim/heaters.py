"""Heaters that take time: a first-order model in closed form, so that no step size matters."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log

FULL_POWER = 127  # Marlin's "@:" for a heater that is fully on


@dataclass(frozen=True)
class HeaterSpec:
    """How quickly a heater warms and cools; temperatures in degrees Celsius, times in seconds."""

    ceiling: float  # where it would end at full power
    heating_time: float  # time constant
    cooling_time: float
    ambient: float = 22.0


HOTEND = HeaterSpec(ceiling=420.0, heating_time=90.0, cooling_time=150.0)
BED = HeaterSpec(ceiling=140.0, heating_time=180.0, cooling_time=600.0)
CHAMBER = HeaterSpec(ceiling=90.0, heating_time=400.0, cooling_time=900.0)


class HeaterModel:
    """One heater with its thermostat; asked at any time, it says how warm it is by then."""

    def __init__(self, spec: HeaterSpec, now: float = 0.0) -> None:
        self.spec = spec
        self.target = 0.0
        self._since = now
        self._from = spec.ambient

    def set_target(self, target: float, now: float) -> None:
        """Heat to ``target``, or cool down to it; 0 is off."""
        self._from = self.temperature(now)
        self._since = now
        self.target = max(0.0, target)

    def temperature(self, now: float) -> float:
        """Degrees Celsius at ``now``, which must not lie before the last ``set_target``."""
        elapsed = max(0.0, now - self._since)
        spec = self.spec
        if self.target > self._from:
            rest = (spec.ceiling - self._from) * exp(-elapsed / spec.heating_time)
            return min(spec.ceiling - rest, self.target)
        floor = max(self.target, spec.ambient)
        if self._from <= floor:
            return self._from
        rest = (self._from - spec.ambient) * exp(-elapsed / spec.cooling_time)
        return max(spec.ambient + rest, floor)

    def reaches(self, temperature: float) -> float:
        """When it will be as warm (or, cooling, as cold) as ``temperature``; infinity: never."""
        spec = self.spec
        if self.target > self._from:
            if temperature <= self._from:
                return self._since
            if temperature > self.target or temperature >= spec.ceiling:
                return inf
            ratio = (spec.ceiling - self._from) / (spec.ceiling - temperature)
            return self._since + spec.heating_time * log(ratio)
        if temperature >= self._from:
            return self._since
        if temperature < self.target or temperature <= spec.ambient:
            return inf
        ratio = (self._from - spec.ambient) / (temperature - spec.ambient)
        return self._since + spec.cooling_time * log(ratio)

    def power(self, now: float) -> int:
        """Marlin's ``@`` value, 0 to 127."""
        if not self.target:
            return 0
        actual = self.temperature(now)
        if actual < self.target:
            return FULL_POWER
        if actual > self.target:
            return 0
        span = self.spec.ceiling - self.spec.ambient
        return min(FULL_POWER, round(FULL_POWER * max(0.0, self.target - self.spec.ambient) / span))
