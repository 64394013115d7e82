"""What the card calls its version, and what a build that was stopped leaves to the next one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from image.wheelhouse import REPOSITORY

STEP = "image/stage-appliance/02-system/00-run.sh"
BUILD = REPOSITORY / "image/build.sh"


class Build:
    """A copy of all that the stage takes, and a root that it is laid on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("image/stage-appliance", "systemd"):
            shutil.copytree(REPOSITORY / part, folder / part, symlinks=True)
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        (self.wheels / "polar_appliance-0.1.0-py3-none-any.whl").write_bytes(b"wheel")

    def version(self, name: str = "root") -> str:
        root = self.folder / name
        (root / "opt/polar-appliance").mkdir(parents=True)
        (root / "opt/polar-appliance/current").symlink_to("0.1.0")
        (root / "etc").mkdir()
        given = {
            "ROOTFS_DIR": root,
            "IMG_DATE": "2026-11-22",
            "APPLIANCE_COMMIT": "abc1234",
            "APPLIANCE_WHEELS": self.wheels,
        }
        step = self.folder / STEP
        environment = os.environ | {key: str(value) for key, value in given.items()}
        subprocess.run([step], cwd=step.parent, env=environment, check=True, capture_output=True)
        return (root / "usr/lib/polar-appliance/image-version").read_text()


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("\n")


CHANGES: dict[str, Callable[[Build], object]] = {
    "wheel": lambda build: append(next(build.wheels.iterdir())),
    "unit": lambda build: append(
        build.folder / "systemd/usr/lib/systemd/system/polar-agent.service"
    ),
    "stage": lambda build: append(
        build.folder / "image/stage-appliance/00-packages/00-packages-nr"
    ),
    "run bit": lambda build: (
        build.folder / "systemd/usr/lib/polar-appliance/data-partition"
    ).chmod(0o644),
}


def test_the_same_content_has_the_same_version_wherever_it_lies(tmp_path: Path) -> None:
    first = Build(tmp_path / "first").version()
    second = Build(tmp_path / "second")
    for path in second.folder.rglob("*.service"):
        os.utime(path, (0, 0))
        path.chmod(0o664)  # another umask
    assert second.version() == first
    assert first.startswith("0.1.0 2026-11-22 abc1234 ")


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_another_version(tmp_path: Path, change: str) -> None:
    build = Build(tmp_path)
    first = build.version("first")
    CHANGES[change](build)
    assert build.version("second") != first


DOCKER = """\
#!/bin/sh
echo "$*" >> "$SAID"
[ "$1" != ps ] || echo "$THERE"
"""


@pytest.mark.parametrize("there", ["", "0a1b2c"])
def test_a_container_that_was_left_goes(tmp_path: Path, there: str) -> None:
    said = tmp_path / "said"
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    script = 'source <(head -n -1 "$0"); CONTAINER_NAME=ours; remove_leftover'
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "SAID": str(said), "THERE": there}
    subprocess.run(["bash", "-c", script, BUILD], env=environment, check=True)
    asked, *removed = said.read_text().splitlines()
    assert "name=^/?ours$" in asked
    assert "status=running" not in asked
    assert removed == ([f"rm --volumes {there}"] if there else [])
