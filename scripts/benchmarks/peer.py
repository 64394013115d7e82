"""Print a file with printcore (Printrun); runs in the environment that has it.

peer.py FILE PORT BAUD: ends with code 0 when printcore says that it is done.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from printrun import gcoder  # type: ignore[import-not-found]
from printrun.printcore import printcore  # type: ignore[import-not-found]

ONLINE_LIMIT = 60.0  # seconds
POLL = 0.05


def main() -> None:
    """Connect, print, wait for the end."""
    file, port, baud = sys.argv[1:]
    lines = Path(file).read_text().splitlines()
    host = printcore(port, int(baud))
    give_up = time.monotonic() + ONLINE_LIMIT
    while not host.online:
        if time.monotonic() > give_up:
            sys.exit("printcore did not find the printer.")
        time.sleep(POLL)
    time.sleep(1.0)  # as its user would: it has seen the board's banner by then
    host.startprint(gcoder.LightGCode(lines))
    while host.printing:
        time.sleep(POLL)
    host.disconnect()


main()
