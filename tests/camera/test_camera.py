from __future__ import annotations

import asyncio
import logging
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.camera.camera import LONGEST_PAUSE, Camera, worker_command
from appliance.camera.driver import Scene
from appliance.camera.process import WorkerProcess
from appliance.config import CameraSettings, CameraSource
from appliance.errors import CameraError

WorkerCommand = Callable[[CameraSettings], Sequence[str]]
MakeWorker = Callable[[str], WorkerCommand]

PATIENT = CameraSettings(source=CameraSource.V4L2, exposure_timeout=30.0)
HASTY = CameraSettings(source=CameraSource.V4L2, exposure_timeout=0.3)
GOOD = """
send(Frame(Kind.READY, 0, b"test"))
for request in requests():
    send(Frame(Kind.PICTURE, request.number, picture))
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def camera_of(
    command: WorkerCommand, settings: CameraSettings = PATIENT, clock: Clock | None = None
) -> AsyncIterator[Camera]:
    camera = Camera(settings, command=command, clock=clock or Clock())
    try:
        yield camera
    finally:
        await camera.close()


def lives(folder: Path) -> list[int]:
    path = folder / "lives"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_starts_when_first_needed_and_serves_callers_in_turn(
    worker_script: MakeWorker, tmp_path: Path
) -> None:
    async with camera_of(worker_script(GOOD)) as camera:
        assert camera.available
        assert not lives(tmp_path)
        pictures = await asyncio.gather(*(camera.capture(Scene()) for _ in range(5)))
        assert all(picture == (tmp_path / "picture.jpg").read_bytes() for picture in pictures)
        assert len(lives(tmp_path)) == 1
        assert exists(lives(tmp_path)[0])
    assert not exists(lives(tmp_path)[0])


async def test_the_real_worker_is_humble_and_draws() -> None:
    settings = CameraSettings(source=CameraSource.SYNTHETIC, width=320, height=180)
    camera = Camera(settings)
    await camera.ensure_start()
    worker = camera._worker
    assert worker is not None
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) >= 5
    assert (await camera.capture(Scene(percent=3.0, name="x"))).startswith(b"\xff\xd8")
    await camera.ensure_stop()
    assert not exists(worker.pid)
    assert await camera.capture()  # starts again by itself
    await camera.close()


async def test_a_wedged_worker_is_killed_with_its_children_and_replaced(
    worker_script: MakeWorker, tmp_path: Path
) -> None:
    # The first life ignores requests and polite signals, and has a child that holds the pipes.
    command = worker_script(
        """
        import subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if life == 1:
            child = subprocess.Popen(["sleep", "1000"])
            (folder / "child").write_text(str(child.pid))
        send(Frame(Kind.READY, 0, b"test"))
        for request in requests():
            if life > 1:
                send(Frame(Kind.PICTURE, request.number, picture))
        """
    )
    clock = Clock()
    async with camera_of(command, HASTY, clock) as camera:
        await camera.ensure_start()
        child = os.pidfd_open(int((tmp_path / "child").read_text()))
        with pytest.raises(CameraError, match=r"no picture within 0\.3 s; it is started again"):
            await camera.capture()
        assert not exists(lives(tmp_path)[0])
        assert await asyncio.to_thread(select.select, [child], [], [], 30) == ([child], [], [])
        os.close(child)
        with pytest.raises(CameraError, match="The next try is in 1 s"):
            await camera.capture()
        clock.now += 1.0
        assert await _patiently(camera)
        assert camera.fault == ""
    assert len(lives(tmp_path)) >= 2


async def _patiently(camera: Camera) -> bytes:
    """The short exposure time may be too short for a loaded machine: then once more."""
    for _ in range(20):
        try:
            return await camera.capture()
        except CameraError:
            clock = camera._clock
            assert isinstance(clock, Clock)
            clock.now += LONGEST_PAUSE
    raise AssertionError("never a picture")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os.write(1, b'what is this' * 100_000)", "not a frame"),
        (
            """
            send(Frame(Kind.READY, 0, b"test"))
            next(requests())
            while True:
                os.write(1, os.urandom(65536))
            """,
            "frame",
        ),
        ("send(Frame(Kind.READY, 0))\nnext(requests())\nos._exit(3)", "ended unexpectedly"),
        ("sys.exit(1)", "ended unexpectedly"),
        ('send(Frame(Kind.FAILURE, 0, b"No lens."))', "No lens"),
        (
            """
            send(Frame(Kind.READY, 0))
            for request in requests():
                send(Frame(Kind.FAILURE, request.number, "It is dark.".encode()))
            """,
            "It is dark",
        ),
        (
            """
            send(Frame(Kind.READY, 0))
            for request in requests():
                send(Frame(Kind.PICTURE, request.number, picture[:-9]))
            """,
            "not a whole JPEG",
        ),
        (
            """
            send(Frame(Kind.READY, 0))
            for request in requests():
                send(Frame(Kind.PICTURE, request.number + 5, picture))
            """,
            "never asked",
        ),
        (
            """
            send(Frame(Kind.READY, 0))
            for request in requests():
                send(Frame(Kind.READY, 0))
            """,
            "never asked",
        ),
    ],
    ids=[
        "garbage at once",
        "floods garbage",
        "dies when asked",
        "dies at once",
        "does not open",
        "fails",
        "half a picture",
        "wrong number",
        "ready twice",
    ],
)
async def test_whatever_a_worker_does_is_a_sentence_and_it_is_gone(
    worker_script: MakeWorker, tmp_path: Path, body: str, message: str
) -> None:
    async with camera_of(worker_script(body)) as camera:
        with pytest.raises(CameraError, match=message):
            await camera.capture()
        assert message in camera.fault
        assert not any(map(exists, lives(tmp_path)))


async def test_a_camera_that_never_opens_is_given_up_on(
    worker_script: MakeWorker, tmp_path: Path
) -> None:
    camera = Camera(PATIENT, command=worker_script("next(requests())"), start_time=0.5)
    with pytest.raises(CameraError, match="did not open within"):
        await camera.capture()
    assert not any(map(exists, lives(tmp_path)))
    await camera.close()


async def test_a_worker_that_keeps_failing_is_rested_longer_and_longer_and_said_once(
    worker_script: MakeWorker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    pauses = []
    async with camera_of(worker_script("sys.exit(1)"), clock=clock) as camera:
        for _ in range(9):
            with pytest.raises(CameraError, match="unexpectedly"):
                await camera.capture()
            pauses.append(camera._next_start - clock.now)
            for _ in range(3):  # asking in the meantime starts nothing
                with pytest.raises(CameraError, match="next try is in"):
                    await camera.capture()
            clock.now = camera._next_start
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    assert len(lives(tmp_path)) == 9
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


async def test_a_worker_that_died_between_pictures_is_replaced_at_once(
    worker_script: MakeWorker, tmp_path: Path
) -> None:
    async with camera_of(worker_script(GOOD)) as camera:
        await camera.capture()
        worker = camera._worker
        assert worker is not None
        os.kill(worker.pid, 9)
        await worker._process.wait()
        assert await camera.capture()
    assert len(lives(tmp_path)) == 2


class Heard(logging.Handler):
    """Sets ``event`` when the worker has logged ``text``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.event = text, asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == self.text:
            self.event.set()


