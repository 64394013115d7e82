"""How much memory a slicer may have on this board, and what it has."""

from __future__ import annotations

import re
from pathlib import Path

MB = 1024 * 1024
RESERVE = 64 * MB  # left to the two daemons, a running print and the system
# Measured: of its own PrusaSlicer takes 9 MB (2.5.0) or 18 MB (2.9.2) for a cube, beside 70 or
# 100 MB of program files of which the kernel drops what is not in use; 273 or 322 MB for 638,400
# triangles, which is 410 or 480 bytes for each.
LEAST = 48 * MB
PER_TRIANGLE = 300  # bytes
_CACHED = re.compile(r"^(?:in)?active_file (\d+)$", re.MULTILINE)
_OWN = re.compile(r"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$", re.MULTILINE)


def needed(triangles: int) -> int:
    """Bytes without which a model of so many triangles certainly cannot be sliced."""
    return LEAST + PER_TRIANGLE * triangles


def allowed(limit: int, root: Path = Path("/")) -> int:
    """Bytes for a slicer that starts now; ``limit`` in MB is the setting, 0 = what is free.

    What is free is what the kernel says is available, less a reserve, within the limits of
    our control groups.
    """
    free = available(root)
    room = free - RESERVE if free is not None else 1024 * MB
    room = min([room, *_group_rooms(root)])
    return max(min(room, limit * MB) if limit else room, 0)


def available(root: Path = Path("/")) -> int | None:
    """MemAvailable of /proc/meminfo in bytes; None where there is none."""
    try:
        text = (root / "proc/meminfo").read_text()
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _group_rooms(root: Path) -> list[int]:
    """What each control group above us has left (cgroup v2)."""
    try:
        line = (root / "proc/self/cgroup").read_text().splitlines()[0]
    except (OSError, IndexError):
        return []
    top = root / "sys/fs/cgroup"
    folder = top / line.rpartition("::")[2].strip().lstrip("/")
    rooms = []
    while folder != top and top in folder.parents:
        room = _room(folder)
        rooms += [] if room is None else [room]
        folder = folder.parent
    return rooms


def _room(group: Path) -> int | None:
    """What is left below both limits; from memory.high on the kernel holds its processes up.

    Its cached files are no obstacle: a model that was just downloaded is among them.
    """
    try:
        limits = [(group / name).read_text().strip() for name in ("memory.high", "memory.max")]
        used = int((group / "memory.current").read_text())
        cached = sum(map(int, _CACHED.findall((group / "memory.stat").read_text())))
        most = [int(limit) for limit in limits if limit != "max"]
    except (OSError, ValueError):
        return None
    return min(most) - max(used - cached, 0) if most else None


def taken(pid: int) -> int:
    """Bytes that process ``pid`` has for its own now, swapped ones too; 0 when it is gone.

    Not its program files: those the kernel can drop and read again.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return 1024 * sum(map(int, _OWN.findall(text)))
