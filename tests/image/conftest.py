"""A small card: an image with two partitions, as pi-gen cuts it, with few files on its root."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

START = 1 << 20
SIZE = 4 << 20
STATUS = """\
Package: libexample
Status: install ok installed
Version: 1.2-3
Description: an example
 of several lines

Package: gone
Status: deinstall ok config-files
Version: 1.0
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 Somebody
License: GPL-2+

Files: debian/*
License: MIT
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The few files of a root that the manifest reads."""
    folder = tmp_path / "root"
    site = folder / "opt/polar-appliance/0.1.0/lib/python3.13/site-packages"
    info = site / "example-1.0.dist-info"
    for each in (info, folder / "usr/share/doc/libexample", folder / "var/lib/dpkg"):
        each.mkdir(parents=True)
    (folder / "opt/polar-appliance/current").symlink_to("0.1.0")
    (folder / "var/lib/dpkg/status").write_text(STATUS)
    (folder / "usr/share/doc/libexample/copyright").write_text(COPYRIGHT)
    (info / "METADATA").write_text("Name: example\nVersion: 1.0\nLicense-Expression: MIT\n\ntext\n")
    program = folder / "opt/polar-appliance/0.1.0/bin/polar-appliance"
    program.parent.mkdir()
    program.write_text("#!/opt/polar-appliance/0.1.0/bin/python\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def raw_image(tmp_path: Path, root: Path) -> Path:
    """An MBR and one ext4 file system as partition 2, made without root."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed (apt install e2fsprogs)")
    partition = tmp_path / "root.ext4"
    command = ["mkfs.ext4", "-q", "-d", str(root), str(partition), f"{SIZE // 1024}k"]
    subprocess.run(command, check=True, capture_output=True)
    image = tmp_path / "card.img"
    image.write_bytes(table().ljust(START, b"\0") + partition.read_bytes())
    return image


def table() -> bytes:
    """The first sector: a FAT32 partition of no length and the root."""
    entries = [entry(0x0C, START // 512, 0), entry(0x83, START // 512, SIZE // 512)]
    return b"\0" * 446 + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def entry(kind: int, start: int, size: int) -> bytes:
    """One line of the partition table; start and size in sectors."""
    return struct.pack("<B3sB3sII", 0, b"\0\0\0", kind, b"\0\0\0", start, size)