@pytest.fixture
def asked() -> Iterator[Heard]:
    logger, handler = logging.getLogger("appliance.camera.process"), Heard("asked")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(
    worker_script: MakeWorker, tmp_path: Path, asked: Heard
) -> None:
    # The first request is answered, with another picture, only when the second has come.
    command = worker_script(
        """
        send(Frame(Kind.READY, 0, b"test"))
        source = requests()
        first = next(source)
        os.write(2, b"WARNING asked\\n")
        second = next(source)
        send(Frame(Kind.FAILURE, first.number, b"late"))
        send(Frame(Kind.PICTURE, second.number, picture))
        next(source)
        """
    )
    async with camera_of(command) as camera:
        await camera.ensure_start()
        first = asyncio.create_task(camera.capture())
        await asked.event.wait()
        first.cancel()
        assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], BaseException)
        assert await camera.capture() == (tmp_path / "picture.jpg").read_bytes()


async def test_no_camera_is_not_available_and_starts_nothing() -> None:
    def command(settings: CameraSettings) -> Sequence[str]:
        raise AssertionError(settings)

    camera = Camera(CameraSettings(source=CameraSource.NONE), command=command)
    assert not camera.available
    with pytest.raises(CameraError, match="There is no camera"):
        await camera.capture()
    await camera.close()


async def test_auto_is_resolved_before_the_worker_hears_of_it(worker_script: MakeWorker) -> None:
    heard: list[CameraSource] = []
    good = worker_script(GOOD)

    def command(settings: CameraSettings) -> Sequence[str]:
        heard.append(settings.source)
        return good(settings)

    found = iter([CameraSource.NONE, CameraSource.PICAMERA2, CameraSource.PICAMERA2])
    camera = Camera(CameraSettings(), command=command, choose=lambda _: next(found))
    assert [camera.available, camera.available] == [False, True]  # plugged in later
    await camera.capture()
    await camera.close()
    assert heard == [CameraSource.PICAMERA2]


async def test_the_workers_log_is_forwarded_with_its_level(
    worker_script: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    body = """
    os.write(2, b"WARNING lens dirty\\n" + b"[0:1] libcamera chatter\\n" + b"x" * 100_000)
    send(Frame(Kind.READY, 0, b"test"))
    next(requests())
    """
    caplog.set_level(logging.DEBUG, "appliance.camera.process")
    worker = await WorkerProcess.start(worker_script(body)(PATIENT), 30)
    stop = asyncio.create_task(worker.stop())
    await asyncio.wait([worker._tasks[1]])
    await stop
    said = {(r.levelno, r.message) for r in caplog.records}
    assert (logging.WARNING, "lens dirty") in said
    assert (logging.DEBUG, "[0:1] libcamera chatter") in said


async def test_a_command_that_cannot_be_started_is_a_camera_error() -> None:
    with pytest.raises(CameraError, match="cannot be started"):
        await WorkerProcess.start(["/nonexistent/worker"], 5)


def test_the_agent_never_imports_pillow() -> None:
    code = (
        "import sys, appliance.camera.camera, appliance.camera.snapshot, "
        "appliance.timelapse.encoder, appliance.timelapse.frames; "
        "sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_worker_command_carries_the_settings() -> None:
    command = worker_command(CameraSettings(source=CameraSource.SYNTHETIC, transform=5))
    assert command[-2] == "appliance.camera.worker"
    assert '"transform":5' in command[-1]
