"""Files on the boot partition, whose FAT has no journal: a power cut must leave the old one or
the new one.

A rename alone does not do that. Linux frees the blocks of the file that is replaced at once,
but writes where the new one begins into the folder only with the new file's inode (fs/fat,
``vfat_rename``): a cut between the two leaves a name that leads to freed blocks, and the check
of the next start empties it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from appliance.store import sync_folder


def replace(path: Path, data: bytes) -> None:
    """Let ``path`` hold ``data``, also if the power fails in the middle.

    Blocks until it is on the card. Raises OSError; one of both is there then, too. What a power
    cut leaves beside it is named by :func:`unfinished`.
    """
    new = unfinished(path)
    try:
        with contextlib.ExitStack() as opened:
            # While it is open its blocks are not freed, so no one finds them empty.
            with contextlib.suppress(FileNotFoundError):
                opened.enter_context(path.open("rb"))
            with new.open("wb") as file:
                _write(file, data)
                with contextlib.suppress(OSError):  # FAT has neither owners nor modes
                    os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
                new.replace(path)
                sync_folder(path.parent)  # first, or a cut leaves two names for the same blocks
                os.fsync(file.fileno())  # where it begins, under its new name
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def unfinished(path: Path) -> Path:
    """Where the new content of ``path`` lies until it takes its place."""
    return path.with_name(f"{path.name}.new")


def write(path: Path, data: bytes) -> None:
    """Write a file of which nothing may be left if the power fails. Raises OSError."""
    with path.open("wb") as file:
        _write(file, data)
    sync_folder(path.parent)


def _write(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())
