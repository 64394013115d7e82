"""What is owed, and to whom."""

from __future__ import annotations

from pathlib import Path

from appliance.agent.reports import Reports
from appliance.cloud.outbox import JobReport, Outbox


def test_a_report_is_owed_once_under_the_present_identity(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    reports = Reports(outbox, lambda: "P3D1")
    for _ in range(2):
        reports.owe("7", "k", completed=True, print_seconds=59.6, filament_mm=None)
    [entry] = outbox.pending()
    assert entry.item == JobReport(
        job_id="7", key="k", serial_number="P3D1", completed=True, print_seconds=60
    )


def test_unregistered_nothing_is_owed(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    Reports(outbox, lambda: None).owe(
        "123", "k", completed=True, print_seconds=1.0, filament_mm=2.0
    )
    assert outbox.pending() == []
