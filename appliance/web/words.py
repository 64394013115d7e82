"""The appliance's state in words for the local page. Pure: a view in, sentences out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from appliance.agent.api import AgentView
from appliance.panel.words import duration, job_name, plain
from appliance.polar.codes import StatusCode, preparing
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.printer.api import Heater, Job, JobState, LinkState, PauseKind

_HEADLINES: Final[Mapping[StatusCode, tuple[str, str]]] = {
    StatusCode.READY: ("Ready to print", "good"),
    StatusCode.SERIAL: ("Printing", "good"),
    StatusCode.PREPARING: ("Preparing a print", "good"),
    StatusCode.PRINTING: ("Printing", "good"),
    StatusCode.PAUSED: ("Paused", "wait"),
    StatusCode.POSTPROCESSING: ("Making the time-lapse video", "good"),
    StatusCode.CANCELING: ("Canceling the print", "wait"),
    StatusCode.COMPLETE: ("Print finished", "good"),
    StatusCode.UPDATING: ("Updating", "wait"),
    StatusCode.COLD_PAUSE: ("Paused, nozzle off", "wait"),
    StatusCode.CHANGING_FILAMENT: ("Paused to change the filament", "wait"),
    StatusCode.TCPIP: ("Printing", "good"),
    StatusCode.ERROR: ("Something is wrong", "bad"),
    StatusCode.DISCONNECTED: ("Printer not connected", "bad"),
    StatusCode.DOOR_OPEN: ("The door is open", "wait"),
    StatusCode.CLEAR_PLATE: ("Clear the build plate", "wait"),
}
_ON_THE_WAY: Final = {
    "Pausing": "Pausing …",
    "Resuming": "Resuming …",
    "Preparing to print a job": "Preparing a print",
}
_HEATERS: Final = (
    ("tool0", "Nozzle"),
    ("tool1", "Second nozzle"),
    ("bed", "Bed"),
    ("chamber", "Chamber"),
)
_DOORS: Final = {0: "Open", 1: "Closed", 2: "Open, its lock is locked", 3: "Closed and locked"}
_LINKS: Final = {
    LinkState.DISCONNECTED: "Not connected",
    LinkState.CONNECTING: "Connecting …",
    LinkState.READY: "Connected",
    LinkState.HALTED: "Halted: switch it off and on",
}
# How the status message begins (protocol section 3.12); the page has a bar for it.
_TECHNICAL = re.compile(r"\APrinting Job: .*? Percent Complete: [\d.]+%(?: - )?", re.DOTALL)
_PERCENT = re.compile(r"(\d{1,3}) ?%")
_HOT: Final = 1000.0  # °C; beyond it, it is noise on the line


class JobWords(msgspec.Struct, frozen=True, kw_only=True):
    """The present print; ``percent`` of it is printed, or before that downloaded or sliced."""

    name: str
    percent: float | None = None
    facts: tuple[tuple[str, str], ...] = ()  # label, text
    picture: str = ""  # its key; '' when there is no picture of the model


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says."""

    headline: str
    tone: str  # good, wait or bad
    detail: str = ""
    job: JobWords | None = None
    temperatures: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # door, printer, cloud, …
    notice: str = ""
    last: str = ""  # how the last cloud job ended
    plate_full: bool = False
    can_pause: bool = False
    can_resume: bool = False
    can_cancel: bool = False


def words(view: AgentView) -> Words:
    """Everything the page says about ``view``."""
    printed = view.snapshot.job if view.snapshot is not None else None
    active = printed if printed is not None and not printed.state.ended else None
    code = StatusCode(view.status)
    headline, tone = _HEADLINES[code]
    waits = _may_cancel_early(view)
    return Words(
        headline=_ON_THE_WAY.get(view.progress, headline),
        tone=tone,
        detail=plain(_TECHNICAL.sub("", view.progress_detail)),
        job=_job(view, active),
        temperatures=tuple(_temperatures(view)),
        facts=tuple((label, plain(text)) for label, text in _facts(view) if text),
        notice=_notice(view),
        last=_last(view),
        plate_full=view.plate_full,
        can_pause=active is not None and active.state is JobState.PRINTING,
        can_resume=active is not None and active.state is JobState.PAUSED,
        can_cancel=waits or (active is not None and active.state is not JobState.CANCELING),
    )


