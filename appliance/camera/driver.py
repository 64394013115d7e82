"""The narrow interface between the camera worker and whatever takes the pictures."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is going on; only the synthetic driver draws it, a real camera sees for itself."""

    percent: float | None = None  # of the print, 0 to 100; None when nothing lies on the bed
    name: str = ""  # of the job
    state: str = ""  # for a person: "Printing"
    tool: float | None = None  # °C
    bed: float | None = None  # °C
    elapsed: float | None = None  # seconds since the print began


class CameraDriver(Protocol):
    """One camera, used from one thread of the worker process: open, capture again and again, close.

    Every method may block, and a wedged one is cured from outside by killing the process.
    """

    def open(self) -> None:
        """Claim the camera. Raises CameraError when it cannot be had."""

    def capture(self, scene: Scene) -> bytes:
        """One picture as the sensor sees it: a whole JPEG. Raises CameraError."""

    def close(self) -> None:
        """Give the camera back; also after a failed :meth:`open`, and twice."""
