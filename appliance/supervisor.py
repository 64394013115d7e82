"""``polar-appliance up``: both daemons in the foreground, as systemd would run them.

A daemon that ends is started again; the other one is not touched. One signal ends both, with
time for the printer daemon to make the printer safe.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.host.systemd import STOPPING

log = logging.getLogger(__name__)

RESTART_PAUSE = 1.0  # seconds
LEAN = ("-OO",)  # without docstrings a daemon needs 1 to 2 MB less
STOP_LIMIT = 4.5  # seconds for everything to end, of the 5 that are promised


class Daemon:
    """One child process that is kept running."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def keep_running(self) -> None:
        """Start it, and start it again whenever it ends."""
        while True:
            try:
                self._process = await asyncio.create_subprocess_exec(*self._command)
                code = await self._process.wait()
                log.warning("%s ended with code %s; starting it again", self.name, code)
            except OSError as error:  # no memory for another process
                log.error("%s cannot be started: %s", self.name, error)
            await asyncio.sleep(RESTART_PAUSE)

    async def stop(self, limit: float) -> None:
        """Ask it to end, and kill it when it does not within ``limit`` seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(limit):
                await process.wait()
        except TimeoutError:
            log.error("%s did not end in time and was killed", self.name)
            process.kill()
            await process.wait()


async def run_both(config: Path | None, *, verbose: bool) -> None:
    """Run the printer daemon and the agent until SIGINT or SIGTERM."""
    base = [sys.executable, *LEAN, "-m", "appliance"]
    base += ["--config", str(config)] if config else []
    base += ["--verbose"] if verbose else []
    daemons = [Daemon(name, [*base, name]) for name in ("printer", "agent")]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    keepers = [asyncio.create_task(daemon.keep_running()) for daemon in daemons]
    try:
        await stop.wait()
    finally:
        for keeper in keepers:
            keeper.cancel()
        # Together: the printer daemon needs none of the agent's time to make the printer safe.
        await asyncio.gather(*(daemon.stop(STOP_LIMIT) for daemon in daemons))
