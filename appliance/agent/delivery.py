"""What the agent asks of the cloud and owes to it, over an authenticated connection."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp

from appliance.agent.membership import Membership
from appliance.cloud.client import CloudClient
from appliance.cloud.downloads import download
from appliance.cloud.outbox import JobReport, VideoToSend
from appliance.cloud.uploads import Uploader
from appliance.errors import CloudError
from appliance.host.clock import HostClock, needs_time
from appliance.polar import messages

log = logging.getLogger(__name__)

SPACE_RESERVE = 50_000_000  # bytes that a download leaves free for frames and records
PROOFS = 5  # attempts to have a report confirmed
ANSWER_LIMIT = 20.0  # seconds for the cloud to answer a question


class Delivery:
    """Knows who we are and how to reach the cloud, so that nobody else has to."""

    def __init__(self, client: CloudClient, membership: Membership) -> None:
        self._client = client
        self._membership = membership
        self._unproven: Counter[str] = Counter()

    def serial_number(self) -> str:
        """The serial number. Raises CloudError while there is none."""
        number = self._membership.serial_number()
        if number is None:
            raise CloudError("This printer is not registered with the Polar Cloud.")
        return number

    async def request_slot(
        self, kind: messages.UploadType, job_id: str | None
    ) -> messages.GetUrlResponse:
        """A pre-signed POST URL (section 3.5)."""
        question = messages.GetUrl(serial_number=self.serial_number(), type=kind, job_id=job_id)
        return await self._client.ask(
            question,
            messages.GetUrlResponse,
            ANSWER_LIMIT,
            fits=lambda answer: answer.type in (kind, None),  # not a late one for another type
        )

    async def video_limit(self, job_id: str) -> int | None:
        """The largest video that the cloud takes for this job, in bytes."""
        return (await self.request_slot(messages.UploadType.TIMELAPSE, job_id)).max_size

    async def send_report(self, report: JobReport) -> None:
        """Send ``job`` (section 3.7) and make sure that it arrived.

        The cloud does not acknowledge it, and a connection that has just died takes it
        without a word; so a question follows whose answer proves it. A cloud that leaves
        the question open several times is taken at the connection's word.
        """
        if report.serial_number and report.serial_number != self.serial_number():
            log.warning("the report of job %s belongs to a former owner", report.job_id)
            return
        state = messages.FinalState.COMPLETED if report.completed else messages.FinalState.CANCELED
        message = messages.Job(
            serial_number=self.serial_number(),
            job_id=report.job_id,
            state=state,
            print_seconds=report.print_seconds,
            filament_used=report.filament_mm,
        )
        if self._unproven[report.key] >= PROOFS:
            await self._client.send(message)
            return
        try:
            await self._client.send_surely(message, ANSWER_LIMIT)
        except CloudError:
            # A connection that was lost proves nothing about what the cloud answers.
            self._unproven[report.key] += self._client.online
            raise
        del self._unproven[report.key]


class VideoSender:
    """Uploads time-lapses from the outbox."""

    def __init__(self, uploader: Uploader) -> None:
        self._uploader = uploader

    async def __call__(self, video: VideoToSend) -> None:
        """Upload ``video``; returns when the storage has confirmed it."""
        kind = messages.UploadType.TIMELAPSE
        await self._uploader.upload(kind, video.job_id, Path(video.path))
        log.info("the time-lapse of job %s is in the cloud", video.job_id)


class Fetcher:
    """Downloads the files of jobs, at most ``limit`` bytes each."""

    def __init__(
        self, http: aiohttp.ClientSession, limit: int, clock: HostClock | None = None
    ) -> None:
        self._http = http
        self._limit = limit
        self._clock = clock or HostClock()

    async def __call__(
        self, url: str, target: Path, on_progress: Callable[[int, int | None], None]
    ) -> None:
        """Fetch ``url`` to ``target``. Raises what download raises.

        Waits for a clock that is not set, where the address is a secure one.
        """
        if needs_time(url):
            await self._clock.wait()
        await download(
            self._http,
            url,
            target,
            limit=self._limit,
            reserve=SPACE_RESERVE,
            on_progress=on_progress,
        )
