"""The agent's line for `systemctl status`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from appliance.agent.summary import summary
from appliance.polar.job import CloudJob, Phase

JOB = CloudJob(job_id="42", key="k", name="benchy", received_at=1.0, phase=Phase.DOWNLOADING)


@dataclass
class Line:
    online: bool = False
    waits_for_time: bool = False
    status_text: str = "Offline since 10:32, next try in 12 s: no way."
    reason: str = ""


@pytest.mark.parametrize(
    ("line", "serial", "job", "text"),
    [
        (Line(online=True), "P3D0001", None, "Online as P3D0001."),
        (Line(), None, None, "Not registered with the Polar Cloud."),
        (Line(), "P3D0001", None, "Connecting to the Polar Cloud."),
        (Line(reason="no way."), "P3D0001", None, "Offline: no way."),
        (Line(waits_for_time=True, status_text="Waits."), None, None, "Waits."),
        (Line(online=True), "P1", JOB, f"Online as P1. Job 42, benchy: {Phase.DOWNLOADING.value}."),
    ],
)
def test_in_a_line(line: Line, serial: str | None, job: CloudJob | None, text: str) -> None:
    assert summary(line, serial, job) == text
