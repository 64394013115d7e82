"""A printer on a USB serial adapter: our simulated Marlin at the other end of qemu's usb-serial.

The adapter is in the machine as long as something is connected to its socket, so connecting
is plugging in. Its wire must be slower than 13 kB/s, which is all that qemu carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.printer import Order, PrinterLoop

BAUD = 115_200
T = TypeVar("T")
_CHUNK = 65536


class SocketPort:
    """See :class:`appliance.sim.ports.Port`: the adapter at qemu's socket ``path``."""

    wakes_when_opened = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    @property
    def address(self) -> str:
        """Where qemu listens."""
        return str(self._path)

    @property
    def readers(self) -> list[int]:
        """The socket."""
        return [self._socket.fileno()] if self._socket else []

    def connected(self) -> bool:
        """The adapter is in the machine; whether it was opened there cannot be seen."""
        return self._socket is not None

    def read(self) -> bytes:
        """What the machine wrote."""
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.unplug()  # the machine was switched off
        return data

    def write(self, data: bytes) -> None:
        """Give ``data`` to the machine; what it does not take is lost, as on a wire."""
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.send(data)

    def plug(self) -> None:
        """Put the adapter in. Raises OSError when there is no machine."""
        if self._socket is None:
            end = socket.socket(socket.AF_UNIX)
            end.connect(str(self._path))
            end.setblocking(False)
            self._socket = end

    def unplug(self) -> None:
        """Pull it out."""
        if self._socket:
            self._socket.close()
            self._socket = None


class Printer:
    """The board and its adapter, on a thread; not plugged in at first."""

    def __init__(self, path: Path, options: MarlinOptions | None = None) -> None:
        board = VirtualMarlin(options or MarlinOptions(baud=BAUD, speed=20.0))
        self._loop = PrinterLoop(board, SocketPort(path), reset_on_open=True)
        self._thread = threading.Thread(target=self._loop.run, name="printer", daemon=True)

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

    async def ask(self, order: Order[T]) -> T:
        """What ``order(marlin, now)`` returns, carried out between two steps of the board."""
        return await asyncio.wrap_future(self._loop.order(order))

    async def wait_for(self, condition: Callable[[VirtualMarlin], bool], limit: float) -> None:
        """Until ``condition`` holds; raises TimeoutError after ``limit`` seconds."""
        async with asyncio.timeout(limit):
            await asyncio.wrap_future(self._loop.watch(condition))

    async def plug(self) -> None:
        """Put the adapter in."""
        await self.ask(lambda marlin, now: self._loop.port.plug())

    async def unplug(self) -> None:
        """Pull it out; the board lives on."""
        await self.ask(lambda marlin, now: self._loop.port.unplug())
