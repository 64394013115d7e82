"""Our pi-gen stage as pi-gen will see it: what it does in which order, and what breaks its rules.

The rules are those of pi-gen's ``build.sh`` and README: a sub-stage is a folder, its steps are
``00`` to ``99``, ``-run.sh`` runs on the host and needs its run bit, ``-run-chroot.sh`` is read
inside the root.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

STEP = re.compile(r"\d\d-(debconf|packages|packages-nr|patches|run\.sh|run-chroot\.sh)")
FIRST_LINE = "#!/bin/bash -e"
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")  # Debian policy 5.6.1
_KINDS = ("debconf", "packages-nr", "packages", "patches", "run.sh", "run-chroot.sh")


def sub_stages(stage: Path) -> list[Path]:
    """The folders in pi-gen's order."""
    return sorted(each for each in stage.iterdir() if each.is_dir())


def steps(sub_stage: Path) -> list[Path]:
    """What pi-gen does in this folder, in its order."""
    found = [each for each in sub_stage.iterdir() if STEP.fullmatch(each.name)]
    return sorted(found, key=lambda each: (each.name[:2], _KINDS.index(each.name[3:])))


def packages(path: Path) -> list[str]:
    """The names in a ``-packages`` file, without its comments."""
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    return text.split()


def problems(stage: Path) -> Iterator[str]:
    """Sentences about what pi-gen would skip, refuse or do otherwise than meant."""
    prerun = stage / "prerun.sh"
    if not prerun.is_file():
        yield f"{prerun}: is missing: pi-gen would have no root to work on."
    else:
        yield from _script(prerun, host=True)
    if not (stage / "EXPORT_IMAGE").is_file():
        yield f"{stage / 'EXPORT_IMAGE'}: is missing: there would be no image."
    for sub_stage in sub_stages(stage):
        yield from _sub_stage(sub_stage)


def _sub_stage(folder: Path) -> Iterator[str]:
    if not re.match(r"\d\d-", folder.name):
        yield f"{folder}: a sub-stage's name begins with two digits: their order is its own."
    for path in sorted(folder.iterdir()):
        if path.name == "files" or STEP.fullmatch(path.name):
            continue
        yield f"{path}: pi-gen knows no such step and would skip it."
    found = steps(folder)
    if not found:
        yield f"{folder}: holds no step."
    for path in found:
        if path.suffix == ".sh":
            yield from _script(path, host=path.name.endswith("-run.sh"))
        elif "packages" in path.name:
            yield from _packages(path)


def _script(path: Path, *, host: bool) -> Iterator[str]:
    if path.read_text(encoding="utf-8").partition("\n")[0] != FIRST_LINE:
        yield f"{path}: the first line is not {FIRST_LINE}: a failure would go on unseen."
    if os.access(path, os.X_OK) != host:
        rule = "is not executable: pi-gen would skip it" if host else "needs no run bit"
        yield f"{path}: {rule}."


def _packages(path: Path) -> Iterator[str]:
    names = packages(path)
    for name in names:
        if not PACKAGE.fullmatch(name):
            yield f"{path}: {name!r} is no package's name."
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{path}: {name} stands there twice."
