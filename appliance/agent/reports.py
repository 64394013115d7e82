"""The ``job`` reports that are owed to the cloud (section 3.7)."""

from __future__ import annotations

from collections.abc import Callable

from appliance.cloud.outbox import JobReport, Outbox


class Reports:
    """Puts a report for each print that ended into the outbox, under the present identity.

    While this printer is not registered nothing is owed to anybody.
    """

    def __init__(self, outbox: Outbox, serial_number: Callable[[], str | None]) -> None:
        self._outbox = outbox
        self._serial_number = serial_number

    @property
    def wanted(self) -> bool:
        """There is a cloud to report to."""
        return self._serial_number() is not None

    def owe(
        self,
        job_id: str,
        key: str,
        *,
        completed: bool,
        print_seconds: float,
        filament_mm: float | None,
    ) -> None:
        """Owe the report of the print with ``key``; the same one again changes nothing."""
        serial_number = self._serial_number()
        if serial_number is None:
            return
        self._outbox.add_report(
            JobReport(
                job_id=job_id,
                key=key,
                serial_number=serial_number,
                completed=completed,
                print_seconds=round(print_seconds),
                filament_mm=None if filament_mm is None else round(filament_mm),
            )
        )
