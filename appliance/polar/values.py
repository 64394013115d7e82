"""Words that several commands of the protocol share."""

from __future__ import annotations

from enum import StrEnum


class Result(StrEnum):
    """The ``status`` of the cloud's answers."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    DELETED = "DELETED"  # of helloResponse: deleted in the cloud, or never registered
    NONE = "NONE"  # of sendNextPrintResponse: nothing to print


class UploadType(StrEnum):
    """What a pre-signed POST URL is for (section 1.5)."""

    IDLE = "idle"  # a picture while idle or during a local print
    PRINTING = "printing"  # a picture during a cloud print
    TIMELAPSE = "timelapse"  # the video of a completed cloud print


class FinalState(StrEnum):
    """The ``state`` of the ``job`` command (section 3.7); a failed print counts as canceled."""

    COMPLETED = "completed"
    CANCELED = "canceled"


class JogKind(StrEnum):
    """The ``command`` inside ``jogPrinter``."""

    JOG = "jog"
    HOME = "home"
    EXTRUDE = "extrude"
