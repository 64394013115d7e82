"""The serial ports of this machine that may be a printer's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serial.tools import list_ports

BY_ID = Path("/dev/serial/by-id")


def candidates(by_id: Path = BY_ID) -> Sequence[str]:
    """The ports that may be a printer's, under names that survive a re-plug.

    USB ports alone: the console and Bluetooth are never touched.
    """
    named = sorted(by_id.iterdir()) if by_id.is_dir() else []
    known = {path.resolve() for path in named}
    others = sorted(
        port.device
        for port in list_ports.comports()
        if port.device.startswith(("/dev/ttyUSB", "/dev/ttyACM"))
        and Path(port.device).resolve() not in known
    )
    return [*map(str, named), *others]
