"""Says in words what ``image/build.sh`` would build, and finds what is wrong with it.

``python -m image.plan --config FILE --wheels FOLDER [--pi-gen FOLDER]``
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

import appliance
from image import stage, wheelhouse
from image.wheelhouse import REPOSITORY, ImageError

STAGE = REPOSITORY / "image/stage-appliance"
EARLIER = ("stage0", "stage1", "stage2")
# What pi-gen's own list lacks and image/build.sh needs, by the program: its Debian package.
TOOLS = {"git": "git", "rsync": "rsync", "debugfs": "e2fsprogs"}


def read_config(path: Path) -> dict[str, str]:
    """The plain ``NAME=value`` lines of a file that bash reads."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.isidentifier():
            found[name] = value.partition(" #")[0].strip().strip('"')
    return found


def pi_gen(config: dict[str, str], checkout: Path | None) -> Iterator[str]:
    """Where pi-gen comes from, and how it differs from what we pinned."""
    pinned = config["PI_GEN_COMMIT"]
    if checkout is None:
        yield f"{config['PI_GEN_ADDRESS']} at {pinned}, to be cloned"
        return
    there = _git(checkout, "rev-parse", "HEAD") or "no commit"
    same = "as pinned" if there == pinned else f"other than the pinned {pinned}"
    yield f"{checkout} at {there}, {same}"
    if _git(checkout, "status", "--porcelain"):
        yield "with changes of its own, which are built in"


def pi_gen_problems(checkout: Path) -> Iterator[str]:
    """What makes a folder no pi-gen for our card."""
    for name in ("build.sh", *(f"{each}/prerun.sh" for each in EARLIER)):
        if not (checkout / name).is_file():
            yield f"{checkout / name} is missing: this is no checkout of pi-gen."
            return
    if "export ARCH=arm64" not in (checkout / "build.sh").read_text(encoding="utf-8"):
        yield f"{checkout} builds for 32 bits: its branch arm64 is needed."


def missing_tools(checkout: Path | None) -> list[str]:
    """Debian packages that this machine lacks for a build without Docker."""
    wanted = dict(TOOLS)
    depends = checkout / "depends" if checkout else None
    if depends and depends.is_file():
        for each in depends.read_text(encoding="utf-8").split():
            program, _, package = each.partition(":")
            wanted[program] = package or program
    return sorted({package for program, package in wanted.items() if shutil.which(program) is None})


def stages() -> Iterator[str]:
    """Each step of our stage, and the packages that it asks for."""
    yield f"{', '.join(EARLIER)} of pi-gen, then {STAGE.name}:"
    for sub_stage in stage.sub_stages(STAGE):
        for step in stage.steps(sub_stage):
            yield f"  {sub_stage.name}/{step.name}"
            if "packages" in step.name:
                yield f"    {' '.join(stage.packages(step))}"


def wheels(folder: Path) -> Iterator[str]:
    """Each wheel with its size."""
    for wheel in sorted(folder.glob("*.whl")):
        yield f"  {wheel.stat().st_size:>10,}  {wheel.name}"


def reproducible(folder: Path) -> Iterator[str]:
    """A problem when our own wheel does not come out the same a second time."""
    first = next(folder.glob("polar_appliance-*.whl"))
    with tempfile.TemporaryDirectory() as again:
        second = wheelhouse.build_own(Path(again))
        if _hash(first) != _hash(second) or first.name != second.name:
            yield f"{first.name} came out differently when it was built a second time."


def report(config: dict[str, str], folder: Path, checkout: Path | None) -> list[str]:
    """Print the plan. Returns the problems."""
    commit = _git(REPOSITORY, "rev-parse", "HEAD") or "no commit"
    changed = _git(REPOSITORY, "status", "--porcelain")
    click.echo(f"Polar Appliance {appliance.__version__}, commit {commit}")
    if changed:
        click.echo(f"  with {len(changed.splitlines())} files that are not committed")
    click.echo(f"for arm64, Debian {config['RELEASE']}, host name {config['TARGET_HOSTNAME']}")
    for title, lines in (
        ("pi-gen", pi_gen(config, checkout)),
        ("Stages", stages()),
        ("Wheels", wheels(folder)),
    ):
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(f"  {line}")
    if missing := missing_tools(checkout):
        click.echo(f"\nMissing here, for a build without Docker: apt install {' '.join(missing)}")
    found = [*stage.problems(STAGE), *reproducible(folder)]
    return found + (list(pi_gen_problems(checkout)) if checkout else [])


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Print the plan; 1 when something is wrong with it."""
    parser = argparse.ArgumentParser(prog="image.plan", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--pi-gen", type=Path, default=None)
    given = parser.parse_args(arguments)
    try:
        found = report(read_config(given.config), given.wheels, given.pi_gen)
    except ImageError as error:
        found = [error.long]
    for problem in found:
        click.echo(f"wrong: {problem}", err=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
