"""Whether the packages that the image names exist: Debian Trixie's own index is asked.

apt makes it in a folder of its own, with the address that this machine's sources give and the
keys that this machine trusts; the machine's own lists are not touched.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from image import stage

SUITE = "trixie"
ARCHITECTURE = "arm64"
FRESH = 7 * 86400.0  # seconds; a stable release hardly changes
# Only in Raspberry Pi's archive, which has no part in this check.
FOREIGN = "01-packages-nr"


class ArchiveError(Exception):
    """There is no index to ask."""


def debian_address(targets: str) -> str:
    """Where this machine gets Debian from, of what apt-get says about its sources.

    Each line: address, origin, label, component. Raises ArchiveError.
    """
    for line in targets.splitlines():
        address, *what = line.split()
        if what == ["Debian", "Debian", "main"]:
            return address.rstrip("/")
    raise ArchiveError(
        "This machine's apt sources name no Debian archive that is known (apt-get update)."
    )


def own_targets() -> str:
    """What apt-get says about this machine's sources."""
    form = "$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Index:
    """Trixie's index, kept in ``folder`` for a week."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = folder / "fetched"

    def names(self) -> frozenset[str]:
        """All packages. Raises ArchiveError."""
        if not self._fresh():
            self._fetch(debian_address(own_targets()))
        return frozenset(self._apt("apt-cache", "pkgnames").split())

    def _fresh(self) -> bool:
        try:
            return 0 <= time.time() - self._stamp.stat().st_mtime < FRESH
        except FileNotFoundError:
            return False

    def _fetch(self, address: str) -> None:
        for name in ("lists/partial", "cache/archives/partial"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "sources.list").write_text(
            f"deb {address} {SUITE} main\n", encoding="utf-8"
        )
        # Else a failed download is a warning alone, and the old lists are taken.
        self._apt("apt-get", "update", "-o", "APT::Update::Error-Mode=any")
        self._stamp.touch()

    def _apt(self, program: str, *arguments: str) -> str:
        folder = self._folder
        options = {
            "Dir::Etc::SourceList": folder / "sources.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": folder / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": folder / "cache",
            "APT::Architecture": ARCHITECTURE,
            "APT::Architectures": ARCHITECTURE,
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        done = subprocess.run(
            [program, "-q", *words, *arguments], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise ArchiveError(f"{program} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


def package_files(folder: Path) -> list[Path]:
    """The package lists of a stage, in pi-gen's order."""
    found = [step for each in stage.sub_stages(folder) for step in stage.steps(each)]
    return [path for path in found if "packages" in path.name]


def missing(files: Iterable[Path], names: Collection[str]) -> Iterator[str]:
    """What stands in ``files`` and not in the archive."""
    for path in files:
        for package in stage.packages(path):
            if path.name != FOREIGN and package not in names:
                yield f"{path}: {package} is no package of Debian {SUITE}."


def foreign(files: Iterable[Path]) -> list[str]:
    """What nobody here can check."""
    return [name for path in files if path.name == FOREIGN for name in stage.packages(path)]
