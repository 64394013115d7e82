"""The printer daemon's line for `systemctl status`."""

from __future__ import annotations

import msgspec
import pytest

from appliance.printer.api import Job, JobState, LinkState, Problem, Snapshot, Source
from appliance.printer.summary import summary

JOB = Job(
    job_id="123",
    key="k",
    name="benchy",
    source=Source.LOCAL,
    path="/x",
    state=JobState.PRINTING,
    started_at=1.0,
    file_size=1000,
    bytes_read=428,
)
READY = Snapshot(link=LinkState.READY, machine="Ender-3", port="/dev/ttyUSB0")
replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("snapshot", "text"),
    [
        (Snapshot(), "Looking for the printer."),
        (Snapshot(link=LinkState.CONNECTING), "The printer is starting."),
        (READY, "Ready: Ender-3 on /dev/ttyUSB0."),
        (replace(READY, machine="", firmware="Marlin"), "Ready: Marlin on /dev/ttyUSB0."),
        (Snapshot(problem=Problem("x", "No cable.")), "No cable."),
        (replace(READY, job=JOB), "Printing benchy, 42 %"),
        (replace(READY, job=replace(JOB, state=JobState.PAUSED)), "Paused benchy, 42 %"),
        (
            replace(READY, job=replace(JOB, state=JobState.FAILED, reason="Unplugged.")),
            "Ready: Ender-3 on /dev/ttyUSB0. Last print: benchy, failed (Unplugged.).",
        ),
        (replace(READY, job=replace(JOB, name="", state=JobState.RESUMING)), "Resuming 123, 42 %"),
    ],
)
def test_in_a_line(snapshot: Snapshot, text: str) -> None:
    assert summary(snapshot) == text


def test_a_print_writes_once_a_percent() -> None:
    texts = {summary(replace(READY, job=replace(JOB, bytes_read=n))) for n in range(1001)}
    assert len(texts) == 101
