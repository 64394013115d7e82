"""Log records as journal entries with fields of their own: which job, which part, which unit.

``journalctl JOB_ID=…`` shows a print's whole way through both daemons, ``COMPONENT=cloud``
one part's. systemd-python's own handler would send all that a record holds, the arguments
beside the text among it, and so undo what is removed from the text here.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final

log = logging.getLogger(__name__)

IDENTIFIER: Final = "polar-appliance"

_PRIORITIES: Final = (  # syslog(3), by the least level of each
    (logging.CRITICAL, "2"),
    (logging.ERROR, "3"),
    (logging.WARNING, "4"),
    (logging.INFO, "6"),
)
_DEBUG: Final = "7"

Send = Callable[..., object]
"""systemd.journal.send: (message, FIELD=text, …)."""


def _as_it_is(text: str) -> str:
    return text


@dataclass
class Fields:
    """What each entry says beside its text.

    Handed to the daemon's composition root, which puts ``job`` in: the id of the job under
    way, '' for none. It is asked at each record, from any thread, and must not log itself.
    ``clean`` takes secrets out of the text.
    """

    unit: str = ""
    job: Callable[[], str] = str
    clean: Callable[[str], str] = _as_it_is


class JournalHandler(logging.Handler):
    """Sends each record with ``send``."""

    def __init__(self, send: Send, fields: Fields) -> None:
        super().__init__()
        self._send = send
        self._fields = fields
        self.setFormatter(logging.Formatter("%(message)s"))  # the rest is in fields

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a traceback is part of its text."""
        try:
            self._send(
                self._fields.clean(self.format(record)),
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName,
                **self._further(record),
            )
        except Exception:  # noqa: BLE001  # boundary: a log line must not fail its caller
            self.handleError(record)

    def _further(self, record: logging.LogRecord) -> Mapping[str, str]:
        """Without empty ones: a match for JOB_ID finds entries of jobs alone."""
        fields = {
            "PRIORITY": _priority(record.levelno),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "LOGGER": record.name,
            "THREAD_NAME": record.threadName or "",
            "COMPONENT": component(record.name),
            "UNIT": self._fields.unit,
            # A line about a print that has just ended names it itself (extra={"job_id": …}).
            "JOB_ID": getattr(record, "job_id", "") or self._fields.job(),
        }
        return {name: text for name, text in fields.items() if text}


def log_uncaught() -> None:
    """Let an error that ends this process, or a thread of it, be logged like any other.

    Python would write it to stderr, which reaches the journal as it is.
    """
    sys.excepthook = _uncaught
    threading.excepthook = _ended_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("ended by an error", exc_info=(kind, error, trace))


def _ended_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not issubclass(ended.exc_type, SystemExit):
        name = ended.thread.name if ended.thread else "?"
        log.critical(
            "the thread %s was ended by an error",
            name,
            exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback),
        )


def is_journal() -> bool:
    """Whether this process logs to the journal, rather than to somebody's terminal."""
    return any(isinstance(one, JournalHandler) for one in logging.getLogger().handlers)


def component(logger: str) -> str:
    """The room that a logger belongs to: ``appliance.cloud.client`` is cloud, ``aiohttp.web``
    aiohttp.
    """
    ours, _, rest = logger.partition(".")
    return (rest if ours == "appliance" and rest else logger).partition(".")[0]


def _priority(level: int) -> str:
    return next((text for least, text in _PRIORITIES if level >= least), _DEBUG)
