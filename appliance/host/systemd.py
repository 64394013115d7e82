"""systemd: readiness, watchdog and the journal; a laptop without it runs just as well."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

log = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals at which a daemon ends in good order; SIGHUP comes when a terminal is closed."""


class Notifier(Protocol):
    """What a daemon tells its service manager."""

    def ready(self, status: str) -> None:
        """Start-up is finished; ``status`` is a sentence for `systemctl status`."""

    def stopping(self) -> None:
        """The daemon is on its way out."""

    async def watchdog(self) -> None:
        """Tell for ever that the event loop still turns."""


class SystemdNotifier:
    """Talks to systemd through systemd-python."""

    def __init__(self, notify: Callable[[str], object], environment: Mapping[str, str]) -> None:
        self._notify = notify
        self._watchdog_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1e6

    def ready(self, status: str) -> None:
        """See Notifier."""
        self._notify(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """See Notifier."""
        self._notify("STOPPING=1")

    async def watchdog(self) -> None:
        """See Notifier. Without a WatchdogSec in the unit there is nothing to tell."""
        while self._watchdog_seconds:
            self._notify("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_seconds / 3)


class NoNotifier:
    """For a daemon that no systemd started."""

    def ready(self, status: str) -> None:
        """See Notifier."""
        log.info("%s", status)

    def stopping(self) -> None:
        """See Notifier."""

    async def watchdog(self) -> None:
        """See Notifier."""


def notifier(environment: Mapping[str, str] = os.environ) -> Notifier:
    """The notifier that fits how this process was started."""
    if "NOTIFY_SOCKET" not in environment:
        return NoNotifier()
    try:
        from systemd import daemon  # noqa: PLC0415  # only on the device
    except ImportError:
        log.warning("started by systemd, but the module systemd-python is missing")
        return NoNotifier()
    return SystemdNotifier(daemon.notify, environment)


def set_up_logging(
    level: int = logging.INFO, environment: Mapping[str, str] = os.environ
) -> logging.Handler:
    """Log to the journal with structured fields where systemd listens, else to stderr."""
    handler = _journal_handler(environment) or _stream_handler()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aiohttp.access", "engineio", "socketio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler


def _journal_handler(environment: Mapping[str, str]) -> logging.Handler | None:
    if "JOURNAL_STREAM" not in environment:
        return None
    try:
        from systemd import journal  # noqa: PLC0415  # only on the device
    except ImportError:
        return None
    handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER="polar-appliance")
    return handler


def _stream_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    return handler
