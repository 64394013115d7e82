"""The status message: every 10 s, and at once when it says something new (section 3.12)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from appliance.agent.state import AgentState
from appliance.errors import CloudError
from appliance.host.health import Heart
from appliance.polar.job import Phase
from appliance.polar.messages import Status
from appliance.polar.status import status_code, status_message

log = logging.getLogger(__name__)


class Reporter:
    """Sends the status while the device is online.

    ``serial_number`` gives the present serial number, ``announced`` is told of every
    status with the final state of a job that reached an authenticated connection.
    """

    def __init__(
        self,
        state: AgentState,
        interval: float,
        send: Callable[[Status], Awaitable[None]],
        serial_number: Callable[[], str | None],
        announced: Callable[[], None],
        *,
        heart: Heart | None = None,
    ) -> None:
        self._state = state
        self._interval = interval
        self._send = send
        self._serial_number = serial_number
        self._announced = announced
        self._heart = heart or Heart()

    async def run(self) -> None:
        """Report for ever."""
        said: object = None
        while True:
            seen = self._state.revision.number
            if not self._state.online:
                said = None
                with self._heart.resting():
                    await self._state.revision.wait_beyond(seen)
                continue
            said = self._gist()
            await self._report()
            self._heart.beat(self._interval)
            await self._until_news(said)

    async def _report(self) -> None:
        serial_number = self._serial_number()
        if serial_number is None:
            return
        job = self._state.job
        message = status_message(self._state.inputs(), serial_number, time.time())
        try:
            await self._send(message)
        except CloudError as error:
            log.debug("status not sent: %s", error.long)
            return
        if job is not None and job.phase is Phase.ENDED:
            self._announced()

    async def _until_news(self, said: object) -> None:
        """Wait for the next turn, or for something that cannot wait."""
        try:
            async with asyncio.timeout(self._interval):
                while self._state.online and self._gist() == said:
                    await self._state.revision.wait_beyond(self._state.revision.number)
        except TimeoutError:
            pass

    def _gist(self) -> object:
        """What a person at the cloud would call a change."""
        snapshot, job = self._state.snapshot, self._state.job
        printed = snapshot.job if snapshot else None
        return (
            status_code(self._state.inputs()),
            self._state.door,
            self._state.door_asks,
            self._state.plate_full,
            job and (job.job_id, job.phase),
            printed and (printed.key, printed.state, printed.pause),
            snapshot and snapshot.problem,
        )
