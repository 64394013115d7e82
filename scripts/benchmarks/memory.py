"""What the two daemons need while nothing happens: memory and processor time."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from appliance.sim.cloud import LocalCloud
from benchmarks.board import Setting, board
from benchmarks.product import product
from benchmarks.table import Row

MEMORY_TARGET = 90.0  # MB resident, both together
CPU_TARGET = 1.0  # percent of a core
ONLINE_LIMIT = 60.0
KIB_PER_MB = 1000 * 1000 / 1024


def _kib(path: Path, key: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise ValueError(f"{path} has no {key}")


def _tree(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _tree(int(child)))]


def resident(pid: int) -> float:
    """VmRSS of the process and its children, MB."""
    return sum(_kib(Path(f"/proc/{one}/status"), "VmRSS") for one in _tree(pid)) / KIB_PER_MB


def proportional(pid: int) -> float:
    """PSS of the process and its children, MB: shared pages count for their share."""
    files = (Path(f"/proc/{one}/smaps_rollup") for one in _tree(pid))
    return sum(_kib(file, "Pss") for file in files) / KIB_PER_MB


def processor_seconds(pid: int) -> float:
    """User and system time so far."""
    ticks = 0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def run(settle: float, window: float) -> list[Row]:
    """Both daemons, registered, online and idle, measured over ``window`` seconds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        link = folder / "port"
        async with (
            LocalCloud() as cloud,
            board(Setting(link=str(link), baud=250_000)),
            product(
                folder, str(link), 250_000, url=cloud.url, daemons=("printer", "agent")
            ) as ours,
        ):
            await ours.ready()
            await cloud.wait_for(
                lambda state: state.printers and state.lives[state.printer().serial_number].status,
                ONLINE_LIMIT,
            )
            await asyncio.sleep(settle)
            before = {name: processor_seconds(pid) for name, pid in ours.pids.items()}
            started = time.monotonic()
            await asyncio.sleep(window)
            seconds = time.monotonic() - started
            rows, total, cpu = [], 0.0, 0.0
            for daemon, pid in ours.pids.items():
                rss, pss = resident(pid), proportional(pid)
                busy = 100 * (processor_seconds(pid) - before[daemon]) / seconds
                total, cpu = total + rss, cpu + busy
                rows.append(Row(daemon, f"{rss:.1f} MB resident, {pss:.1f} MB PSS, {busy:.2f} %"))
    rows.append(Row("resident, together", f"{total:.1f} MB", "< 90 MB", total < MEMORY_TARGET))
    rows.append(Row("processor, together", f"{cpu:.2f} %", "< 1 % of a core", cpu < CPU_TARGET))
    return rows
