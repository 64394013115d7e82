"""From the cloud's ``pause`` to the last line of the file leaving the daemon."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from appliance.printer import api
from appliance.sim.cloud import LocalCloud
from benchmarks import model
from benchmarks.board import Board, Setting, board
from benchmarks.product import BenchError, Product, product
from benchmarks.table import Row

TARGET = 0.050  # seconds, median
LINES = 200_000  # more than are needed; the rest is cancelled
ONLINE_LIMIT = 60.0
STATE_LIMIT = 30.0
FLOWING = 0.3  # seconds of printing between two pauses
POLL = 0.02


async def _until(ours: Product, state: api.JobState) -> None:
    try:
        async with asyncio.timeout(STATE_LIMIT):
            while True:
                job = (await ours.client.snapshot()).job
                if job and job.state is state:
                    return
                if job and job.state.ended:
                    raise BenchError(f"The print ended: {job.state.value}. {job.reason}")
                await asyncio.sleep(POLL)
    except TimeoutError:
        raise BenchError(f"The print was not {state.value} within {STATE_LIMIT} s.") from None


async def _one(cloud: LocalCloud, ours: Product, printer: Board) -> float:
    """Seconds from the cloud's `pause` to the last bytes of the file, then print on."""
    await _until(ours, api.JobState.PRINTING)
    before = (await printer.report()).segments
    await asyncio.sleep(FLOWING)
    if (await printer.report()).segments == before:
        raise BenchError("No lines flow.")
    sent = time.monotonic()
    await cloud.pause()
    await _until(ours, api.JobState.PAUSED)
    seconds = max(0.0, (await printer.report()).last_seen - sent)
    await ours.client.resume()
    return seconds


async def run(pauses: int) -> list[Row]:
    """Pause a running cloud print ``pauses`` times, through cloud, agent and printer daemon."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        link = folder / "port"
        async with (
            LocalCloud() as cloud,
            board(Setting(link=str(link), baud=250_000)) as printer,
            product(
                folder, str(link), 250_000, url=cloud.url, daemons=("printer", "agent")
            ) as ours,
        ):
            await ours.ready()
            await cloud.wait_for(
                lambda state: state.printers and state.lives[state.printer().serial_number].status,
                ONLINE_LIMIT,
            )
            job = cloud.queue("Bench", model.text(LINES).encode())
            await cloud.start_print(job)
            seconds = [await _one(cloud, ours, printer) for _ in range(pauses)]
            await ours.client.cancel()
    median = statistics.median(seconds)
    return [
        Row("pauses", str(pauses)),
        Row("median", f"{median * 1000:.1f} ms", "< 50 ms", median < TARGET),
        Row("quickest and slowest", f"{min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f} ms"),
    ]
