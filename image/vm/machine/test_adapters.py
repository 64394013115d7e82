# ruff: noqa: D103 - the names of the tests say what they show
"""The adapter is pulled out in the middle of a print and put back; two adapters at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.polar.messages import FinalState
from appliance.printer.api import JobState, LinkState, Snapshot
from appliance.printer.problems import HEATERS_UNKNOWN
from appliance.sim.cloud import LocalCloud
from image.vm.machine.adapter import Printer
from image.vm.machine.card import Card
from image.vm.machine.emulator import Machine
from image.vm.machine.world import (
    PRINT_LIMIT,
    REGISTER_LIMIT,
    boot_file,
    code_is,
    is_connected,
    keep_journal,
    model,
    snapshot,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIND_LIMIT = 180.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(folder: Path, cloud: LocalCloud) -> AsyncIterator[Machine]:
    """A flashed card that registers by itself."""
    card = Card.flashed(folder / "card.qcow2", boot_file(cloud))
    async with Machine(card, folder) as started:
        yield started
        await keep_journal(started, "adapters")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def printers(machine: Machine) -> AsyncIterator[list[Printer]]:
    """Two boards; none is plugged in yet."""
    async with (
        Printer(machine.folder / "adapter0") as one,
        Printer(machine.folder / "adapter1") as other,
    ):
        yield [one, other]


async def _ready(machine: Machine) -> Snapshot:
    return await until(
        lambda: snapshot(machine), lambda s: s.link is LinkState.READY, FIND_LIMIT, "printer ready"
    )


async def test_a_pull_in_the_middle_of_a_print(
    machine: Machine, printers: list[Printer], cloud: LocalCloud
) -> None:
    await machine.booted()
    await printers[0].plug()
    await _ready(machine)
    await cloud.wait_for(is_connected, REGISTER_LIMIT)
    await cloud.wait_for(code_is(0), REGISTER_LIMIT)
    job_id = cloud.queue("pulled", model(layers=400))
    await cloud.start_print(job_id)
    await printers[0].wait_for(lambda marlin: marlin.executed_count > 60, PRINT_LIMIT)
    await printers[0].unplug()
    gone = await until(
        lambda: snapshot(machine), lambda s: s.job is not None and s.job.state is JobState.FAILED,
        FIND_LIMIT, "job failed",
    )  # fmt: skip
    assert gone.job is not None and gone.job.reason
    assert gone.problem is not None and HEATERS_UNKNOWN in gone.problem.long
    await cloud.wait_for(lambda state: bool(state.printer().past), FIND_LIMIT)
    past = cloud.printer.past[0]
    assert (past.job_id, past.ending) == (job_id, FinalState.CANCELED)


async def test_it_is_found_again_and_its_heaters_are_switched_off(
    machine: Machine, printers: list[Printer]
) -> None:
    await printers[0].plug()
    await _ready(machine)
    await printers[0].wait_for(
        lambda marlin: all(heater.target == 0 for _, heater in marlin.machine.heaters()), 60.0
    )


async def test_with_two_adapters_the_known_one_stays(
    machine: Machine, printers: list[Printer]
) -> None:
    before = await snapshot(machine)
    await printers[1].plug()
    await machine.shell.wait("[ $(ls /dev/serial/by-id | wc -l) = 2 ]", 60)
    await asyncio.sleep(3.0)  # whoever grabs a new port does it by then
    now = await snapshot(machine)
    assert (now.link, now.port, now.life) == (LinkState.READY, before.port, before.life)
    heard = await printers[1].ask(lambda marlin, _now: marlin.lines_received)
    assert heard == 0


async def test_when_one_goes_the_other_is_taken(machine: Machine, printers: list[Printer]) -> None:
    before = await snapshot(machine)
    await printers[0].unplug()
    after = await until(
        lambda: snapshot(machine),
        lambda s: s.link is LinkState.READY and s.port != before.port,
        FIND_LIMIT, "the other printer",
    )  # fmt: skip
    assert after.port.startswith("/dev/serial/by-id/")
