"""One cloud job as the agent keeps it on disk, from the ``print`` command to its end."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Phase(StrEnum):
    """How far a cloud job has come."""

    DOWNLOADING = "downloading"  # the file to print: G-code, or a model
    CONFIGURING = "configuring"  # downloading the configuration that a model is sliced with
    SLICING = "slicing"
    STARTING = "starting"  # handed to the printer daemon, which has not begun yet
    PRINTING = "printing"  # the printer daemon's snapshot says the rest
    FINISHING = "finishing"  # the print ended well, the time-lapse is being made
    ENDED = "ended"  # the outcome stands; reported for several updates, then forgotten


PREPARING: Final = (Phase.DOWNLOADING, Phase.CONFIGURING, Phase.SLICING, Phase.STARTING)
"""The printer has not been given the job yet."""
FETCHING: Final = (Phase.DOWNLOADING, Phase.CONFIGURING, Phase.SLICING)
"""The job needs no printer yet: a cancel is over at once."""


class Chosen(StrEnum):
    """Which file of a ``print`` command is printed, by the name that the command has for it."""

    GCODE = "gcodeFile"
    STL = "stlFile"  # sliced here with the command's configFile
    THREEMF = "threemfFile"  # its G-code is taken out, or its model is sliced


class Outcome(StrEnum):
    """How a cloud job ended. The cloud knows completed and canceled only (section 3.7)."""

    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"


class CloudJob(msgspec.Struct, frozen=True, kw_only=True):
    """The durable record of the present cloud job. Replace it, never change it in place.

    Times are Unix seconds, sizes bytes, lengths millimetres.
    """

    job_id: str
    key: str  # unique for each ``print`` command: a job may be printed again after a cancel
    name: str = ""
    chosen: Chosen | None = None  # None: the command held nothing that can be printed
    refusal: str = ""  # why not, a sentence
    gcode_url: str = ""
    stl_url: str = ""
    threemf_url: str = ""
    config_url: str = ""
    received_at: float
    phase: Phase = Phase.DOWNLOADING
    detail: str = ""  # for a person: "Downloading 34 %"
    notes: tuple[str, ...] = ()  # sentences of the slicer: what it did not understand
    picture_path: str = ""  # PNG or JPEG of the model, when the slicer gave one
    gcode_path: str = ""  # in the spool, once downloaded or sliced
    started_at: float | None = None  # the printer daemon's started_at, once it has begun
    print_seconds: float = 0.0
    filament_mm: float | None = None
    estimated_seconds: float | None = None
    layers: int | None = None
    file_size: int = 0
    bytes_read: int = 0
    cancel_requested: bool = False
    outcome: Outcome | None = None
    reason: str = ""  # a sentence, when it did not simply complete
    video_note: str = ""  # why there is no time-lapse, when there is none
    ended_at: float | None = None
    announcements: int = 0  # status updates already sent in the final state (6, 7 or 12)


class LocalModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a person sent to the device's own page, until its print has begun.

    Durable as the cloud's jobs are: ``path`` and ``config`` (of the slicer) are files here.
    """

    key: str
    name: str
    path: str
    config: str | None = None
    detail: str = ""  # for a person: "34 %: Generating perimeters"
    cancel_requested: bool = False
