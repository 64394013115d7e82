"""A long print on a bad line: every line executed, in order, none twice."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks import model
from benchmarks.board import Setting, board
from benchmarks.product import product
from benchmarks.table import Row

BAUD = 1_000_000  # so that it ends soon: the rate of faults is per line


async def run(count: int, every: int, seed: int) -> list[Row]:
    """Print ``count`` lines with one fault in every ``every``."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        file = folder / "segments.gcode"
        file.write_text(model.text(count))
        link = folder / "port"
        setting = Setting(
            link=str(link), baud=BAUD, turnaround=0.0002, fault_every=every, seed=seed
        )
        async with board(setting) as one, product(folder, str(link), BAUD) as ours:
            await ours.ready()
            started = time.monotonic()
            seen = await ours.print_file(file, limit=3600)
            seconds = time.monotonic() - started
            report = await one.report()
    right = report.segments == count and report.digest == model.digest(count)
    job = seen.job
    struck = ", ".join(f"{kind} {number}" for kind, number in sorted(report.faults.items()))
    return [
        Row("lines in the file", str(count)),
        Row("executed exactly, in order, none twice", "yes" if right else "NO", "yes", right),
        Row("lines of the file executed", f"{report.segments} of {count}"),
        Row("state of the job", f"{job.state.value} {job.reason}".strip() if job else "none"),
        Row("faults", str(sum(report.faults.values()))),
        Row("of them", struck),
        Row("lines refused by the board", str(report.refused)),
        Row("resends", str(seen.resends)),
        Row("bytes dropped by the 127-byte buffer", str(report.dropped_bytes)),
        Row("seconds", f"{seconds:.0f}"),
    ]
