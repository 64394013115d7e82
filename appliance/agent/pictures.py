"""The camera's rhythm: pictures for the cloud, and frames for the time-lapse.

Section 1.2: one picture a minute while idle, one every 10 s while a cloud job prints. A
local print is shown with pictures of the type ``idle`` (section 1.5). The time-lapse has
its own rhythm and does not need a connection.
"""

from __future__ import annotations

import asyncio
import logging
import time

from appliance.agent.photographer import Photographer
from appliance.agent.state import AgentState
from appliance.agent.video import Timelapse
from appliance.camera.snapshot import fit
from appliance.cloud.uploads import Uploader
from appliance.config import CloudSettings
from appliance.errors import ApplianceError
from appliance.polar.job import CloudJob, Phase
from appliance.polar.messages import UploadType
from appliance.printer import api

log = logging.getLogger(__name__)

FRAME_CHECK = 0.5  # seconds between two looks whether a time-lapse frame is due
COMPLAINT_PAUSE = 300.0  # seconds between two log lines of a camera that keeps failing


class Pictures:
    """Takes pictures when they are due and hands them on."""

    def __init__(
        self,
        state: AgentState,
        settings: CloudSettings,
        photographer: Photographer,
        uploader: Uploader,
        timelapse: Timelapse,
    ) -> None:
        self._state = state
        self._settings = settings
        self._photographer = photographer
        self._uploader = uploader
        self._timelapse = timelapse
        self._complained_at = -COMPLAINT_PAUSE

    async def upload(self) -> None:
        """Send pictures to the cloud for ever, at the interval of what is going on."""
        while True:
            job = _printing(self._state)
            if self._state.online and self._photographer.available:
                await self._upload_one(job)
            await self._until_next(job)

    async def record(self) -> None:
        """Collect frames for the time-lapse for ever."""
        while True:
            job = _printing(self._state)
            if job is None or not self._moving():
                await self._state.revision.wait_beyond(self._state.revision.number)
                continue
            if self._photographer.available and self._timelapse.wants_frame(job, time.time()):
                await self._record_one(job)
            await asyncio.sleep(FRAME_CHECK)

    async def _upload_one(self, job: CloudJob | None) -> None:
        kind = UploadType.PRINTING if job else UploadType.IDLE
        try:
            picture = await self._photographer.picture()
            await self._uploader.upload(kind, job.job_id if job else None, picture, fit)
        except ApplianceError as error:
            self._complain(error)
        except Exception:  # boundary: a picture is never worth the agent
            log.exception("a picture could not be uploaded")

    async def _record_one(self, job: CloudJob) -> None:
        try:
            frame = await self._photographer.picture()
            await self._timelapse.add(job, frame, time.time())
        except ApplianceError as error:
            self._complain(error)
        except Exception:  # boundary: a frame is never worth the agent
            log.exception("a frame could not be kept")

    async def _until_next(self, job: CloudJob | None) -> None:
        """Wait one interval, less when a cloud print begins or ends or the cloud returns."""
        interval = (
            self._settings.printing_image_interval if job else self._settings.idle_image_interval
        )
        was = (job and job.job_id, self._state.online)
        try:
            async with asyncio.timeout(interval):
                while True:
                    present = _printing(self._state)
                    if (present and present.job_id, self._state.online) != was:
                        return
                    await self._state.revision.wait_beyond(self._state.revision.number)
        except TimeoutError:
            pass

    def _moving(self) -> bool:
        printed = self._state.snapshot.job if self._state.snapshot else None
        return printed is not None and printed.state is api.JobState.PRINTING

    def _complain(self, error: ApplianceError) -> None:
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_PAUSE:
            self._complained_at = now
            log.warning("no picture: %s", error.long)


def _printing(state: AgentState) -> CloudJob | None:
    """The cloud job that is on the printer now, if any."""
    job = state.job
    return job if job and job.phase in (Phase.PRINTING, Phase.FINISHING) else None
