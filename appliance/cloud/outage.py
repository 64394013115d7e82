"""What a person is told while there is no session with the cloud."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Outage:
    """Since when, why, and until when; monotonic seconds."""

    since: float
    reason: str = ""
    next_try: float | None = None  # None while trying

    def sentence(self, now: float, wall: float) -> str:
        """Such as "Offline since 10:32, next try in 12 s: …"; ``wall`` is Unix seconds.

        The hour is counted back from now, since the clock may have been set in between.
        """
        if not self.reason:
            return "Connecting to the Polar Cloud."
        since = time.strftime("%H:%M", time.localtime(wall - (now - self.since)))
        if self.next_try is None:
            return f"Offline since {since}, trying now: {self.reason}"
        seconds = max(0, round(self.next_try - now))
        return f"Offline since {since}, next try in {seconds} s: {self.reason}"

    def moments(self, now: float, wall: float) -> tuple[float, float | None]:
        """Since when, and when the next try is, as Unix seconds; None while trying."""
        offset = wall - now
        return self.since + offset, None if self.next_try is None else self.next_try + offset
