"""Where a host finds the virtual printer: a pseudo-terminal or a TCP port.

A port never blocks. What the host does not take is lost, as on a wire.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import tty
from pathlib import Path
from typing import Protocol

_CHUNK = 65536


class Port(Protocol):
    """One end of a serial line, the other end of which a host may open."""

    @property
    def address(self) -> str:
        """What a host opens: a device path or ``socket://host:port``."""

    wakes_when_opened: bool
    """``readers`` may be waited on while no host has the port open, and tell when one opens it."""

    @property
    def readers(self) -> list[int]:
        """File descriptors that become readable when there is something to do."""

    def connected(self) -> bool:
        """A host has the port open."""

    def read(self) -> bytes:
        """What the host wrote, empty when there is nothing."""

    def write(self, data: bytes) -> None:
        """Give ``data`` to the host."""

    def plug(self) -> None:
        """Put the cable in."""

    def unplug(self) -> None:
        """Pull the cable: the host loses the port."""


class PtyPort:
    """A pseudo-terminal, found through ``link`` (a symbolic link made anew at each plug)."""

    # Without a host the descriptor is readable all the time, with nothing but an error.
    wakes_when_opened = False

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._master = -1
        self._name = ""
        self._poll = select.poll()
        self.plug()

    @property
    def address(self) -> str:
        """What a host opens."""
        return str(self._link) if self._link else self._name

    @property
    def readers(self) -> list[int]:
        """See :class:`Port`."""
        return [self._master] if self._master >= 0 else []

    def connected(self) -> bool:
        """A host has the port open."""
        if self._master < 0:
            return False
        state = self._poll.poll(0)
        return not state or not state[0][1] & select.POLLHUP or bool(state[0][1] & select.POLLIN)

    def read(self) -> bytes:
        """What the host wrote."""
        if self._master < 0:
            return b""
        try:
            return os.read(self._master, _CHUNK)
        except OSError:  # EAGAIN: nothing there; EIO: no host
            return b""

    def write(self, data: bytes) -> None:
        """Give ``data`` to the host."""
        if self._master >= 0:
            with contextlib.suppress(OSError):  # full or just closed: lost, as on a wire
                os.write(self._master, data)

    def plug(self) -> None:
        """Put the cable in."""
        if self._master >= 0:
            return
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self._name = os.ttyname(slave)
        os.close(slave)  # so that the master can tell whether a host has it open
        os.set_blocking(self._master, False)
        self._poll.register(self._master, select.POLLIN)
        if self._link:
            fresh = self._link.with_name(f".{self._link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._name)
            fresh.replace(self._link)

    def unplug(self) -> None:
        """Pull the cable."""
        if self._master < 0:
            return
        if self._link:
            self._link.unlink(missing_ok=True)
        self._poll.unregister(self._master)
        os.close(self._master)
        self._master = -1


class TcpPort:
    """A TCP port on this machine, as a serial server offers it; one host at a time."""

    wakes_when_opened = True

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._listener: socket.socket | None = None
        self._host: socket.socket | None = None
        self.plug()

    @property
    def address(self) -> str:
        """What a host opens."""
        return f"socket://127.0.0.1:{self._port}"

    @property
    def readers(self) -> list[int]:
        """See :class:`Port`."""
        return [end.fileno() for end in (self._listener, self._host) if end]

    def connected(self) -> bool:
        """A host has the port open."""
        self._accept()
        return self._host is not None

    def _accept(self) -> None:
        if not self._listener:
            return
        try:
            host, _ = self._listener.accept()
        except BlockingIOError:
            return
        host.setblocking(False)
        host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._drop_host()
        self._host = host

    def read(self) -> bytes:
        """What the host wrote."""
        if not self._host:
            return b""
        try:
            data = self._host.recv(_CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop_host()
        return data

    def write(self, data: bytes) -> None:
        """Give ``data`` to the host."""
        if self._host:
            with contextlib.suppress(OSError):  # full or gone: lost, as on a wire
                self._host.send(data)

    def plug(self) -> None:
        """Put the cable in."""
        if not self._listener:
            self._listener = socket.create_server(("127.0.0.1", self._port), reuse_port=False)
            self._listener.setblocking(False)
            self._port = self._listener.getsockname()[1]

    def _drop_host(self) -> None:
        if self._host:
            self._host.close()
            self._host = None

    def unplug(self) -> None:
        """Pull the cable."""
        self._drop_host()
        if self._listener:
            self._listener.close()
            self._listener = None
