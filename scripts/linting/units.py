"""Our systemd units in the eyes of systemd itself, on a root that holds them and little else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

UNITS = Path("usr/lib/systemd/system")
SYSTEM_UNITS = Path("/") / UNITS
# What the units start and what is not in the trees: the application, and Debian's own.
PROGRAMS = tuple(
    Path(program)
    for program in (
        "opt/polar-appliance/current/bin/python",
        "bin/sh",
        "lib/systemd/systemd-backlight",
        "usr/bin/journalctl",
        "usr/bin/ssh-keygen",
        "usr/lib/systemd/systemd-backlight",
        "usr/sbin/sshd",
    )
)
# Stands for a unit of a package, so that what is laid over it can be read.
STAND_IN = "[Unit]\nDescription=%s\n[Service]\nType=oneshot\nExecStart=/bin/sh\n"
# What a generator makes of fstab.
BOOT_MOUNT = """\
[Unit]
Before=local-fs.target
[Mount]
What=/dev/disk/by-label/bootfs
Where=/boot/firmware
"""
START = "multi-user.target"
DAEMONS = ("polar-printer.service", "polar-agent.service")
EXPOSURE = 2.0  # the most that is allowed to a daemon
# Keys that the card's systemd (257) knows and one before 254 warns of.
LATER = ("RestartSteps", "RestartMaxDelaySec")
_NEW_KEY = re.compile(rf"Unknown key '({'|'.join(LATER)})' in section \[Service\], ignoring")
_LEVEL = re.compile(r"Overall exposure level for \S+: (\d+\.\d+)")


def stage_root(root: Path, *trees: Path, system_units: Path = SYSTEM_UNITS) -> list[str]:
    """Make ``root`` of systemd's own units and of ``trees``, all of them switched on.

    Returns the names of the units to be verified: those of the trees, those that they change,
    and the target of a start, which shows orders that bite their own tail.
    """
    shutil.copytree(system_units, root / UNITS, symlinks=True)
    (root / UNITS / "boot-firmware.mount").write_text(BOOT_MOUNT, encoding="utf-8")
    names = {START}
    for tree in trees:
        shutil.copytree(tree, root, symlinks=True, dirs_exist_ok=True)
        if (tree / UNITS).is_dir():
            names |= {path.name.removesuffix(".d") for path in (tree / UNITS).iterdir()}
    for program in PROGRAMS:
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (root / program).chmod(0o755)
    for name in names:
        _switch_on(root / UNITS / name)
    return sorted(names)


def _switch_on(unit: Path) -> None:
    """What ``systemctl enable`` does."""
    if not unit.exists():
        unit.write_text(STAND_IN % unit.name, encoding="utf-8")
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("WantedBy="):
            for target in line.partition("=")[2].split():
                folder = unit.with_name(f"{target}.wants")
                folder.mkdir(exist_ok=True)
                if not (folder / unit.name).is_symlink():
                    (folder / unit.name).symlink_to(f"../{unit.name}")


def problems(root: Path, names: list[str]) -> Iterator[str]:
    """What ``systemd-analyze verify`` says.

    Any word counts: for a misspelt key it gives a warning and ends with 0.
    """
    command = ["systemd-analyze", "verify", f"--root={root}", "--man=no", *names]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    said = (found.stdout + found.stderr).replace(f"{root}/", "").splitlines()
    yield from (line for line in said if not _NEW_KEY.search(line))
    if found.returncode and not said:
        yield f"systemd-analyze verify ended with status {found.returncode} and said nothing."


def exposure(unit: Path) -> float:
    """What ``systemd-analyze security`` makes of a service: 0 (locked up) to 10 (open)."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    level = _LEVEL.search(found.stdout)
    if level is None:
        raise RuntimeError(f"systemd-analyze security: {found.stderr.strip() or 'no answer'}")
    return float(level[1])


def too_open(folder: Path) -> Iterator[str]:
    """The daemons whose sandbox is too weak."""
    for name in DAEMONS:
        level = exposure(folder / name)
        if level > EXPOSURE:
            yield f"{folder / name}: systemd-analyze security says {level}, more than {EXPOSURE}."
