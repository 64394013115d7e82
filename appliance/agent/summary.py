"""The agent's state in a line, for `systemctl status`. Pure."""

from __future__ import annotations

from typing import Protocol

from appliance.polar.job import CloudJob, Phase


class Line(Protocol):
    """The line to the cloud (CloudClient)."""

    @property
    def online(self) -> bool:
        """Authenticated."""

    @property
    def waits_for_time(self) -> bool:
        """The clock is not set yet, and the connection waits for it."""

    @property
    def status_text(self) -> str:
        """A sentence, which may count seconds."""

    @property
    def reason(self) -> str:
        """Why it is offline, '' where that is not known yet."""


def summary(line: Line, serial_number: str | None, job: CloudJob | None) -> str:
    """Such as "Online as P3D0001."; it changes with what happens, not with the time."""
    return _cloud(line, serial_number) + _job(job)


def _cloud(line: Line, serial_number: str | None) -> str:
    if line.online:
        return f"Online as {serial_number}."
    if line.waits_for_time:
        return line.status_text
    if serial_number is None:
        return "Not registered with the Polar Cloud."
    return f"Offline: {line.reason}" if line.reason else "Connecting to the Polar Cloud."


def _job(job: CloudJob | None) -> str:
    if job is None or job.phase is Phase.ENDED:
        return ""
    return f" Job {job.job_id}, {job.name}: {job.phase.value}."
