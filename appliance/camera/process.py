"""One life of the camera worker, seen from the agent: started once, asked often, ended once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec

from appliance.camera import framing, jpeg
from appliance.camera.driver import Scene
from appliance.camera.framing import Frame, FramingError, Kind
from appliance.errors import CameraError
from appliance.host import child

log = logging.getLogger(__name__)

END_TIME = 2.0  # seconds for a worker to end by itself once its stdin is closed
REAP_TIME = 3.0  # seconds to wait for a killed one; libcamera can leave it stuck in the kernel
_READ_SIZE = 65536
_MAX_LINE = 2000  # characters of a log line


class WorkerProcess:
    """A running worker. Use :meth:`start`; after any CameraError only :meth:`stop` is left."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0
        self._pending: tuple[int, asyncio.Future[bytes]] | None = None
        self._broken: CameraError | None = None
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks = [
            asyncio.create_task(self._read_frames(), name="camera frames"),
            asyncio.create_task(child.forward_log(process, log), name="camera log"),
        ]

    @classmethod
    async def start(cls, command: Sequence[str], timeout: float) -> WorkerProcess:
        """Start ``command`` and wait until its camera is open. Raises CameraError.

        It gets a process group of its own, so that it dies with its own children.
        """
        try:
            process = await child.start(
                command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise CameraError(f"The camera worker cannot be started ({error}).") from error
        worker = cls(process)
        try:
            async with asyncio.timeout(timeout):
                await worker._ready
        except TimeoutError:
            await worker.kill()
            raise CameraError(
                f"The camera did not open within {timeout:g} s. Check its cable.",
                short="Camera hangs",
            ) from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._broken is None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def capture(self, scene: Scene, timeout: float) -> bytes:
        """One upright JPEG within ``timeout`` seconds. Raises CameraError."""
        if self._broken:
            raise self._broken
        self._number += 1
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending = (self._number, answer)
        stdin = self._process.stdin
        assert stdin is not None
        try:
            async with asyncio.timeout(timeout):
                request = Frame(Kind.CAPTURE, self._number, msgspec.json.encode(scene))
                stdin.write(framing.encode(request))
                return await answer
        except TimeoutError:
            raise CameraError(
                f"The camera gave no picture within {timeout:g} s; it is started again.",
                short="Camera hangs",
            ) from None
        finally:
            self._pending = None

    async def stop(self) -> None:
        """End it: politely at first, so that the camera is released, then by force."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIME):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it and its children at once."""
        if not await child.kill_group(self._process, REAP_TIME):
            log.error("Camera worker %d is stuck in the kernel and cannot be ended.", self.pid)
        await self._drain()
        self._break(CameraError("The camera worker was ended."))

    async def _drain(self) -> None:
        """Read the pipes to their ends, so that asyncio closes them; they are soon there."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        try:
            async with asyncio.timeout(REAP_TIME):
                await asyncio.gather(*self._tasks)
                while await stdout.read(_READ_SIZE):
                    pass
        except TimeoutError:
            log.error("Something still holds the pipes of camera worker %d.", self.pid)

    async def _read_frames(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        decoder = framing.Decoder()
        try:
            while data := await stdout.read(_READ_SIZE):
                for frame in decoder.feed(data):
                    self._receive(frame)
            self._break(CameraError("The camera worker ended unexpectedly."))
        except CameraError as error:
            self._break(error)

    def _receive(self, frame: Frame) -> None:
        text = frame.body.decode(errors="replace")[:_MAX_LINE] if frame.kind != Kind.PICTURE else ""
        if frame.number == 0 and not self._ready.done():
            if frame.kind is Kind.READY:
                self._ready.set_result(text)
            else:
                self._break(CameraError(text))
        elif self._pending and frame.number == self._pending[0]:
            self._answer(frame, text)
        elif not 0 < frame.number <= self._number:
            raise FramingError("The camera worker answered what it was never asked.")
        # Else it is the answer to a request whose asker has gone.

    def _answer(self, frame: Frame, text: str) -> None:
        assert self._pending is not None
        answer = self._pending[1]
        if answer.done():
            raise FramingError("The camera worker answered twice.")
        if frame.kind is Kind.PICTURE:
            jpeg.size_of(frame.body)
            answer.set_result(frame.body)
        else:
            self._break(CameraError(text))

    def _break(self, error: CameraError) -> None:
        """Nothing more can be expected; whoever waits learns why."""
        self._broken = self._broken or error
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # mark as retrieved: nobody may be waiting
        if self._pending and not self._pending[1].done():
            self._pending[1].set_exception(error)
