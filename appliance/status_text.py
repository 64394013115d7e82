"""The appliance's state as a table for a terminal (``polar-appliance status``)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from appliance.agent.api import AgentView
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.printer import api

_LINK = {
    api.LinkState.DISCONNECTED: "not connected",
    api.LinkState.CONNECTING: "connecting",
    api.LinkState.READY: "ready",
    api.LinkState.HALTED: "HALTED, needs a reset",
}

_DOOR = {0: "open", 1: "closed", 2: "open, its lock is locked", 3: "closed and locked"}


def rows(view: AgentView | None, snapshot: api.Snapshot | None) -> Iterator[tuple[str, str]]:
    """(label, text) of what a person wants to know; either side may be away."""
    if view is None:
        yield "Agent", "not running (systemctl start polar-agent, or polar-appliance up)"
    else:
        yield "State", view.progress_detail or view.progress or "Ready"
        yield "Cloud", view.cloud
        yield "Serial number", view.serial_number or "not registered"
    yield from _printer(snapshot)
    if snapshot is not None and snapshot.job is not None:
        yield from _print(snapshot.job)
    if view is not None:
        yield "Door", _door(view)
        if view.plate_full:
            yield (
                "Build plate",
                "to be cleared: take the print off, then press OK or: polar-appliance plate-clear",
            )
        yield from _rest(view)


def table(lines: Iterator[tuple[str, str]]) -> str:
    """The rows as text in two columns."""
    kept = [(label, text) for label, text in lines if text]
    width = max(len(label) for label, _ in kept)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in kept)


def bar(percent: float, width: int = 24) -> str:
    """A bar of blocks, eight steps a character."""
    eighths = round(max(0.0, min(100.0, percent)) / 100 * width * 8)
    whole, part = divmod(eighths, 8)
    text = "█" * whole + (" ▏▎▍▌▋▊▉"[part] if part else "")
    return text.ljust(width, "·")


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as a person writes them."""
    return str(timedelta(seconds=round(seconds)))


def _printer(snapshot: api.Snapshot | None) -> Iterator[tuple[str, str]]:
    if snapshot is None:
        yield "Printer", "service not running (systemctl start polar-printer)"
        return
    where = f" on {snapshot.port} at {snapshot.baud} baud" if snapshot.port else ""
    yield "Printer", _LINK[snapshot.link] + where
    if snapshot.firmware:
        yield "Firmware", f"{snapshot.firmware} {snapshot.machine}".strip()
    if snapshot.problem:
        yield "Problem", snapshot.problem.long
    heaters = (f"{name} {_heater(one)}" for name, one in sorted(snapshot.heaters.items()))
    yield "Temperatures", ", ".join(heaters)


def _heater(heater: api.Heater) -> str:
    target = f" of {heater.target:.0f}" if heater.target else ""
    return f"{heater.actual:.1f}{target} °C"


def _print(job: api.Job) -> Iterator[tuple[str, str]]:
    kind = f" ({job.pause.value})" if job.pause else ""
    yield "Print", f"{job.name}: {job.state.value}{kind}"
    yield "Progress", f"{bar(job.percent)} {job.percent:.1f} %"
    left = ""
    if job.estimated_seconds and not job.state.ended:
        remaining = max(0.0, job.estimated_seconds - job.print_seconds)
        left = f", about {duration(remaining)} left"
    yield "Time", f"{duration(job.print_seconds)} printed{left}"
    if job.layer is not None and job.layers:
        yield "Layer", f"{job.layer} of {job.layers}"
    yield "Lines", f"{job.lines_sent} sent, {job.resends} sent again"
    yield "Reason", job.reason


def _rest(view: AgentView) -> Iterator[tuple[str, str]]:
    if view.job is not None and view.job.phase is not Phase.ENDED:
        yield "Cloud job", f"{view.job.name} ({view.job.phase.value}) {view.job.detail}".strip()
        for note in view.job.notes:
            yield "Slicer", note
    if view.last_job is not None:
        yield "Last cloud job", _outcome(view.last_job)
    yield "Camera", view.camera
    yield "Front panel", view.panel
    if view.owed:
        reason = f": {view.owed_error}" if view.owed_error else ""
        yield "Owed to the cloud", f"{view.owed} waiting{reason}"
    if view.notice:
        at = time.strftime("%d %b %H:%M", time.localtime(view.notice_at))
        yield "Notice", f"{at}: {view.notice}"


def _door(view: AgentView) -> str:
    text = _DOOR.get(view.door, "") if view.door is not None else ""
    held = view.snapshot is not None and view.snapshot.job is not None and view.snapshot.job.pause
    if view.door not in (0, 2):
        return text
    todo = "close it, then: polar-appliance resume" if held else "close it to print"
    return f"{text}: {todo}"


def _outcome(job: CloudJob) -> str:
    outcome = job.outcome or Outcome.FAILED
    reasons = " ".join(text for text in (job.reason, job.video_note) if text)
    return f"{job.name}: {outcome.value}" + (f". {reasons}" if reasons else "")
