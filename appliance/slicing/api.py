"""What the rest of the appliance knows of slicing.

``Slicer(settings.slicing, Cache(folder, settings.slicing.cache_size))`` in
:mod:`appliance.slicing.slicer` is the one implementation of :class:`Slicing`; import it when
there is something to slice, as the daemons idle without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.slicing.errors import (
    BadConfiguration,
    BadModel,
    ModelTooLarge,
    NotEnoughMemory,
    SlicerMissing,
    SlicingError,
    TooSlow,
)

__all__ = [
    "BadConfiguration",
    "BadModel",
    "ModelTooLarge",
    "NotEnoughMemory",
    "Progress",
    "ProgressSeen",
    "Request",
    "Sliced",
    "SlicerMissing",
    "Slicing",
    "SlicingError",
    "TooSlow",
]


@dataclass(frozen=True)
class Request:
    """Make ``output`` (G-code) of ``model`` (STL or 3MF, told by its content, not its name).

    ``config`` is a legacy CuraEngine settings list or a PrusaSlicer/Slic3r ini, told by its
    content too. Without one a 3MF is sliced with the settings inside it; an STL is refused.
    ``name`` is what people call the model; it is part of no path.
    """

    model: Path
    config: Path | None
    output: Path
    name: str = ""


@dataclass(frozen=True)
class Progress:
    """How far it has come: ``percent`` 0 to 100 never falls; ``stage`` is for people."""

    percent: float
    stage: str  # such as "Checking the model" or "Generating perimeters"


ProgressSeen = Callable[[Progress], None]


@dataclass(frozen=True)
class Sliced:
    """A finished G-code file, and what it says of itself; None is what it does not say."""

    output: Path
    seconds: float | None  # the print will take
    filament_mm: float | None
    layers: int | None
    slicer: str  # such as "PrusaSlicer 2.9.2"; "" when the G-code came inside a 3MF and is silent
    thumbnail: bytes | None = None  # PNG or JPEG
    notes: tuple[str, ...] = ()  # sentences: settings that were left out or stood in for
    cached: bool = False  # the same model and configuration were sliced before


class Slicing(Protocol):
    """Slices one model at a time; a second caller waits for the first."""

    async def slice(self, request: Request, progress: ProgressSeen) -> Sliced:
        """Make ``request.output``; ``progress`` is called in the event loop.

        Raises SlicingError with a sentence for a person, StorageError when the disk is full.
        Then, and when the task is cancelled (the child and its group are killed at once), no
        file is left behind.
        """
