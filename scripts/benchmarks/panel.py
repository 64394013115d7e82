"""The front panel: from a finger to the changed screen, and what redrawing costs a print."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.panel.keys import Key, KeyStroke
from appliance.panel.menu import Menu, press, show
from appliance.panel.process import PanelProcess
from appliance.panel.screen import Bar, Line, Screen
from appliance.panel.wire import Hardware
from appliance.panel.worker import make_display
from appliance.settings_panel import ButtonSettings, DisplayKind, DoorSettings, PanelSettings
from appliance.sim.graphic_wires import GraphicWires
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_examples import EXAMPLES
from appliance.sim.panel_front import CharacterWires
from appliance.sim.panel_wire import Finger
from benchmarks import streaming
from benchmarks.board import Setting, board
from benchmarks.product import product
from benchmarks.table import Row

KEY_TARGET = 0.050  # seconds, median, with the bus
RATE_TARGET = 0.99  # of the rate without a panel
I2C = 400_000.0  # Hz
REST = 0.25  # seconds between two keys, so that nothing is still under way
KINDS = (DisplayKind.HD44780_20X4, DisplayKind.SSD1306)
SETTINGS = """\
[panel]
display = "{kind}"
simulated = "{{folder}}/run/panel.sock"
menu_timeout = 600
"""


async def run(keys: int, seconds: float, peer_python: Path) -> list[Row]:
    """Both numbers, on a character and on a graphic display."""
    rows = []
    for kind in KINDS:
        rows += await _latency(kind, keys)
    rows += await _rate(seconds, peer_python)
    return rows


async def _latency(kind: DisplayKind, keys: int) -> list[Row]:
    took = statistics.median(await _fingers(kind, keys))
    wire = statistics.median(_wire_times(kind))
    total = took + wire
    return [
        Row(f"{kind}, finger to chip", f"{took * 1000:.1f} ms, of it 20 ms debounce"),
        Row(f"{kind}, on the I2C bus", f"{wire * 1000:.1f} ms at 400 kHz, from the bytes written"),
        Row(f"{kind}, together", f"{total * 1000:.1f} ms", "< 50 ms", total < KEY_TARGET),
    ]


async def _fingers(kind: DisplayKind, keys: int) -> list[float]:
    """Seconds from a finger on a button to a changed picture, through all processes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        link = folder / "port"
        async with (
            board(Setting(link=str(link), baud=250_000)),
            product(
                folder,
                str(link),
                250_000,
                daemons=("printer", "agent"),
                further=SETTINGS.format(kind=kind),
            ) as ours,
            PanelWatcher(folder / "run/panel.sock") as watcher,
        ):
            await ours.ready()
            await watcher.wait_for(lambda _: True, 30)
            await asyncio.sleep(5)  # everything has settled
            await watcher.press(Key.OK)  # the menu
            times = []
            for key in itertools.islice(itertools.cycle((Key.DOWN, Key.UP)), keys):
                times.append(await _one_key(watcher, key))
            return times


async def _one_key(watcher: PanelWatcher, key: Key) -> float:
    await asyncio.sleep(REST + random.random() / 10)
    before = watcher.seen.png if watcher.seen else b""
    began = time.monotonic()
    watcher.send(Finger(key, down=True))
    await watcher.wait_for(lambda seen: seen.png != before)
    took = time.monotonic() - began
    await watcher.up(key)
    return took


def _wire_times(kind: DisplayKind) -> list[float]:
    """Seconds on the bus for each key of a walk through the menu."""
    settings = PanelSettings(display=kind)
    wires = CharacterWires(settings) if kind.cells else GraphicWires(settings)
    bus = wires.i2c(settings.i2c_port)
    display = make_display(settings, wires)
    state, menu, times = EXAMPLES["idle"], Menu(), []
    display.show(show(menu, state), 0.0)
    walk = [Key.OK, *[Key.DOWN] * 3, Key.OK, Key.DOWN, Key.DOWN, Key.UP, Key.LEFT]
    for key in walk * 3 + [Key.LEFT]:
        menu, _ = press(menu, KeyStroke(key), state)
        before = _bits(bus)
        display.show(show(menu, state), 0.0)
        times.append((_bits(bus) - before) / I2C)
    display.close()
    return times


def _bits(bus: object) -> float:
    """Nine bits a byte, a start and a stop."""
    return 9.0 * bus.bytes_written + 2.0 * bus.transactions  # type: ignore[attr-defined]


async def _rate(seconds: float, peer_python: Path) -> list[Row]:
    """Streaming without a panel, and beside one that is redrawn as often as it can be."""
    alone = await streaming.measure(streaming.HOSTS[0], 250_000, seconds, peer_python)
    async with _restless() as worker:
        beside = await streaming.measure(streaming.HOSTS[0], 250_000, seconds, peer_python)
        pictures = worker.pictures
    ratio = beside.fraction / alone.fraction if alone.fraction else 0.0
    reached = ratio >= RATE_TARGET and beside.whole and not beside.report.dropped_bytes
    return [
        Row("streaming without a panel", f"{alone.fraction:.3f} of the wire"),
        Row(
            "streaming beside a panel",
            f"{beside.fraction:.3f} of the wire, {beside.report.dropped_bytes} dropped, "
            f"{pictures} pictures shown",
        ),
        Row(
            "the one by the other",
            f"{ratio:.3f}",
            f">= {RATE_TARGET}",
            reached,
        ),
    ]


class _Count:
    pictures = 0


@asynccontextmanager
async def _restless() -> AsyncIterator[_Count]:
    """A panel worker that is given another screen a hundred times a second."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        socket = Path(name) / "panel.sock"
        hardware = Hardware(
            PanelSettings(display=DisplayKind.SSD1306, simulated=str(socket)),
            ButtonSettings(),
            DoorSettings(),
        )
        process = PanelProcess(hardware, lambda _: None)
        count = _Count()
        async with PanelWatcher(socket) as watcher:
            tasks = [
                asyncio.create_task(process.run()),
                asyncio.create_task(_redraw(process)),
                asyncio.create_task(_count(watcher, count)),
            ]
            await watcher.wait_for(lambda _: True, 30)
            try:
                yield count
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await process.close()


async def _redraw(process: PanelProcess) -> None:
    for number in itertools.count():
        lines = tuple(Line(f"Line {number + row}", f"{number % 97}°") for row in range(3))
        bar = Bar(number % 100 / 100)
        process.show(Screen(title=f"Number {number}", lines=lines, bar=bar))
        await asyncio.sleep(0.01)


async def _count(watcher: PanelWatcher, count: _Count) -> None:
    async for _ in watcher.changes():
        count.pictures += 1
