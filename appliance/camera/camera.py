"""The agent's camera: a worker process that is started when needed and again when it fails."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from appliance.camera.detect import choose
from appliance.camera.driver import Scene
from appliance.camera.process import WorkerProcess
from appliance.config import CameraSettings, CameraSource
from appliance.errors import CameraError
from appliance.host.child import limited

log = logging.getLogger(__name__)

NICE = 5  # of the worker: pictures may wait, the printer's lines may not
# Python and libcamera need some seconds on a small Pi before the first picture.
START_TIME = 25.0
FIRST_PAUSE = 1.0  # seconds until a failed worker is started again, doubled each time
LONGEST_PAUSE = 120.0
SAY_AGAIN = 1800.0  # seconds between log lines about one and the same fault


def worker_command(settings: CameraSettings) -> list[str]:
    """The worker's command line for settings whose source is a driver's name."""
    arguments = msgspec.json.encode(settings).decode()
    return limited([sys.executable, "-m", "appliance.camera.worker", arguments], nice=NICE)


class Camera:
    """Takes pictures, one at a time, and survives whatever the camera does."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        command: Callable[[CameraSettings], Sequence[str]] = worker_command,
        choose: Callable[[CameraSettings], CameraSource] = choose,
        clock: Callable[[], float] = time.monotonic,
        start_time: float = START_TIME,
    ) -> None:
        self._settings = settings
        self._command = command
        self._choose = choose
        self._clock = clock
        self._start_time = start_time
        self._worker: WorkerProcess | None = None
        self._lock = asyncio.Lock()
        self._pause = 0.0  # seconds; 0 while all is well
        self._next_start = 0.0
        self._fault = ""
        self._said: dict[str, float] = {}

    @property
    def available(self) -> bool:
        """Whether there is a camera to ask: what ``hello`` tells the cloud as ``camOff``."""
        return self._choose(self._settings) is not CameraSource.NONE

    @property
    def fault(self) -> str:
        """Why the last picture failed, as a sentence; empty when it did not."""
        return self._fault

    async def capture(self, scene: Scene | None = None) -> bytes:
        """One upright JPEG; callers at the same time are served in turn.

        Raises CameraError at once when there is no camera or it is being rested after a
        failure, and after ``exposure_timeout`` seconds when it has wedged.
        """
        async with self._lock:
            worker = await self._started()
            try:
                picture = await worker.capture(scene or Scene(), self._settings.exposure_timeout)
            except CameraError as error:
                await self._failed(error)
                raise
            self._recovered()
            return picture

    async def change(self, settings: CameraSettings) -> None:
        """Take the next picture with other settings."""
        async with self._lock:
            self._settings = settings
            worker, self._worker = self._worker, None
            if worker:
                await worker.stop()

    async def ensure_start(self) -> None:
        """Open the camera now, so that the first picture comes quickly. Raises CameraError."""
        async with self._lock:
            await self._started()

    async def ensure_stop(self) -> None:
        """Release the camera and its memory; the next capture starts it again."""
        async with self._lock:
            worker, self._worker = self._worker, None
            if worker:
                await worker.stop()

    async def close(self) -> None:
        """End the worker for good."""
        await self.ensure_stop()

    async def _started(self) -> WorkerProcess:
        if self._worker and self._worker.alive:
            return self._worker
        if self._worker:  # it died between two pictures; the last one was good, so at once
            log.warning("The camera worker ended between two pictures; it is started again.")
            worker, self._worker = self._worker, None
            await worker.kill()
        source = self._choose(self._settings)
        if source is CameraSource.NONE:
            raise CameraError("There is no camera. Connect one, or set camera.source.")
        wait = self._next_start - self._clock()
        if wait > 0:
            raise CameraError(f"{self._fault} The next try is in {wait:.0f} s.")
        return await self._start(source)

    async def _start(self, source: CameraSource) -> WorkerProcess:
        settings = msgspec.structs.replace(self._settings, source=source)
        try:
            self._worker = await WorkerProcess.start(self._command(settings), self._start_time)
        except CameraError as error:
            await self._failed(error)
            raise
        log.info("The camera is open (%s).", source)
        return self._worker

    async def _failed(self, error: CameraError) -> None:
        """Away with the worker: a fresh process cures what a wedged libcamera cannot."""
        worker, self._worker = self._worker, None
        if worker:
            await worker.kill()
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._next_start = self._clock() + self._pause
        self._fault = error.long
        now = self._clock()
        if now - self._said.get(error.long, -SAY_AGAIN) >= SAY_AGAIN:
            self._said = {error.long: now}
            log.warning("No picture: %s", error.long)

    def _recovered(self) -> None:
        if self._fault:
            log.info("The camera works again.")
        self._pause, self._next_start, self._fault = 0.0, 0.0, ""
        self._said.clear()
