"""Prints what buttons, encoder and door do: ``polar-appliance doctor --gpio``.

One line each, in a form that a test can read: time, then ``key NAME STROKE``, ``door VALUE
WORDS``, ``works PART`` or ``problem PART: SENTENCE``. A pin is watched once its part works.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from appliance.panel.gpio import GpioError, find_chip, pin_factory
from appliance.panel.pins import Factory, Pins
from appliance.panel.wire import Alive, DoorSeen, Hardware, Health, Stroked, Up

DOOR_WORDS = {
    0: "open",
    1: "closed",
    2: "open and locked",
    3: "closed and locked",
    None: "unknown",
}


def words(message: Up) -> str:
    """What the worker would send up, as a line without its time."""
    match message:
        case Stroked(stroke):
            return f"key {stroke.key} {stroke.stroke}"
        case DoorSeen(door):
            return f"door {'-' if door is None else door} {DOOR_WORDS[door]}"
        case Health(part, None):
            return f"works {part}"
        case Health(part, problem):
            return f"problem {part}: {problem.long if problem else ''}"
        case Alive():
            return "alive"


async def listen(
    hardware: Hardware,
    write: Callable[[str], None],
    seconds: float | None = None,
    factory: Factory | None = None,
) -> None:
    """Write a line for everything that happens, for ``seconds`` or until cancelled.

    Raises GpioError when no pin is connected or there is no chip with pins.
    """

    def note(message: Up) -> None:
        now = datetime.now().isoformat(sep=" ", timespec="milliseconds")
        write(f"{now} {words(message)}")

    pins = Pins(hardware, note, factory or pin_factory)
    if not pins.lines:
        raise GpioError("No button and no door switch is in the settings: see [buttons], [door].")
    write("pins " + " ".join(f"{line.key}={line.pin}" for line in pins.lines.values()))
    if factory is None:
        chip = find_chip()
        write(f"chip gpiochip{chip.number} {chip.label}")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await pins.run()
