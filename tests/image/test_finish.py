"""From an archive to all that is published with it; Imager's file is as its schema wants it."""

from __future__ import annotations

import hashlib
import json
import lzma
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from image import finish, imager
from image.imager import Built

DAY = date(2026, 11, 22)


@pytest.fixture
def archive(raw_image: Path, tmp_path: Path) -> Path:
    path = tmp_path / "deploy" / "polar-appliance-0.1.0.img.xz"
    path.parent.mkdir()
    path.write_bytes(lzma.compress(raw_image.read_bytes(), preset=1))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_files_are_written_and_summed(archive: Path, raw_image: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    written = finish.finish(archive, "0.1.0", DAY, output, "https://example.org/polar/")
    assert {path.name for path in output.iterdir()} == {path.name for path in written}
    sums = dict(line.split()[::-1] for line in (output / "SHA256SUMS").read_text().splitlines())
    assert sums == {path.name: digest(path) for path in written if path.name != "SHA256SUMS"}
    entry = listing(output)["os_list"][0]
    image = output / "polar-appliance-0.1.0.img.xz"
    assert entry["url"] == f"https://example.org/polar/{image.name}"
    assert entry["extract_size"] == raw_image.stat().st_size
    assert entry["extract_sha256"] == digest(raw_image)
    assert entry["image_download_size"] == image.stat().st_size
    assert entry["image_download_sha256"] == digest(image)
    packages = json.loads((output / "polar-appliance-0.1.0.packages.json").read_text())
    assert [package["name"] for package in packages] == ["libexample", "example"]
    assert "/bin/polar-appliance\n" in (output / "polar-appliance-0.1.0.files.sha256").read_text()


def test_without_an_address_imager_reads_the_folder(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    finish.finish(archive, "0.1.0", DAY, output, "")
    entry = listing(output)["os_list"][0]
    assert entry["url"] == (output / "polar-appliance-0.1.0.img.xz").as_uri()
    assert entry["icon"] == (output / "polar-appliance.svg").as_uri()


def test_finishing_again_changes_nothing(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    written = finish.finish(archive, "0.1.0", DAY, output, "")
    before = {path.name: digest(path) for path in written}
    again = finish.finish(output / archive.name, "0.1.0", DAY, output, "")
    assert {path.name: digest(path) for path in again} == before


def listing(output: Path) -> Any:
    return json.loads((output / "polar-appliance-0.1.0.rpi-imager-manifest").read_text())


def test_imagers_entry_has_what_its_schema_requires() -> None:
    built = Built("0.1.0", DAY, "https://x/y.img.xz", "https://x/y.svg", 2, "a" * 64, 1, "b" * 64)
    content: Any = imager.repository(built)
    (entry,) = content["os_list"]
    required = {"name", "description", "icon", "url", "extract_size", "extract_sha256"}
    required |= {"image_download_size", "release_date", "devices"}
    assert required <= set(entry)
    assert entry["init_format"] == "cloudinit-rpi"
    assert entry["release_date"] == "2026-11-22"
    assert entry["architecture"] == "armv8"
    assert entry["devices"] == ["pi5-64bit", "pi4-64bit", "pi3-64bit"]
    for board in content["imager"]["devices"]:
        assert {"name", "description", "tags"} <= set(board)
        assert set(board["tags"]) <= set(entry["devices"])
