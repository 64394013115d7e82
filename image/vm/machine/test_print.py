# ruff: noqa: D103 - the names of the tests say what they show
"""A printer on a USB adapter, found by itself; a job of the cloud to its end, and its video."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.gcode.reader import Reader
from appliance.polar.messages import FinalState, UploadType
from appliance.printer.api import LinkState
from appliance.sim.cloud import LocalCloud
from appliance.sim.cloud_state import storage_key
from appliance.timelapse.mp4 import read_track
from image.vm.machine.adapter import Printer
from image.vm.machine.card import Card
from image.vm.machine.emulator import Machine
from image.vm.machine.world import (
    PRINT_LIMIT,
    REGISTER_LIMIT,
    VIDEO_LIMIT,
    boot_file,
    code_is,
    is_connected,
    keep_journal,
    model,
    snapshot,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIND_LIMIT = 120.0
HOST = frozenset({"M105", "M110", "M114", "M115", "M155", "M400"})
FEWEST = 5  # frames of the video


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(folder: Path, cloud: LocalCloud) -> AsyncIterator[Machine]:
    """A flashed card that registers by itself."""
    card = Card.flashed(folder / "card.qcow2", boot_file(cloud))
    async with Machine(card, folder) as started:
        yield started
        await keep_journal(started, "print")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def printer(machine: Machine) -> AsyncIterator[Printer]:
    """A printer that is plugged in while the machine starts."""
    async with Printer(machine.folder / "adapter0") as board:
        await board.plug()
        yield board


async def test_the_printer_is_found_by_id(machine: Machine, printer: Printer) -> None:
    await machine.booted()
    found = await until(
        lambda: snapshot(machine), lambda s: s.link is LinkState.READY, FIND_LIMIT, "printer ready"
    )
    assert found.port.startswith("/dev/serial/by-id/usb-QEMU")
    assert found.machine == "Virtual Printer"


async def test_a_job_of_the_cloud_is_printed_to_its_end(
    machine: Machine, printer: Printer, cloud: LocalCloud
) -> None:
    await cloud.wait_for(is_connected, REGISTER_LIMIT)
    await cloud.wait_for(code_is(0), REGISTER_LIMIT)
    gcode = model(layers=40)
    job_id = cloud.queue("hexagon", gcode)
    await cloud.start_print(job_id)
    await cloud.wait_for(code_is(3), PRINT_LIMIT)
    await cloud.wait_for(lambda state: bool(state.printer().past), PRINT_LIMIT)
    past = cloud.printer.past[0]
    assert (past.job_id, past.ending) == (job_id, FinalState.COMPLETED)
    wanted = [line.command for line in Reader(io.BytesIO(gcode)) if line.command]
    executed = await printer.ask(lambda marlin, now: list(marlin.executed))
    file = [line for line in executed if line.split()[0] not in HOST]
    start = file.index(wanted[0])
    assert file[start : start + len(wanted)] == wanted
    after = await snapshot(machine)
    assert after.resends == 0
    dropped = await printer.ask(lambda marlin, now: marlin.dropped_bytes)
    assert dropped == 0


async def test_its_video_is_stored(cloud: LocalCloud, folder: Path) -> None:
    job_id = cloud.printer.past[0].job_id
    await cloud.wait_for(lambda state: job_id in state.printer().videos, VIDEO_LIMIT)
    serial = cloud.printer.serial_number
    stored = cloud.storage.get(storage_key(serial, UploadType.TIMELAPSE, job_id))
    assert stored is not None
    track = read_track(stored.path)
    assert track.codec in ("avc1", "avc3") and track.frames >= FEWEST
    picture = cloud.storage.get(storage_key(serial, UploadType.PRINTING, job_id))
    assert picture is not None and picture.size > 1000
