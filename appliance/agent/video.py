"""The time-lapse of the present cloud job: frames while it prints, a video at its end."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.agent.photographer import Photographer
from appliance.cloud.outbox import Outbox
from appliance.config import TimelapseSettings
from appliance.errors import ApplianceError, CameraError, CloudError
from appliance.polar.job import CloudJob
from appliance.timelapse.encoder import encode
from appliance.timelapse.frames import FrameStore

log = logging.getLogger(__name__)

USUAL_LIMIT = 10_000_000  # bytes, for a video that is made while the cloud cannot be asked
FEWEST = 2  # frames that are a video

SizeLimit = Callable[[str], Awaitable[int | None]]
"""The cloud's maxSize for the video of this job id; raises CloudError while offline."""


class Timelapse:
    """Frames lie in ``folder``/KEY, so that a job never sees those of another."""

    def __init__(
        self,
        folder: Path,
        settings: TimelapseSettings,
        photographer: Photographer,
        outbox: Outbox,
        size_limit: SizeLimit,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._photographer = photographer
        self._outbox = outbox
        self._size_limit = size_limit
        self._store: FrameStore | None = None
        self._key = ""
        self._known_limit = USUAL_LIMIT

    def wants_frame(self, job: CloudJob, now: float) -> bool:
        """Whether a frame is due; ``now`` in Unix seconds."""
        return self._frames(job).wanted(now)

    async def add(self, job: CloudJob, frame: bytes, now: float, *, last: bool = False) -> None:
        """Keep ``frame`` (an upright JPEG), the ``last`` one at any time.

        A full disk is reported at the end of the job.
        """
        store = self._frames(job)
        if not store.frames():
            await self._limit(job)  # while the cloud is there: at the end it may be away
        await asyncio.to_thread(store.add, frame, now, last=last)

    async def finish(self, job: CloudJob) -> str:
        """Make the video and put it into the outbox; returns why there is none, or ''."""
        store = self._frames(job)
        await self._finale(job)
        frames = store.frames()
        if len(frames) < FEWEST:
            return store.problem or "There is no time-lapse: the camera gave no pictures."
        output = self._folder / f"{job.key}.mp4"
        try:
            await encode(
                frames,
                output,
                await self._limit(job),
                self._settings.time_limit,
                encoder=self._settings.encoder,
            )
            self._outbox.add_video(job.job_id, output, key=job.key)
        except ApplianceError as error:
            return error.long
        return ""

    async def _finale(self, job: CloudJob) -> None:
        """The finished object ends the video."""
        if self._photographer.available:
            try:
                await self.add(job, await self._photographer.picture(), time.time(), last=True)
            except CameraError as error:
                log.info("the video ends without a last picture: %s", error.long)

    def drop(self) -> None:
        """Forget all frames; the video, if any, is in the outbox."""
        self._store, self._key = None, ""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _frames(self, job: CloudJob) -> FrameStore:
        if self._store is None or self._key != job.key:
            self._key = job.key
            self._store = FrameStore(
                self._folder / job.key,
                interval=self._settings.interval,
                estimated_seconds=job.estimated_seconds,
            )
        return self._store

    async def _limit(self, job: CloudJob) -> int:
        """The largest video that the cloud takes, as it said last."""
        try:
            self._known_limit = await self._size_limit(job.job_id) or USUAL_LIMIT
        except CloudError as error:
            log.info("the size limit of the video is taken as before: %s", error.long)
        return self._known_limit
