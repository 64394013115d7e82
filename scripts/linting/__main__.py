"""``scripts/lint``: each problem is a line, and there should be none."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from image import stage
from scripts.linting import archive, shells, units

ROOT = Path(__file__).resolve().parents[2]
STAGE = ROOT / "image/stage-appliance"
TREE = ROOT / "systemd"
SECOND_TREE = STAGE / "02-system/files/tree"


def _shells() -> Iterator[str]:
    files = shells.shell_files(ROOT)
    print(f"shellcheck: {len(files)} files")
    yield from shells.problems(files)


def _units() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="polar-lint-") as folder:
        root = Path(folder) / "root"
        names = units.stage_root(root, TREE, SECOND_TREE)
        print(f"systemd-analyze: {len(names)} units")
        yield from units.problems(root, names)
    yield from units.too_open(TREE / units.UNITS)


def _stage() -> Iterator[str]:
    files = archive.package_files(STAGE)
    yield from stage.problems(STAGE)
    unchecked = ", ".join(archive.foreign(files))
    print(f"pi-gen: {len(stage.sub_stages(STAGE))} sub-stages; not in Debian: {unchecked}")
    try:
        names = archive.Index(ROOT / ".cache/lint" / archive.SUITE).names()
    except archive.ArchiveError as error:
        yield f"The packages were not looked up: {error}"
        return
    yield from archive.missing(files, names)


def main() -> int:
    """All checks; 1 when any has found something."""
    found = [problem for check in (_shells, _units, _stage) for problem in check()]
    for problem in found:
        print(problem.replace(f"{ROOT}/", ""), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
