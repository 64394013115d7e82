"""The cloud's status codes (section 3.12) and the ordered rules that choose one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

import msgspec

from appliance.polar.job import PREPARING, CloudJob, LocalModel, Outcome, Phase
from appliance.printer.api import Job, JobState, LinkState, PauseKind, Snapshot, Source


class StatusCode(IntEnum):
    """The ``status`` of the status command."""

    READY = 0
    SERIAL = 1  # a local print
    PREPARING = 2
    PRINTING = 3
    PAUSED = 4
    POSTPROCESSING = 5
    CANCELING = 6
    COMPLETE = 7
    UPDATING = 8
    COLD_PAUSE = 9
    CHANGING_FILAMENT = 10
    TCPIP = 11  # a local print that came over the network
    ERROR = 12
    DISCONNECTED = 13
    DOOR_OPEN = 14
    CLEAR_PLATE = 15


OPEN: Final = (0, 2)
"""The values of ``door`` that mean an open one."""


class StatusInputs(msgspec.Struct, frozen=True, kw_only=True):
    """All that the status depends on.

    ``snapshot`` is None while the printer daemon cannot be reached; ``model`` is one of the
    local page that is being sliced; ``door`` is the
    protocol's value (0 and 2 are open); ``door_asks`` while a print that the door paused
    waits for closing and OK; ``plate_full`` until a person cleared the plate.
    """

    snapshot: Snapshot | None
    job: CloudJob | None
    model: LocalModel | None = None
    door: int | None = None
    door_asks: bool = False
    updating: bool = False
    plate_full: bool = False


def door_open(inputs: StatusInputs) -> bool:
    """A door that nobody knows of is not."""
    return inputs.door in OPEN


def waiting_for_door(inputs: StatusInputs) -> bool:
    """Whether a cloud job that is not printing yet cannot begin before the door is closed."""
    if inputs.job is None or not preparing(inputs.job) or running_job(inputs) is not None:
        return False  # what is being printed has passed the door
    return door_open(inputs)


def preparing(job: CloudJob) -> bool:
    """The printer has not been given the job yet."""
    return job.phase in PREPARING


def status_code(inputs: StatusInputs) -> StatusCode:
    """The code of the first rule of :data:`RULES` that applies, else READY."""
    codes = (rule(inputs) for rule in RULES)
    return next((code for code in codes if code is not None), StatusCode.READY)


# The rules, in their order. Each gives a code, or None when it does not apply.


def _ended(inputs: StatusInputs) -> StatusCode | None:
    """A cloud job that ended is announced whatever else happens (several updates)."""
    if inputs.job is None or inputs.job.phase is not Phase.ENDED:
        return None
    return _OUTCOME_CODE.get(inputs.job.outcome, StatusCode.ERROR)


def _finishing(inputs: StatusInputs) -> StatusCode | None:
    """The print is done: the video needs no printer, and a cancel came too late."""
    finishing = inputs.job is not None and inputs.job.phase is Phase.FINISHING
    return StatusCode.POSTPROCESSING if finishing else None


def _canceling(inputs: StatusInputs) -> StatusCode | None:
    """A cancel that was asked for shows at once, before the printer took it."""
    job = inputs.job
    if job is None or not (job.cancel_requested or job.outcome is Outcome.CANCELED):
        return None
    return StatusCode.CANCELING


def _failed(inputs: StatusInputs) -> StatusCode | None:
    """The outcome stands, the announcing has not begun."""
    failed = inputs.job is not None and inputs.job.outcome is Outcome.FAILED
    return StatusCode.ERROR if failed else None


def _halted(inputs: StatusInputs) -> StatusCode | None:
    """kill(): a person must reset the printer, so it comes before what waits for it."""
    halted = inputs.snapshot is not None and inputs.snapshot.link is LinkState.HALTED
    return StatusCode.ERROR if halted else None


def _waiting(inputs: StatusInputs) -> StatusCode | None:
    """What is being prepared begins when the door is closed, so the door is what to know."""
    return StatusCode.DOOR_OPEN if waiting_for_door(inputs) else None


def _preparing(inputs: StatusInputs) -> StatusCode | None:
    """Downloading and slicing need no printer, so a lost one does not show yet."""
    begun = inputs.job is not None and preparing(inputs.job)
    return StatusCode.PREPARING if begun else None


def _slicing(inputs: StatusInputs) -> StatusCode | None:
    """A local print begins with its slicing, which needs no printer."""
    if inputs.model is None or running_job(inputs) is not None:
        return None
    return StatusCode.CANCELING if inputs.model.cancel_requested else StatusCode.TCPIP


def _updating(inputs: StatusInputs) -> StatusCode | None:
    """An update may take the printer daemon away, but a print that runs meanwhile is shown."""
    return StatusCode.UPDATING if inputs.updating and running_job(inputs) is None else None


def _lost(inputs: StatusInputs) -> StatusCode | None:
    """No daemon, no port, or a firmware that has not introduced itself."""
    ready = inputs.snapshot is not None and inputs.snapshot.link is LinkState.READY
    return None if ready else StatusCode.DISCONNECTED


def _active(inputs: StatusInputs) -> StatusCode | None:
    """A print that has not ended, cloud or local."""
    job = running_job(inputs)
    if job is None:
        return None
    if job.state is JobState.CANCELING:
        return StatusCode.CANCELING
    if job.state in _HELD:
        return _PAUSE_CODE[job.pause or PauseKind.PAUSE]
    return _SOURCE_CODE[job.source]


def _just_ended(inputs: StatusInputs) -> StatusCode | None:
    """The printer has ended a job and the agent has not said its last word on it."""
    job = inputs.snapshot.job if inputs.snapshot is not None else None
    if job is not None and job.source is not Source.CLOUD:
        return StatusCode.ERROR if job.state is JobState.FAILED else None
    if inputs.job is None or inputs.job.phase is not Phase.PRINTING:
        return None
    if job is None or job.key != inputs.job.key:
        return StatusCode.PRINTING  # the agent finds out in a moment; no false alarm till then
    return _END_CODE.get(job.state, StatusCode.PRINTING)


def _plate(inputs: StatusInputs) -> StatusCode | None:
    """Before the door: clearing the plate opens it, which must not look like clearing it."""
    return StatusCode.CLEAR_PLATE if inputs.plate_full else None


def _door(inputs: StatusInputs) -> StatusCode | None:
    """Nothing can be started."""
    return StatusCode.DOOR_OPEN if door_open(inputs) else None


Rule = Callable[[StatusInputs], StatusCode | None]

RULES: Final[tuple[Rule, ...]] = (
    _ended,
    _finishing,
    _canceling,
    _failed,
    _halted,
    _waiting,
    _preparing,
    _slicing,
    _updating,
    _lost,
    _active,
    _just_ended,
    _plate,
    _door,
)
"""What comes first wins."""

_OUTCOME_CODE: Final[Mapping[Outcome | None, StatusCode]] = {
    Outcome.COMPLETED: StatusCode.COMPLETE,
    Outcome.CANCELED: StatusCode.CANCELING,
    Outcome.FAILED: StatusCode.ERROR,
}
_SOURCE_CODE: Final[Mapping[Source, StatusCode]] = {
    Source.CLOUD: StatusCode.PRINTING,
    Source.LOCAL: StatusCode.SERIAL,
    Source.NETWORK: StatusCode.TCPIP,
}
_PAUSE_CODE: Final[Mapping[PauseKind, StatusCode]] = {
    PauseKind.PAUSE: StatusCode.PAUSED,
    PauseKind.COLD: StatusCode.COLD_PAUSE,
    PauseKind.FILAMENT: StatusCode.CHANGING_FILAMENT,
}
_END_CODE: Final[Mapping[JobState, StatusCode]] = {
    JobState.COMPLETED: StatusCode.POSTPROCESSING,
    JobState.CANCELED: StatusCode.CANCELING,
    JobState.FAILED: StatusCode.ERROR,
}
# Pausing shows as paused at once, since nothing new is printed. Resuming stays paused until
# it prints, since a cold nozzle takes minutes: the text tells the difference.
_HELD: Final = (JobState.PAUSING, JobState.PAUSED, JobState.RESUMING)


def running_job(inputs: StatusInputs) -> Job | None:
    """The print in the printer daemon that has not ended."""
    job = inputs.snapshot.job if inputs.snapshot is not None else None
    return job if job is not None and not job.state.ended else None
