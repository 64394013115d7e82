"""A camera on a Pi's ribbon cable, through picamera2 (package python3-picamera2)."""

from __future__ import annotations

import io
import logging
from typing import Any

from appliance.camera.driver import Scene
from appliance.config import CameraSettings
from appliance.errors import CameraError

log = logging.getLogger(__name__)

QUALITY = 90
WARM_UP = 8  # frames until exposure and white balance have settled
# Microseconds. Every frame costs Python time in picamera2, and a picture is wanted every few
# seconds: so 10 frames a second, slower where it is dark.
FRAME_DURATIONS = (100_000, 333_333)
FOCUS_TIME = 5.0  # seconds


class PicameraDriver:
    """One open Picamera2, streaming slowly into a single buffer."""

    def __init__(self, settings: CameraSettings) -> None:
        self._size = (settings.width, settings.height)
        self._focus = settings.focus
        self._camera: Any = None

    def open(self) -> None:
        """Start the camera, let it settle and lock its focus. Raises CameraError."""
        try:
            from picamera2 import Picamera2  # noqa: PLC0415 - only on a Pi

            self._camera = Picamera2()
            self._start()
        except (ImportError, RuntimeError, IndexError, OSError) as error:
            self.close()
            raise CameraError(
                f"The Pi camera cannot be used ({error}). Check its ribbon cable, and that "
                "python3-picamera2 is installed.",
                short="No camera",
            ) from error

    def capture(self, scene: Scene) -> bytes:
        """The next frame that the sensor exposes."""
        buffer = io.BytesIO()
        try:
            self._camera.capture_file(buffer, format="jpeg")
        except (RuntimeError, OSError, TimeoutError) as error:
            raise CameraError(f"The Pi camera gave no picture ({error}).") from error
        return buffer.getvalue()

    def close(self) -> None:
        """Stop streaming and release the camera; libcamera keeps it claimed otherwise."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            camera.stop()
        finally:
            camera.close()

    def _start(self) -> None:
        camera = self._camera
        camera.options["quality"] = QUALITY
        configuration = camera.create_still_configuration(
            main={"size": self._size},
            raw=None,
            buffer_count=1,  # memory: each buffer is a whole picture of contiguous RAM
            queue=False,  # a picture is exposed after it was asked for, never an old one
            controls={"FrameDurationLimits": FRAME_DURATIONS},
        )
        camera.configure(configuration)
        camera.start()
        for _ in range(WARM_UP):
            camera.capture_metadata()
        if "AfMode" in camera.camera_controls:
            self._lock_focus()

    def _lock_focus(self) -> None:
        """Focus once if no person did, then hold the lens: autofocus hunts with the moving head."""
        from libcamera import controls  # noqa: PLC0415 - only on a Pi

        camera = self._camera
        if self._focus >= 0:
            position = self._focus
        elif self._found_focus():
            position = camera.capture_metadata()["LensPosition"]
        else:
            position = camera.camera_controls["LensPosition"][2]  # the lens's own default
            log.warning("The camera found no focus; the lens stays at its default position.")
        camera.set_controls({"AfMode": controls.AfModeEnum.Manual, "LensPosition": position})
        log.info("Focus locked at %.2f dioptres.", position)

    def _found_focus(self) -> bool:
        job = self._camera.autofocus_cycle(wait=False)
        try:
            return bool(self._camera.wait(job, timeout=FOCUS_TIME))
        except TimeoutError:  # in the dark the scan may never begin
            self._camera.cancel_all_and_flush()
            return False
