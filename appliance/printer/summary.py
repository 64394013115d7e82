"""The printer daemon's state in a line, for `systemctl status`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from appliance.printer.api import Job, JobState, LinkState, Snapshot

_DOING: Final[Mapping[JobState, str]] = {
    JobState.PRINTING: "Printing",
    JobState.PAUSING: "Pausing",
    JobState.PAUSED: "Paused",
    JobState.RESUMING: "Resuming",
    JobState.CANCELING: "Canceling",
}


def summary(snapshot: Snapshot) -> str:
    """Such as "Printing benchy, 42 %"; it changes once a percent at most."""
    job = snapshot.job
    if job is not None and not job.state.ended:
        return f"{_DOING[job.state]} {job.name or job.job_id}, {int(job.percent)} %"
    return f"{_printer(snapshot)}{_last(job)}"


def _printer(snapshot: Snapshot) -> str:
    if snapshot.link is LinkState.READY:
        machine = snapshot.machine or snapshot.firmware or "the printer"
        return f"Ready: {machine} on {snapshot.port}."
    if snapshot.problem is not None:
        return snapshot.problem.long
    connecting = snapshot.link is LinkState.CONNECTING
    return "The printer is starting." if connecting else "Looking for the printer."


def _last(job: Job | None) -> str:
    if job is None:
        return ""
    reason = f" ({job.reason})" if job.reason else ""
    return f" Last print: {job.name or job.job_id}, {job.state.value}{reason}."
