# ruff: noqa: D103 - the names of the tests say what they show
"""The card starts: units, partitions, overlays, identity, memory, and how long it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.sim.cloud import LocalCloud
from image.vm.machine.card import DATA_SIZE, MIB, NOW, Card
from image.vm.machine.emulator import Machine
from image.vm.machine.world import (
    REGISTER_LIMIT,
    boot_file,
    is_connected,
    keep_journal,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = ("polar-printer.service", "polar-agent.service")
RATIO = 1.3
MEMORY = 100  # MB, of all our units
PART = 120  # MB, of the image's own part


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(folder: Path, cloud: LocalCloud) -> AsyncIterator[Machine]:
    """The first start of a flashed card."""
    card = Card.flashed(folder / "card.qcow2", boot_file(cloud))
    async with Machine(card, folder) as started:
        yield started


async def test_everything_is_running(machine: Machine) -> None:
    state = await machine.booted()
    failed = await machine.shell.run("systemctl --failed --no-legend --plain")
    assert (state, failed) == ("running", "")
    active = await machine.shell.run(f"systemctl is-active {' '.join(OURS)} polar-data.service")
    assert active.split() == ["active"] * 3


async def test_the_data_partition_fills_the_card(machine: Machine) -> None:
    told = await machine.shell.run("lsblk -bnro NAME,LABEL,SIZE,MOUNTPOINT /dev/vda3")
    name, label, size, *_ = told.split()
    assert (name, label) == ("vda3", "polar-data")
    assert DATA_SIZE - MIB <= int(size) <= DATA_SIZE
    assert await machine.shell.run("findmnt -no TARGET --source /dev/vda3 | sort | head -n 1")
    blocks, block_size = (await machine.shell.run("stat -fc '%b %S' /data")).split()
    space = int(blocks) * int(block_size)
    assert space > 0.9 * DATA_SIZE


async def test_the_root_is_read_only_below_its_overlays(machine: Machine) -> None:
    done = await machine.shell.ask("touch /usr/x")
    assert done.code and "Read-only file system" in done.output
    for place in ("/etc", "/var"):
        assert await machine.shell.run(f"findmnt -no FSTYPE {place}") == "overlay"
        await machine.shell.run(f"touch {place}/written && test -e /data/system{place}/written")
    options = await machine.shell.run("findmnt -no OPTIONS /boot/firmware")
    assert "gid=870" in options


async def test_the_device_has_an_id_and_a_name_of_its_own(machine: Machine) -> None:
    ids = (await machine.shell.run("cat /etc/machine-id /data/system/etc/machine-id")).split()
    assert len(set(ids)) == 1 and len(ids[0]) == 32
    name = await machine.shell.run("hostname")
    assert name == "polar-3456"  # the end of the network card's address
    assert not await machine.shell.run("ls /etc/ssh | grep host_ | grep -v key || true")


async def test_it_registers_with_the_boot_file_and_wipes_the_pin(
    machine: Machine, cloud: LocalCloud
) -> None:
    serial = await cloud.wait_for(is_connected, REGISTER_LIMIT)
    assert cloud.printer.serial_number == serial
    assert cloud.printer.mac == "b8:27:eb:12:34:56".replace(":", "")
    await machine.shell.wait("! grep -q 1234 /boot/firmware/polar-appliance.toml", 60)


async def test_nobody_listens_but_the_page_and_the_names(machine: Machine) -> None:
    told = await machine.shell.run("ss -Hlntu | awk '{ print $1, $5 }' | sort -u")
    ports = {tuple(line.rsplit(":", 1))[-1] for line in told.splitlines() if "127.0.0" not in line}
    named = {"80", "5353"}
    others = {
        line for line in told.splitlines()
        if line.rsplit(":", 1)[-1] not in named and "127.0.0" not in line and "[::1]" not in line
        and line.startswith("tcp")
    }  # fmt: skip
    assert "80" in ports and not others


async def test_the_memory_of_all_our_units(machine: Machine) -> None:
    """Resident, what several processes share counted once (Pss)."""
    command = (
        "for unit in polar-printer polar-agent; do "
        "cat /sys/fs/cgroup$(systemctl show -P ControlGroup $unit)/cgroup.procs; done | "
        "while read -r pid; do awk '/^Pss:/ { print $2 }' /proc/$pid/smaps_rollup; done | "
        "awk '{ sum += $1 } END { print sum }'"
    )
    kilobytes = int(await machine.shell.run(command))
    print(f"memory of our units: {kilobytes / 1024:.1f} MB")  # noqa: T201
    assert kilobytes / 1024 < MEMORY


async def test_the_size_of_our_part() -> None:
    size = int((NOW / "stage/bytes").read_text()) / 1e6
    print(f"our part of the image: {size:.1f} MB")  # noqa: T201
    assert 1 < size < PART


async def test_a_second_start_is_no_slower_than_a_plain_one(machine: Machine, folder: Path) -> None:
    """To multi-user.target, against the same root without our stage; both started before."""
    await machine.switch_off()
    await machine.switch_on()
    assert await machine.booted() == "running"
    ours = await machine.boot_time()
    await keep_journal(machine, "boot")
    await machine.cut()
    card = Card.flashed(folder / "plain.qcow2", image="plain")
    async with Machine(card, folder, name="plain") as plain:
        await plain.booted()
        await plain.switch_off()
        await plain.switch_on()
        await plain.booted()
        theirs = await plain.boot_time()
    print(f"boot: {ours:.1f} s, plain {theirs:.1f} s, ratio {ours / theirs:.2f}")  # noqa: T201
    assert ours / theirs <= RATIO
