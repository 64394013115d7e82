"""What the local Polar Cloud keeps: accounts, printers, their queues and past prints.

The frozen structs survive a restart; :class:`Life` is what is known of a printer since the
cloud started.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from appliance.polar.values import FinalState

LOG_LENGTH = 4000
"""Messages remembered: some ten minutes of a lively test."""
STATUS_LENGTH = 500
RESPONSE_LENGTH = 50
PAST_LENGTH = 100


class Account(msgspec.Struct, frozen=True):
    """A member of the cloud; ``pin`` is 4 to 16 decimal digits."""

    email: str
    pin: str

    def __repr__(self) -> str:
        return f"Account(email={self.email!r})"


class RegisterReason(StrEnum):
    """The ``reason`` of registerResponse (section 2.13)."""

    SUCCESS = "SUCCESS"
    SERVER_ERROR = "SERVER_ERROR"
    MFG_MISSING = "MFG_MISSING"
    MFG_UNKNOWN = "MFG_UNKNOWN"
    EMAIL_PIN_ERROR = "EMAIL_PIN_ERROR"
    FORBIDDEN = "FORBIDDEN"
    INVALID_KEY = "INVALID_KEY"


class QueueState(StrEnum):
    """Whether a queued job may be printed."""

    READY = "ready"
    STARTED = "started"  # `print` was sent; the printer has not said how it ended


class FileKind(StrEnum):
    """What a queued job is printed from, by the ending of its file."""

    GCODE = "gcode"
    STL = "stl"
    THREEMF = "3mf"


CONFIG = "ini"
"""The ending of a job's slicing configuration, of either kind."""


class QueuedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job in a printer's queue; times are Unix seconds, ``size`` is bytes.

    ``config`` tells whether a slicing configuration lies beside its file.
    """

    job_id: str
    name: str
    size: int
    kind: FileKind = FileKind.GCODE
    config: bool = False
    queued_at: float
    state: QueueState = QueueState.READY
    sent_at: float | None = None  # when `print` was sent; None once its end was reported


class PastPrint(msgspec.Struct, frozen=True, kw_only=True):
    """A print that ended: completed jobs, canceled attempts, and local prints (job id "123")."""

    job_id: str
    name: str
    ending: FinalState
    ended_at: float
    print_seconds: float | None = None
    filament_mm: float | None = None


class MenuCommand(msgspec.Struct, frozen=True):
    """One entry of a printer's customCommandList (section 3.3)."""

    label: str
    command: str
    help_text: str = ""
    confirm_text: str = ""


class PrinterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A printer as the cloud's database knows it, kept under its MAC address."""

    serial_number: str
    mac: str
    mfg: str
    owner: str  # e-mail address of the account
    public_key: str
    mfg_sn: str = ""
    make: str = ""
    running_version: str = ""
    latest_version: str = ""
    commands: tuple[MenuCommand, ...] = ()
    queue: tuple[QueuedJob, ...] = ()
    past: tuple[PastPrint, ...] = ()  # newest first
    videos: dict[str, int] = {}  # bytes of the stored time-lapse, by job id
    deleted: bool = False

    @property
    def update_possible(self) -> bool:
        """A newer version exists: greater when compared as text (section 3.11)."""
        return bool(self.running_version) and self.latest_version > self.running_version


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a restart of the local cloud keeps."""

    printers: tuple[PrinterRecord, ...] = ()
    next_serial: int = 1
    next_job: int = 1


class Direction(StrEnum):
    """Who sent a message."""

    FROM_PRINTER = "from"
    TO_PRINTER = "to"


@dataclass(frozen=True)
class Seen:
    """One message that passed, without secrets; ``time`` is Unix seconds."""

    time: float
    direction: Direction
    serial_number: str | None  # None before a valid hello
    event: str
    payload: Any
    number: int = 0  # counts all messages of this cloud's life


@dataclass(frozen=True)
class Reading:
    """One ``status`` of a printer: its fields as they were sent, and when it came."""

    time: float
    code: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """A stored upload; ``key`` is its place in the storage."""

    key: str
    stored_at: float
    size: int
    count: int = 1  # how often this key was stored


@dataclass(frozen=True)
class Answer:
    """A commandResponse."""

    time: float
    text: str


@dataclass
class Life:
    """What is known of a printer since the cloud started."""

    connected: int = 0  # authenticated connections right now
    hellos: int = 0
    dropped: int = 0  # messages with a serial number that was not validated
    hello: dict[str, Any] = field(default_factory=dict)
    statuses: deque[Reading] = field(default_factory=lambda: deque(maxlen=STATUS_LENGTH))
    answers: deque[Answer] = field(default_factory=lambda: deque(maxlen=RESPONSE_LENGTH))
    picture: Picture | None = None

    @property
    def status(self) -> Reading | None:
        """The last status."""
        return self.statuses[-1] if self.statuses else None
