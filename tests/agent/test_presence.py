"""What each connection is told of us, and what the rest of the agent sees of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from appliance import __version__
from appliance.agent.custom import CustomCommands, wire_name
from appliance.agent.delivery import Delivery
from appliance.agent.presence import Presence
from appliance.cloud.uploads import Uploader
from appliance.config import CustomCommand
from appliance.host.power import PowerAction
from appliance.printer.client import PrinterClient
from appliance.sim.cloud_records import MenuCommand

Linked = Any  # the fixture's class; conftest modules cannot be imported


class Nobody:
    """Uploader, printer and host that only count."""

    def __init__(self) -> None:
        self.forgotten = 0

    def forget_slots(self) -> None:
        self.forgotten += 1

    async def request(self, action: PowerAction) -> None:
        raise AssertionError

    async def clear(self) -> None:
        raise AssertionError


@contextlib.asynccontextmanager
async def present(linked: Linked, commands: list[CustomCommand]) -> AsyncIterator[Nobody]:
    nobody = Nobody()
    custom = CustomCommands(
        commands, cast(PrinterClient, nobody), nobody, lambda: None, nobody.clear
    )
    presence = Presence(
        linked.state,
        linked.client,
        Delivery(linked.client, linked.membership),
        custom,
        cast(Uploader, nobody),
    )
    task = asyncio.create_task(presence.run())
    try:
        yield nobody
        assert not task.done(), "it must never end"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def seen(linked: Linked, online: bool) -> None:
    async with asyncio.timeout(20):
        while linked.state.online is not online:
            await linked.state.revision.wait_beyond(linked.state.revision.number)


def lists(linked: Linked) -> int:
    return sum(one.event == "customCommandList" for one in linked.cloud.state.log)


async def test_each_connection_learns_version_and_menu(linked: Linked) -> None:
    listed = [CustomCommand(label="Preheat", gcode=["M104 S200"], confirm="Sure?")]
    async with present(linked, listed) as nobody:
        await linked.cloud.wait_for(lambda state: state.printer().commands, 20)
        assert linked.cloud.printer.running_version == __version__
        [entry] = linked.cloud.printer.commands
        assert entry == MenuCommand("Preheat", wire_name(listed[0]), "", "Sure?")
        assert linked.state.online
        linked.cloud.faults.refuse = True
        linked.cloud.drop_connections()
        await seen(linked, False)
        linked.cloud.faults.refuse = False
        await linked.cloud.wait_for(lambda state: lists(linked) == 2, 20)
        await seen(linked, True)
        assert nobody.forgotten == 1, "the slots of the same printer are still good"


async def test_a_new_serial_number_needs_new_slots(linked: Linked) -> None:
    async with present(linked, []) as nobody:
        await linked.cloud.wait_for(lambda state: lists(linked) == 1, 20)
        await linked.membership.unregister(linked.client)
        await seen(linked, False)
        async with asyncio.timeout(20):
            await linked.go_online()
        await linked.cloud.wait_for(lambda state: lists(linked) == 2, 20)
        assert nobody.forgotten in (1, 2)  # the same MAC may get its old number back


@pytest.mark.parametrize("event", ["setVersion", "customCommandList"])
async def test_a_connection_that_dies_meanwhile(linked: Linked, event: str) -> None:
    linked.cloud.faults.close_on = {event}
    before = linked.cloud.state.connections
    async with present(linked, [CustomCommand(label="Home", gcode=["G28"])]):
        await linked.cloud.wait_for(lambda state: state.connections > before + 1, 20)
        linked.cloud.faults.close_on = set()
        await linked.cloud.wait_for(lambda state: state.printer().commands, 20)
        await seen(linked, True)
