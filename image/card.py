"""Reads a finished image without root and without loop devices: its partitions, its files."""

from __future__ import annotations

import hashlib
import lzma
import os
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image.wheelhouse import ImageError

SECTOR = 512
# Where systemd/usr/lib/polar-appliance/data puts the data partition, on every card.
DATA_START = 6 << 30
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Partition:
    """An entry of the MBR's table; start and size in bytes."""

    number: int
    kind: int
    start: int
    size: int


def partitions(first_sector: bytes) -> list[Partition]:
    """The primary partitions. Raises ImageError when there is no table."""
    if len(first_sector) < SECTOR or first_sector[510:512] != b"\x55\xaa":
        raise ImageError("The image has no partition table.")
    found = []
    for number in range(4):
        entry = first_sector[446 + 16 * number : 462 + 16 * number]
        kind, start, length = entry[4], *struct.unpack("<II", entry[8:16])
        if kind:
            found.append(Partition(number + 1, kind, start * SECTOR, length * SECTOR))
    return found


def root_partition(image: Path) -> Partition:
    """Partition 2. Raises ImageError when there is none, or no room is left behind it."""
    with image.open("rb") as file:
        root = next((p for p in partitions(file.read(SECTOR)) if p.number == 2), None)
    if root is None:
        raise ImageError(f"{image.name} has no root partition.")
    if root.start + root.size > DATA_START:
        raise ImageError("The root ends behind 6 GiB, where the data partition of a card begins.")
    return root


def unpack(archive: Path, image: Path) -> tuple[int, str]:
    """Decompress ``archive`` (xz) into ``image``, leaving holes. Returns its size and sha256."""
    digest, size = hashlib.sha256(), 0
    with lzma.open(archive) as source, image.open("wb") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if chunk.count(0) == len(chunk):
                target.seek(len(chunk), os.SEEK_CUR)
            else:
                target.write(chunk)
        target.truncate(size)
    return size, digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Of a file of any size, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extract(image: Path, paths: Sequence[str], into: Path) -> None:
    """Copy files and folders of the root file system (partition 2) below ``into``.

    What is not on the card is left out. Needs debugfs (e2fsprogs). Raises ImageError.
    """
    root = root_partition(image)
    commands = []
    for path in paths:
        target = into / path.strip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        commands.append(f'rdump "{path}" "{target.parent}"\n')
    program = ["debugfs", "-f", "-", f"{image}?offset={root.start}"]
    try:
        done = subprocess.run(
            program, input="".join(commands), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ImageError("debugfs is missing. Install it: apt install e2fsprogs") from None
    if done.returncode or not any(into.rglob("*")):
        raise ImageError(f"The root file system cannot be read. {done.stderr.strip()[-2000:]}")
