"""Reading the settings anew: the daemon ends by itself, but never under a print."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.errors import PrinterError
from appliance.printer import api
from appliance.printer.api import JobState
from appliance.sim.marlin import MarlinOptions
from appliance.sim.printer import PtyPrinter
from tests.printer.conftest import PATIENCE, Daemon
from tests.printer.test_main import Process


async def test_an_idle_daemon_may_go_at_once(daemon: Daemon) -> None:
    retired = asyncio.create_task(daemon.engine.retired())
    await asyncio.sleep(0)
    assert not retired.done(), "nobody asked"
    await daemon.client.restart()
    await asyncio.wait_for(retired, PATIENCE)
    with pytest.raises(PrinterError, match="stopping"):
        await daemon.print(["G28"])


async def test_a_print_is_never_cut_by_it(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(["G28", *(f"G1 X{n % 50} F6000" for n in range(400))])
    retired = asyncio.create_task(daemon.engine.retired())
    await daemon.client.restart()
    job = await daemon.job(JobState.COMPLETED)
    assert job.lines_sent == len(lines)
    await asyncio.wait_for(retired, PATIENCE)


async def test_the_news_of_an_earlier_print_is_not_lost(daemon: Daemon) -> None:
    for key in ("first", "second"):
        await daemon.print(["G28"], key)
        await daemon.until(lambda s: s.job and s.job.key == key and s.job.state.ended)  # noqa: B023
    retired = asyncio.create_task(daemon.engine.retired())
    snapshot = await daemon.client.restart()
    assert [one.key for one in snapshot.unseen] == ["first"]
    await asyncio.sleep(0)
    assert not retired.done()
    await daemon.client.forget("first")
    await asyncio.wait_for(retired, PATIENCE)


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    options = MarlinOptions(speed=50.0, boot_time=0.1)
    async with PtyPrinter(options, link=tmp_path / "ttyPrinter") as board:
        one = Process(tmp_path, board.path)
        async with one.client:
            await one.start()
            yield one


async def test_the_process_ends_without_an_error(process: Process) -> None:
    assert process.process is not None
    await process.client.restart()
    assert await asyncio.wait_for(process.process.wait(), PATIENCE) == 0
    assert "Traceback" not in process.log()
    assert (await process.start()).link is api.LinkState.READY
    process.process.kill()
    await process.process.wait()
