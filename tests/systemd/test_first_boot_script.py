"""The short way of polar-first-boot.service: when it is taken, and when it must not be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "systemd/usr/lib/polar-appliance/first-boot"
NAME = "polar-1A2B"
FILES = {
    "etc/hostname": f"{NAME}\n",
    "etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{NAME}\n",
    "data/system/hostname": f"{NAME}\n",
    "var/lib/polar-appliance/identity.json": "{}",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        put(tmp_path, name, text)
    return tmp_path


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def run(root: Path) -> str:
    tools = {"POLAR_ROOT": str(root), "POLAR_HOSTNAME": "echo", "POLAR_MAKE": "echo the long way"}
    done = subprocess.run(
        [SCRIPT], env=os.environ | tools, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_where_all_is_made_it_only_sets_the_name(root: Path) -> None:
    assert run(root) == NAME


@pytest.mark.parametrize("missing", sorted(FILES))
def test_what_is_missing_is_made(root: Path, missing: str) -> None:
    (root / missing).unlink()
    assert run(root) == "the long way"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("etc/hostname", "workshop\n"),
        ("etc/hostname", ""),
        ("etc/hosts", "127.0.0.1\tlocalhost\n"),
        ("data/system/hostname", "polar-9999\n"),
        ("var/lib/polar-appliance/identity.json", ""),
        ("data/system/etc/systemd/system/multi-user.target.wants/ssh.service", ""),
    ],
)
def test_what_is_not_as_it_was_made_is_looked_at(root: Path, file: str, text: str) -> None:
    put(root, file, text)
    assert run(root) == "the long way"
