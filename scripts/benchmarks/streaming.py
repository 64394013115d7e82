"""How much of the wire's limit is used, next to printcore on the same wire."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import model
from benchmarks.board import Report, Setting, board
from benchmarks.product import BenchError, product
from benchmarks.table import Row

TARGET = 0.95
BAUDS = (250_000, 115_200)
PEER = Path(__file__).with_name("peer.py")
HOSTS = ("polar-appliance", "printcore")


@dataclass(frozen=True)
class Result:
    """One print."""

    fraction: float  # of the wire's limit
    whole: bool  # every segment, once, in order
    report: Report


async def measure(host: str, baud: int, seconds: float, peer_python: Path) -> Result:
    """Stream for about ``seconds`` with one host."""
    count = max(200, int(seconds * baud / 10 / 40))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        file = folder / "segments.gcode"
        file.write_text(model.text(count))
        link = folder / "port"
        async with board(Setting(link=str(link), baud=baud)) as one:
            limit = 60 + 10 * seconds
            if host == "printcore":
                await _printcore(peer_python, file, link, baud, limit)
            else:
                async with product(folder, str(link), baud) as ours:
                    await ours.ready()
                    await ours.print_file(file, limit)
            report = await one.report()
    whole = report.segments == count and report.digest == model.digest(count)
    took = report.last - report.first
    fraction = model.wire_seconds(count, baud) / took if took else 0.0
    return Result(fraction if whole else 0.0, whole, report)


async def _printcore(python: Path, file: Path, link: Path, baud: int, limit: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(python), str(PEER), str(file), str(link), str(baud)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    try:
        async with asyncio.timeout(limit):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise BenchError(f"printcore did not end within {limit:.0f} s.") from None
    if code:
        raise BenchError(f"printcore ended with code {code}.")


async def run(seconds: float, peer_python: Path) -> list[Row]:
    """Both hosts at both rates."""
    rows = []
    for baud in BAUDS:
        for host in HOSTS:
            result = await measure(host, baud, seconds, peer_python)
            ours = host == HOSTS[0]
            rows.append(
                Row(
                    f"{host}, {baud} baud",
                    f"{result.fraction:.3f} of the wire, {result.report.dropped_bytes} dropped"
                    + ("" if result.whole else ", NOT WHOLE"),
                    f">= {TARGET}, 0 dropped" if ours else "",
                    (result.fraction >= TARGET and not result.report.dropped_bytes)
                    if ours
                    else None,
                )
            )
    return rows
