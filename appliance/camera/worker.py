"""The camera worker: ``python -m appliance.camera.worker SETTINGS`` (camera settings as JSON).

Requests come on stdin, upright pictures go out on stdout, logs on stderr. It ends when stdin
closes, whatever the camera is doing, so that it never outlives the agent.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from appliance.camera import framing, jpeg
from appliance.camera.driver import CameraDriver, Scene
from appliance.camera.framing import Frame, Kind
from appliance.camera.orient import upright
from appliance.config import CameraSettings, CameraSource
from appliance.errors import CameraError

log = logging.getLogger("appliance.camera.worker")

_READ_SIZE = 65536


def make_driver(settings: CameraSettings) -> CameraDriver:
    """The driver that ``settings.source`` names; ``auto`` was resolved by the agent."""
    match settings.source:
        case CameraSource.SYNTHETIC:
            from appliance.camera.synthetic import SyntheticDriver  # noqa: PLC0415 - one of three

            return SyntheticDriver(settings)
        case CameraSource.V4L2:
            from appliance.camera.v4l2 import V4l2Driver  # noqa: PLC0415

            return V4l2Driver(settings)
        case CameraSource.PICAMERA2:
            from appliance.camera.picamera import PicameraDriver  # noqa: PLC0415

            return PicameraDriver(settings)
        case _:
            raise CameraError(f"There is no driver for the camera source {settings.source!r}.")


class Worker:
    """Answers one request after another with the driver's pictures."""

    def __init__(self, driver: CameraDriver, transform: int, send: Callable[[Frame], None]) -> None:
        self._driver = driver
        self._transform = transform
        self._send = send

    def open(self, name: str) -> bool:
        """Open the camera and tell the agent how that went."""
        try:
            self._driver.open()
        except Exception as error:  # noqa: BLE001 - process boundary: drivers raise anything
            self._fail(0, error)
            return False
        self._send(Frame(Kind.READY, 0, name.encode()))
        return True

    def answer(self, request: Frame) -> None:
        """Take the picture that ``request`` asks for."""
        try:
            scene = msgspec.json.decode(request.body, type=Scene)
            picture = self._driver.capture(scene)
            jpeg.size_of(picture)
            self._send(Frame(Kind.PICTURE, request.number, upright(picture, self._transform)))
        except Exception as error:  # noqa: BLE001 - process boundary: drivers raise anything
            self._fail(request.number, error)

    def _fail(self, number: int, error: Exception) -> None:
        if isinstance(error, CameraError):
            text = error.long
        else:
            log.error("The camera driver failed.", exc_info=error)
            text = f"The camera driver failed ({type(error).__name__}: {error})."
        self._send(Frame(Kind.FAILURE, number, text.encode()))


def main(arguments: list[str]) -> int:
    """Run until stdin closes. Exit status 1 when the camera could not be opened."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level=logging.INFO)
    settings = msgspec.json.decode(arguments[1], type=CameraSettings)
    output = _private_stdout()

    def send(frame: Frame) -> None:
        output.write(framing.encode(frame))
        output.flush()

    requests: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.fileno(), requests), daemon=True).start()
    driver = make_driver(settings)
    worker = Worker(driver, settings.transform, send)
    try:
        if not worker.open(settings.source):
            return 1
        while True:
            worker.answer(requests.get())
    finally:
        driver.close()


def _read(stdin: int, requests: queue.SimpleQueue[Frame]) -> None:
    """Hand over requests. The end of stdin ends the process even while the driver is wedged."""
    decoder = framing.Decoder()
    while data := os.read(stdin, _READ_SIZE):
        for frame in decoder.feed(data):
            requests.put(frame)
    os._exit(0)


def _private_stdout() -> BinaryIO:
    """The pipe to the agent; whatever a library prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


if __name__ == "__main__":
    sys.exit(main(sys.argv))
