"""The walk at the panel by the words on the display, over the real menu and renderer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from appliance.cli import cli
from appliance.panel import menu
from appliance.panel.actions import Action, LoadQueue, Pause, PlateCleared, PrintQueued
from appliance.panel.characters import render
from appliance.panel.charset import charset
from appliance.panel.keys import KeyStroke
from appliance.panel.state import Cloud, PanelState, QueueEntry, QueuePage
from appliance.polar.codes import StatusCode
from appliance.printer.api import LinkState, Snapshot
from appliance.sim import panel_walk
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_examples import EXAMPLES
from appliance.sim.panel_walk import LostWay, PanelWalk
from appliance.sim.panel_wire import DoorMoved, Finger

Peer = Any  # the fixture's class; conftest modules cannot be imported
NOW = 1_790_845_200.0
NAMES = ("Bracket", "Gears, set of 6, a name too long for any display", "Vase", "Clip v", "Hook")


def quiet(_text: str) -> None:
    """Nobody listens."""


class Device:
    """A panel peer with the product's menu and character renderer behind it."""

    def __init__(self, peer: Peer, size: tuple[int, int]) -> None:
        self.peer = peer
        self.size = size
        self.menu = menu.Menu()
        self.asked: list[Action] = []
        self.torn = False  # each change is seen in two halves
        self.deaf = 0  # OKs that are passed over
        self.late = 0.0  # seconds until the page after an OK is seen
        self.entries = tuple(QueueEntry(f"OP1-{n}", name) for n, name in enumerate(NAMES))
        self.state = PanelState(
            now=NOW,
            ip="192.0.2.7",
            cloud=Cloud(online=True, serial_number="OP1", email="owner@example.com"),
            snapshot=Snapshot(revision=1, life="a", link=LinkState.READY),
        )
        peer.hook = self.hear
        self.draw()

    def hear(self, message: Finger | DoorMoved) -> None:
        if not isinstance(message, Finger) or not message.down:
            return
        if message.key == "ok" and self.deaf:
            self.deaf -= 1
            return
        self.menu, action = menu.press(self.menu, KeyStroke(message.key), self.state)
        if action is not None:
            self.asked.append(action)
        if isinstance(action, LoadQueue):
            page = QueuePage(entries=self.entries, total=len(self.entries))
            self.state = replace(self.state, queue=page)
        elif isinstance(action, PlateCleared):
            self.state = replace(self.state, status=StatusCode.READY)
        if message.key == "ok" and self.late:
            asyncio.get_running_loop().call_later(self.late, self.draw)
        else:
            self.draw()

    def draw(self) -> None:
        signs = charset("A00")
        frame = render(menu.show(self.menu, self.state), *self.size, 0.0, "A00")
        rows = tuple(
            "".join(signs.text(cell) if isinstance(cell, int) else cell.char for cell in row)
            for row in frame.rows
        )
        if self.torn:
            before = self.peer.seen.rows
            halves = zip(before, rows, strict=False)
            self.peer.show(rows=tuple(old[:5] + new[5:] for old, new in halves))
            asyncio.get_running_loop().call_later(0.01, lambda: self.peer.show(rows=rows))
        else:
            self.peer.show(rows=rows)


@pytest.fixture(params=[(20, 4), (16, 2)])
def device(panel: Peer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setattr(panel_walk, "STILL", 0.1)
    return Device(panel, request.param)


async def test_the_job_is_found_by_its_name_and_printed(device: Device) -> None:
    said: list[str] = []
    async with PanelWatcher(device.peer.socket) as watcher:
        walk = PanelWalk(watcher, said.append)
        await walk.open_menu()
        await walk.print_queued("Vase")
    assert device.asked == [LoadQueue(0), PrintQueued("OP1-2")]
    assert walk.trail == ["Menu", "Queue", "Vase", "Print Vase"]
    assert "Menu > Queue > Vase > Print Vase" in said[0]


async def test_a_display_that_is_just_being_written_is_read_when_it_is_done(
    device: Device,
) -> None:
    device.torn = True
    async with PanelWatcher(device.peer.socket) as watcher:
        walk = PanelWalk(watcher, quiet)
        await walk.open_menu()
        await walk.print_queued("Vase")
    assert device.asked == [LoadQueue(0), PrintQueued("OP1-2")]
    assert walk.trail == ["Menu", "Queue", "Vase", "Print Vase"]


async def test_a_page_that_is_late_is_not_read_before_it_is_there(device: Device) -> None:
    device.state = EXAMPLES["printing"]
    device.draw()
    device.late = 0.3  # the page before stands still for that long
    async with PanelWatcher(device.peer.socket) as watcher:
        walk = PanelWalk(watcher, quiet)
        await walk.open_menu()
        await walk.choose("Print")
        await walk.choose("Pause")
        await walk.open_menu()
    assert device.asked == [Pause()]


async def test_a_page_that_never_comes_is_told(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_walk, "LOAD", 0.3)
    device.state = EXAMPLES["printing"]
    device.draw()
    async with PanelWatcher(device.peer.socket) as watcher:
        walk = PanelWalk(watcher, quiet)
        await walk.open_menu()
        device.deaf = 1
        await walk.choose("Print")
        with pytest.raises(LostWay, match="no page with 'Pause'"):
            await walk.choose("Pause")
    assert device.asked == []


async def test_the_menu_opens_also_where_the_first_ok_was_too_early(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_walk, "LATE", 0.2)
    device.deaf = 1
    async with PanelWatcher(device.peer.socket) as watcher:
        walk = PanelWalk(watcher, quiet)
        await walk.open_menu()
    assert walk.trail == ["Menu"]


async def test_a_job_that_is_not_there_is_not_replaced_by_another(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_walk, "STEP", 0.3)
    async with PanelWatcher(device.peer.socket) as watcher:
        walk = PanelWalk(watcher, quiet)
        await walk.open_menu()
        with pytest.raises(LostWay, match=r"After Menu > Queue .* no entry 'Teapot'"):
            await walk.print_queued("Teapot")
    assert device.asked == [LoadQueue(0)]


@pytest.mark.parametrize("deaf", [0, 2])
async def test_the_plate_is_cleared_also_where_the_first_ok_was_too_early(
    device: Device, deaf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_walk, "READING", 0.1)
    device.deaf = deaf
    async with PanelWatcher(device.peer.socket) as watcher:
        device.state = replace(device.state, status=StatusCode.CLEAR_PLATE)
        device.draw()
        assert "Clear the plate" in await PanelWalk(watcher, quiet).clear_plate()
    assert device.asked == [PlateCleared()]


async def test_a_panel_that_asks_for_nothing_is_told(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_walk, "LOAD", 0.1)
    async with PanelWatcher(device.peer.socket) as watcher:
        with pytest.raises(LostWay, match="no 'Clear the plate'"):
            await PanelWalk(watcher, quiet).clear_plate()


def test_the_demo_walks_only_where_there_is_something_to_read() -> None:
    result = CliRunner().invoke(cli, ["sim", "demo", "--once", "--display", "ssd1306"])
    assert result.exit_code == 2
    assert "one of characters" in result.output
