"""Finding the printer: which port, at which baud rate.

Each pair is tried with the real conversation: a port is a printer's when a firmware
introduces itself on it (M115). What worked last is tried first. A wrong baud rate shows
quickly, as bytes that are no text.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from appliance.config import PrinterSettings
from appliance.errors import PrinterError
from appliance.host.health import Heart
from appliance.printer import events
from appliance.printer.link import SOCKET, Link, OnData, OnLost, PortError, open_link
from appliance.printer.ports import candidates
from appliance.printer.protocol import Marlin

__all__ = ["BAUDS", "Detector", "Finder", "Found", "NoPrinter", "Remembered", "candidates", "pairs"]

log = logging.getLogger(__name__)

BAUDS = (250_000, 115_200, 500_000, 1_000_000, 230_400, 57_600)
TRY_LIMIT = 8.0  # seconds without a line of text: opening resets most boards, some boot for long
HEARD_LIMIT = 4096  # bytes kept of what was heard
GARBAGE_SAMPLE = 24  # bytes after which a wrong baud rate can be told
GARBAGE_SHARE = 0.3  # of them that are no text

_TEXT_LINE = re.compile(rb"(?:ok|[ -~]{4,})\r?")

Open = Callable[[str, int, OnData, OnLost], Awaitable[Link]]


class Remembered(msgspec.Struct, frozen=True):
    """Where the printer was last."""

    port: str
    baud: int


@dataclass(frozen=True)
class Found:
    """An open link on which a firmware answered, or said that it has halted."""

    link: Link
    port: str
    baud: int
    heard: bytes = b""  # of a halted one: what it said, which it will not say again


class Finder(Protocol):
    """What finds the printer."""

    async def find(self, remembered: Remembered | None, on_data: OnData, on_lost: OnLost) -> Found:
        """Find it and open its port. Raises PrinterError."""


class NoPrinter(PrinterError):
    """No port answers like a printer."""

    default_short = "Printer not found"


def pairs(
    settings: PrinterSettings, remembered: Remembered | None, ports: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """(port, baud rate) in the order in which they are to be tried; pure."""
    wanted = ports if settings.port == "auto" else [settings.port]
    bauds = BAUDS if settings.baud == "auto" else (settings.baud,)
    last = (remembered.port, remembered.baud) if remembered else None
    if last and last[0] in wanted and last[1] in bauds:
        yield last
    for port in wanted:
        # A network port has no baud rate of ours.
        for baud in bauds[:1] if port.startswith(SOCKET) else bauds:
            if (port, baud) != last:
                yield port, baud


def is_garbage(data: bytes) -> bool:
    """These bytes are no text: the baud rate is wrong."""
    wrong = sum(byte > 126 or (byte < 32 and byte not in b"\r\n\t") for byte in data)
    return len(data) >= GARBAGE_SAMPLE and wrong > GARBAGE_SHARE * len(data)


def ends_with_text(heard: bytes) -> bool:
    """The last whole line is one that somebody means to be read: the baud rate is right."""
    return _TEXT_LINE.fullmatch(heard.rpartition(b"\n")[0].rpartition(b"\n")[2]) is not None


class Detector:
    """Finds the printer again and again, for the engine."""

    def __init__(
        self,
        settings: PrinterSettings,
        *,
        open_port: Open = open_link,
        ports: Callable[[], Sequence[str]] = candidates,
        heart: Heart | None = None,
    ) -> None:
        """``heart`` beats before each try, and while a port is listened to."""
        self._settings = settings
        self._heart = heart or Heart()
        self._open = open_port
        self._ports = ports

    async def find(self, remembered: Remembered | None, on_data: OnData, on_lost: OnLost) -> Found:
        """The first pair that answers. Raises NoPrinter or what keeps a port from opening."""
        problem: PortError | None = None
        closed: set[str] = set()  # a port that cannot be opened cannot at another rate either
        tried: list[str] = []
        for port, baud in pairs(self._settings, remembered, self._ports()):
            if port in closed:
                continue
            tried.append(port)
            try:
                found = await self._try(port, baud, on_data, on_lost)
            except PortError as error:
                problem = problem or error
                closed.add(port)
                continue
            if found is not None:
                return found
        raise problem or _nobody(tried)

    async def _try(self, port: str, baud: int, on_data: OnData, on_lost: OnLost) -> Found | None:
        self._heart.beat()
        trial = _Trial(on_data, on_lost, self._heart)
        link = await self._open(port, baud, trial.received, trial.lost)
        try:
            if await trial.meet(link, baud):
                log.info("a printer answers on %s at %d baud", port, baud)
                trial.hand_over()
                return Found(link, port, baud, trial.halted)
        except BaseException:
            link.close()
            raise
        link.close()
        return None


class _Trial:
    """One conversation, to learn whether a printer is there; then the link is handed over."""

    def __init__(self, on_data: OnData, on_lost: OnLost, heart: Heart) -> None:
        self._on_data = on_data
        self._on_lost = on_lost
        self._heart = heart
        self._data = bytearray()
        self._news = asyncio.Event()
        self._gone = False
        self._over = False
        self.halted = b""  # what was heard of a printer that has halted

    def received(self, data: bytes) -> None:
        if self._over:
            self._on_data(data)
        else:
            self._data += data
            self._news.set()

    def lost(self, reason: str) -> None:
        if self._over:
            self._on_lost(reason)
        else:
            self._gone = True
            self._news.set()

    def hand_over(self) -> None:
        self._over = True

    async def meet(self, link: Link, baud: int) -> bool:
        """Introduce ourselves until a firmware answers; False when none does.

        Who speaks is listened to until the handshake itself gives up.
        """
        marlin = Marlin(baud=baud)
        marlin.opened(time.monotonic())
        heard = b""
        give_up = time.monotonic() + TRY_LIMIT
        while not self._gone:
            self._heart.beat()
            now = time.monotonic()
            data, self._data = bytes(self._data), bytearray()
            heard = (heard + data)[-HEARD_LIMIT:]
            for event in (*marlin.received(data, now), *marlin.tick(now)):
                match event:
                    case events.Ready():
                        return True
                    case events.Halted():
                        # A halted printer is a printer: the engine says what to do.
                        self.halted = heard
                        return True
                    case events.Failed():
                        return False
            if b"\n" in data and ends_with_text(heard):
                give_up = now + TRY_LIMIT
            if now >= give_up or is_garbage(heard[-256:]):
                return False
            link.write(marlin.output())
            self._news.clear()
            due = marlin.next_tick() or give_up
            await self._wait(min(due, give_up) - now)
        return False

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._news.wait()
        except TimeoutError:
            return


def _nobody(tried: Sequence[str]) -> NoPrinter:
    if not tried:
        return NoPrinter(
            "No printer is connected: there is no USB serial port. "
            "Connect the printer's USB cable and switch the printer on."
        )
    names = ", ".join(dict.fromkeys(tried))
    return NoPrinter(
        f"No printer answers on {names}. Is it switched on? "
        "If it is, set [printer] baud to the rate in its manual."
    )
