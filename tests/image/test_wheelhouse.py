"""The lock file as the card reads it, and which wheels are let onto it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from image import wheelhouse
from image.wheelhouse import ImageError, Locked

SUM = "0" * 64
LOCKFILE = f"""\
attrs==26.1.0 \\
    --hash=sha256:{SUM} \\
    --hash=sha256:{"1" * 64}
    # via aiohttp
cffi==2.1.1 ; platform_python_implementation != 'PyPy' \\
    --hash=sha256:{SUM}
typing-extensions==4.16.0 ; python_full_version < '3.13' \\
    --hash=sha256:{SUM}
winonly==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:{SUM}
armonly==1.0 ; platform_machine == 'aarch64' \\
    --hash=sha256:{SUM}
"""


def test_only_what_the_cards_python_needs_is_read() -> None:
    names = [each.name for each in wheelhouse.read_lock(LOCKFILE, "arm64")]
    assert names == ["attrs", "cffi", "armonly"]
    assert "armonly" not in [each.name for each in wheelhouse.read_lock(LOCKFILE, "amd64")]


def test_every_hash_of_a_version_is_kept() -> None:
    first = next(wheelhouse.read_lock(LOCKFILE, "arm64"))
    assert first == Locked("attrs", "26.1.0", frozenset({SUM, "1" * 64}))
    assert first.line() == f"attrs==26.1.0 --hash=sha256:{SUM} --hash=sha256:{'1' * 64}"


@pytest.mark.parametrize("line", ["attrs==26.1.0", f"attrs>=26 --hash=sha256:{SUM}"])
def test_a_lock_without_version_or_hash_is_refused(line: str) -> None:
    with pytest.raises(ImageError, match="no version or no hash for attrs"):
        list(wheelhouse.read_lock(line, "arm64"))


def test_the_real_lock_file_is_read_whole() -> None:
    text = wheelhouse.LOCK.read_text("utf-8")
    locked = {each.name for each in wheelhouse.read_lock(text, "arm64")}
    assert {"aiohttp", "cryptography", "gpiozero", "luma-oled", "msgspec", "pillow"} <= locked
    assert not {"systemd-python", "lgpio", "rpi-lgpio"} & locked, "these come as Debian packages"


def test_wheels_may_ask_for_no_newer_glibc_than_trixies() -> None:
    for arch, machine in wheelhouse.MACHINES.items():
        names = list(wheelhouse.platforms(arch))
        assert names[0] == f"manylinux_2_41_{machine}"
        assert f"manylinux2014_{machine}" in names
        assert all(name.endswith(machine) for name in names)


def wheel(folder: Path, name: str, content: bytes = b"wheel") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def lock_of(path: Path) -> Locked:
    name, version, *_ = path.name.split("-")
    return Locked(name, version, frozenset({hashlib.sha256(path.read_bytes()).hexdigest()}))


def test_each_wheel_is_listed_with_its_own_hash(tmp_path: Path) -> None:
    other = wheel(tmp_path, "attrs-26.1.0-py3-none-any.whl")
    own = wheel(tmp_path, "polar_appliance-0.1.0-py3-none-any.whl", b"ours")
    lines = wheelhouse.matched([other, own], [lock_of(other)])
    assert lines == [
        f"attrs==26.1.0 --hash=sha256:{hashlib.sha256(b'wheel').hexdigest()}",
        f"polar-appliance==0.1.0 --hash=sha256:{hashlib.sha256(b'ours').hexdigest()}",
    ]


def test_a_changed_wheel_another_version_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, "attrs-26.1.0-py3-none-any.whl")
    locked = lock_of(path)
    path.write_bytes(b"changed")
    with pytest.raises(ImageError, match="is not what the lock file names"):
        wheelhouse.matched([path], [locked])
    newer = wheel(tmp_path, "attrs-26.2.0-py3-none-any.whl")
    with pytest.raises(ImageError, match="is not what the lock file names"):
        wheelhouse.matched([newer], [lock_of(wheel(tmp_path, "attrs-26.1.0-py3-none-any.whl"))])
    with pytest.raises(ImageError, match="No wheel was found for attrs"):
        wheelhouse.matched([], [locked])
    with pytest.raises(ImageError, match="two wheels of attrs"):
        wheelhouse.matched([path, path], [lock_of(path)])


def test_our_wheel_comes_out_the_same_each_time(tmp_path: Path) -> None:
    first = wheelhouse.build_own(tmp_path / "first")
    second = wheelhouse.build_own(tmp_path / "second")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="'armhf' is no architecture"):
        wheelhouse.fill("armhf", tmp_path)
