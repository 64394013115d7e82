"""How much memory a slicer may have on this board, and what it has."""

from __future__ import annotations

import re
from pathlib import Path

MB = 1024 * 1024
RESERVE = 64 * MB  # left to the two daemons, a running print and the system
LEAST = 110 * MB  # PrusaSlicer 2.9.2 with a cube of twelve triangles: 115 MB; 2.5.0: 75 MB
PER_TRIANGLE = 300  # bytes; measured 420 (2.5.0) and 500 (2.9.2) with 638,400 triangles


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
    try:
        most = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        return int(most) - used if most != "max" else None
    except (OSError, ValueError):
        return None


def resident(pid: int) -> int:
    """Bytes that process ``pid`` has in memory now; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0
