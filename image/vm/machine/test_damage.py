# ruff: noqa: D103 - the names of the tests say what they show
"""A data partition that must be mended, no network, no clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.sim.cloud import LocalCloud
from image.vm.machine.card import DATA_SIZE, DATA_START, Card, run
from image.vm.machine.emulator import BOOT_LIMIT, Machine
from image.vm.machine.world import (
    REGISTER_LIMIT,
    STATE,
    boot_file,
    is_connected,
    keep_journal,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _settled(folder: Path, cloud: LocalCloud) -> tuple[Card, str]:
    """A card that was registered and switched off, and its serial number."""
    card = Card.flashed(folder / "settled.qcow2", boot_file(cloud))
    async with Machine(card, folder, name="settled") as machine:
        serial = await cloud.wait_for(is_connected, BOOT_LIMIT + REGISTER_LIMIT)
        await machine.booted()
        await machine.switch_off()
    return card, serial


def _corrupt(card: Card, folder: Path) -> Card:
    """Wrong counts, a lost inode and a broken folder in the data partition."""
    whole = card.raw(folder / "damaged.img")
    place = f"{whole}?offset={DATA_START}"
    orders = (
        "set_super_value free_blocks_count 7",
        "set_super_value state 2",
        "clri /system/etc.work",
        "set_inode_field /appliance/identity.json links_count 5",
        "freeb 4000 64",
    )
    for order in orders:
        run("debugfs", "-w", "-R", order, place)
    return Card.over(folder / "damaged.qcow2", whole)


async def test_a_damaged_data_partition_is_mended(folder: Path, cloud: LocalCloud) -> None:
    card, serial = await _settled(folder, cloud)
    before = cloud.state.connections
    damaged = _corrupt(card, folder)
    part = damaged.partition(folder / "part.img", DATA_START, DATA_SIZE)
    with pytest.raises(AssertionError):
        run("e2fsck", "-f", "-n", part)
    async with Machine(damaged, folder, name="damaged") as machine:
        assert await machine.booted() == "running"
        await cloud.wait_for(lambda state: state.connections > before, REGISTER_LIMIT)
        assert await cloud.wait_for(is_connected, REGISTER_LIMIT) == serial
        assert f'"{serial}"' in await machine.shell.run(f"cat {STATE}/identity.json")
        told = await machine.shell.run("journalctl -b -u polar-data --no-pager -o cat")
        assert "FILE SYSTEM WAS MODIFIED" in told or "polar-data:" in told
        await keep_journal(machine, "damaged")
        await machine.switch_off()
    damaged.check(folder)


async def test_no_network_and_no_clock(folder: Path, cloud: LocalCloud) -> None:
    """1970, and nothing to set the clock from: all starts, and says what it waits for."""
    settings = boot_file(cloud).replace(cloud.url.replace("127.0.0.1", "10.0.2.2"),
                                        "https://printer4.polar3d.com")  # fmt: skip
    card = Card.flashed(folder / "alone.qcow2", settings)
    clock = "1970-01-01T00:00:00"
    async with Machine(card, folder, name="alone", network=False, clock=clock) as machine:
        assert await machine.booted() == "running"
        view = await machine.shell.run(
            "curl -sS --unix-socket /run/polar-appliance/agent.sock http://a/state"
        )
        assert '"online":false' in view.replace(" ", "")
        print(view)  # noqa: T201
        await machine.shell.run("test -s /var/lib/polar-appliance/identity.json")
        await keep_journal(machine, "alone")
