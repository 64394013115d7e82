"""The one author of the ``status`` command (section 3.12): a pure function of its inputs.

The code and its rules stand in :mod:`codes`; here it becomes the whole message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from appliance import RELEASED
from appliance.polar.codes import (
    StatusCode,
    StatusInputs,
    door_open,
    running_job,
    status_code,
    waiting_for_door,
)
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.polar.messages import Status
from appliance.printer.api import (
    LOCAL_JOB_ID,
    Heater,
    Job,
    JobState,
    LinkState,
    Snapshot,
    Source,
)

__all__ = ["StatusCode", "StatusInputs", "status_code", "status_message"]

_PROGRESS: Final[Mapping[StatusCode, str]] = {
    StatusCode.READY: "Idle",
    StatusCode.SERIAL: "Printing",
    StatusCode.PREPARING: "Preparing to print a job",
    StatusCode.PRINTING: "Job Printing",
    StatusCode.PAUSED: "Job Paused",
    StatusCode.POSTPROCESSING: "Post processing job",
    StatusCode.CANCELING: "Canceling Job",
    StatusCode.COMPLETE: "Complete",
    StatusCode.UPDATING: "Updating",
    StatusCode.COLD_PAUSE: "Cold Pause",
    StatusCode.CHANGING_FILAMENT: "Changing Filament",
    StatusCode.TCPIP: "Printing",
    StatusCode.ERROR: "Error",
    StatusCode.DISCONNECTED: "Disconnected",
    StatusCode.DOOR_OPEN: "Door Open",
    StatusCode.CLEAR_PLATE: "Clear Build Plate",
}
_PAUSED: Final = (StatusCode.PAUSED, StatusCode.COLD_PAUSE, StatusCode.CHANGING_FILAMENT)
_PREPARING_TEXT: Final[Mapping[Phase, str]] = {
    Phase.DOWNLOADING: "Downloading file for job",
    Phase.CONFIGURING: "Downloading config file for job",
    Phase.SLICING: "Slicing Job",
    Phase.STARTING: "Starting job",
}
_ADVICE: Final[Mapping[StatusCode, str]] = {
    StatusCode.UPDATING: "The appliance's software is being updated.",
    StatusCode.DOOR_OPEN: "Close the printer's door to print.",
    StatusCode.CLEAR_PLATE: "Take the print off the build plate and confirm it.",
}
_LINK_ADVICE: Final[Mapping[LinkState, str]] = {
    LinkState.DISCONNECTED: "The printer does not answer. Check its power and its USB cable.",
    LinkState.CONNECTING: "The printer is connected and starting.",
    LinkState.HALTED: "The printer halted. Look at it, then switch it off and on.",
}
_NO_DAEMON: Final = "The service that speaks to the printer does not answer; it is started again."
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "tool0": ("tool0", "target_tool0"),
    "tool1": ("tool1", "target_tool1"),
    "bed": ("bed", "target_bed"),
    "chamber": ("chamber", "target_chamber"),
}
_NO_JOB_ID: Final = "0"  # what the example of an idle printer has (section 3.12.1)
_MAX_DEGREES: Final = 10_000.0  # beyond it, it is noise on the line
_MAX_DETAIL: Final = 1000  # characters


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the print that the status speaks of."""

    job_id: str | None = None
    started_at: float | None = None
    print_seconds: float = 0.0
    estimated_seconds: float | None = None
    filament_mm: float | None = None
    bytes_read: int = 0
    file_size: int = 0
    reason: str = ""
    state: JobState | None = None

    @property
    def percent(self) -> float:
        return min(100.0, 100.0 * self.bytes_read / self.file_size) if self.file_size else 0.0


def status_message(inputs: StatusInputs, serial_number: str, now: float) -> Status:
    """The whole status command; ``now`` is Unix seconds. Heaters that are not there lack."""
    code = status_code(inputs)
    facts = _facts(inputs)
    status = Status(
        serial_number=serial_number,
        status=int(code),
        progress=_progress(code, inputs, facts),
        progress_detail=_detail(code, inputs, facts),
        estimated_time=_whole(facts.estimated_seconds),
        filament_used=_whole(facts.filament_mm),
        start_time=_start_time(facts.started_at, facts.print_seconds, now),
        print_seconds=_whole(facts.print_seconds),
        bytes_read=facts.bytes_read,
        file_size=facts.file_size,
        door=inputs.door,
        job_id=facts.job_id or _NO_JOB_ID,
        file=_file(inputs.job),
        config=(inputs.job.config_url or None) if inputs.job is not None else None,
    )
    heaters = inputs.snapshot.heaters if inputs.snapshot is not None else {}
    return msgspec.structs.replace(status, **_temperatures(heaters))


def _facts(inputs: StatusInputs) -> _Facts:
    record, printed = inputs.job, inputs.snapshot.job if inputs.snapshot is not None else None
    if record is None and inputs.model is not None and not running_job(inputs):
        return _Facts(job_id=LOCAL_JOB_ID)
    if record is None:
        return _of_printer(printed) if _shown_alone(inputs, printed) else _Facts()
    same = printed is not None and printed.key == record.key
    return _of_both(record, printed if same else None)


def _shown_alone(inputs: StatusInputs, printed: Job | None) -> bool:
    """Whether a job without the agent's record is what the status speaks of."""
    failed_here = (
        printed is not None
        and printed.state is JobState.FAILED
        and printed.source is not Source.CLOUD
    )
    return running_job(inputs) is not None or failed_here


