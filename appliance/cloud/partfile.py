"""A download on its way: ``NAME.part``, and beside it what is needed to resume it.

``NAME.part.json`` says how many bytes are certainly on the disk and which version of which
file they belong to, so that a restart, or a power cut, costs a few megabytes at most.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from appliance import store
from appliance.cloud.transfer import off_loop
from appliance.errors import StorageError

FreeSpace = Callable[[Path], int]
"""Bytes that may still be written in a folder."""

SYNC_EVERY = 4 * 1024 * 1024  # bytes written between two flushes to the disk


class PartRecord(msgspec.Struct, frozen=True):
    """What ``NAME.part.json`` holds; the address only as a hash, for it may be signed."""

    address: str
    validator: str  # a strong ETag or a Last-Modified, for If-Range
    total: int | None  # bytes of the whole file
    synced: int  # bytes that are certainly on the disk


def free_space(folder: Path) -> int:
    """Bytes that an unprivileged process may still write in ``folder``."""
    return shutil.disk_usage(folder).free


def part_path(target: Path) -> Path:
    """Where ``target`` grows."""
    return target.with_name(target.name + ".part")


def discard(target: Path) -> None:
    """Remove ``target`` and whatever is left of its download."""
    discard_part(target)
    store.remove(target)


def discard_part(target: Path) -> None:
    """Remove what is left of an unfinished download of ``target``."""
    part = part_path(target)
    store.remove(part.with_name(part.name + ".json"))
    store.remove(part)


class PartFile:
    """The open part of one download. Every method that touches the disk is off the loop."""

    def __init__(self, target: Path, address: str, reserve: int, free: FreeSpace) -> None:
        self._target = target
        self._path = part_path(target)
        self._record = store.Record(self._path.with_name(self._path.name + ".json"), PartRecord)
        self._address = hashlib.sha256(address.encode()).hexdigest()
        self._reserve = reserve
        self._free = free
        self._file: BinaryIO | None = None
        self._unsynced = 0
        self.size = 0  # bytes written so far
        self.validator = ""  # empty: what is there cannot be resumed
        self.total: int | None = None

    async def open(self) -> None:
        """Take up what an earlier process left, if it belongs to the same address."""
        await off_loop(lambda: self._guarded(self._open))

    async def restart(self, validator: str, total: int | None) -> None:
        """Begin again from the first byte of the version called ``validator``."""
        self.validator, self.total = validator, total
        await off_loop(lambda: self._guarded(self._restart))

    async def write(self, data: bytes) -> None:
        """Append; StorageError when the disk is full or would be."""
        await off_loop(lambda: self._guarded(lambda: self._write(data)))

    async def finish(self) -> None:
        """Make it durable and give it its name."""
        await off_loop(lambda: self._guarded(self._finish))

    async def require(self, more: int) -> None:
        """StorageError unless ``more`` bytes fit beside the reserve."""
        await off_loop(lambda: self._guarded(lambda: self._check_space(more)))

    def close(self) -> None:
        """Keep what is there for another time."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._file = os.fdopen(handle, "r+b", buffering=0)
        known = self._record.load()
        if known is not None and known.address == self._address and known.validator:
            self.validator, self.total = known.validator, known.total
            # Beyond `synced` a power cut may have left zeros.
            self.size = min(known.synced, self._path.stat().st_size)
        self._open_file.truncate(self.size)
        self._open_file.seek(self.size)

    def _restart(self) -> None:
        self._record.clear()
        self._open_file.seek(0)
        self._open_file.truncate(0)
        self.size = self._unsynced = 0

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._open_file.write(view)
            view = view[written:]
        self.size += len(data)
        self._unsynced += len(data)
        if self._unsynced >= SYNC_EVERY:
            self._check_space(0)
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._open_file.fileno())
        self._unsynced = 0
        if self.validator:
            self._record.save(PartRecord(self._address, self.validator, self.total, self.size))

    def _finish(self) -> None:
        os.fsync(self._open_file.fileno())
        self.close()
        self._path.replace(self._target)
        store.sync_folder(self._target.parent)
        self._record.clear()

    def _check_space(self, more: int) -> None:
        if self._free(self._target.parent) - self._reserve < more:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @property
    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError("The part file is not open.")
        return self._file

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StorageError(
                    "The disk has no room for this job. Remove files or use a larger SD card.",
                    short="Disk full",
                ) from error
            raise StorageError(
                f"{self._path}: {error.strerror}. Check that the folder can be written."
            ) from error
