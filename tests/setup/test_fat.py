"""The order of what reaches the card; on a real FAT image/vm/machine/test_damage.py cuts it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.setup import fat

OLD, NEW = b"old = 1\n", b"new = 2\n" * 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "polar-appliance.toml"
    file.write_bytes(OLD)
    return file


def test_a_file_is_replaced_and_nothing_lies_beside_it(path: Path) -> None:
    path.chmod(0o640)
    fat.replace(path, NEW)
    assert path.read_bytes() == NEW
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_was_not_there_is_made(path: Path) -> None:
    path.unlink()
    fat.replace(path, NEW)
    assert path.read_bytes() == NEW


def open_files() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


def test_each_step_is_on_the_card_before_the_next_one_needs_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content, folder, beginning; the old one's blocks are held until all of that is there."""
    told: list[tuple[str, bool]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink().name
        told.append((name, bool(open_files() & {str(path), f"{path} (deleted)"})))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    fat.replace(path, NEW)
    assert [name for name, _ in told] == [f"{path.name}.new", path.parent.name, path.name]
    assert all(held for _, held in told)
    assert f"{path} (deleted)" not in open_files()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_card_that_fails_leaves_one_of_both_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    count = 0
    real = os.fsync

    def fsync(handle: int) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise OSError(5, "Input/output error")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="Input/output"):
            fat.replace(path, NEW)
    assert path.read_bytes() == (OLD if number == 1 else NEW)
    assert list(path.parent.iterdir()) == [path]