def _may_cancel_early(view: AgentView) -> bool:
    """What is not with the printer yet: of the cloud, or of this page."""
    if view.model is not None:
        return not view.model.cancel_requested
    return view.job is not None and preparing(view.job)


def pause_in_words(kind: PauseKind) -> str:
    """What a button for this kind of pause says."""
    return {
        PauseKind.PAUSE: "Pause",
        PauseKind.COLD: "Pause, nozzle off",
        PauseKind.FILAMENT: "Change filament",
    }[kind]


def _job(view: AgentView, active: Job | None) -> JobWords | None:
    if active is not None:
        record = view.job if view.job is not None and view.job.key == active.key else None
        notes = _notes(record) if record is not None else ()
        return JobWords(
            name=job_name(active.name),
            percent=round(min(100.0, max(0.0, active.percent)), 1),
            facts=(*_print_facts(active), *notes),
            picture=_picture(record) if record is not None else "",
        )
    if view.model is not None:
        name, percent = job_name(view.model.name), _percent(view.model.detail)
        return JobWords(name=name, percent=percent, facts=(("From", "This page"),))
    job = view.job
    if job is None or job.phase is Phase.ENDED:
        return None
    percent = _percent(job.detail)
    facts = tuple(_job_facts(job))
    return JobWords(name=job_name(job.name), percent=percent, facts=facts, picture=_picture(job))


def _picture(job: CloudJob) -> str:
    return job.key if job.picture_path else ""


def _percent(detail: str) -> float | None:
    """Of a download or of slicing, from the sentence about it."""
    found = _PERCENT.search(detail)
    return min(100.0, float(found[1])) if found else None


def _job_facts(job: CloudJob) -> Iterator[tuple[str, str]]:
    yield "From", "Polar Cloud"
    if job.estimated_seconds:
        yield "Will take", f"about {duration(job.estimated_seconds)}"
    if job.layers:
        yield "Layers", str(job.layers)
    yield from _notes(job)


def _notes(job: CloudJob) -> Iterator[tuple[str, str]]:
    for note in job.notes:
        yield "Slicer", plain(note)


def _print_facts(job: Job) -> Iterator[tuple[str, str]]:
    yield "Printed for", duration(job.print_seconds)
    if job.estimated_seconds:
        yield "Time left", f"about {duration(max(0.0, job.estimated_seconds - job.print_seconds))}"
    if job.layer is not None:
        yield "Layer", f"{job.layer} of {job.layers}" if job.layers else str(job.layer)


def _temperatures(view: AgentView) -> Iterator[tuple[str, str]]:
    heaters = view.snapshot.heaters if view.snapshot is not None else {}
    for name, label in _HEATERS:
        if name in heaters:
            yield label, _temperature(heaters[name])


def _temperature(heater: Heater) -> str:
    actual = _degrees(heater.actual)
    return f"{actual} of {_degrees(heater.target)}" if heater.target > 0 else actual


def _degrees(value: float) -> str:
    return f"{value:.0f} °C" if abs(value) < _HOT else "?"  # NaN is neither


def _facts(view: AgentView) -> Iterator[tuple[str, str]]:
    snapshot = view.snapshot
    if snapshot is None:
        yield "Printer", "Its service is being started"
    else:
        yield "Printer", _LINKS[snapshot.link]
        yield "Firmware", f"{snapshot.firmware} {snapshot.machine}".strip()
        yield "Message of the printer", snapshot.message
    if view.door is not None:
        yield "Door", _DOORS.get(view.door, "Not known")
    yield "Build plate", "Not clear" if view.plate_full else ""
    yield "Polar Cloud", view.cloud
    yield "Serial number", view.serial_number or "Not registered yet"
    yield "Camera", {"ready": "Ready", "none": "None connected"}.get(view.camera, view.camera)
    if view.owed:
        waiting = "1 report or video waits" if view.owed == 1 else f"{view.owed} wait"
        yield "Owed to the cloud", f"{waiting}. {view.owed_error}"


def _notice(view: AgentView) -> str:
    if not view.notice:
        return ""
    at = time.strftime("%d %b %H:%M", time.localtime(view.notice_at))
    return f"{at}: {plain(view.notice)}"


def _last(view: AgentView) -> str:
    job = view.last_job
    if job is None:
        return ""
    outcome = (job.outcome or Outcome.FAILED).value
    rest = " ".join(text for text in (job.reason, job.video_note) if text)
    return plain(f"{job_name(job.name)}: {outcome}. {rest}")
