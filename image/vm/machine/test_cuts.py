# ruff: noqa: D103 - the names of the tests say what they show
"""Twenty power cuts at random moments, each followed by a start with the same identity.

The moments come from a seed that is printed; POLAR_VM_SEED repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.printer.api import LinkState
from appliance.sim.cloud import LocalCloud
from image.vm.machine.adapter import Printer
from image.vm.machine.card import Card
from image.vm.machine.emulator import BOOT_LIMIT, Machine
from image.vm.machine.world import (
    PRINT_LIMIT,
    REGISTER_LIMIT,
    STATE,
    boot_file,
    code_is,
    is_connected,
    keep_journal,
    model,
    snapshot,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = int(os.environ.get("POLAR_VM_SEED", random.SystemRandom().randrange(10**6)))
CUTS = int(os.environ.get("POLAR_VM_CUTS", "20"))
SETUPS = PRINTS = (CUTS + 2) // 3
UPDATES = CUTS - SETUPS - PRINTS
END_LIMIT = 300.0  # seconds from a start until the cloud knows how an interrupted job ended


@dataclass(frozen=True)
class Identity:
    """What must be the same after each cut."""

    serial: str
    mac: str
    key: str


class Bench:
    """One card after another, in one machine, on one cloud."""

    def __init__(self, folder: Path, cloud: LocalCloud) -> None:
        self.folder = folder
        self.cloud = cloud
        self.random = random.Random(SEED)
        self.machine = Machine(Card(folder / "none"), folder)
        self.identity: Identity | None = None
        self.setup_time = 0.0  # seconds from a first start to the registration
        self.cuts = 0
        self.cloud_line = boot_file(cloud, account=False).splitlines()[1]

    async def flash(self) -> None:
        """A new card in the machine, which is off."""
        path = self.folder / "card.qcow2"
        self.machine = Machine(Card.flashed(path, boot_file(self.cloud)), self.folder)

    async def start(self) -> None:
        """Switch on, until the cloud knows this device again, and look at everything."""
        before = self.cloud.state.connections
        await self.machine.switch_on()
        limit = BOOT_LIMIT + REGISTER_LIMIT

        def known(_state: object) -> bool:
            return self.cloud.state.connections > before and bool(is_connected(self.cloud.state))

        await self.cloud.wait_for(known, limit)
        await self._same_identity()

    async def _same_identity(self) -> None:
        record = self.cloud.printer
        now = Identity(record.serial_number, record.mac, record.public_key)
        assert len(self.cloud.state.printers) == 1, "the device registered as another printer"
        stored = await self.machine.shell.run(f"cat {STATE}/identity.json")
        assert f'"{now.serial}"' in stored.replace(" ", "")
        assert self.identity in (None, now)
        self.identity = now

    async def cut(self, wait: float, what: str) -> None:
        """Wait, pull the plug, and look at what is on the card."""
        await asyncio.sleep(wait)
        self.cuts += 1
        print(f"cut {self.cuts:2}: {wait:5.1f} s after {what}")  # noqa: T201
        await self.machine.cut()
        await asyncio.to_thread(self.machine.card.check, self.folder)
        assert self.cloud_line in await asyncio.to_thread(self.machine.card.boot_file, self.folder)

    async def no_loops(self) -> None:
        """No unit of ours was started twice."""
        told = await self.machine.shell.run(
            "systemctl show -P NRestarts polar-agent polar-printer | sort -u"
        )
        assert told.split() == ["0"]
        failed = await self.machine.shell.run("systemctl --failed --no-legend --plain")
        assert failed == ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(folder: Path, cloud: LocalCloud) -> AsyncIterator[Bench]:
    """The bench; its last journal is kept."""
    print(f"seed {SEED}: POLAR_VM_SEED={SEED} scripts/vm-test cuts repeats it")  # noqa: T201
    one = Bench(folder, cloud)
    yield one
    if one.machine.on:
        await keep_journal(one.machine, "cuts")
    await one.machine.cut()


async def test_an_uncut_setup_tells_how_long_one_takes(bench: Bench) -> None:
    await bench.flash()
    started = asyncio.get_running_loop().time()
    await bench.start()
    bench.setup_time = asyncio.get_running_loop().time() - started
    print(f"a first start takes {bench.setup_time:.1f} s until it is registered")  # noqa: T201
    await bench.machine.cut()


@pytest.mark.parametrize("number", range(SETUPS))
async def test_a_cut_of_the_setup(bench: Bench, number: int) -> None:
    """A new card each time; it stays the same printer, for the cloud knows its MAC."""
    await bench.flash()
    bench.identity = None  # a new card makes a new key
    await bench.machine.switch_on()
    await bench.cut(bench.random.uniform(0.0, 1.1 * bench.setup_time), "a first start")
    await bench.start()
    await bench.no_loops()
    if number < SETUPS - 1:
        await bench.machine.cut()


@pytest.mark.parametrize("number", range(PRINTS))
async def test_a_cut_of_a_print(bench: Bench, number: int) -> None:
    """The interrupted job has an end and a reason after the next start."""
    async with Printer(bench.folder / "adapter0") as printer:
        job_id = await _start_print(bench, printer)
        await bench.cloud.wait_for(code_is(3), PRINT_LIMIT)
        await bench.cut(bench.random.uniform(0.0, 20.0), "a print's start")
    await bench.start()
    await bench.no_loops()
    await bench.cloud.wait_for(
        lambda state: any(one.job_id == job_id for one in state.printer().past), END_LIMIT
    )


async def _start_print(bench: Bench, printer: Printer) -> str:
    """Plug the printer in, take what the print before left off its plate, and send a job."""
    await printer.plug()
    await until(
        lambda: snapshot(bench.machine), lambda s: s.link is LinkState.READY,
        PRINT_LIMIT, "printer ready",
    )  # fmt: skip
    await bench.cloud.wait_for(code_is(0, 15), PRINT_LIMIT)
    await bench.machine.shell.run("polar-appliance plate-clear")
    await bench.cloud.wait_for(code_is(0), PRINT_LIMIT)
    job_id = bench.cloud.queue("to be cut", model(layers=200))
    await bench.cloud.start_print(job_id)
    return job_id


@pytest.mark.parametrize("number", range(UPDATES))
async def test_a_cut_of_an_update_of_state(bench: Bench, number: int) -> None:
    """A new root, a job that has just been taken on, settings that were just written."""
    await (_new_root, _taken_job, _new_boot_file)[number % 3](bench)
    await bench.start()
    await bench.no_loops()


async def _new_root(bench: Bench) -> None:
    """It drops what lay above the old one."""
    await bench.machine.shell.run(
        "mount -o remount,rw / && echo new$RANDOM >/usr/lib/polar-appliance/image-version "
        "&& sync && mount -o remount,ro /"
    )
    await bench.machine.cut()
    await bench.machine.switch_on()
    await bench.cut(bench.random.uniform(0.2, 0.7) * bench.setup_time, "a new root's start")


async def _taken_job(bench: Bench) -> None:
    async with Printer(bench.folder / "adapter0") as printer:
        await _start_print(bench, printer)
        await bench.cut(bench.random.uniform(0.0, 3.0), "a job was sent")


async def _new_boot_file(bench: Bench) -> None:
    """As the agent wipes a secret, and no moment for the kernel to write more than that."""
    word = f"# {bench.random.random()}"
    await bench.machine.shell.run(
        f"""/opt/polar-appliance/current/bin/python - '{word}' <<'EOF'
import pathlib, sys
from appliance.setup import fat
path = pathlib.Path("/boot/firmware/polar-appliance.toml")
fat.replace(path, path.read_bytes() + sys.argv[1].encode())
EOF"""
    )
    await bench.cut(0.0, "the boot file was replaced")
    assert word in await asyncio.to_thread(bench.machine.card.boot_file, bench.folder)
