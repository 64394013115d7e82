"""Our systemd units in the eyes of systemd itself, on a root that holds them and little else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

UNITS = Path("usr/lib/systemd/system")
SYSTEM_UNITS = Path("/") / UNITS
# What the units start and what is not in the tree: the application is installed by the image.
PROGRAMS = (Path("opt/polar-appliance/current/bin/python"),)
DAEMONS = ("polar-printer.service", "polar-agent.service")
EXPOSURE = 2.0  # the most that is allowed to a daemon
_LEVEL = re.compile(r"Overall exposure level for \S+: (\d+\.\d+)")


def stage_root(tree: Path, root: Path, system_units: Path = SYSTEM_UNITS) -> list[str]:
    """Make ``root`` of systemd's own units and of ``tree``; the names of the tree's units."""
    shutil.copytree(system_units, root / UNITS, symlinks=True)
    shutil.copytree(tree, root, symlinks=True, dirs_exist_ok=True)
    for program in PROGRAMS:
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (root / program).chmod(0o755)
    return sorted(path.name for path in (tree / UNITS).iterdir() if path.is_file())


def problems(root: Path, names: list[str]) -> Iterator[str]:
    """What ``systemd-analyze verify`` says.

    Any word counts: for a misspelt key it gives a warning and ends with 0.
    """
    command = ["systemd-analyze", "verify", f"--root={root}", "--man=no", *names]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    said = (found.stdout + found.stderr).replace(f"{root}/", "").splitlines()
    yield from said
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
