"""The watcher and the real worker on the simulated panel, as the agent starts it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.process import PanelProcess
from appliance.panel.screen import Line, Screen
from appliance.panel.wire import DoorSeen, Hardware, Stroked, Up
from appliance.revision import Revision
from appliance.settings_panel import ButtonSettings, DisplayKind, DoorSettings, PanelSettings
from appliance.sim.panel_client import PanelWatcher

PATIENCE = 30.0  # seconds; a process starts slowly on a loaded machine
SCREEN = Screen(title="Überblick", value="42 %", lines=(Line("Nozzle", "205°"), Line("Bed", "60°")))


@dataclass
class Agent:
    """The agent's end: shows screens, hears strokes."""

    hardware: Hardware
    heard: list[Up] = field(default_factory=list)
    revision: Revision = field(default_factory=Revision)

    def hear(self, message: Up) -> None:
        self.heard.append(message)
        self.revision.bump()

    def strokes(self) -> list[KeyStroke]:
        return [one.stroke for one in self.heard if isinstance(one, Stroked)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.revision.wait_beyond(self.revision.number)


@pytest.fixture
async def agent(
    panel_socket: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Agent, PanelProcess]]:
    kind = getattr(request, "param", DisplayKind.HD44780_20X4)
    hardware = Hardware(
        PanelSettings(display=kind, simulated=str(panel_socket)),
        ButtonSettings(up=5, down=6, left=13, right=19, ok=26),
        DoorSettings(pin=17),
    )
    one = Agent(hardware)
    process = PanelProcess(hardware, one.hear, first_pause=0.1)
    running = asyncio.create_task(process.run())
    process.show(SCREEN)
    yield one, process
    await process.close()
    await running


async def test_what_the_agent_shows_is_seen_and_what_is_pressed_is_heard(
    agent: tuple[Agent, PanelProcess], panel_socket: Path
) -> None:
    one, process = agent
    async with PanelWatcher(panel_socket) as watcher:
        await watcher.wait_for(lambda seen: "berblick" in "".join(seen.rows), PATIENCE)
        assert watcher.seen is not None
        seen = watcher.seen
        assert seen.rows[0].endswith("42 %")
        assert seen.png.startswith(b"\x89PNG")
        assert seen.door_open is False
        for key in Key:
            await watcher.press(key)
        await one.until(lambda: len(one.strokes()) >= 5)
        assert one.strokes() == [KeyStroke(key) for key in Key]
        await watcher.press(Key.OK)
        await watcher.press(Key.OK)
        await one.until(lambda: one.strokes()[5:] == [KeyStroke(Key.OK)] * 2)
        await watcher.hold(Key.LEFT, 1.0)
        await one.until(lambda: KeyStroke(Key.LEFT, Stroke.HOLD) in one.strokes())
        await watcher.door(True)
        await one.until(lambda: isinstance(one.heard[-1], DoorSeen) and one.heard[-1].door == 0)
        process.show(Screen(title="Door is open"))
        await watcher.wait_for(lambda seen: any("Door is open" in row for row in seen.rows))


async def test_a_worker_that_dies_is_seen_and_its_successor_shows_the_same(
    agent: tuple[Agent, PanelProcess], panel_socket: Path
) -> None:
    one, process = agent
    async with PanelWatcher(panel_socket) as watcher:
        await watcher.wait_for(lambda seen: "42 %" in "".join(seen.rows), PATIENCE)
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async for seen in watcher.changes():
            if seen is None:
                break
        await watcher.wait_for(lambda seen: "42 %" in "".join(seen.rows), PATIENCE)
        assert process.pid != first
        await watcher.press(Key.DOWN)
        await one.until(lambda: KeyStroke(Key.DOWN) in one.strokes())
