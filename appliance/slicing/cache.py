"""Finished G-code by what it was made of: the same print is not sliced twice.

Each entry is a G-code file and a record beside it; the record is written last, so after a
power cut an entry is there as a whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from appliance.errors import StorageError
from appliance.store import sync_folder, write_atomic

log = logging.getLogger(__name__)

_BLOCK = 1024 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a finished G-code file."""

    size: int  # bytes
    seconds: float | None = None
    filament_mm: float | None = None
    layers: int | None = None
    slicer: str = ""
    thumbnail: bytes | None = None
    notes: tuple[str, ...] = ()


class Cache:
    """At most ``max_bytes`` of G-code in ``folder``; the least recently used goes first.

    Everything here reads and writes the disk: for a thread, one call at a time.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def take(self, key: str, output: Path) -> Entry | None:
        """Put the G-code of ``key`` at ``output``; None when there is none.

        Raises OSError when ``output`` cannot be written.
        """
        entry = self._entry(key)
        if entry is None:
            return None
        place(self._gcode(key), output)
        with contextlib.suppress(OSError):
            os.utime(self._record(key))
        return entry

    def keep(self, key: str, gcode: Path, entry: Entry) -> None:
        """Remember a file; one that is too large is not kept. Logs what the disk refuses."""
        if entry.size > self._max_bytes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(entry.size)
            # Both names are one file: nobody may write into it by mistake.
            gcode.chmod(gcode.stat().st_mode & ~0o222)
            place(gcode, self._gcode(key))
            write_atomic(self._record(key), msgspec.json.encode(entry))
        except (OSError, StorageError) as error:
            log.warning("The sliced file is not kept for later: %s", error)
            self._forget(key)

    def _entry(self, key: str) -> Entry | None:
        try:
            entry = msgspec.json.decode(self._record(key).read_bytes(), type=Entry)
            if self._gcode(key).stat().st_size == entry.size:
                return entry
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("An entry of the slicing cache is damaged: %s", error)
        self._forget(key)
        return None

    def _make_room(self, wanted: int) -> None:
        """Remove what has no record, then the least recently used, until ``wanted`` fits."""
        files = list(self._folder.iterdir())
        kept = {file.stem for file in files if file.suffix == ".json"}
        for file in files:
            if file.stem not in kept or file.suffix not in (".gcode", ".json"):
                file.unlink(missing_ok=True)
        used: list[tuple[float, int, str]] = []
        for key in kept:
            with contextlib.suppress(OSError):
                size = self._gcode(key).stat().st_size
                used.append((self._record(key).stat().st_mtime, size, key))
        total = sum(size for _, size, _ in used)
        for _, size, key in sorted(used):
            if total + wanted <= self._max_bytes:
                break
            self._forget(key)
            total -= size

    def _forget(self, key: str) -> None:
        for file in (self._record(key), self._gcode(key)):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def _gcode(self, key: str) -> Path:
        return self._folder / f"{key}.gcode"

    def _record(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def key_of(
    files: Iterable[Path], words: Iterable[str], go_on: Callable[[], None] = lambda: None
) -> str:
    """A name for what is made of the content of ``files`` under ``words``. Raises OSError.

    ``go_on`` is called with every block, and may raise.
    """
    whole = hashlib.sha256()
    for path in files:
        part = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                part.update(block)
                go_on()
        whole.update(part.digest())
    for word in words:
        whole.update(len(word).to_bytes(4, "big") + word.encode())
    return whole.hexdigest()


def place(source: Path, target: Path) -> None:
    """Put the content of ``source`` at ``target``, durably and as a whole. Raises OSError.

    On one disk both names share it, which costs nothing: sliced files are never changed.
    """
    beside = target.with_name(f".{target.name}.part")
    beside.unlink(missing_ok=True)
    try:
        try:
            os.link(source, beside)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copyfile(source, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(target)
        # Two names of one file are "replaced" by doing nothing: the second one stays.
        beside.unlink(missing_ok=True)
        sync_folder(target.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
