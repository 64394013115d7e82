"""Prints that did not come from the cloud: their end is reported too (section 3.7)."""

from __future__ import annotations

import asyncio
import logging

from appliance.agent.jobs import Starter
from appliance.agent.plate import Plate
from appliance.agent.reports import Reports
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError
from appliance.printer import api

log = logging.getLogger(__name__)

SHOWN = 6.0  # seconds for which the end of a local print stays to be seen before it is forgotten


class LocalJobs:
    """Reports each ended local print once, with job id "123".

    Its end is left for ``shown`` seconds to whoever watches it: the status, the command line.
    """

    def __init__(
        self,
        state: AgentState,
        printer: Starter,
        reports: Reports,
        plate: Plate,
        *,
        shown: float = SHOWN,
    ) -> None:
        self._state = state
        self._printer = printer
        self._reports = reports
        self._plate = plate
        self._shown = shown

    async def run(self) -> None:
        """Watch the printer daemon for ever."""
        reported = ""
        while True:
            seen = self._state.revision.number
            job = self._ended(reported)
            if job is not None:
                self._report(job)
                reported = job.key
                if job is self._job():
                    await self._be_seen(job.key)
                await self._forget(job.key)
            else:
                await self._state.revision.wait_beyond(seen)

    def _ended(self, reported: str) -> api.Job | None:
        """A local print whose end was not reported yet, the oldest first."""
        snapshot = self._state.snapshot
        every = (*snapshot.unseen, snapshot.job) if snapshot else ()
        for job in every:
            if job is not None and _ended_local(job) and job.key != reported:
                return job
        return None

    def _job(self) -> api.Job | None:
        return self._state.snapshot.job if self._state.snapshot else None

    async def _be_seen(self, key: str) -> None:
        """Wait, but no longer than until another print begins."""
        try:
            async with asyncio.timeout(self._shown):
                while (job := self._job()) is None or job.key == key:
                    await self._state.revision.wait_beyond(self._state.revision.number)
        except TimeoutError:
            pass

    def _report(self, job: api.Job) -> None:
        completed = job.state is api.JobState.COMPLETED
        self._plate.see(job)  # before it is forgotten
        log.info("local print %s: %s %s", job.name, job.state.value, job.reason)
        self._reports.owe(
            api.LOCAL_JOB_ID,
            job.key,
            completed=completed,
            print_seconds=job.print_seconds,
            filament_mm=job.filament_mm,
        )
        if not completed:
            self._state.see_notice(job.reason or f"The print of {job.name} was {job.state.value}.")

    async def _forget(self, key: str) -> None:
        try:
            await self._printer.forget(key)
        except ApplianceError as error:
            log.debug("forgetting a local print: %s", error.long)


def _ended_local(job: api.Job) -> bool:
    return job.source is not api.Source.CLOUD and job.state.ended
