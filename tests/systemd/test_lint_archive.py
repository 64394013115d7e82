"""Packages are looked up in an index of their own; here it is a small one on this disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.linting import archive
from scripts.linting.archive import ArchiveError, Index, debian_address

OTHERS = """\
http://one.example/tools/ Tools Tools main
http://two.example/security/ Debian Debian-Security main
"""
DEBIAN = "http://three.example/debian/ Debian Debian main\n"


def test_debian_itself_is_asked() -> None:
    assert debian_address(OTHERS + DEBIAN) == "http://three.example/debian"


@pytest.mark.parametrize("targets", ["", OTHERS, "http://four.example/debian/\n"])
def test_a_machine_without_debian_says_so(targets: str) -> None:
    with pytest.raises(ArchiveError, match="apt-get update"):
        debian_address(targets)


@pytest.fixture
def small_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of two packages, which this test trusts."""
    packages = tmp_path / "archive/dists/trixie/main/binary-arm64"
    packages.mkdir(parents=True)
    stanza = "Package: {}\nVersion: 1\nArchitecture: arm64\nFilename: x\nSize: 1\nMD5sum: {}\n\n"
    (packages / "Packages").write_text(
        "".join(stanza.format(name, "0" * 32) for name in ("udev", "kmod"))
    )
    root = tmp_path / "archive"
    monkeypatch.setattr(
        archive, "own_targets", lambda: f"[trusted=yes]file:{root} Debian Debian main\n"
    )
    monkeypatch.setattr(archive, "debian_address", lambda targets: f"[trusted=yes] file:{root}")
    return root


def test_the_index_knows_what_is_there(small_archive: Path, tmp_path: Path) -> None:
    assert Index(tmp_path / "index").names() == {"udev", "kmod"}


def test_a_fresh_index_is_not_fetched_again(small_archive: Path, tmp_path: Path) -> None:
    index = Index(tmp_path / "index")
    before = index.names()
    (small_archive / "dists").rename(small_archive / "away")
    assert index.names() == before
    old = (tmp_path / "index/fetched").stat().st_mtime - 2 * archive.FRESH
    os.utime(tmp_path / "index/fetched", (old, old))
    with pytest.raises(ArchiveError, match="apt-get update"):
        index.names()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "stage/00-packages"
    folder.mkdir(parents=True)
    (folder / "00-packages-nr").write_text("udev kmod # both\nno-such\n")
    (folder / archive.FOREIGN).write_text("only-there\n")
    (folder / "00-run.sh").write_text("#!/bin/bash -e\n")
    files = archive.package_files(folder.parent)
    assert [path.name for path in files] == ["00-packages-nr", archive.FOREIGN]
    [problem] = archive.missing(files, {"udev", "kmod"})
    assert "no-such is no package of Debian trixie" in problem
    assert archive.foreign(files) == ["only-there"]
