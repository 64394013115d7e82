"""The wheels of the card: our own, and the locked ones for CPython 3.13 on Debian Trixie."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from appliance.errors import ApplianceError

REPOSITORY = Path(__file__).resolve().parent.parent
LOCK = REPOSITORY / "locks" / "requirements.txt"
PYTHON = "3.13"  # of Debian Trixie
GLIBC = 41  # 2.41, of Debian Trixie
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # Debian's name: that of wheels
LIST = "requirements.txt"


class ImageError(ApplianceError):
    """The image, or a part of it, cannot be made."""

    default_short = "Image not built"


@dataclass(frozen=True)
class Locked:
    """One line of a lock file: a version and the hashes that its files may have."""

    name: str
    version: str
    hashes: frozenset[str]  # sha256, hexadecimal

    def line(self) -> str:
        """The same for pip."""
        hashes = "".join(f" --hash=sha256:{each}" for each in sorted(self.hashes))
        return f"{self.name}=={self.version}{hashes}"


def read_lock(text: str, arch: str) -> Iterator[Locked]:
    """What of the lock file applies to the card's Python on ``arch``.

    Raises ImageError for a line without a version or a hash.
    """
    environment = {
        **{key: str(value) for key, value in default_environment().items()},
        "implementation_name": "cpython",
        "platform_machine": MACHINES[arch],
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }
    for line in re.sub(r"\\\n", " ", text).splitlines():
        wanted, *hashes = re.split(r"\s+--hash=sha256:", line.split(" #")[0].strip())
        if not wanted or wanted.startswith("#"):
            continue
        requirement = Requirement(wanted)
        pinned = re.fullmatch(r"==([^,*]+)", str(requirement.specifier))
        if pinned is None or not hashes:
            raise ImageError(f"The lock file has no version or no hash for {requirement.name}.")
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            yield Locked(name, pinned[1], frozenset(each.strip() for each in hashes))


def platforms(arch: str) -> Iterator[str]:
    """The wheel platforms that Debian Trixie runs on ``arch``, the newest first."""
    machine = MACHINES[arch]
    for minor in range(GLIBC, 16, -1):
        yield f"manylinux_2_{minor}_{machine}"
    yield f"manylinux2014_{machine}"
    if arch == "amd64":
        yield from (f"{each}_{machine}" for each in ("manylinux_2_12", "manylinux2010"))
        yield from (f"{each}_{machine}" for each in ("manylinux_2_5", "manylinux1"))


def download(locked: Sequence[Locked], arch: str, folder: Path) -> None:
    """Fetch the wheel of each with pip, from the indexes that this machine is set up for."""
    wanted = folder / LIST
    wanted.write_text("".join(f"{each.line()}\n" for each in locked), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", PYTHON]
    for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    for platform in platforms(arch):
        command += ["--platform", platform]
    _run([*command, "-r", str(wanted)], "A locked wheel could not be fetched for the card.")


def build_own(folder: Path) -> Path:
    """Our own wheel; the same files make the same bytes, whenever and wherever."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or commit_time(REPOSITORY)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    _run(
        [*command, "--directory", str(folder)],
        "The application's own wheel could not be built.",
        {"SOURCE_DATE_EPOCH": epoch},
    )
    return next(folder.glob("polar_appliance-*.whl"))


def commit_time(repository: Path) -> str:
    """Seconds since 1970 of the last commit, or a fixed time where there is no git."""
    command = ["git", "-C", str(repository), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "1767225600"  # 2026-01-01: in an unpacked archive no commit tells the time
    return done.stdout.strip()


def matched(wheels: Sequence[Path], locked: Sequence[Locked]) -> list[str]:
    """A line for pip for each wheel, with the hash of that very file.

    Raises ImageError when a wheel is missing, twice there, or other than the lock says.
    """
    found: dict[str, str] = {}
    versions = {each.name: each for each in locked}
    for wheel in wheels:
        name, version, *_ = parse_wheel_filename(wheel.name)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lock = versions.get(name)
        if lock and (str(version) != lock.version or digest not in lock.hashes):
            raise ImageError(f"{wheel.name} is not what the lock file names.")
        if name in found:
            raise ImageError(f"There are two wheels of {name}.")
        found[name] = f"{name}=={version} --hash=sha256:{digest}"
    missing = sorted(set(versions) - set(found))
    if missing:
        raise ImageError(f"No wheel was found for {', '.join(missing)}.")
    return [found[name] for name in sorted(found)]


def fill(arch: str, folder: Path) -> list[Path]:
    """Make ``folder`` hold exactly the wheels of the card and their list. Returns the wheels."""
    if arch not in MACHINES:
        raise ImageError(f"{arch!r} is no architecture of the card: amd64 and arm64 are.")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    locked = list(read_lock(LOCK.read_text(encoding="utf-8"), arch))
    download(locked, arch, folder)
    build_own(folder)
    wheels = sorted(folder.glob("*.whl"))
    lines = matched(wheels, locked)
    (folder / LIST).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return wheels


def _run(command: Sequence[str], sentence: str, extra: dict[str, str] | None = None) -> None:
    environment = {**os.environ, **(extra or {})}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ImageError(f"{sentence} {(done.stderr or done.stdout).strip()[-2000:]}")


def main(arguments: Sequence[str]) -> int:
    """``ARCH FOLDER``: fill the folder and say what is in it."""
    arch, folder = arguments
    try:
        wheels = fill(arch, Path(folder))
    except ImageError as error:
        click.echo(error.long, err=True)
        return 1
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    click.echo(f"{len(wheels)} wheels for {arch}, {size:.1f} MB, in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
