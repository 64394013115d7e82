"""The panel worker, seen from the agent: kept running, told what to show, listened to."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import math
import shutil
import socket
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from appliance.host import child
from appliance.panel.screen import Screen
from appliance.panel.wire import Alive, DoorSeen, Hardware, Health, Show, Up
from appliance.printer.api import Problem

log = logging.getLogger(__name__)

NICE = 5  # of the worker: a screen may wait, the printer's lines may not
INPUT_TIME = 10.0  # seconds in which a healthy worker takes what is written to it
SILENCE = 10.0  # seconds without a sign of life after which a worker is taken for frozen
START = 60.0  # seconds for the first one: a small board that starts up imports slowly
LOOKS = 5  # for a sign of life in that time
END_TIME = 2.0  # seconds for a worker to end by itself once its stdin is closed
AWAY_TIME = 10.0  # seconds without a worker until nothing more is known of door and display
FIRST_PAUSE = 1.0  # seconds until a worker that ended is started again, doubled each time
LONGEST_PAUSE = 30.0
GOOD_LIFE = 60.0  # seconds; after a life that long the next pause is the first again
_PIPE_SIZE = 4096  # bytes that wait in the kernel: a worker that froze is noticed soon
_READ_SIZE = 65536
_AWAY = Problem(
    "Panel stopped",
    "The front panel's process does not run; it is started again. The log says why it ended.",
)


def worker_command(hardware: Hardware) -> list[str]:
    """The worker's command line: the real one, or that of the simulated panel.

    Unlike other children it is not killed by the kernel when the agent dies: the end of its
    stdin ends it, and first it takes the last screen, which is no longer true, off the display.
    """
    simulated = bool(hardware.panel.simulated)
    module = "appliance.sim.panel_worker" if simulated else "appliance.panel.worker"
    nice = ["nice", "-n", str(NICE)] if shutil.which("nice") else []
    return [*nice, sys.executable, "-m", module, msgspec.json.encode(hardware).decode()]


class PanelProcess:
    """The worker's supervisor. ``on_message`` is called in the event loop, one by one."""

    def __init__(
        self,
        hardware: Hardware,
        on_message: Callable[[Up], None],
        *,
        command: Sequence[str] | None = None,
        away_time: float = AWAY_TIME,
        input_time: float = INPUT_TIME,
        silence: float = SILENCE,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._command = list(command or worker_command(hardware))
        self._on_message = on_message
        self._away_time = away_time
        self._input_time = input_time
        self._silence = silence
        self._looks = 0  # left until the worker is taken for frozen
        self._first_pause = first_pause
        self._screen: Screen | None = None
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._closing = asyncio.Event()
        self._parts: set[str] = set()  # that the worker ever spoke of
        self._away: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the running worker."""
        return self._process.pid if self._process else None

    def show(self, screen: Screen) -> None:
        """Show ``screen`` from now on; never blocks, and only the newest counts."""
        if screen != self._screen:
            self._screen = screen
            self._changed.set()

    async def run(self) -> None:
        """Keep a worker running, for ever or until :meth:`close`."""
        pause = self._first_pause
        while not self._closing.is_set():
            began = time.monotonic()
            self._watch()
            try:
                await self._live()
            except OSError as error:
                log.error("The panel worker cannot be started: %s", error)
            if self._closing.is_set():
                return
            if time.monotonic() - began >= GOOD_LIFE:
                pause = self._first_pause
            self._watch()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def close(self) -> None:
        """End the worker for good."""
        self._closing.set()
        self._seen()
        if self._process:
            await self._end(self._process)

    async def _live(self) -> None:
        """One life of the worker. Raises OSError when it cannot be started."""
        process = self._process = await child.start(
            self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(process), name="panel screens")
                guarding = group.create_task(self._guard(process), name="panel signs of life")
                logging_ = group.create_task(child.forward_log(process, log), name="panel log")
                await self._read(process)
                await process.wait()
                writing.cancel()
                guarding.cancel()
                await asyncio.wait([logging_], timeout=END_TIME)  # its last words
                logging_.cancel()
        finally:
            await self._end(process)
            self._process = None
        if not self._closing.is_set():
            log.warning("The panel worker ended (exit status %s).", process.returncode)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """End it: politely at first, so that it can say farewell on the display."""
        if process.stdin:
            if self._changed.is_set() and self._screen is not None:  # a last one, not sent yet
                process.stdin.write(_line(Show(self._screen)))
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIME):
                await process.wait()
        if not await child.kill_group(process):
            log.error("Panel worker %d is stuck in the kernel and cannot be ended.", process.pid)

    async def _write(self, process: asyncio.subprocess.Process) -> None:
        """Hand over the newest screen; a worker that does not take it is killed."""
        stdin = process.stdin
        assert stdin is not None
        _keep_small(stdin.transport)
        if self._screen is not None:
            self._changed.set()  # a new worker gets the present screen at once
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with asyncio.timeout(self._input_time):
                    stdin.write(_line(Show(self._screen)) if self._screen else b"")
                    await stdin.drain()
            except TimeoutError:
                log.error("The panel worker hangs; it is started again.")
                await child.kill_group(process)
                return
            except ConnectionError:
                return  # it ended; the reader sees that too

    async def _guard(self, process: asyncio.subprocess.Process) -> None:
        """Kill a worker that gives no sign of life.

        Looks are counted, not seconds: when this process itself was held up, what the worker
        said meanwhile is still to be read.
        """
        look = self._silence / LOOKS
        self._looks = math.ceil(max(START, self._silence) / look)
        while self._looks > 0:
            await asyncio.sleep(look)
            self._looks -= 1
        log.error("The panel worker gives no sign of life; it is started again.")
        self._seen()
        self._stayed_away()
        await child.kill_group(process)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stdout = process.stdout
        assert stdout is not None
        decoder = msgspec.json.Decoder(Up)
        rest = b""
        while data := await stdout.read(_READ_SIZE):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                try:
                    self._take(decoder.decode(line))
                except msgspec.DecodeError as error:
                    log.error("The panel worker said what cannot be read: %s", error)
            rest = rest[-_READ_SIZE:]

    def _take(self, message: Up) -> None:
        self._looks = LOOKS
        self._seen()
        if isinstance(message, Alive):
            return
        if isinstance(message, DoorSeen):
            self._parts.add("door")
        elif isinstance(message, Health):
            self._parts.add(message.part)
        self._on_message(message)

    def _watch(self) -> None:
        """From now on the worker is away, until it says something."""
        if self._away is None:
            loop = asyncio.get_running_loop()
            self._away = loop.call_later(self._away_time, self._stayed_away)

    def _seen(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None

    def _stayed_away(self) -> None:
        self._away = None
        for part in sorted(self._parts):
            self._on_message(Health(part, _AWAY))
        if "door" in self._parts:
            self._on_message(DoorSeen(None))


def _line(message: Show) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def _keep_small(transport: asyncio.WriteTransport) -> None:
    """Let little wait on its way to the worker, here and in the kernel."""
    transport.set_write_buffer_limits(high=0)
    pipe = transport.get_extra_info("pipe")
    with contextlib.suppress(OSError):  # the size is a wish
        if isinstance(pipe, socket.socket):  # so it is up to Python 3.11
            pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIPE_SIZE)
        elif pipe is not None:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
