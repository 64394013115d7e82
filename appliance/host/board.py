"""The board that the appliance runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MODEL: Final = Path("/proc/device-tree/model")  # such as "Raspberry Pi 4 Model B Rev 1.4"


def has_header(model: Path = MODEL) -> bool:
    """Whether it is a Raspberry Pi: its header has the pins that a front panel needs."""
    try:
        return b"Raspberry Pi" in model.read_bytes()
    except OSError:  # not a device tree's machine
        return False
