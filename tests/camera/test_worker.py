from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest

from appliance.camera import framing
from appliance.camera.driver import Scene
from appliance.camera.framing import Decoder, Frame, Kind
from appliance.camera.worker import Worker, make_driver
from appliance.config import CameraSettings, CameraSource
from appliance.errors import CameraError

SETTINGS = CameraSettings(source=CameraSource.SYNTHETIC, width=320, height=180, transform=4)
REQUEST = Frame(Kind.CAPTURE, 7, msgspec.json.encode(Scene(percent=50.0, name="a")))


class Driver:
    def __init__(self, result: bytes | Exception) -> None:
        self.result = result

    def open(self) -> None:
        if isinstance(self.result, Exception):
            raise self.result

    def capture(self, scene: Scene) -> bytes:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def close(self) -> None:
        pass


def answers(result: bytes | Exception, transform: int = 0) -> list[Frame]:
    sent: list[Frame] = []
    worker = Worker(Driver(result), transform, sent.append)
    worker.open("v4l2")
    worker.answer(REQUEST)
    return sent


def run(arguments: list[str], stdin: bytes) -> tuple[list[Frame], int, str]:
    done = subprocess.run(
        [sys.executable, *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )
    return Decoder().feed(done.stdout), done.returncode, done.stderr.decode()


def test_a_picture_is_turned_upright_before_it_leaves(
    corners: Callable[[int, int], bytes], seen: Callable[[bytes], tuple[int, int, str]]
) -> None:
    ready, picture = answers(corners(160, 96), transform=7)
    assert ready == Frame(Kind.READY, 0, b"v4l2")
    assert (picture.kind, picture.number) == (Kind.PICTURE, 7)
    assert seen(picture.body) == (96, 160, "brwg")


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (CameraError("The cable is loose."), "The cable is loose."),
        (ZeroDivisionError("oops"), "The camera driver failed (ZeroDivisionError: oops)."),
        (b"\xff\xd8 cut off", "The picture is not a whole JPEG: its end is missing."),
    ],
)
def test_whatever_a_driver_raises_becomes_a_sentence(
    result: bytes | Exception, sentence: str
) -> None:
    failure = answers(result)[-1]
    assert (failure.kind, failure.number) == (Kind.FAILURE, 7)
    assert failure.body.decode() == sentence


def test_the_real_process_answers_and_ends_with_its_stdin() -> None:
    # It reads the request before the end of stdin, but may end before it has drawn anything.
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.camera.worker", msgspec.json.encode(SETTINGS).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(framing.encode(REQUEST))
    process.stdin.flush()
    decoder, frames = Decoder(), list[Frame]()
    while len(frames) < 2:
        frames += decoder.feed(os.read(process.stdout.fileno(), 65536))
    assert [frame.kind for frame in frames] == [Kind.READY, Kind.PICTURE]
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


WEDGED = """
import sys, threading
from appliance.camera import worker
class Wedged:
    def open(self):
        print("a library that prints")
    def capture(self, scene):
        threading.Event().wait()
    def close(self):
        pass
worker.make_driver = lambda settings: Wedged()
sys.exit(worker.main(["worker", "{}"]))
"""


def test_a_wedged_driver_does_not_keep_the_worker_alive_without_its_agent() -> None:
    frames, status, stderr = run(["-c", WEDGED], framing.encode(REQUEST))
    assert status == 0
    assert frames in ([Frame(Kind.READY, 0, b"auto")], [])
    assert "a library that prints" in stderr or not frames


def test_a_camera_that_does_not_open_ends_the_worker_with_the_reason(tmp_path: object) -> None:
    settings = CameraSettings(source=CameraSource.V4L2, device=f"{tmp_path}/video3")
    arguments = ["-m", "appliance.camera.worker", msgspec.json.encode(settings).decode()]
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    frames = Decoder().feed(process.stdout.read())  # until it ends by itself
    assert process.wait(timeout=30) == 1
    process.stdin.close()
    process.stdout.close()
    assert frames[0].kind is Kind.FAILURE
    assert "There is no camera at" in frames[0].body.decode()


@pytest.mark.parametrize("source", [CameraSource.AUTO, CameraSource.NONE])
def test_only_real_sources_have_a_driver(source: CameraSource) -> None:
    with pytest.raises(CameraError, match="no driver"):
        make_driver(CameraSettings(source=source))
