"""The virtual Marlin in real time, behind a pseudo-terminal or a TCP port.

:class:`PtyPrinter` and :class:`TcpPrinter` run it on a thread of the caller's process (tests);
:func:`run_printer` is the whole of a process of its own (command line, bench).
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from appliance.sim.faults import FaultKind, Faults
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.ports import Port, PtyPort, TcpPort
from appliance.store import write_atomic

log = logging.getLogger(__name__)

T = TypeVar("T")
Order = Callable[[VirtualMarlin, float], T]
"""Something to be done or asked between two steps of the board, with its own time."""

HOST_CHECK_INTERVAL = 0.01
"""How often to look whether a host has opened the pseudo-terminal, which wakes nobody."""

LONGEST_SLEEP = 0.5
STATUS_INTERVAL = 0.5
PRIORITY = 10


class PrinterStatus(msgspec.Struct, frozen=True):
    """What a person may want to see of the virtual printer."""

    address: str
    connected: bool
    mode: str
    position: tuple[float, float, float, float]  # X, Y, Z, E in mm
    heaters: dict[str, tuple[float, float]]  # °C by Marlin's name: actual, target
    fan: int  # 0 to 255
    message: str  # M117
    last_command: str
    executed: int
    lines_received: int
    dropped_bytes: int
    errors: int
    unknown: int
    resets: int
    faults: dict[str, int]


def status_of(marlin: VirtualMarlin, now: float, port: Port) -> PrinterStatus:
    """The status at ``now``, the board's own time in seconds."""
    machine = marlin.machine
    when = machine.scaled(now)
    x, y, z, e = (round(value, 3) for value in marlin.position(now))
    return PrinterStatus(
        address=port.address,
        connected=port.connected(),
        mode=marlin.mode,
        position=(x, y, z, e),
        heaters={
            name: (round(heater.temperature(when), 1), heater.target)
            for name, heater in machine.heaters()
        },
        fan=machine.fan,
        message=machine.message,
        last_command=marlin.last_command,
        executed=marlin.executed_count,
        lines_received=marlin.lines_received,
        dropped_bytes=marlin.dropped_bytes,
        errors=marlin.errors,
        unknown=marlin.unknown_count,
        resets=marlin.resets,
        faults={kind.value: n for kind, n in marlin.faults.struck.items()} if marlin.faults else {},
    )


class PrinterLoop:
    """Feeds the board what the host wrote and gives the host what is due; blocks in ``run``.

    Bytes count from the moment when they were seen, or from the last look before, when the
    loop was busy in between: then a real UART would have been taking them all the while.
    """

    def __init__(self, marlin: VirtualMarlin, port: Port, *, reset_on_open: bool = False) -> None:
        self.marlin = marlin
        self.port = port
        self._reset_on_open = reset_on_open
        self._connected = False
        self._started = time.monotonic()
        self._orders: SimpleQueue[Callable[[float], None]] = SimpleQueue()
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._rope, False)
        self._watched: list[tuple[Callable[[VirtualMarlin], bool], Future[None]]] = []
        self._stopping = False

    def now(self) -> float:
        """The board's own time in seconds."""
        return time.monotonic() - self._started

    def order(self, order: Order[T]) -> Future[T]:
        """Have ``order`` carried out by the loop; from any thread."""
        future: Future[T] = Future()

        def carry_out(now: float) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(order(self.marlin, now))
            except Exception as error:  # noqa: BLE001 - belongs to whoever waits for the future
                future.set_exception(error)

        self._orders.put(carry_out)
        self._ring()
        return future

    def watch(self, condition: Callable[[VirtualMarlin], bool]) -> Future[None]:
        """A future that is done as soon as ``condition`` holds; from any thread."""
        future: Future[None] = Future()
        self.order(lambda marlin, now: self._watched.append((condition, future)))
        return future

    def stop(self) -> None:
        """End ``run``; from any thread or signal handler."""
        self._stopping = True
        self._ring()

    def _ring(self) -> None:
        try:
            os.write(self._rope, b"!")
        except BlockingIOError:  # rung often enough already
            return

    def run(self, every: tuple[float, Order[None]] | None = None) -> None:
        """Until ``stop`` is called; ``every`` is (seconds, what to do that often)."""
        interval, regular = every or (inf, None)
        due = -inf
        seen = self.now()
        while not self._stopping:
            now = self.now()
            if not self._connected:
                self._look_for_host(now)
            if data := self.port.read():
                self.marlin.receive(data, seen)
            elif self._connected:
                self._look_for_host(now)
            answer = self.marlin.advance(now)
            if answer and self._connected:
                self.port.write(answer)
            self._serve(now)
            if regular and now >= due:
                regular(self.marlin, now)
                due = now + interval
            seen = self._sleep(now)

    def _sleep(self, checked: float) -> float:
        """Until something is to be done; says from when bytes count that are there now."""
        readers = [self._bell]
        longest = LONGEST_SLEEP
        if self._connected or self.port.wakes_when_opened:
            readers += self.port.readers
        else:
            longest = HOST_CHECK_INTERVAL
        ready, _, _ = select.select(readers, [], [], 0)
        counts_from = checked
        if not ready:
            event = self.marlin.next_event()
            timeout = longest if event is None else min(event - self.now(), longest)
            if timeout > 0:
                ready, _, _ = select.select(readers, [], [], timeout)
            counts_from = self.now()
        if self._bell in ready:
            os.read(self._bell, 4096)
        return counts_from

    def _look_for_host(self, now: float) -> None:
        connected = self.port.connected()
        if connected and not self._connected and self._reset_on_open:
            self.marlin.reset(now)
        self._connected = connected

    def _serve(self, now: float) -> None:
        while True:
            try:
                self._orders.get_nowait()(now)
            except Empty:
                break
        waiting = []
        for condition, future in self._watched:
            if future.cancelled():
                continue
            if not condition(self.marlin):
                waiting.append((condition, future))
            elif future.set_running_or_notify_cancel():
                future.set_result(None)
        self._watched = waiting

    def close(self) -> None:
        """After ``run``: give everything back."""
        for _, future in self._watched:
            future.cancel()
        self.port.unplug()
        os.close(self._bell)
        os.close(self._rope)


