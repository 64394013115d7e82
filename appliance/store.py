"""Durable state on an SD card that may lose power at any moment.

A file is replaced as a whole: written beside, flushed, renamed, and the folder flushed
too. So a reader finds the old content or the new one, never half of either.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

from appliance.errors import StorageError

log = logging.getLogger(__name__)

T = TypeVar("T")


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace ``path`` by ``data`` so that a power cut leaves the old or the new content.

    Raises StorageError when the disk is full or not writable; the old content then stands.
    """
    try:
        _make_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise _storage_error(path, error) from error


def _make_folder(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, each durable in the folder it stands in."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove ``path`` durably; it may be gone already."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)
    except OSError as error:
        raise _storage_error(path, error) from error


class Lock:
    """Held by the one process that does something; the kernel lets go when it dies.

    Entering raises StorageError when another process holds it; ``name`` says who that is.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._handle = -1

    def __enter__(self) -> Self:
        try:
            _make_folder(self._path.parent)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__(None, None, None)
            raise StorageError(
                f"{self._name} runs already ({self._path}). Stop that one first.",
                short="Runs already",
            ) from None
        except OSError as error:
            raise _storage_error(self._path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Record(Generic[T]):
    """One typed value kept as JSON in one file.

    A file that cannot be read as that type is set aside (``NAME.bad``) and reads as None:
    a damaged record must not keep the device from starting.
    """

    def __init__(self, path: Path, kind: type[T], mode: int = 0o600) -> None:
        self.path = path
        self._kind = kind
        self._mode = mode

    def load(self) -> T | None:
        """The stored value; None when there is none or it was damaged."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _storage_error(self.path, error) from error
        try:
            return msgspec.json.decode(data, type=self._kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._set_aside()
            return None

    def _set_aside(self) -> None:
        try:
            self.path.replace(self.path.with_name(self.path.name + ".bad"))
            sync_folder(self.path.parent)
        except OSError as error:
            raise _storage_error(self.path, error) from error

    def save(self, value: T) -> None:
        """Keep ``value`` durably."""
        write_atomic(self.path, msgspec.json.encode(value), self._mode)

    def clear(self) -> None:
        """Forget the value."""
        remove(self.path)


class BackgroundRecord(Record[T]):
    """A record that is written on a thread of its own, in order: a card that stalls holds
    nobody up. What cannot be kept is logged. A context manager, whose end waits for the card.
    """

    def __init__(self, path: Path, kind: type[T], mode: int = 0o600) -> None:
        super().__init__(path, kind, mode)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=path.name)

    def save(self, value: T) -> None:
        """Keep ``value`` soon."""
        self._writer.submit(self._logged, partial(super().save, value))

    def clear(self) -> None:
        """Forget the value soon."""
        self._writer.submit(self._logged, super().clear)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.shutdown()

    def _logged(self, act: Callable[[], None]) -> None:
        try:
            act()
        except StorageError as error:
            log.error("%s is not kept: %s", self.path.name, error.long)


def _storage_error(path: Path, error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            f"The disk is full: {path.name} could not be written. "
            "Remove files or use a larger SD card.",
            short="Disk full",
        )
    return StorageError(f"{path}: {error.strerror}. Check that the folder can be written.")
