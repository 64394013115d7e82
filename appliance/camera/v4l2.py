"""A USB camera, one picture at a time, through a short GStreamer pipeline.

The device is open only while a picture is taken: between pictures it costs neither power nor
processor time, and a camera that was unplugged and plugged in again simply works.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from appliance.camera import jpeg
from appliance.camera.driver import Scene
from appliance.config import CameraSettings
from appliance.errors import CameraError
from appliance.host.child import limited

log = logging.getLogger(__name__)

WARM_UP = 8  # frames until exposure and white balance have settled; the last one is kept
QUALITY = 90
NICE = 5
_SHARE = 0.45  # of the exposure time for one try, so that both fit and the worker lives on


def source(device: str) -> list[str]:
    """The element that reads the camera."""
    return ["v4l2src", f"device={device}", f"num-buffers={WARM_UP}"]


def pipeline(source: Sequence[str], size: tuple[int, int] | None) -> list[str]:
    """gst-launch arguments: ``source`` in MJPG or raw (YUYV …) → JPEGs in a row on stdout.

    With ``size`` the camera must deliver that many pixels; MJPG is preferred, as raw pictures
    of that size are slow over USB 2. Without it the camera chooses.
    """
    wanted: list[str] = []
    if size:
        pixels = f"width={size[0]},height={size[1]}"
        wanted = ["!", f"image/jpeg,{pixels};video/x-raw,{pixels}"]
    # Decoding MJPG and encoding again is on purpose: many cameras leave out the Huffman
    # tables, which browsers need.
    decode = ["!", "decodebin", "!", "videoconvert", "!", "video/x-raw,format=I420"]
    return [*source, *wanted, *decode, "!", "jpegenc", f"quality={QUALITY}", "!", "fdsink", "fd=1"]


def last_picture(stream: bytes) -> bytes:
    """The last JPEG of several in a row. Raises CameraError when there is none that is whole."""
    start = stream.rfind(jpeg.SOI + b"\xff")
    picture = stream[max(start, 0) :]
    jpeg.size_of(picture)
    return picture


class V4l2Driver:
    """A camera behind ``/dev/videoN``."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        gst_launch: str = "gst-launch-1.0",
        elements: Sequence[str] | None = None,
    ) -> None:
        self._device = settings.device
        self._size: tuple[int, int] | None = (settings.width, settings.height)
        self._time = settings.exposure_timeout * _SHARE
        self._gst_launch = gst_launch
        self._elements = list(elements or source(settings.device))
        self._checks_device = elements is None

    def open(self) -> None:
        """Check that the device is there. Raises CameraError."""
        if self._checks_device and not Path(self._device).exists():
            raise CameraError(
                f"There is no camera at {self._device}. Plug it in, or set camera.device.",
                short="No camera",
            )

    def capture(self, scene: Scene) -> bytes:
        """A picture in the size of the settings, or else in one the camera knows."""
        try:
            return self._run(self._size)
        except CameraError as error:
            if self._size is None:
                raise
            log.warning("%s Trying a size that the camera chooses.", error.long)
        picture = self._run(None)
        self._size = None
        return picture

    def close(self) -> None:
        """Nothing is held between pictures."""

    def _run(self, size: tuple[int, int] | None) -> bytes:
        command = [self._gst_launch, "-q", *pipeline(self._elements, size)]
        try:
            done = subprocess.run(
                limited(command, nice=NICE),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._time,
                env={**os.environ, "LC_ALL": "C"},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CameraError(
                f"The camera at {self._device} took longer than {self._time:.1f} s for a picture. "
                "Check its cable.",
                short="Camera hangs",
            ) from None
        if done.returncode:
            raise CameraError(
                f"The camera at {self._device} gave no picture: {_reason(done.stderr)}"
            )
        return last_picture(done.stdout)


def _reason(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "WARNING"))]
    return (errors or lines or ["gst-launch-1.0 (package gstreamer1.0-tools) said nothing"])[0]
