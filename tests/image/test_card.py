"""A finished image is read without root: its table, its unpacked bytes, its files."""

from __future__ import annotations

import hashlib
import lzma
import re
import struct
from pathlib import Path

import pytest

from image import card
from image.wheelhouse import REPOSITORY, ImageError


def test_the_partitions_are_found(raw_image: Path) -> None:
    found = card.partitions(raw_image.read_bytes()[:512])
    assert [(p.number, p.kind) for p in found] == [(1, 0x0C), (2, 0x83)]
    assert found[1].start == 1 << 20
    assert found[1].size == 4 << 20


@pytest.mark.parametrize("sector", [b"", b"\0" * 512, b"\x55\xaa"])
def test_no_table_is_said(sector: bytes) -> None:
    with pytest.raises(ImageError, match="no partition table"):
        card.partitions(sector)


def test_an_archive_is_unpacked_with_its_holes(tmp_path: Path) -> None:
    content = b"a" * 5000 + bytes(3 << 20) + b"z" + bytes(2 << 20)
    archive, image = tmp_path / "card.img.xz", tmp_path / "card.img"
    archive.write_bytes(lzma.compress(content))
    assert card.unpack(archive, image) == (len(content), hashlib.sha256(content).hexdigest())
    assert image.read_bytes() == content
    assert image.stat().st_blocks * 512 < len(content) // 2


def test_files_and_folders_come_out_as_they_are(raw_image: Path, tmp_path: Path) -> None:
    into = tmp_path / "out"
    card.extract(raw_image, ["/opt/polar-appliance", "/var/lib/dpkg/status", "/not/there"], into)
    assert (into / "opt/polar-appliance/current").readlink() == Path("0.1.0")
    assert (into / "var/lib/dpkg/status").read_text().startswith("Package: libexample")
    assert (into / "opt/polar-appliance/0.1.0/bin/polar-appliance").stat().st_mode & 0o777 == 0o755
    assert not (into / "usr").exists()


def test_a_root_that_cannot_be_read_is_said(raw_image: Path, tmp_path: Path) -> None:
    with raw_image.open("r+b") as file:
        file.seek(1 << 20)
        file.write(bytes(1 << 20))
    with pytest.raises(ImageError, match="cannot be read"):
        card.extract(raw_image, ["/opt"], tmp_path / "out")


def test_a_root_that_is_too_large_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    for room, allowed in ((0, True), (1, False)):
        root = entry(0x83, 0, card.DATA_START // 512 + room)
        image.write_bytes(bytes(462) + root + bytes(32) + b"\x55\xaa")
        if allowed:
            assert card.root_partition(image).size == card.DATA_START
        else:
            with pytest.raises(ImageError, match="behind 6 GiB"):
                card.root_partition(image)


def test_the_card_cuts_its_data_partition_where_we_think() -> None:
    script = REPOSITORY / "systemd/usr/lib/polar-appliance/data/partition.bash"
    found = re.search(r"^readonly START=(\d+)", script.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    assert int(found[1]) * 512 == card.DATA_START


def entry(kind: int, start: int, size: int) -> bytes:
    return struct.pack("<B3sB3sII", 0, b"", kind, b"", start, size)
