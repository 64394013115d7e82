"""The log to download: from the journal, or where there is none from memory; no secrets in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from appliance import __version__
from appliance.web.redact import redact

log = logging.getLogger(__name__)

LINES: Final = 2000  # kept in memory where there is no journal
LINE: Final = 1000  # characters of one of them
JOURNAL_LINES: Final = 20_000
LIMIT: Final = 2 * 1024 * 1024  # bytes; the last ones count
TIME_LIMIT: Final = 20.0  # seconds for the journal; an SD card may be slow
JOURNAL: Final = (
    "journalctl",
    "--output=short-iso",
    "--unit=polar-*",
    "--no-pager",
    f"--lines={JOURNAL_LINES}",
)

Secrets = Callable[[], Iterable[str]]
"""Gives the secrets that this device knows, to be taken out wherever they stand."""


class Ring(logging.Handler):
    """Keeps the last lines in memory. Add it to the root logger where there is no journal."""

    def __init__(self, lines: int = LINES) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=lines)
        self.setFormatter(
            logging.Formatter(
                "%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record; several lines where it has a traceback."""
        try:
            for line in self.format(record).splitlines():
                self._lines.append(line[:LINE])
        except Exception:  # noqa: BLE001  # boundary: a log line must not fail its caller
            self.handleError(record)

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines) + "\n"


def has_journal() -> bool:
    """Whether this process logs to systemd's journal, and it can be read."""
    return "JOURNAL_STREAM" in os.environ and shutil.which(JOURNAL[0]) is not None


class Logs:
    """Gives the log. ``ring`` is read where there is no journal (None: the journal is used)."""

    def __init__(
        self, secrets: Secrets, ring: Ring | None, command: Iterable[str] = JOURNAL
    ) -> None:
        self._secrets = secrets
        self._ring = ring
        self._command = tuple(command)

    async def text(self) -> str:
        """The log without secrets, :data:`LIMIT` bytes at most, after a line that says whose."""
        raw = self._ring.text() if self._ring is not None else await self._journal()
        # Cleaned before it is cut: half of a secret would not be recognised.
        clean = await asyncio.to_thread(redact, raw, tuple(self._secrets()))
        return f"Polar Appliance {__version__}\n{_last(clean)}"

    async def download(self, _request: web.Request) -> web.Response:
        """Answer with the log as a file."""
        day = time.strftime("%Y-%m-%d")
        return web.Response(
            text=await self.text(),
            content_type="text/plain",
            headers={
                "Content-Disposition": f'attachment; filename="polar-appliance-{day}.log"',
                "Cache-Control": "no-store",
            },
        )

    async def _journal(self) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            return f"The journal cannot be read ({error.strerror}).\n"
        try:
            async with asyncio.timeout(TIME_LIMIT):
                kept = await _tail(process, 2 * LIMIT)
                await process.wait()
        except TimeoutError:
            return "The journal could not be read in time. Try again when nothing is printed.\n"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return kept.decode("utf-8", "replace")


async def _tail(process: asyncio.subprocess.Process, limit: int) -> bytes:
    """The last ``limit`` bytes of what the process prints, from the beginning of a line."""
    assert process.stdout is not None
    kept: deque[bytes] = deque()
    size, whole = 0, True
    while chunk := await process.stdout.read(1 << 16):
        kept.append(chunk)
        size += len(chunk)
        while size - len(kept[0]) >= limit:
            size -= len(kept.popleft())
            whole = False
    data = b"".join(kept)
    return data if whole else data.partition(b"\n")[2]


def _last(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= LIMIT:
        return data.decode()
    return data[-LIMIT:].partition(b"\n")[2].decode("utf-8", "replace")
