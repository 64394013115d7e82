"""Which pictures of a print become its time-lapse, in bounded disk space.

Frames are numbered by ticks of the first spacing. When the folder is full, every second one
goes and the spacing doubles, so a print of any length ends with half to all of ``limit``
frames, evenly spaced. The spacing is written down before anything is removed, and removing
is the same whenever it is done again: a store that was killed at any moment carries on.
"""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path

import msgspec

from appliance.camera import jpeg
from appliance.errors import CameraError, StorageError
from appliance.store import Record

log = logging.getLogger(__name__)

LIMIT = 360  # frames: 30 s at 12 per second (protocol section 1.4)
SHORTEST = 0.2  # seconds between frames, whatever a person sets
SHORTEST_AUTO = 1.0  # each frame costs an exposure
LONGEST_AUTO = 10.0  # snapshots are taken this often anyway, so longer would save nothing
UNKNOWN = 2.0  # when nothing is known of the print's length

_NAME = "frame-{:09d}.jpg"
_PATTERN = "frame-*.jpg"
_PARTIAL = ".partial"


class _Plan(msgspec.Struct, frozen=True):
    """What must be known again after a restart."""

    spacing: float  # seconds a tick
    stride: int = 1  # ticks from one frame to the next, a power of two


def first_spacing(
    estimated_seconds: float | None, interval: float = 0.0, limit: int = LIMIT
) -> float:
    """Seconds between the first frames.

    ``interval`` is a person's wish and wins when it is not 0. Else a print that takes from
    half its estimate up to any length gives between half of ``limit`` and ``limit`` frames.
    """
    if interval > 0:
        return max(interval, SHORTEST)
    if not estimated_seconds or estimated_seconds <= 0:
        return UNKNOWN
    return min(LONGEST_AUTO, max(SHORTEST_AUTO, estimated_seconds / limit))


class FrameStore:
    """The frames of one print in a folder of their own; ``now`` is in Unix seconds.

    A store made again on the same folder carries on where the last one was ended or killed.
    ``estimated_seconds`` and ``interval`` (see :func:`first_spacing`) count the first time
    only. Nothing here raises for a disk that is full or broken: a print does not end for want
    of a time-lapse, and :attr:`problem` says what is wrong. Methods do short disk I/O.
    """

    def __init__(
        self,
        folder: Path,
        limit: int = LIMIT,
        *,
        interval: float = 0.0,
        estimated_seconds: float | None = None,
    ) -> None:
        if limit < 2 or limit % 2:
            raise ValueError("limit must be even, so that halving keeps the spacing even")
        self._folder = folder
        self._limit = limit
        self._record = Record(folder / "plan.json", _Plan)
        self._plan = _Plan(first_spacing(estimated_seconds, interval, limit))
        self._ticks: list[int] = []
        self._last_at: float | None = None
        self.problem = ""
        """Why the last frame could not be kept, as a sentence; empty when it was."""
        try:
            self._recover()
        except (OSError, StorageError) as error:
            self._report(error)

    @property
    def spacing(self) -> float:
        """Seconds between frames now; it doubles each time the store is full."""
        return self._plan.spacing * self._plan.stride

    def wanted(self, now: float) -> bool:
        """Whether the next frame is due. A clock that was set back makes it due at once."""
        if self._last_at is None or now < self._last_at:
            return True
        # A caller with the same rhythm as ours must not miss a beat by a hair.
        return now - self._last_at >= self.spacing * 0.999

    def add(self, picture: bytes, now: float, *, last: bool = False) -> bool:
        """Keep ``picture`` when it is due, or when it is the ``last`` of the print.

        Returns whether it was kept; a full disk or a broken picture is reported through
        :attr:`problem` and the log, and never raised.
        """
        if not (last or self.wanted(now)):
            return False
        try:
            jpeg.size_of(picture)
            if len(self._ticks) >= self._limit:
                self._thin()
            self._write(picture, now)
        except (OSError, StorageError, CameraError) as error:
            self._report(error)
            return False
        self.problem = ""
        return True

    def frames(self) -> list[Path]:
        """The frames in order."""
        return [self._folder / _NAME.format(tick) for tick in self._ticks]

    def clear(self) -> None:
        """Forget all frames and free their space."""
        try:
            self._remove_all()
            self._record.clear()
        except (OSError, StorageError) as error:
            self._report(error)

    def _write(self, picture: bytes, now: float) -> None:
        """No fsync: a frame lost in a power cut is no loss, and cards wear out."""
        tick = self._ticks[-1] + self._plan.stride if self._ticks else 0
        path = self._folder / _NAME.format(tick)
        partial = path.with_suffix(_PARTIAL)
        try:
            partial.write_bytes(picture)
            os.utime(partial, (now, now))  # the time of the last frame survives a restart
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self._ticks.append(tick)
        self._last_at = now

    def _thin(self) -> None:
        plan = msgspec.structs.replace(self._plan, stride=2 * self._plan.stride)
        self._record.save(plan)
        self._plan = plan
        self._drop_odd()

    def _drop_odd(self) -> None:
        """Remove what the present stride leaves out."""
        stride = self._plan.stride
        for tick in [tick for tick in self._ticks if tick % stride]:
            (self._folder / _NAME.format(tick)).unlink(missing_ok=True)
            self._ticks.remove(tick)

    def _recover(self) -> None:
        """Read the folder, finishing what was cut off."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for partial in self._folder.glob(f"*{_PARTIAL}"):
            partial.unlink(missing_ok=True)
        self._ticks = sorted(
            int(path.stem.removeprefix("frame-"))
            for path in self._folder.glob(_PATTERN)
            if path.stem.removeprefix("frame-").isdigit()
        )
        stored = self._record.load()
        if stored:
            self._plan = stored
        else:
            stride = math.gcd(*self._ticks) if len(self._ticks) > 1 else 1
            self._plan = msgspec.structs.replace(self._plan, stride=stride & -stride or 1)
            self._record.save(self._plan)
        self._drop_odd()
        if self._ticks:
            self._last_at = (self._folder / _NAME.format(self._ticks[-1])).stat().st_mtime

    def _remove_all(self) -> None:
        self._ticks, self._last_at = [], None
        self._plan = msgspec.structs.replace(self._plan, stride=1)
        for pattern in (_PATTERN, f"*{_PARTIAL}"):
            for path in self._folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _report(self, error: Exception) -> None:
        text = f"A frame of the time-lapse was not kept: {error}"
        if text != self.problem:
            log.warning("%s", text)
        self.problem = text
