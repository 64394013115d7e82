"""3MF files: the G-code in them taken out, or found fit to be sliced.

A 3MF is a ZIP archive from somewhere: nothing of it is unpacked under its own names, and no
entry is believed to be as small as it says.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance.slicing.errors import BadModel, ModelTooLarge

MAGIC = b"PK\x03\x04"
_ENTRIES = 2000
_RATIO = 200  # times larger than packed; G-code reaches 6, XML with equal numbers some 30
_FREE = 10 * 1024 * 1024  # bytes up to which an entry may be packed as well as it likes
_BLOCK = 256 * 1024
_HEAD = 64 * 1024
_MAX_PICTURE = 512 * 1024
_GCODE = re.compile(r"(?:^|/)(?:plate_(\d+)|[^/]+)\.gcode$", re.IGNORECASE)
_MODEL = re.compile(r"^/?3D/[^/]+\.model$", re.IGNORECASE)
_PICTURES = ("Metadata/plate_1.png", "Metadata/thumbnail.png", "Auxiliaries/.thumbnails/"
             "thumbnail_middle.png")  # fmt: skip
_PRUSA = "Metadata/Slic3r_PE.config"
_AGAIN = "Export it once more, or send an STL."


@dataclass(frozen=True)
class Contents:
    """What a 3MF holds; ``gcode`` is the entry to be printed, "" when there is a model alone."""

    gcode: str
    plates: int  # G-code files in it
    has_settings: bool  # PrusaSlicer's own
    thumbnail: bytes | None


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is an archive."""
    return head.startswith(MAGIC)


def look(path: Path, max_bytes: int, go_on: Callable[[], None] = lambda: None) -> Contents:
    """What is in the 3MF at ``path``; for a thread. Every entry that would be used is read.

    Raises BadModel, ModelTooLarge when it unpacks to more than ``max_bytes``, and OSError.
    ``go_on`` is called with every block, and may raise.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
        if len(entries) > _ENTRIES:
            raise BadModel(f"The 3MF holds more than {_ENTRIES} files. {_AGAIN}")
        _bounded(entries, max_bytes)
        gcodes = sorted(
            (int(match[1] or 0), entry.filename)
            for entry in entries
            if (match := _GCODE.search(entry.filename))
        )
        if not gcodes:
            _check_models(archive, entries, max_bytes, go_on)
        names = {entry.filename for entry in entries}
        return Contents(
            gcodes[0][1] if gcodes else "",
            len(gcodes),
            _PRUSA in names,
            _picture(archive, names),
        )


def take_gcode(
    path: Path,
    entry: str,
    output: Path,
    max_bytes: int,
    go_on: Callable[[], None] = lambda: None,
) -> None:
    """Write the G-code ``entry`` to ``output``; for a thread.

    Raises BadModel, ModelTooLarge and OSError; what was written is then the caller's to remove.
    """
    with _opened(path) as archive, archive.open(entry) as source, output.open("wb") as target:
        for block in _blocks(source, max_bytes):
            target.write(block)
            go_on()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        # RuntimeError: an entry that wants a password.
        raise BadModel(f"The 3MF is damaged ({error}). {_AGAIN}") from error


def _bounded(entries: list[zipfile.ZipInfo], max_bytes: int) -> None:
    total = sum(entry.file_size for entry in entries)
    dense = any(
        entry.file_size > _FREE and entry.file_size > _RATIO * max(entry.compress_size, 1)
        for entry in entries
    )
    if dense or total > max_bytes:
        raise ModelTooLarge(
            f"The 3MF would unpack to {total / 1e6:.0f} MB, more than the "
            f"{max_bytes / 1e6:.0f} MB that are handled here. {_AGAIN}"
        )


def _check_models(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    most: int,
    go_on: Callable[[], None],
) -> None:
    """The slicer unpacks it later: it must be as small as it says, and plain XML."""
    if not any(_MODEL.match(entry.filename) for entry in entries):
        raise BadModel(f"The 3MF holds neither a model nor G-code. {_AGAIN}")
    left = most
    for entry in entries:
        with archive.open(entry) as source:
            head = b""
            for block in _blocks(source, left):
                head = head or block[:_HEAD]
                left -= len(block)
                go_on()
        if entry.filename.lower().endswith((".model", ".config", ".xml", ".rels")) and (
            b"<!DOCTYPE" in head or b"<!ENTITY" in head
        ):
            raise BadModel(f"The 3MF holds XML that is not allowed in it. {_AGAIN}")


def _blocks(source: IO[bytes], max_bytes: int) -> Iterator[bytes]:
    left = max_bytes
    while block := source.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise ModelTooLarge(f"The 3MF unpacks to more than it says. {_AGAIN}")
        yield block


def _picture(archive: zipfile.ZipFile, names: set[str]) -> bytes | None:
    for name in _PICTURES:
        if name in names and archive.getinfo(name).file_size <= _MAX_PICTURE:
            with archive.open(name) as source:
                data = source.read(_MAX_PICTURE + 1)
            if len(data) <= _MAX_PICTURE and data.startswith(b"\x89PNG"):
                return data
    return None
