"""The repository file of Raspberry Pi Imager 2, which offers our image with its questions.

Its form is that of rpi-imager's ``doc/json-schema/os-list-schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

NAME = "Polar Appliance"
DESCRIPTION = "Puts a serial (Marlin) 3D printer on the Polar Cloud"
# The tags of Raspberry Pi's own list. That of the Pi 3 is also that of the Zero 2 W.
BOARDS: Mapping[str, str] = {
    "Raspberry Pi 5": "pi5-64bit",
    "Raspberry Pi 4": "pi4-64bit",
    "Raspberry Pi 3 and Zero 2 W": "pi3-64bit",
}


@dataclass(frozen=True)
class Built:
    """What is known of a finished image; sizes in bytes, hashes sha256 in hexadecimal."""

    version: str
    released: date
    url: str  # of the compressed image
    icon: str
    extract_size: int
    extract_sha256: str
    download_size: int
    download_sha256: str


def repository(built: Built) -> dict[str, object]:
    """The file's content."""
    return {"imager": {"devices": [_board(name) for name in BOARDS]}, "os_list": [_entry(built)]}


def _board(name: str) -> dict[str, object]:
    return {
        "name": name,
        "description": f"{name}, 64 bit",
        "tags": [BOARDS[name]],
        "matching_type": "inclusive",
        "architecture": "armv8",
    }


def _entry(built: Built) -> dict[str, object]:
    return {
        "name": f"{NAME} {built.version}",
        "description": DESCRIPTION,
        "icon": built.icon,
        "url": built.url,
        "extract_size": built.extract_size,
        "extract_sha256": built.extract_sha256,
        "image_download_size": built.download_size,
        "image_download_sha256": built.download_sha256,
        "release_date": built.released.isoformat(),
        "devices": list(BOARDS.values()),
        "init_format": "cloudinit-rpi",
        "architecture": "armv8",
        # None of the wizard's extras: I2C and SPI are on, and the root is read-only.
        "capabilities": [],
    }
