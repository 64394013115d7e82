"""A clock that nobody has set yet: a board without a battery starts in the past.

Certificates cannot be judged then, so whatever speaks TLS waits here; all else goes on. What
must be right after the clock was set is measured by the monotonic clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from appliance import RELEASED

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at a clock that is not set
TIMESYNC = Path("/run/systemd/timesync")  # there while systemd-timesyncd runs
STEP = 5.0  # seconds by which it jumps when it is set; what is less is only being trimmed
WAITING = (
    "Waits for the time: the clock is not set yet, and a secure connection needs it. "
    "It is set by itself from the network."
)


def plausible(wall: float) -> bool:
    """Whether a clock may be right that says ``wall`` (Unix seconds).

    No true clock is before the release of the program that asks it. More is not asked for: a
    network may let the cloud through and no time server.
    """
    return wall >= RELEASED


def needs_time(url: str) -> bool:
    """Whether ``url`` is spoken to through TLS."""
    return urlsplit(url).scheme.lower() in ("https", "wss")


def unsynchronized(folder: Path = TIMESYNC) -> bool:
    """Whether a time service runs here and has reached no server since the start.

    The clock then is plausible and may be months late all the same: timesyncd starts it where
    it stood when it was last kept, or when the image was built.
    """
    return folder.is_dir() and not (folder / "synchronized").exists()


class HostClock:
    """The clock of this device. ``wall`` gives Unix seconds, ``monotonic`` seconds."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._sleep = sleep
        self._said = False

    @property
    def known(self) -> bool:
        """The clock may be right."""
        return plausible(self._wall())

    async def wait(self) -> None:
        """Return as soon as the clock may be right; says once that it is waited for."""
        while not self.known:
            if not self._said:
                self._said = True
                log.warning("%s", WAITING)
            await self._sleep(LOOK)

    async def watch(self, was_set: Callable[[], None]) -> None:
        """Say for ever in the log when the clock was set, and call ``was_set`` then."""
        offset = self._offset()
        while True:
            await self._sleep(LOOK)
            step, offset = self._offset() - offset, self._offset()
            if abs(step) >= STEP:
                log.warning("the clock was set, by %+.0f s", step)
                was_set()

    def _offset(self) -> float:
        return self._wall() - self._monotonic()
