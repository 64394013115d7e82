"""The signs of life of the printer daemon's engine (host/health.py)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from appliance.host.health import Health, Heart

LOOP_LIMIT = 60.0  # seconds; opening a port takes 5 at most, the pause between two tries 2
LINE_LIMIT = 60.0  # seconds past an alarm, or after bytes came: both are worked off at once


@dataclass(frozen=True)
class Hearts:
    """``loop``: finds the printer, and has it found again. ``line``: what is sent and answered.

    As made without arguments nobody listens to them. With no printer, while it heats, and
    between two answers the loop rests, and the line is due with the alarm it has set.
    """

    loop: Heart = field(default_factory=Heart)
    line: Heart = field(default_factory=Heart)

    @classmethod
    def of(cls, health: Health) -> Hearts:
        """Those that ``health`` looks at."""
        hearts = cls(
            loop=health.part("search for the printer", LOOP_LIMIT),
            line=health.part("line to the printer", LINE_LIMIT),
        )
        hearts.line.rest()
        return hearts

    def alarm(self, due: float | None) -> None:
        """What there was to do is done, and the next alarm is set, if any (monotonic s)."""
        if due is None:
            self.line.rest()
        else:
            self.line.beat(max(0.0, due - time.monotonic()))
