"""The product's daemons as child processes, with settings of their own."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import ApplianceError
from appliance.printer import api
from appliance.printer.client import PrinterClient, PrinterUnreachable
from appliance.supervisor import LEAN

READY_LIMIT = 60.0  # seconds until the printer was found
POLL = 0.25
STOP_LIMIT = 10.0

CONFIG = """\
[cloud]
url = "{url}"
mfg = "test"
email = "owner@example.com"
pin = "1234"
[printer]
port = "{port}"
baud = {baud}
[camera]
source = "{camera}"
[web]
port = 0
[setup]
simulated_network = true
[paths]
state = "{folder}/state"
run = "{folder}/run"
"""


class BenchError(ApplianceError):
    """Something that was to be measured did not happen."""


@dataclass
class Product:
    """Running daemons, by name."""

    client: PrinterClient
    folder: Path
    pids: dict[str, int]

    async def ready(self) -> api.Snapshot:
        """Wait until the printer answers."""
        return await self._wait(lambda seen: seen.link is api.LinkState.READY, READY_LIMIT)

    async def print_file(self, path: Path, limit: float) -> api.Snapshot:
        """Print ``path`` to its end."""
        await self.client.start(api.StartJob(path=str(path), key=secrets.token_hex(4)))
        return await self._wait(lambda seen: bool(seen.job and seen.job.state.ended), limit)

    async def _wait(self, condition: Callable[[api.Snapshot], bool], limit: float) -> api.Snapshot:
        seen: api.Snapshot | None = None
        try:
            async with asyncio.timeout(limit):
                while True:
                    try:
                        seen = await self.client.snapshot()
                    except PrinterUnreachable:
                        seen = None
                    if seen is not None and condition(seen):
                        return seen
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise BenchError(
                f"Not within {limit:.0f} s. The last state: {seen}. Log: {self.folder}"
            ) from None


@asynccontextmanager
async def product(
    folder: Path,
    port: str,
    baud: int,
    *,
    url: str = "",
    daemons: tuple[str, ...] = ("printer",),
    further: str = "",
    camera: str = "none",
) -> AsyncIterator[Product]:
    """The named daemons for as long as the block lasts; their logs lie in ``folder``.

    ``further`` settings are appended.
    """
    config = folder / "config.toml"
    address = url or "https://cloud.invalid"
    text = (CONFIG + further).format(
        url=address, port=port, baud=baud, folder=folder, camera=camera
    )
    config.write_text(text)
    (folder / "run").mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        pids = {}
        for name in daemons:
            pids[name] = await stack.enter_async_context(_daemon(config, folder, name))
        client = await stack.enter_async_context(PrinterClient(folder / "run/printer.sock"))
        yield Product(client, folder, pids)


@asynccontextmanager
async def _daemon(config: Path, folder: Path, name: str) -> AsyncIterator[int]:
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *LEAN, "-m", "appliance", "--config", str(config), name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
