"""Command line of the bench; see scripts/bench."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from pathlib import Path

from appliance.errors import ApplianceError
from benchmarks import faults, memory, panel, pause, streaming, web
from benchmarks.table import Row, show

PARTS = ("streaming", "faults", "memory", "pause", "panel", "web")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; or all")
    parser.add_argument("--peer-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=15.0, help="of streaming, each")
    parser.add_argument("--lines", type=int, default=100_000, help="of the print with faults")
    parser.add_argument("--every", type=int, default=200, help="one fault in so many lines")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--settle", type=float, default=10.0, help="seconds before memory")
    parser.add_argument("--window", type=float, default=60.0, help="idle seconds")
    parser.add_argument("--pauses", type=int, default=25)
    parser.add_argument("--keys", type=int, default=40, help="pressed at the panel")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part named {', '.join(sorted(unknown))}; there are {PARTS}")
    return options


async def _measure(part: str, options: argparse.Namespace) -> tuple[str, list[Row]]:
    match part:
        case "streaming":
            title = "Streaming 28-byte lines, 1 ms turn-around, 127-byte buffer"
            return title, await streaming.run(options.seconds, options.peer_python)
        case "faults":
            title = f"A print with one fault in every {options.every} lines"
            return title, await faults.run(options.lines, options.every, options.seed)
        case "memory":
            title = f"Both daemons, online and idle, no camera, {options.window:.0f} s"
            return title, await memory.run(options.settle, options.window)
        case "panel":
            title = "The front panel: a finger, and a print beside a display that never rests"
            return title, await panel.run(options.keys, options.seconds, options.peer_python)
        case "web":
            return "The wizard's pages, on the device's own Wi-Fi", await web.run()
        case _:
            title = "From the cloud's pause to the last line leaving"
            return title, await pause.run(options.pauses)


def main() -> None:
    """Measure the parts one after the other; code 1 when a target was missed."""
    options = _options()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    missed = False
    for part in options.parts or PARTS:
        try:
            title, rows = asyncio.run(_measure(part, options))
        except ApplianceError as error:
            title, rows = part, [Row("could not be measured", error.long, "a number", False)]
        show(title, rows)
        missed = missed or any(row.reached is False for row in rows)
    sys.exit(1 if missed else 0)


main()
