"""Files that come over the network: streamed to the disk, checked, kept for a while.

Nothing of a file is collected in memory, nothing is left of one that was cut, too large or
not what it should be, and what an earlier life left unfinished is removed at the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from appliance import store
from appliance.cloud.partfile import FreeSpace, free_space
from appliance.errors import ApplianceError, StorageError
from appliance.gcode.check import check_gcode
from appliance.web.multipart import Data, Form, FormError, PartBegan, PartEnded

log = logging.getLogger(__name__)

KEPT: Final = 5  # files; older ones are removed
AT_ONCE: Final = 2  # uploads
RESERVE: Final = 64 * 1024 * 1024  # bytes that stay free for everything else
BLOCK: Final = 256 * 1024  # bytes written at once
LOOK_EVERY: Final = 16  # blocks between two looks at the free space
SILENCE: Final = 60.0  # seconds without a byte after which an upload is given up
FIELD_LIMIT: Final = 4 * 1024  # bytes of a field that is no file
NAME_LIMIT: Final = 200  # bytes of a file's name in UTF-8; file systems take 255
MODE: Final = 0o644  # the printer daemon may be another user

PROFILE_LIMIT: Final = 1024 * 1024  # bytes of slicing settings

_PART = ".part"
_UNNAMED = "Upload"


@dataclass(frozen=True)
class Kind:
    """What is taken: files with these endings, whose content ``check`` found right.

    ``check`` is for a thread and raises ApplianceError with words for a person.
    """

    endings: tuple[str, ...]
    check: Callable[[Path], None]


def _check_model(path: Path) -> None:
    """A first look; the slicer's own is thorough."""
    from appliance.slicing.model import HEADER, looks_like_stl  # noqa: PLC0415 - rarely needed
    from appliance.slicing.threemf import is_zip  # noqa: PLC0415

    with path.open("rb") as file:
        head = file.read(HEADER)
        size = os.fstat(file.fileno()).st_size
    if not is_zip(head) and not looks_like_stl(head, size):
        raise UploadRefused(
            "This is no STL and no 3MF, or only a part of one. Export the model once more.",
            short="No model",
        )


def _check_profile(path: Path) -> None:
    from appliance.slicing.config_text import read  # noqa: PLC0415 - rarely needed

    read(path)


GCODE: Final = Kind((".gcode", ".gco", ".g", ".nc", ".ngc"), check_gcode)
MODEL: Final = Kind((".stl", ".3mf"), _check_model)
PROFILE: Final = Kind((".ini", ".cfg", ".txt"), _check_profile)


class UploadRefused(ApplianceError):
    """A file was not taken; ``status`` is HTTP's number for it."""

    default_short = "Upload refused"

    def __init__(self, long: str, *, short: str | None = None, status: int = 400) -> None:
        super().__init__(long, short=short)
        self.status = status


@dataclass(frozen=True)
class Stored:
    """A print file on the disk; ``size`` in bytes, ``at`` in Unix seconds."""

    name: str
    path: Path
    size: int
    at: float

    @property
    def is_model(self) -> bool:
        """It must be sliced."""
        return self.path.suffix.lower() in MODEL.endings


@dataclass(frozen=True)
class Received:
    """What a form brought: its other fields, and its file if it had one."""

    fields: Mapping[str, str]
    file: Stored | None


def clean_name(raw: str, kinds: tuple[Kind, ...] = (GCODE,)) -> str:
    """A name that can be shown and is safe in one folder: no path, no control, not hidden.

    One that ends as none of ``kinds`` does gets the first ending of all.
    """
    last = raw.replace("\\", "/").rstrip("/").rpartition("/")[2]
    text = unicodedata.normalize("NFC", last.encode("utf-8", "replace").decode("utf-8"))
    shown = "".join(c if _visible(c) else " " for c in text)
    stem, ending = _split(" ".join(shown.split()).strip(". "), kinds)
    room = NAME_LIMIT - len(ending)
    stem = stem.encode()[:room].decode("utf-8", "ignore").strip(". ")
    return (stem or _UNNAMED) + ending


def _visible(character: str) -> bool:
    return unicodedata.category(character)[0] != "C" and character not in '/\\:*?"<>|'


def _split(name: str, kinds: tuple[Kind, ...]) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if any(f".{ending.lower()}" in kind.endings for kind in kinds):
        return (stem, dot + ending) if dot else ("", f".{ending}")
    return name, kinds[0].endings[0]


