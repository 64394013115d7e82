"""Delivers the outbox whenever the cloud is there."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.cloud.outbox import Entry, JobReport, Outbox, VideoToSend
from appliance.cloud.reconnect import Backoff
from appliance.cloud.transfer import Clock, Refused, Sleep
from appliance.cloud.uploads import TooLarge
from appliance.errors import ApplianceError, CloudError, StorageError
from appliance.host.health import Heart

log = logging.getLogger(__name__)

FIRST_PAUSE = 5.0  # seconds after an entry's first failure
LONGEST_PAUSE = 600.0  # seconds
OFFLINE_PAUSE = 2.0  # seconds: the connection broke while sending
LONGEST_OFFLINE_PAUSE = 60.0  # seconds: it seems to be there, and breaks each time
REFUSALS = 20  # failures after which a video that is still refused is given up


class OutboxSender:
    """Sends what is pending, oldest first, while online; :meth:`run` never returns.

    Reports and videos go side by side, so that a long upload holds no report up. An entry
    that fails waits with back-off while the others go on; ``given_up`` is told, as a
    sentence, of one that is dropped. ``send_report`` and
    ``send_video`` return when the cloud has it; a CloudError from them means that the
    connection was lost and is not held against the entry.
    """

    def __init__(
        self,
        outbox: Outbox,
        send_report: Callable[[JobReport], Awaitable[object]],
        send_video: Callable[[VideoToSend], Awaitable[object]],
        wait_online: Callable[[], Awaitable[object]],
        *,
        given_up: Callable[[str], None] | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._outbox = outbox
        self._send_report = send_report
        self._send_video = send_video
        self._wait_online = wait_online
        self._given_up = given_up
        self._clock = clock
        self._sleep = sleep
        self._hearts = (Heart(), Heart())
        self._due: dict[int, float] = {}
        self._backoffs: dict[int, Backoff] = {}
        self._breaks: dict[int, int] = {}  # lost connections in a row
        self._sent: set[int] = set()  # delivered, but the disk would not forget them yet

    def show_life(self, reports: Heart, videos: Heart) -> None:
        """Let these beat, each for its lane; before :meth:`run`."""
        self._hearts = (reports, videos)

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as group:
            reports, videos = self._hearts
            group.create_task(self._lane(JobReport, reports), name="outbox reports")
            group.create_task(self._lane(VideoToSend, videos), name="outbox videos")

    async def _lane(self, kind: type[JobReport | VideoToSend], heart: Heart) -> None:
        changed = self._outbox.changed()
        while True:
            with heart.resting():
                await self._wait_online()
            changed.clear()
            waiting = [entry for entry in self._outbox.pending() if isinstance(entry.item, kind)]
            now = self._clock()
            due = next((entry for entry in waiting if self._due_at(entry) <= now), None)
            if due is not None:
                await self._deliver(due)
            else:
                next_due = min((self._due_at(entry) for entry in waiting), default=None)
                with heart.resting():
                    await self._wait(changed, None if next_due is None else next_due - now)

    def _due_at(self, entry: Entry) -> float:
        return self._due.get(entry.sequence, float("-inf"))

    async def _wait(self, changed: asyncio.Event, seconds: float | None) -> None:
        """Until something was added, or for ``seconds``."""
        if seconds is None:
            await changed.wait()
            return
        both = {asyncio.ensure_future(changed.wait()), asyncio.ensure_future(self._sleep(seconds))}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()

    async def _deliver(self, entry: Entry) -> None:
        try:
            if entry.sequence not in self._sent:
                await self._send(entry)
                self._sent.add(entry.sequence)
            self._outbox.delivered(entry)
            self._forget(entry)
        except CloudError as error:
            self._interrupted(entry, str(error))
        except TooLarge as error:
            self._give_up(entry, str(error))
        except StorageError as error:
            if isinstance(entry.item, VideoToSend) and not Path(entry.item.path).exists():
                self._give_up(entry, str(error))
            else:
                self._failed(entry, str(error))
        except Refused as error:
            if isinstance(entry.item, VideoToSend) and entry.attempts + 1 >= REFUSALS:
                self._give_up(entry, str(error))
            else:
                self._failed(entry, str(error))
        except ApplianceError as error:
            self._failed(entry, str(error))
        except Exception as error:
            log.exception("%s could not be sent", _name(entry))
            self._failed(entry, f"{type(error).__name__} (see the log)")

    async def _send(self, entry: Entry) -> None:
        if isinstance(entry.item, JobReport):
            await self._send_report(entry.item)
        else:
            await self._send_video(entry.item)

    def _failed(self, entry: Entry, error: str) -> None:
        number = entry.sequence
        if number not in self._backoffs:
            self._backoffs[number] = Backoff(
                random.Random(), first=FIRST_PAUSE, longest=LONGEST_PAUSE
            )
        # Half the jitter: an entry that fails at once must not be tried again at once.
        delay = FIRST_PAUSE / 2 + self._backoffs[number].next_delay()
        self._due[number] = self._clock() + delay
        log.warning("%s was not delivered: %s Next try in %.0f s.", _name(entry), error, delay)
        self._outbox.failed(entry, error)

    def _interrupted(self, entry: Entry, error: str) -> None:
        breaks = self._breaks.get(entry.sequence, 0)
        self._breaks[entry.sequence] = breaks + 1
        delay = min(LONGEST_OFFLINE_PAUSE, OFFLINE_PAUSE * 2.0 ** min(breaks, 10))
        self._due[entry.sequence] = self._clock() + delay
        log.info("%s waits for the cloud: %s", _name(entry), error)

    def _give_up(self, entry: Entry, why: str) -> None:
        try:
            self._outbox.drop(entry, why)
            self._forget(entry)
            if self._given_up is not None:
                self._given_up(f"{_name(entry)} was given up: {why}")
        except StorageError as error:
            self._failed(entry, str(error))

    def _forget(self, entry: Entry) -> None:
        self._sent.discard(entry.sequence)
        self._due.pop(entry.sequence, None)
        self._backoffs.pop(entry.sequence, None)
        self._breaks.pop(entry.sequence, None)


def _name(entry: Entry) -> str:
    kind = "The report" if isinstance(entry.item, JobReport) else "The time-lapse"
    return f"{kind} of job {entry.item.job_id}"
