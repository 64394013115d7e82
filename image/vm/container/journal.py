"""What a container logs, entry by entry, to be waited for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

Entry = dict[str, Any]
LIMIT = 60.0  # seconds


class Journal:
    """Follows ``journalctl -f -o json``; every entry of this boot is kept."""

    def __init__(self, command: Sequence[str]) -> None:
        self.entries: list[Entry] = []
        self._grown = threading.Condition()
        # A group of its own: nsenter waits for journalctl, and would leave it behind.
        self._process = subprocess.Popen(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                break  # cut in the middle
            entry = json.loads(line)
            with self._grown:
                self.entries.append(entry)
                self._grown.notify_all()

    def close(self) -> None:
        """Stop following; the entries stay. May be called again."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._thread.join()

    def mark(self) -> int:
        """Where the journal ends now: for ``wait`` and ``text``."""
        return len(self.entries)

    def wait(
        self, wanted: Callable[[Entry], bool], what: str, after: int = 0, limit: float = LIMIT
    ) -> Entry:
        """The first entry ``after`` a mark that is ``wanted``; raises when none comes."""
        end = time.monotonic() + limit
        at = after
        with self._grown:
            while True:
                for entry in self.entries[at:]:
                    if wanted(entry):
                        return entry
                at = len(self.entries)
                left = end - time.monotonic()
                if left <= 0 or not self._grown.wait(left):
                    raise AssertionError(f"Not in the journal within {limit:.0f} s: {what}")

    def wait_for_text(
        self, text: str, unit: str = "", after: int = 0, limit: float = LIMIT
    ) -> Entry:
        """The first entry with ``text`` in its message; ``unit`` may be with or of systemd."""
        return self.wait(
            lambda entry: text in message(entry) and (not unit or unit in units(entry)),
            f"{unit}: {text}",
            after,
            limit,
        )

    def text(self, after: int = 0) -> str:
        """The entries after a mark, one a line."""
        return "\n".join(map(_line, self.entries[after:]))


def message(entry: Entry) -> str:
    """Its text."""
    text = entry.get("MESSAGE", "")
    return text if isinstance(text, str) else bytes(text or ()).decode(errors="replace")


def units(entry: Entry) -> set[str]:
    """The units that it came from or is about."""
    return {str(entry[key]) for key in ("_SYSTEMD_UNIT", "UNIT") if key in entry}


def started(unit: str) -> Callable[[Entry], bool]:
    """Whether an entry is systemd's word that ``unit`` has started, which is ready then."""
    return lambda entry: message(entry).startswith("Started ") and unit in units(entry)


def _line(entry: Entry) -> str:
    seconds = int(entry.get("__REALTIME_TIMESTAMP", 0)) / 1e6
    clock = time.strftime("%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}"
    who = entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or "?"
    return f"{clock} {who}[{entry.get('_PID', '-')}]: {message(entry)}"
