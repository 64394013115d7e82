"""How the virtual Marlin is built: what a configuration file of the firmware would say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class MarlinOptions:
    """A Marlin 2.1 and the wire it hangs on; times in seconds, sizes in bytes.

    ``speed`` divides the time that moves, dwells and heaters take, never that of the wire.
    """

    baud: int = 250_000  # 0: a wire that takes no time
    turnaround: float = 0.001  # what the firmware needs for a line before it acts on it
    rx_buffer: int = 127  # a ring of 128 holds one less
    queue: int = 4  # BUFSIZE
    max_command: int = 96  # MAX_CMD_SIZE
    planner_blocks: int = 16  # BLOCK_BUFFER_SIZE
    speed: float = 1.0
    boot_time: float = 0.5
    keepalive: float = 2.0  # HOST_KEEPALIVE; 0 = never busy:
    emergency_parser: bool = True
    autoreport: bool = True  # M155
    advanced_ok: bool = False
    extruders: int = 1
    bed: bool = True
    chamber: bool = False
    firmware: str = "Marlin 2.1.2.5 (Nov 15 2026 12:00:00)"
    machine: str = "Virtual Printer"
    uuid: str = "cede2a2f-41a2-4748-9b12-c55c62f367ff"
    capabilities: Mapping[str, bool] = field(default_factory=dict)  # more of M115's Cap: lines
    home_time: float = 5.0  # G28
    keep_executed: int | None = None  # how many of the last commands to keep; None = all
    # A real Marlin's flush after an error takes what has arrived of the next line, and reads its
    # tail as a line of its own. A tail that happens to be a whole command is then executed, and
    # no host can guard against it. True: the flush takes such a line whole.
    flush_whole_lines: bool = True
