"""Watching a front panel: what is seen, what is pressed, and a panel that comes and goes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from appliance.panel.keys import Key
from appliance.sim import panel_client
from appliance.sim.panel_client import PanelAway, PanelWatcher
from appliance.sim.panel_wire import DoorMoved, Finger, Seen

Peer = Any  # the fixture's class; conftest modules cannot be imported


def shows(text: str) -> Any:
    return lambda seen: any(text in row for row in seen.rows)


async def test_what_the_panel_shows_is_seen_at_once_and_at_every_change(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        first = await watcher.wait_for(lambda seen: seen)
        assert first == panel.seen
        next_one = asyncio.create_task(watcher.changed())
        await asyncio.sleep(0)
        panel.show(rows=("Printing", "42 %"))
        seen = await next_one
        assert seen is not None
        assert seen.rows == ("Printing", "42 %")
        assert watcher.words() == "Printing / 42 %"


async def test_changes_give_the_newest_and_never_end_with_an_old_one(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        last: Seen | None = None
        async with asyncio.timeout(10):
            async for seen in watcher.changes():
                if last is None and seen is not None:
                    for number in range(50):
                        panel.show(rows=(str(number),))
                last = seen or last
                if seen is not None and seen.rows == ("49",):
                    break
                await asyncio.sleep(0)  # a slow listener


async def test_a_press_is_a_finger_down_and_up_again(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.press(Key.OK)
        await watcher.press(Key.OK)
        assert panel.heard == [Finger(Key.OK, True), Finger(Key.OK, False)] * 2
        assert watcher.seen is not None
        assert watcher.seen.keys == ()


async def test_keys_are_held_side_by_side(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.down(Key.UP)
        await watcher.hold(Key.LEFT, 0.01)
        assert panel.seen.keys == (Key.UP,)
        await watcher.up(Key.UP)
        assert panel.seen.keys == ()


async def test_the_door_moves(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.door(True)
        assert panel.seen.door_open is True
        await watcher.door(False)
        assert panel.heard == [DoorMoved(True), DoorMoved(False)]


async def test_whoever_leaves_lifts_its_fingers(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.down(Key.DOWN)
    await panel.until(lambda: Finger(Key.DOWN, False) in panel.heard)
    await panel.until(lambda: panel.watchers == 0)


async def test_the_panel_may_start_later_and_restart(panel: Peer) -> None:
    await panel.stop()
    async with PanelWatcher(panel.socket) as watcher:
        pressing = asyncio.create_task(watcher.press(Key.OK))
        await asyncio.sleep(0)
        assert watcher.seen is None
        assert watcher.words() == "it is not there"
        await panel.start()
        await pressing
        await watcher.down(Key.UP)
        gone = asyncio.create_task(watcher.changed())
        await asyncio.sleep(0)
        await panel.stop()
        async with asyncio.timeout(10):
            assert await gone is None
        panel.show(rows=("Starting",), keys=())
        await panel.start()
        await watcher.wait_for(shows("Starting"))
        await watcher.press(Key.DOWN)


async def test_a_panel_that_speaks_nonsense_is_left_and_tried_again(panel: Peer) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.wait_for(lambda seen: seen)
        for nonsense in (b"hello", b'{"type":"seen"}', b"\xff"):
            panel.say_raw(nonsense)
            await panel.until(lambda: panel.watchers == 0)
            await panel.until(lambda: panel.watchers == 1)
            await watcher.wait_for(lambda seen: seen)


async def test_a_panel_that_does_not_react_is_named(
    panel: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.reacts = False
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.wait_for(lambda seen: seen)
        monkeypatch.setattr(panel_client.PanelWatcher.wait_for, "__defaults__", (0.05,))
        with pytest.raises(PanelAway, match=r"panel\.simulated"):
            await watcher.press(Key.OK)


async def test_waiting_in_vain_tells_what_was_seen(panel: Peer, tmp_path: Path) -> None:
    async with PanelWatcher(panel.socket) as watcher:
        await watcher.wait_for(shows("Ready"))
        with pytest.raises(TimeoutError, match="Ready"):
            await watcher.wait_for(shows("Printing"), timeout=0.05)
    async with PanelWatcher(tmp_path / "none") as watcher:
        with pytest.raises(TimeoutError, match="not there"):
            await watcher.wait_for(lambda seen: seen, timeout=0.05)
