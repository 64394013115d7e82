"""The simulated panel end to end: a finger becomes a stroke, a screen becomes a picture."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.process import PanelProcess
from appliance.panel.screen import Line, Screen
from appliance.panel.wire import DoorSeen, Hardware, Health, Stroked, Up
from appliance.settings_panel import ButtonSettings, DisplayKind, DoorSettings, PanelSettings
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_wire import Finger


class Bench:
    """The agent's side of a simulated panel."""

    def __init__(self, kind: DisplayKind, folder: Path) -> None:
        self.socket = folder / "run" / "panel.sock"
        panel = PanelSettings(display=kind, simulated=str(self.socket))
        hardware = Hardware(panel, ButtonSettings(hold=0.3), DoorSettings(pin=22, stable=0.05))
        self.said: asyncio.Queue[Up] = asyncio.Queue()
        self.panel = PanelProcess(hardware, self.said.put_nowait)

    async def until(self, test: Callable[[Up], bool]) -> Up:
        async with asyncio.timeout(60):
            while not test(message := await self.said.get()):
                pass
        return message

    async def stroke(self) -> KeyStroke:
        message = await self.until(lambda one: isinstance(one, Stroked))
        assert isinstance(message, Stroked)
        return message.stroke

    async def door(self) -> int | None:
        message = await self.until(lambda one: isinstance(one, DoorSeen))
        assert isinstance(message, DoorSeen)
        return message.door


@asynccontextmanager
async def running(kind: DisplayKind, folder: Path) -> AsyncIterator[tuple[Bench, PanelWatcher]]:
    bench = Bench(kind, folder)
    bench.panel.show(Screen(title="First"))
    task = asyncio.create_task(bench.panel.run())
    try:
        async with PanelWatcher(bench.socket) as watcher:
            await bench.until(lambda one: one == Health("display"))
            yield bench, watcher
    finally:
        await bench.panel.close()
        await task


@pytest.mark.parametrize(
    "kind", [DisplayKind.HD44780_16X2, DisplayKind.SSD1306, DisplayKind.ST7789]
)
async def test_a_finger_is_a_stroke_and_a_screen_is_a_picture(
    kind: DisplayKind, tmp_path: Path
) -> None:
    async with running(kind, tmp_path) as (bench, watcher):
        await watcher.wait_for(lambda seen: bool(seen.png))
        assert watcher.seen is not None
        assert watcher.seen.door_open is False
        for key in Key:
            await watcher.press(key)
            assert await bench.stroke() == KeyStroke(key)
            before = watcher.seen.png
            bench.panel.show(Screen(title=f"Key {key}", lines=(Line("and a line", "7"),)))
            await watcher.wait_for(lambda seen, png=before: seen.png != png)  # type: ignore[misc]
        seen = watcher.seen
        picture = Image.open(io.BytesIO(seen.png))
        assert picture.size == (seen.width, seen.height)
        if kind.cells:
            await watcher.wait_for(lambda seen: seen.rows[0].startswith("Key ok"))


async def test_door_holds_and_what_a_watcher_leaves_behind(tmp_path: Path) -> None:
    async with running(DisplayKind.HD44780_16X2, tmp_path) as (bench, watcher):
        await watcher.door(True)
        assert await bench.door() == 0
        await watcher.door(False)
        assert await bench.door() == 1
        await watcher.down(Key.LEFT)
        assert await bench.stroke() == KeyStroke(Key.LEFT)
        assert await bench.stroke() == KeyStroke(Key.LEFT, Stroke.HOLD)
        await watcher.up(Key.LEFT)
        async with PanelWatcher(bench.socket) as other:
            await other.down(Key.UP)
            await watcher.wait_for(lambda seen: seen.keys == (Key.UP,))
        await watcher.wait_for(lambda seen: not seen.keys)


async def test_a_button_is_down_while_anybody_holds_it(tmp_path: Path) -> None:
    async with running(DisplayKind.HD44780_16X2, tmp_path) as (bench, watcher):
        async with PanelWatcher(bench.socket) as other:
            await other.down(Key.OK)
            await watcher.down(Key.OK)
        assert await bench.stroke() == KeyStroke(Key.OK)
        assert await bench.stroke() == KeyStroke(Key.OK, Stroke.HOLD)
        assert watcher.seen is not None
        assert watcher.seen.keys == (Key.OK,)
        await watcher.up(Key.OK)


async def test_a_click_of_no_time_at_all_is_a_press(tmp_path: Path) -> None:
    async with running(DisplayKind.HD44780_16X2, tmp_path) as (bench, watcher):
        await watcher.wait_for(lambda _: True)
        for key in (Key.DOWN, Key.DOWN):
            watcher.send(Finger(key, True))
            watcher.send(Finger(key, False))
        assert [await bench.stroke(), await bench.stroke()] == [KeyStroke(Key.DOWN)] * 2


async def test_a_watcher_that_talks_nonsense_is_sent_away_and_harms_nobody(
    tmp_path: Path,
) -> None:
    async with running(DisplayKind.HD44780_16X2, tmp_path) as (bench, watcher):
        reader, writer = await asyncio.open_unix_connection(bench.socket, limit=1 << 22)
        await reader.readline()
        writer.write(b"nonsense\n")
        async with asyncio.timeout(30):
            while await reader.readline():
                pass
        writer.close()
        await watcher.press(Key.OK)
        assert await bench.stroke() == KeyStroke(Key.OK)


async def test_a_worker_that_was_killed_comes_back_with_the_present_screen(
    tmp_path: Path,
) -> None:
    async with running(DisplayKind.HD44780_16X2, tmp_path) as (bench, watcher):
        bench.panel.show(Screen(title="Present"))
        await watcher.wait_for(lambda seen: seen.rows[0].startswith("Present"))
        process = bench.panel._process
        assert process is not None
        process.kill()
        await watcher.changed()
        await watcher.wait_for(lambda seen: seen.rows[0].startswith("Present"), 60.0)
        assert bench.panel.pid != process.pid