class Uploads:
    """A folder of uploaded files, the newest ``kept`` of them. Call :meth:`sweep` at the start."""

    def __init__(
        self,
        folder: Path,
        limit: int,
        *,
        kinds: tuple[Kind, ...] = (GCODE, MODEL),
        kept: int = KEPT,
        reserve: int = RESERVE,
        free: FreeSpace = free_space,
        block: int = BLOCK,
    ) -> None:
        self._folder = folder
        self._limit = limit
        self._kinds = kinds
        self._kept = kept
        self._reserve = reserve
        self._free = free
        self.block = block
        self._slots = asyncio.Semaphore(AT_ONCE)

    def sweep(self) -> None:
        """Remove what an earlier life did not finish."""
        for path in self._folder.glob(f".*{_PART}") if self._folder.is_dir() else ():
            log.info("removing the rest of an upload: %s", path.name)
            path.unlink(missing_ok=True)

    def files(self) -> list[Stored]:
        """What is stored, the newest first."""
        found: list[Stored] = []
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if not path.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):  # it was just removed
                    seen = path.stat()
                    found.append(Stored(path.name, path, seen.st_size, seen.st_mtime))
        return sorted(found, key=lambda file: (-file.at, file.name))

    def find(self, name: str) -> Stored:
        """The file with this name. Raises UploadRefused when there is none."""
        for file in self.files():
            if file.name == name:
                return file
        raise UploadRefused(
            f"There is no file called {clean_name(name)} any more. Send it once more.",
            short="No such file",
            status=404,
        )

    async def receive(
        self, request: web.Request, kinds: tuple[Kind, ...] | None = None
    ) -> Received:
        """Take the form that ``request`` brings, with at most one file in it.

        ``kinds`` narrows what is taken. Raises UploadRefused, FormError, StorageError and what
        is wrong with the file (NotGcode, SlicingError), each with words for a person.
        """
        length = request.content_length
        if length is not None and length > self._limit + FIELD_LIMIT:
            raise self._too_large()
        if self._slots.locked():
            raise UploadRefused(
                "Other files are being sent at this moment. Wait a little, then send it again.",
                status=503,
            )
        async with self._slots:
            await asyncio.to_thread(self._make_room, length or 0)
            form = Form(request.headers.get("Content-Type", ""))
            taker = _Taker(self, form, kinds or self._kinds)
            try:
                return await taker.take(request.content)
            except (ConnectionError, TimeoutError, HttpProcessingError) as error:
                log.info("an upload was cut: %s", error)
                raise FormError("The upload was cut. Send the file once more.") from error
            finally:
                await asyncio.shield(asyncio.to_thread(taker.discard))

    def begin(self, name: str, kinds: tuple[Kind, ...] | None = None) -> Incoming:
        """A file that begins to come in."""
        taken = kinds or self._kinds
        cleaned = clean_name(name, taken)
        ending = Path(cleaned).suffix.lower()
        return Incoming(self, cleaned, next(kind for kind in taken if ending in kind.endings))

    # What Incoming and _Taker need; everything that follows may block.

    def open(self) -> tuple[Path, BinaryIO]:
        """A new temporary file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f".{secrets.token_hex(8)}{_PART}"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        return path, os.fdopen(handle, "wb", buffering=0)

    def keep(self, path: Path, name: str) -> Stored:
        """Give a finished file its name; one of that name before is replaced."""
        target = self._folder / name
        path.replace(target)
        store.sync_folder(self._folder)
        for old in self.files()[self._kept :]:
            if old.name != name:
                log.info("removing the old upload %s", old.name)
                old.path.unlink(missing_ok=True)
        seen = target.stat()
        log.info("stored %s, %d bytes", name, seen.st_size)
        return Stored(name, target, seen.st_size, seen.st_mtime)

    def check_size(self, size: int) -> None:
        """Raise UploadRefused for a file that has become too large."""
        if size > self._limit:
            raise self._too_large()

    def check_space(self) -> None:
        """Raise UploadRefused when the disk is about to be full."""
        if self._free(self._folder) < self._reserve:
            raise _disk_full()

    def _make_room(self, length: int) -> None:
        """Old files give way to a new one, if that is enough."""
        self._folder.mkdir(parents=True, exist_ok=True)
        old = self.files()
        missing = length + self._reserve - self._free(self._folder)
        if missing > sum(file.size for file in old):
            raise _disk_full()
        while missing > 0 and old:
            oldest = old.pop()
            log.info("removing the old upload %s to make room", oldest.name)
            oldest.path.unlink(missing_ok=True)
            missing -= oldest.size

    def _too_large(self) -> UploadRefused:
        return UploadRefused(
            f"The file is too large: at most {self._limit / 1e6:.0f} MB are taken "
            "(web.max_upload in the settings).",
            short="File too large",
            status=413,
        )


def _disk_full() -> UploadRefused:
    return UploadRefused(
        "The disk has no room for this file. Remove files or use a larger SD card.",
        short="Disk full",
        status=507,
    )


class Incoming:
    """One file on its way to the disk. End it with :meth:`finish` or :meth:`discard`."""

    def __init__(self, uploads: Uploads, name: str, kind: Kind) -> None:
        self._uploads = uploads
        self._kind = kind
        self._name = name
        self._waiting = bytearray()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._size = self._blocks = 0
        self._lock = threading.Lock()  # a request that is canceled leaves its thread at work
        self._over = False
        self._stored: Stored | None = None

    async def write(self, data: bytes) -> None:
        """Append. Raises UploadRefused or StorageError."""
        self._waiting += data
        self._size += len(data)
        self._uploads.check_size(self._size)
        if len(self._waiting) >= self._uploads.block:
            await asyncio.to_thread(self._guarded, self._flush)

    async def finish(self) -> Stored:
        """Check what came, make it durable, and give it its name. Raises NotGcode."""
        return await asyncio.to_thread(self._finish)

    def discard(self) -> None:
        """Leave nothing behind, unless it was finished."""
        with self._lock:
            self._over = True
            if self._file is not None:
                self._file.close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            with self._lock:
                if not self._over:
                    act()
        except OSError as error:
            raise StorageError(
                f"The file could not be stored ({error.strerror}). Check the SD card."
            ) from error

    def _flush(self) -> None:
        if self._file is None:
            self._path, self._file = self._uploads.open()
        if self._blocks % LOOK_EVERY == 0:
            self._uploads.check_space()
        self._blocks += 1
        view = memoryview(bytes(self._waiting))
        while view:
            view = view[self._file.write(view) :]
        self._waiting.clear()

    def _finish(self) -> Stored:
        self._guarded(self._complete)
        if self._stored is None:
            raise FormError("The upload was cut. Send the file once more.")
        return self._stored

    def _complete(self) -> None:
        self._flush()
        assert self._path is not None
        assert self._file is not None
        self._kind.check(self._path)
        os.fsync(self._file.fileno())
        self._stored = self._uploads.keep(self._path, self._name)
        self._path = None


class _Taker:
    """Carries one form's parts to where they belong."""

    def __init__(self, uploads: Uploads, form: Form, kinds: tuple[Kind, ...]) -> None:
        self._uploads = uploads
        self._form = form
        self._kinds = kinds
        self._fields: dict[str, str] = {}
        self._name = ""
        self._text = bytearray()
        self._incoming: Incoming | None = None
        self._in_file = False

    async def take(self, body: StreamReader) -> Received:
        while True:
            async with asyncio.timeout(SILENCE):
                chunk = await body.readany()
            if not chunk:
                break
            for event in self._form.feed(chunk):
                await self._see(event)
        if not self._form.complete:
            raise FormError("The upload was cut. Send the file once more.")
        stored = await self._incoming.finish() if self._incoming is not None else None
        return Received(self._fields, stored)

    def discard(self) -> None:
        if self._incoming is not None:
            self._incoming.discard()

    async def _see(self, event: PartBegan | Data | PartEnded) -> None:
        match event:
            case PartBegan(name, None):
                self._name, self._in_file = name, False
                self._text.clear()
            case PartBegan(name, filename):
                self._begin_file(filename or "")
            case Data(content) if self._in_file and self._incoming is not None:
                await self._incoming.write(content)
            case Data(content):
                self._text += content
                if len(self._text) > FIELD_LIMIT:
                    raise FormError("The form that was sent has a field that is too long.")
            case PartEnded() if not self._in_file:
                self._fields[self._name] = self._text.decode("utf-8", "replace")

    def _begin_file(self, filename: str) -> None:
        if self._incoming is not None:
            raise UploadRefused("Send one file at a time.")
        self._in_file = True
        self._incoming = self._uploads.begin(filename, self._kinds)
