"""What the printer daemon and its clients say to each other; both sides import this module.

Commands are HTTP requests on ``run/printer.sock`` with a typed answer; state is a
WebSocket stream of whole :class:`Snapshot` messages, never of differences, so that a late
or restarted listener is right after one message. All bodies are JSON.

=======  ===============  ==========================  =======================================
method   path             body                        answer
=======  ===============  ==========================  =======================================
GET      /snapshot        --                          :class:`Snapshot`
GET      /events          WebSocket                   a :class:`Snapshot` at once, then on change
POST     /job             :class:`StartJob`           :class:`Snapshot`
POST     /job/pause       :class:`PauseJob`           :class:`Snapshot`
POST     /job/resume      --                          :class:`Snapshot`
POST     /job/cancel      --                          :class:`Snapshot`
POST     /job/forget      :class:`ForgetJob`          :class:`Snapshot`
POST     /temperature     :class:`SetTemperature`     :class:`Snapshot`
POST     /gcode           :class:`RunGcode`           :class:`GcodeAnswer`
POST     /connect         --                          :class:`Snapshot`
POST     /restart         --                          :class:`Snapshot`; see Engine.retire
=======  ===============  ==========================  =======================================

A refusal is HTTP 409, bad input 400, a printer that cannot do it now 503; the body of each
is an ``ipc.Refusal``.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

LOCAL_JOB_ID = "123"
"""The job id of a print that did not come from the cloud (protocol section 3.7)."""

INTERRUPTED = "The printer service was restarted during the print, or the power was cut."
"""The reason of a print that the daemon's last life did not end: how far it came is not known."""

EMERGENCY = frozenset({"M108", "M112", "M410", "M876"})
"""Commands that pass a full queue where the firmware has EMERGENCY_PARSER."""


class LinkState(StrEnum):
    """How the daemon stands to the printer."""

    DISCONNECTED = "disconnected"  # no port, or nothing answers on it; it is being looked for
    CONNECTING = "connecting"  # the port is open, the firmware has not introduced itself yet
    READY = "ready"  # it answers
    HALTED = "halted"  # kill(): only a reset helps, heaters cannot be trusted


class JobState(StrEnum):
    """The life of one print in the printer daemon."""

    PRINTING = "printing"
    PAUSING = "pausing"  # feeding stopped, the buffer runs dry, the head is being parked
    PAUSED = "paused"
    RESUMING = "resuming"  # heating and going back to where it stopped
    CANCELING = "canceling"  # nothing more is sent but what makes the printer safe
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Nothing more will happen to a job in this state."""
        return self in (JobState.COMPLETED, JobState.CANCELED, JobState.FAILED)


class PauseKind(StrEnum):
    """The ``type`` of the cloud's ``pause`` (protocol section 2.11)."""

    PAUSE = "pause"  # park, keep everything warm
    COLD = "cold"  # park, hot end off, bed kept warm
    FILAMENT = "filament"  # park and unload for a change of filament, nozzle kept hot


class Source(StrEnum):
    """Where a print came from."""

    CLOUD = "cloud"
    LOCAL = "local"  # command line, panel: status 1
    NETWORK = "network"  # local page, a slicer's upload: status 11


class Problem(msgspec.Struct, frozen=True):
    """Something a person should know: one LCD line (20 characters) and a whole sentence."""

    short: str
    long: str


class Heater(msgspec.Struct, frozen=True):
    """A heater's temperature and target, in degrees Celsius."""

    actual: float
    target: float = 0.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The running print, or the last one until it is forgotten or another starts.

    Times are Unix seconds, durations seconds, sizes bytes, lengths millimetres.
    """

    job_id: str
    key: str  # of the request that started it, see StartJob
    name: str
    source: Source
    path: str
    state: JobState
    pause: PauseKind | None = None
    reason: str = ""  # a sentence: why it ended, paused or waits; empty when all is usual
    started_at: float
    ended_at: float | None = None
    print_seconds: float = 0.0  # without the time spent paused
    file_size: int
    bytes_read: int = 0
    estimated_seconds: float | None = None  # the whole print, from the slicer or a first reading
    filament_mm: float | None = None  # the whole print
    layer: int | None = None
    layers: int | None = None
    lines_sent: int = 0  # lines of the file, without those sent again
    resends: int = 0

    @property
    def percent(self) -> float:
        """How much of the file was read, 0 to 100."""
        return 100.0 * self.bytes_read / self.file_size if self.file_size else 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of the printer daemon at one moment."""

    life: str = ""  # differs after each start of the daemon
    revision: int = 0  # grows with every change within one life
    link: LinkState = LinkState.DISCONNECTED
    port: str = ""  # as a person knows it, by-id where there is one
    baud: int = 0
    firmware: str = ""  # FIRMWARE_NAME of M115
    machine: str = ""  # MACHINE_TYPE of M115
    problem: Problem | None = None  # why it is not ready, or what needs attention
    message: str = ""  # the printer's last M117 / notification text
    heaters: dict[str, Heater] = {}  # by cloud name: tool0, tool1, bed, chamber
    job: Job | None = None
    unseen: tuple[Job, ...] = ()  # prints that ended before it and that nobody has forgotten
    lines_sent: int = 0  # of this connection, everything that went out
    lines_received: int = 0
    resends: int = 0


class StartJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Print the G-code file at ``path`` (absolute, readable by the daemon).

    The daemon opens the file at once and keeps it open, so that its owner may unlink it.
    ``key`` makes the request repeatable: a second one with the key of the present job
    starts nothing and is answered as the first was. An agent that was killed before it
    read the answer simply asks again.
    """

    path: str
    key: str
    job_id: str = LOCAL_JOB_ID
    name: str = ""
    source: Source = Source.LOCAL


class PauseJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pause the running print."""

    kind: PauseKind = PauseKind.PAUSE


class ForgetJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The end of the job with this key was seen; it need not be shown any longer."""

    key: str


class Moment(StrEnum):
    """When a command of a person may go out; the daemon refuses it at any other moment.

    Only the daemon knows: a print may begin between a look at the snapshot and the command.
    """

    ANY = "any"  # between the lines of a running print, too
    IDLE = "idle"  # no print is there that has not ended
    PAUSED = "paused"  # a print is parked: its resume brings back what the command changes


class SetTemperature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Targets in degrees Celsius by cloud name (tool0, tool1, …, bed, chamber); 0 is off."""

    targets: dict[str, float]
    when: Moment = Moment.ANY


class RunGcode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of G-code from a person; sent in one piece, between the lines of a running print."""

    lines: list[str]
    when: Moment = Moment.ANY


class GcodeAnswer(msgspec.Struct, frozen=True):
    """What the printer said to each of the lines, all in one list."""

    answer: list[str]
