"""What is on the card: packages and wheels with their licences, and our own files' hashes."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from image.wheelhouse import REPOSITORY

SYSTEMD = REPOSITORY / "systemd"
SYSTEM_FILES = REPOSITORY / "image/stage-appliance/02-system/files/tree"
# Where the stage puts what is not copied from one of the two trees.
OWN_FOLDERS = ("opt/polar-appliance", "usr/lib/polar-appliance")
OWN_LINKS = (
    "usr/bin/polar-appliance",
    "usr/lib/systemd/system/getty.target.wants/getty@tty1.service",
)
# Debian's modules, compiled for -OO.
COMPILED = "usr/lib/python3*/**/__pycache__/*.opt-2.pyc"
COMPILED_FOLDERS = ("/usr/lib/python3.13", "/usr/lib/python3/dist-packages")
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])")


@dataclass(frozen=True, order=True)
class Package:
    """One Debian package or Python distribution, and what it may be used under."""

    kind: str  # "debian" or "python"
    name: str
    version: str
    licences: tuple[str, ...]
    text: str  # where on the card its terms stand


@dataclass(frozen=True, order=True)
class OwnFile:
    """One of our files: ``digest`` is that of its content, or of a link's target."""

    path: str
    mode: str  # octal, with the file's kind
    size: int  # bytes
    digest: str  # sha256, hexadecimal


def debian_packages(root: Path) -> Iterator[Package]:
    """What dpkg has installed in ``root``."""
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    for paragraph in re.split(r"\n\n+", status.strip()):
        fields = HeaderParser().parsestr(paragraph)
        if fields["Status"] != "install ok installed":
            continue
        place = f"/usr/share/doc/{fields['Package']}/copyright"
        text = _read_in(root, place)
        yield Package("debian", fields["Package"], fields["Version"], tuple(licences(text)), place)


def python_packages(root: Path) -> Iterator[Package]:
    """What stands in the application's environment."""
    for metadata in root.glob(
        "opt/polar-appliance/[0-9]*/lib/python3*/site-packages/*.dist-info/METADATA"
    ):
        fields = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        named = fields["License-Expression"] or _classified(fields.get_all("Classifier", []))
        short = (fields["License"] or "").strip().partition("\n")[0]
        place = f"/{metadata.parent.relative_to(root)}"
        terms = tuple(filter(None, [named or short]))
        yield Package("python", fields["Name"], fields["Version"], terms, place)


def licences(text: str) -> list[str]:
    """The names of licences in a Debian copyright file, in the machine-readable form or not."""
    named = re.findall(r"^Licen[cs]e:[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE | re.IGNORECASE)
    return sorted(set(named or _COMMON.findall(text)))


def own_files(root: Path) -> list[OwnFile]:
    """All that the stage put into ``root``, sorted by path: equal for equal inputs."""
    found = {path for folder in OWN_FOLDERS for path in (root / folder).rglob("*")}
    found |= {root / link for link in OWN_LINKS}
    found |= set(root.glob(COMPILED))
    found |= {root / path for path in copied()}
    return sorted(_describe(root, path) for path in found if path.is_symlink() or path.is_file())


def copied() -> Iterator[Path]:
    """The files that the stage copies from the repository as they stand, by their place."""
    for tree in (SYSTEMD, SYSTEM_FILES):
        for top in ("etc", "usr"):
            found = (tree / top).rglob("*")
            yield from (path.relative_to(tree) for path in found if not path.is_dir())


def sums(files: Iterable[OwnFile]) -> str:
    """A line for each: hash, mode, path."""
    return "".join(f"{file.digest}  {file.mode}  {file.path}\n" for file in files)


def _describe(root: Path, path: Path) -> OwnFile:
    content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
    mode = path.lstat().st_mode
    # A link's mode says nothing, and differs between file systems.
    shown = "link" if stat.S_ISLNK(mode) else f"{stat.S_IMODE(mode):04o}"
    digest = hashlib.sha256(content).hexdigest()
    return OwnFile(f"/{path.relative_to(root)}", shown, len(content), digest)


def _classified(classifiers: Iterable[str]) -> str:
    names = [each.split(" :: ")[-1] for each in classifiers if each.startswith("License :: ")]
    return " AND ".join(names)


def _read_in(root: Path, place: str) -> str:
    """A file of the card; links in it lead inside the card. Empty when it is not there."""
    path = root / place.lstrip("/")
    folder = path.parent
    if folder.is_symlink():
        target = folder.readlink()
        folder = root / str(target).lstrip("/") if target.is_absolute() else folder.parent / target
        path = folder / path.name
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
