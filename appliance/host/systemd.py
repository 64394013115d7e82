"""systemd: readiness, watchdog and the journal; a laptop without it runs just as well."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol

from appliance.host.health import Health
from appliance.host.journal import Fields, JournalHandler

log = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals at which a daemon ends in good order; SIGHUP comes when a terminal is closed."""

FEEDS = 6  # looks within WatchdogSec: a stall that ends within 5/6 of it harms nobody
PAUSE = 10.0  # seconds between two looks where no watchdog waits for them
STATUS_PAUSE = 5.0  # seconds between two looks whether `systemctl status` has news


class Notifier(Protocol):
    """What a daemon tells its service manager."""

    def ready(self, status: str) -> None:
        """Start-up is finished; ``status`` is a sentence for `systemctl status`."""

    def status(self, text: str) -> None:
        """What `systemctl status` shows from now on."""

    def stopping(self) -> None:
        """The daemon is on its way out."""

    async def watchdog(self, health: Health) -> None:
        """Look for ever whether all parts turn, and tell it while they do."""


class SystemdNotifier:
    """Talks to systemd through systemd-python."""

    def __init__(self, notify: Callable[[str], object], environment: Mapping[str, str]) -> None:
        self._notify = notify
        self._limit = _watchdog_seconds(environment)
        self._text = ""
        self._shown = ""
        self._hanging = ""

    def ready(self, status: str) -> None:
        """See Notifier."""
        self._text = self._shown = status
        self._notify(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        """See Notifier. Told only when it differs."""
        self._text = " ".join(text.split())  # a second line would be another message
        self._show()

    def stopping(self) -> None:
        """See Notifier."""
        self._notify("STOPPING=1")

    async def watchdog(self, health: Health) -> None:
        """See Notifier. Without a WatchdogSec in the unit it is only told who hangs."""
        await _attend(health, self._limit / FEEDS or PAUSE, self._seen)

    def _seen(self, hanging: str) -> None:
        self._hanging = hanging
        self._show()
        if self._limit and not hanging:
            self._notify("WATCHDOG=1")

    def _show(self) -> None:
        text = self._hanging or self._text
        if text != self._shown:
            self._shown = text
            self._notify(f"STATUS={text}")


class NoNotifier:
    """For a daemon that no systemd started."""

    def ready(self, status: str) -> None:
        """See Notifier."""
        log.info("%s", status)

    def status(self, text: str) -> None:
        """See Notifier."""

    def stopping(self) -> None:
        """See Notifier."""

    async def watchdog(self, health: Health) -> None:
        """See Notifier. Nobody restarts a part that hangs, but the log says it."""
        await _attend(health, PAUSE, lambda _hanging: None)


async def _attend(health: Health, pause: float, seen: Callable[[str], None]) -> None:
    """Look every ``pause`` seconds; ``seen`` is told which parts hang, '' for none."""
    known: tuple[str, ...] = ()
    while True:
        late = health.look(pause)
        names = tuple(one.name for one in late)
        for one in late:
            if one.name not in known:
                log.error("%s hangs: it has not turned for %.0f s", one.name, one.seconds)
        for name in known:
            if name not in names:
                log.warning("%s turns again", name)
        known = names
        seen(f"Hangs: {', '.join(names)}." if names else "")
        await asyncio.sleep(pause)


async def keep_status(notify: Notifier, text: Callable[[], str]) -> None:
    """Keep `systemctl status` current for ever, with a look every STATUS_PAUSE seconds."""
    while True:
        notify.status(text())
        await asyncio.sleep(STATUS_PAUSE)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """WatchdogSec of the unit; 0 when there is none, or it is meant for another process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(environment.get("WATCHDOG_USEC", "0")) / 1e6


def notifier(environment: Mapping[str, str] = os.environ) -> Notifier:
    """The notifier that fits how this process was started."""
    if "NOTIFY_SOCKET" not in environment:
        return NoNotifier()
    try:
        daemon = import_module("systemd.daemon")  # only on the device
    except ImportError:
        log.warning("started by systemd, but the module systemd-python is missing")
        return NoNotifier()
    return SystemdNotifier(daemon.notify, environment)


def set_up_logging(
    level: int = logging.INFO,
    environment: Mapping[str, str] = os.environ,
    fields: Fields | None = None,
) -> logging.Handler:
    """Log to the journal with structured fields where systemd listens, else to stderr."""
    handler = _journal_handler(environment, fields or Fields()) or _stream_handler()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aiohttp.access", "engineio", "socketio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler


def _journal_handler(environment: Mapping[str, str], fields: Fields) -> logging.Handler | None:
    if "JOURNAL_STREAM" not in environment:
        return None
    try:
        journal = import_module("systemd.journal")  # only on the device
    except ImportError:
        return None
    return JournalHandler(journal.send, fields)


def _stream_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    return handler
