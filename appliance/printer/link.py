"""The open port: bytes in, bytes out, and one word when it is gone.

Ports are device paths (pyserial) or ``socket://host:port``. Reading and writing go through
the event loop on the bare file descriptor, so that neither ever blocks and a byte is seen
as soon as the kernel has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import serial

from appliance.errors import PrinterError
from appliance.printer.ports import candidates

READ_SIZE = 4096  # bytes
CONNECT_LIMIT = 5.0  # seconds, for socket://
BACKLOG_LIMIT = 65_536  # bytes the kernel did not take; far more than a printer has in flight
SOCKET = "socket://"

OnData = Callable[[bytes], None]
OnLost = Callable[[str], None]


class PortError(PrinterError):
    """The port cannot be opened."""

    default_short = "No printer port"


class Link(Protocol):
    """An open port."""

    def write(self, data: bytes) -> None:
        """Send ``data``; never blocks, and keeps what the kernel does not take yet."""

    def close(self) -> None:
        """Give the port back; nothing is called afterwards."""


async def open_link(port: str, baud: int, on_data: OnData, on_lost: OnLost) -> Link:
    """Open ``port`` at ``baud`` (8N1). Raises PortError with what a person can do.

    ``on_data`` gets whatever arrives, ``on_lost`` one sentence when the port is gone.
    """
    if port.startswith(SOCKET):
        stream = await asyncio.to_thread(_open_socket, port)
        return FileLink(stream.detach(), f"The connection to {port}", on_data, on_lost)
    handle = await asyncio.to_thread(_open_serial, port, baud)
    return FileLink(handle, f"The port {port}", on_data, on_lost)


class FileLink:
    """A link over a non-blocking file descriptor, which it owns."""

    def __init__(self, handle: int, name: str, on_data: OnData, on_lost: OnLost) -> None:
        self._handle = handle
        self._name = name
        self._on_data = on_data
        self._on_lost = on_lost
        self._pending = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(handle, self._readable)

    def write(self, data: bytes) -> None:
        """See Link."""
        if self._handle < 0:
            return
        waiting = bool(self._pending)
        self._pending += data
        if len(self._pending) > BACKLOG_LIMIT:
            self._lose("takes no more bytes")
        elif not waiting:
            self._flush()

    def close(self) -> None:
        """See Link."""
        if self._handle < 0:
            return
        self._loop.remove_reader(self._handle)
        self._loop.remove_writer(self._handle)
        os.close(self._handle)
        self._handle = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._handle, READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or "read error")
            return
        if data:
            self._on_data(data)
        else:
            self._lose("was closed by the other side")

    def _flush(self) -> None:
        try:
            written = os.write(self._handle, self._pending)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._lose(error.strerror or "write error")
            return
        del self._pending[:written]
        if self._pending:
            self._loop.add_writer(self._handle, self._flush)
        else:
            self._loop.remove_writer(self._handle)

    def _lose(self, why: str) -> None:
        self.close()
        self._on_lost(f"{self._name} is gone ({why}). Check the USB cable and the printer's power.")


def _open_serial(port: str, baud: int) -> int:
    """A descriptor of its own for the port; pyserial has set it up."""
    try:
        # exclusive: two programs on one port would tear the lines apart. The time-out between
        # bytes sets VMIN to 1: with 0 an empty read could not be told from a hang-up.
        opened = serial.Serial(
            port, baud, timeout=0, write_timeout=0, inter_byte_timeout=0, exclusive=True
        )
        with contextlib.closing(opened):
            return _taken_over(opened)
    # What pyserial does not wrap is termios.error, which is no OSError: the device vanished.
    except (serial.SerialException, OSError, ValueError, termios.error) as error:
        raise _explained(port, error) from error


def _taken_over(opened: serial.Serial) -> int:
    # FTDI adapters wait 16 ms otherwise; a pseudo-terminal and others have no such timer.
    with contextlib.suppress(ValueError, OSError, NotImplementedError):
        opened.set_low_latency_mode(True)
    opened.reset_input_buffer()
    # The duplicate shares the lock and the settings; pyserial's own is closed.
    handle = os.dup(opened.fileno())
    os.set_blocking(handle, False)
    return handle


def _open_socket(port: str) -> socket.socket:
    host, _, number = port.removeprefix(SOCKET).rpartition(":")
    if not host or not number.isdecimal():
        raise PortError(f"{port} is no address. Write it as socket://host:port.")
    try:
        stream = socket.create_connection((host, int(number)), CONNECT_LIMIT)
    except OSError as error:
        raise PortError(
            f"{port} cannot be reached ({error.strerror or error}). "
            "Is the serial server switched on?"
        ) from error
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setblocking(False)
    return stream


def _explained(port: str, error: Exception) -> PortError:
    number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        return PortError(
            f"{port} is in use by another program. Close it, for example OctoPrint or a terminal.",
            short="Port in use",
        )
    if number in (errno.EACCES, errno.EPERM):
        return PortError(
            f"There is no permission to use {port}. Add the user to the group dialout.",
            short="No permission",
        )
    if number == errno.ENOENT or not Path(port).exists():
        return PortError(
            f"{port} is not there. Plug the printer in and switch it on, or correct "
            f"[printer] port in the settings. Ports found: {', '.join(candidates()) or 'none'}.",
            short="Printer not found",
        )
    return PortError(f"{port} cannot be opened: {error}.")
