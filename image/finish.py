"""What lies beside a finished image: the manifest, our files' hashes, Imager's file, SHA256SUMS.

``python -m image.finish --image IMAGE.img.xz --version 0.1.0 --date 2026-11-22 --output FOLDER``
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from image import card, imager, manifest
from image.wheelhouse import REPOSITORY, ImageError

ICON = REPOSITORY / "image/polar-appliance.svg"
_FOLDERS = (
    "/opt/polar-appliance",
    "/usr/lib/polar-appliance",
    "/usr/share/doc",
    "/var/lib/dpkg/status",
    "/usr/bin/polar-appliance",
)


def finish(archive: Path, version: str, released: date, output: Path, base: str) -> list[Path]:
    """Write everything into ``output``, where the image is moved to. Raises ImageError.

    ``base`` is the address that the folder will have; empty: that of the folder itself.
    """
    output.mkdir(parents=True, exist_ok=True)
    name = f"polar-appliance-{version}"
    target = output / f"{name}.img.xz"
    if archive.resolve() != target.resolve():
        shutil.move(archive, target)
    icon = Path(shutil.copy(ICON, output))
    with tempfile.TemporaryDirectory(dir=output) as folder:
        image, root = Path(folder) / "card.img", Path(folder) / "root"
        size, digest = card.unpack(target, image)
        root.mkdir()
        card.extract(image, places(), root)
        written = write_manifest(root, output, name)
    address = (base or output.resolve().as_uri()).rstrip("/")
    built = imager.Built(
        version, released, f"{address}/{target.name}", f"{address}/{icon.name}",
        size, digest, target.stat().st_size, card.sha256_of(target),
    )  # fmt: skip
    listing = output / f"{name}.rpi-imager-manifest"
    _write_json(listing, imager.repository(built))
    files = [target, icon, *written, listing]
    sums = output / "SHA256SUMS"
    sums.write_text("".join(f"{card.sha256_of(file)}  {file.name}\n" for file in files))
    return [*files, sums]


def places() -> list[str]:
    """What of the card's root is read: that of our own, and what tells of all packages."""
    own = {f"/{path}" for path in (*manifest.OWN_LINKS, *manifest.copied())}
    return [*_FOLDERS, *manifest.COMPILED_FOLDERS, *sorted(own - set(_FOLDERS))]


def write_manifest(root: Path, output: Path, name: str) -> list[Path]:
    """The list of packages and licences, and the hashes of our files. Returns both."""
    packages = sorted([*manifest.debian_packages(root), *manifest.python_packages(root)])
    listed = output / f"{name}.packages.json"
    _write_json(listed, [asdict(package) for package in packages])
    hashes = output / f"{name}.files.sha256"
    hashes.write_text(manifest.sums(manifest.own_files(root)), encoding="utf-8")
    return [listed, hashes]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Finish one image and name what was written."""
    parser = argparse.ArgumentParser(prog="image.finish", description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--date", type=date.fromisoformat, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--base", default="", help="address that the files will be offered at")
    given = parser.parse_args(arguments)
    try:
        written = finish(given.image, given.version, given.date, given.output, given.base)
    except ImageError as error:
        click.echo(error.long, err=True)
        return 1
    for path in written:
        click.echo(f"{path.stat().st_size:>12,}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
