"""``doctor --gpio`` prints plain lines that a test in a virtual machine can read."""

from __future__ import annotations

import asyncio
import re
from itertools import count

import pytest
from gpiozero.pins.mock import MockFactory

from appliance.panel.gpio import GpioError
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.listen import listen, words
from appliance.panel.wire import Alive, DoorSeen, Hardware, Health, Stroked, Up
from appliance.printer.api import Problem
from appliance.settings_panel import ButtonSettings, DoorSettings, PanelSettings

HARDWARE = Hardware(
    PanelSettings(), ButtonSettings(ok=26, debounce=0.001), DoorSettings(pin=22, stable=0.01)
)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Stroked(KeyStroke(Key.UP, Stroke.REPEAT)), "key up repeat"),
        (DoorSeen(3), "door 3 closed and locked"),
        (DoorSeen(None), "door - unknown"),
        (Health("buttons"), "works buttons"),
        (Alive(), "alive"),
        (Health("door", Problem("Short", "A sentence.")), "problem door: A sentence."),
    ],
)
def test_each_message_is_a_line(message: Up, line: str) -> None:
    assert words(message) == line


async def test_it_names_its_pins_first_and_then_what_they_do() -> None:
    factory = MockFactory()
    lines: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(listen(HARDWARE, lines.put_nowait, None, lambda: factory))

    async def until(end: str) -> list[str]:
        seen = []
        async with asyncio.timeout(20):
            for _ in count():
                seen.append(await lines.get())
                if seen[-1].endswith(end):
                    break
        return seen

    start = await until("door 0 open")
    assert start[0] == "pins buttons.ok=26 door.pin=22"
    assert [line.split(" ", 2)[2] for line in start[1:3]] == ["works buttons", "works door"]
    factory.pin(26).drive_low()
    [line] = await until("key ok press")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} key ok press$", line)
    factory.pin(22).drive_low()
    assert len(await until("door 1 closed")) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_ends_after_its_time() -> None:
    lines: list[str] = []
    async with asyncio.timeout(20):
        await listen(HARDWARE, lines.append, 0.05, MockFactory)
    assert lines[0].startswith("pins ")


async def test_nothing_to_listen_to_is_an_error() -> None:
    nothing = Hardware(PanelSettings(), ButtonSettings(), DoorSettings())
    with pytest.raises(GpioError, match="No button and no door switch"):
        await listen(nothing, print, 1.0, MockFactory)