class _ThreadedPrinter:
    """A printer on a thread of this process, with what a test does to it."""

    def __init__(self, marlin: VirtualMarlin, port: Port, *, reset_on_open: bool) -> None:
        self._loop = PrinterLoop(marlin, port, reset_on_open=reset_on_open)
        self._thread = threading.Thread(target=self._loop.run, name="sim-printer", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.stop()
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    @property
    def path(self) -> str:
        """What a host opens: a device path or ``socket://host:port``."""
        return self._loop.port.address

    @property
    def marlin(self) -> VirtualMarlin:
        """The board, for counters; to change something, or for a whole picture, ``ask``."""
        return self._loop.marlin

    async def ask(self, order: Order[T]) -> T:
        """What ``order(marlin, now)`` returns, carried out between two steps of the board."""
        return await asyncio.wrap_future(self._loop.order(order))

    async def wait_for(
        self, condition: Callable[[VirtualMarlin], bool], timeout: float = 30.0
    ) -> None:
        """Until ``condition`` holds; raises TimeoutError after ``timeout`` seconds."""
        async with asyncio.timeout(timeout):
            await asyncio.wrap_future(self._loop.watch(condition))

    async def reset(self) -> None:
        """Press the board's reset button."""
        await self.ask(lambda marlin, now: marlin.reset(now))

    async def fault(self, kind: FaultKind, seconds: float = 1.0) -> None:
        """Let ``kind`` strike the next line that arrives."""
        await self.ask(lambda marlin, now: marlin.strike(kind, seconds))

    async def unplug(self) -> None:
        """Pull the cable; the board itself lives on."""
        await self.ask(lambda marlin, now: self._loop.port.unplug())

    async def plug(self) -> None:
        """Put the cable in again, at the same address."""
        await self.ask(lambda marlin, now: self._loop.port.plug())

    async def status(self) -> PrinterStatus:
        """What the command line and the page show."""
        return await self.ask(lambda marlin, now: status_of(marlin, now, self._loop.port))


class PtyPrinter(_ThreadedPrinter):
    """A printer on a pseudo-terminal; ``link`` is a path that stays the same over re-plugs.

    ``reset_on_open``: opening the port resets the board, as DTR does on most.
    """

    def __init__(
        self,
        options: MarlinOptions | None = None,
        faults: Faults | None = None,
        *,
        link: Path | None = None,
        reset_on_open: bool = False,
    ) -> None:
        port = PtyPort(link)
        super().__init__(VirtualMarlin(options, faults), port, reset_on_open=reset_on_open)


class TcpPrinter(_ThreadedPrinter):
    """A printer on a TCP port of this machine, as behind a serial server; 0 = any free one."""

    def __init__(
        self,
        options: MarlinOptions | None = None,
        faults: Faults | None = None,
        *,
        port: int = 0,
        reset_on_open: bool = False,
    ) -> None:
        super().__init__(VirtualMarlin(options, faults), TcpPort(port), reset_on_open=reset_on_open)


def run_printer(
    options: MarlinOptions,
    port: Port,
    faults: Faults | None = None,
    *,
    reset_on_open: bool = True,
    status_file: Path | None = None,
    executed_file: Path | None = None,
    on_status: Callable[[PrinterStatus], None] | None = None,
) -> None:
    """Be a virtual printer until SIGINT or SIGTERM; for the main thread of a process.

    Twice a second the status goes to ``on_status`` and, as JSON, to ``status_file``; at the end
    the commands that were executed go to ``executed_file``, one a line.
    """
    loop = PrinterLoop(VirtualMarlin(options, faults), port, reset_on_open=reset_on_open)

    def tell(marlin: VirtualMarlin, now: float) -> None:
        status = status_of(marlin, now, port)
        if status_file:
            write_atomic(status_file, msgspec.json.encode(status), 0o644)
        if on_status:
            on_status(status)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: loop.stop())
    hurry()
    try:
        loop.run(every=(STATUS_INTERVAL, tell))
        tell(loop.marlin, loop.now())
        if executed_file:
            executed_file.write_text("".join(f"{line}\n" for line in loop.marlin.executed))
    finally:
        loop.close()


def hurry() -> None:
    """Wake up on time on a busy machine, where that is allowed: the wire is as exact as that."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError as error:
        log.debug("the virtual wire runs at normal priority: %s", error)