def _of_printer(printed: Job | None) -> _Facts:
    if printed is None:
        return _Facts()
    return _Facts(
        job_id=printed.job_id,
        started_at=printed.started_at,
        print_seconds=printed.print_seconds,
        estimated_seconds=printed.estimated_seconds,
        filament_mm=printed.filament_mm,
        bytes_read=printed.bytes_read,
        file_size=printed.file_size,
        reason=printed.reason,
        state=printed.state,
    )


def _of_both(record: CloudJob, printed: Job | None) -> _Facts:
    """The record, and what the printer daemon knows better."""
    live = _of_printer(printed)
    file_size = live.file_size or record.file_size
    done = record.phase is Phase.FINISHING or record.outcome is Outcome.COMPLETED
    estimated, filament = live.estimated_seconds, live.filament_mm
    return _Facts(
        job_id=record.job_id,
        started_at=live.started_at or record.started_at or record.received_at,
        print_seconds=live.print_seconds or record.print_seconds,
        estimated_seconds=record.estimated_seconds if estimated is None else estimated,
        filament_mm=record.filament_mm if filament is None else filament,
        bytes_read=file_size if done else live.bytes_read or record.bytes_read,
        file_size=file_size,
        reason=record.reason or live.reason,
        state=live.state,
    )


def _progress(code: StatusCode, inputs: StatusInputs, facts: _Facts) -> str:
    if code is StatusCode.TCPIP and inputs.model is not None:
        return _PROGRESS[StatusCode.PREPARING]
    if code in _PAUSED:
        if facts.state is JobState.PAUSING:
            return "Pausing"
        if facts.state is JobState.RESUMING:
            return "Resuming"
    return _PROGRESS[code]


def _detail(code: StatusCode, inputs: StatusInputs, facts: _Facts) -> str:
    """The document's form, then what else a person should know."""
    start = _start(code, inputs, facts)
    remarks = [
        text for text in _remarks(code, inputs, facts) if text and not start.startswith(text)
    ]
    rest = " ".join(dict.fromkeys(remarks))
    return " - ".join(part for part in (start, rest) if part)[:_MAX_DETAIL]


def _start(code: StatusCode, inputs: StatusInputs, facts: _Facts) -> str:
    if code is StatusCode.DOOR_OPEN and inputs.job is not None:
        return f"Close the door: {inputs.job.name or inputs.job.job_id} waits"
    if code is StatusCode.PREPARING and inputs.job is not None:
        return f"{_PREPARING_TEXT[inputs.job.phase]}: {inputs.job.job_id}"
    if code is StatusCode.TCPIP and inputs.model is not None:
        return f"{_PREPARING_TEXT[Phase.SLICING]}: {LOCAL_JOB_ID}"
    if facts.job_id is not None:
        return f"Printing Job: {facts.job_id} Percent Complete: {facts.percent:.1f}%"
    return ""


def _remarks(code: StatusCode, inputs: StatusInputs, facts: _Facts) -> Iterator[str]:
    if inputs.job is not None:
        yield inputs.job.detail
    if inputs.model is not None:
        yield inputs.model.detail
    yield facts.reason
    if inputs.job is not None:
        yield inputs.job.video_note
    if not waiting_for_door(inputs):
        yield _ADVICE.get(code, "")
    if code in _PAUSED:
        yield _door_of_paused(inputs)
    yield _printer_problem(code, inputs.snapshot)


def _door_of_paused(inputs: StatusInputs) -> str:
    """How to go on, where the door has to do with it."""
    if door_open(inputs):
        return "The door is open. Close it, then resume."
    return "The door paused the print. Resume it to go on." if inputs.door_asks else ""


def _printer_problem(code: StatusCode, snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return _NO_DAEMON if code is StatusCode.DISCONNECTED else ""
    if snapshot.problem is not None:
        return snapshot.problem.long
    if code in (StatusCode.DISCONNECTED, StatusCode.ERROR):
        return _LINK_ADVICE.get(snapshot.link, "")
    return ""


def _temperatures(heaters: Mapping[str, Heater]) -> dict[str, float]:
    """Actual and target of the heaters that the protocol has a field for, to 0.1 °C."""
    fields: dict[str, float] = {}
    for name, heater in heaters.items():
        if name not in _FIELDS:
            continue
        for field, value in zip(_FIELDS[name], (heater.actual, heater.target), strict=True):
            if abs(value) <= _MAX_DEGREES:  # so written, NaN is left out too
                fields[field] = round(value, 1)
    return fields


def _file(job: CloudJob | None) -> str | None:
    """The file of the print command: the STL's URL, or that of what is printed instead."""
    if job is None:
        return None
    return job.stl_url or job.gcode_url or job.threemf_url or None


def _start_time(started_at: float | None, print_seconds: float, now: float) -> str | None:
    if started_at is None:
        return None
    if started_at < RELEASED <= now:  # by a clock that was not set yet
        started_at = max(0.0, now - _whole(print_seconds))
    # A clock that was set back (there is no battery) must not let a print begin in the future.
    moment = datetime.fromtimestamp(min(started_at, now), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whole(value: float | None) -> int:
    """Seconds or millimetres as the integer that the document wants; 0 is not known."""
    return max(0, round(value)) if value is not None and math.isfinite(value) else 0
