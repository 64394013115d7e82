"""The pages: how soon the first one is there, and how large each one is with all it loads."""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from appliance.agent.client import look
from appliance.config import Settings, load
from appliance.setup.api import SetupRecord, Step
from appliance.store import Record
from benchmarks.product import BenchError, product
from benchmarks.table import Row

TIME_TARGET = 300.0  # ms
SIZE_TARGET = 60_000  # bytes
START_LIMIT = 60.0  # seconds until the hotspot is open
WARM = 10  # further visits of the first page
PANEL = """
[panel]
display = "hd44780-20x4"
simulated = "{folder}/run/panel.sock"
"""


async def run() -> list[Row]:
    """An agent that stands at the setup's last step, seen by a phone on its hotspot."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        Record(folder / "state/setup.json", SetupRecord).save(SetupRecord(step=Step.DONE))
        async with product(
            folder, "auto", 250_000, daemons=("agent",), further=PANEL, camera="synthetic"
        ):
            base = await _address(load(folder / "config.toml").settings)
            async with aiohttp.ClientSession(base, headers={"Accept": "text/html"}) as http:
                return await _measure(http)


async def _measure(http: aiohttp.ClientSession) -> list[Row]:
    first = await _first(http)
    again = [(await _visit(http, "/setup/welcome"))[0] for _ in range(WARM)]
    rows = [
        Row("first page, as the first ever", f"{first:.0f} ms", "< 300 ms", first < TIME_TARGET),
        Row("again, median", f"{statistics.median(again):.0f} ms"),
    ]
    for step in Step:
        _, size = await _visit(http, f"/setup/{step}")
        value = f"{size / 1000:.1f} kB"
        rows.append(Row(f"page {step}, everything included", value, "< 60 kB", size < SIZE_TARGET))
    return rows


async def _first(http: aiohttp.ClientSession) -> float:
    """Milliseconds of the first visit that the open hotspot let through."""
    async with asyncio.timeout(START_LIMIT):
        while True:
            try:
                return (await _visit(http, "/setup/welcome"))[0]
            except BenchError:  # a stranger yet: the hotspot is being opened
                await asyncio.sleep(0.1)


async def _visit(http: aiohttp.ClientSession, path: str) -> tuple[float, int]:
    """Milliseconds and bytes of the page with its style, script and icons."""
    begun = time.monotonic()
    async with http.get(path, allow_redirects=False) as answer:
        page = await answer.text()
        if answer.status != 200:
            raise BenchError(f"{path} was answered with {answer.status}.")
    size = len(page.encode())
    for file in sorted(set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))):
        async with http.get(file) as answer:
            answer.raise_for_status()
            size += len(await answer.read())
    return 1000 * (time.monotonic() - begun), size


async def _address(settings: Settings) -> str:
    async with asyncio.timeout(START_LIMIT):
        while True:
            view, _ = await look(settings)
            if view is not None and view.page_port:
                return f"http://127.0.0.1:{view.page_port}"
            await asyncio.sleep(0.1)
