"""Our stage follows pi-gen's rules, and the check finds what breaks them."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from image import stage
from image.plan import STAGE

SYSTEM = STAGE / "02-system"
LAID_OVER = SYSTEM / "files/tree/usr/lib/systemd/system"
HOST = "#!/bin/bash -e\ntrue\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "stage-x"
    (folder / "00-first").mkdir(parents=True)
    script(folder / "prerun.sh")
    (folder / "EXPORT_IMAGE").write_text('IMG_SUFFIX=""\n')
    script(folder / "00-first/00-run.sh")
    script(folder / "00-first/00-run-chroot.sh", mode=0o644)
    (folder / "00-first/00-packages-nr").write_text("# what for\nudev  kmod # both\n")
    return folder


def script(path: Path, text: str = HOST, mode: int = 0o755) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_our_stage_breaks_no_rule() -> None:
    assert list(stage.problems(STAGE)) == []


def test_a_good_stage_has_no_problems(good: Path) -> None:
    assert list(stage.problems(good)) == []


def test_steps_come_in_pi_gens_order(good: Path) -> None:
    names = [step.name for step in stage.steps(good / "00-first")]
    assert names == ["00-packages-nr", "00-run.sh", "00-run-chroot.sh"]


def test_comments_are_no_packages(good: Path) -> None:
    assert stage.packages(good / "00-first/00-packages-nr") == ["udev", "kmod"]


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "run bit": (lambda s: (s / "00-first/00-run.sh").chmod(0o644), "is not executable"),
    "chroot bit": (lambda s: (s / "00-first/00-run-chroot.sh").chmod(0o755), "needs no run bit"),
    "first line": (lambda s: script(s / "00-first/00-run.sh", "#!/bin/sh\n"), "first line"),
    "step name": (lambda s: (s / "00-first/1-run.sh").write_text(HOST), "knows no such step"),
    "folder name": (lambda s: (s / "00-first").rename(s / "first"), "two digits"),
    "empty": (lambda s: (s / "01-none").mkdir(), "holds no step"),
    "no export": (lambda s: (s / "EXPORT_IMAGE").unlink(), "no image"),
    "no prerun": (lambda s: (s / "prerun.sh").unlink(), "no root to work on"),
    "package name": (
        lambda s: (s / "00-first/01-packages").write_text("Bad_Name\n"),
        "no package's name",
    ),
    "package twice": (
        lambda s: (s / "00-first/01-packages").write_text("udev\nudev\n"),
        "udev stands there twice",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_rule_is_found(good: Path, name: str) -> None:
    spoil, words = BREAKS[name]
    spoil(good)
    found = list(stage.problems(good))
    assert len(found) == 1, found
    assert re.search(words, found[0])


def masked() -> set[str]:
    script = (SYSTEM / "00-run-chroot.sh").read_text().replace("\\\n", " ")
    found = re.findall(r"^systemctl mask (.+)$", script, re.M)
    return set(" ".join(found).split())


def test_what_would_lay_files_over_those_of_the_root_stays_off() -> None:
    made_with_the_image = {"systemd-sysusers", "systemd-hwdb-update", "ldconfig"}
    assert {f"{name}.service" for name in made_with_the_image} <= masked()
    assert "systemd-machine-id-commit.service" in masked(), "polar-data.service does it"


@pytest.mark.parametrize("name", ["userconfig.service", "sshswitch.service", "ssh.service"])
def test_what_a_file_on_the_boot_partition_asks_for_can_be_had(name: str) -> None:
    assert name not in masked()


@pytest.mark.parametrize(("name", "partitions"), [("fstab", 2), ("cmdline.txt", 1)])
def test_pi_gen_names_the_partitions_where_they_are_meant(name: str, partitions: int) -> None:
    """It replaces the first such word of each line, in comments too (04-set-partuuid)."""
    text = (SYSTEM / "files" / name).read_text()
    lines = [line for line in text.splitlines() if re.search("BOOTDEV|ROOTDEV", line)]
    assert len(lines) == len(re.findall("BOOTDEV|ROOTDEV", text)) == partitions
    assert not [line for line in lines if line.startswith("#")]


def steps_before(unit: str) -> list[str]:
    text = (LAID_OVER / f"{unit}.service.d/50-polar-appliance.conf").read_text()
    return re.findall(r"^ExecStartPre=(.*)$", text, re.M)


def test_ssh_has_keys_before_it_looks_for_them() -> None:
    assert steps_before("ssh") == ["", "/usr/bin/ssh-keygen -A", "/usr/sbin/sshd -t"]


@pytest.mark.parametrize("there", [True, False])
def test_netplan_is_called_where_it_is_and_missed_by_nobody(tmp_path: Path, there: bool) -> None:
    (step,) = steps_before("NetworkManager")
    if there:
        script(tmp_path / "netplan", "#!/bin/sh\necho netplan $*\n")
    command = shlex.split(step.removeprefix("-+"))
    done = subprocess.run(
        command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("netplan generate\n" if there else "", "")
