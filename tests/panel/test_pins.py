"""Pins through gpiozero's mock pins: levels become messages, and one bad pin stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from gpiozero import PinFixedPull
from gpiozero.pins.mock import MockFactory, MockPin

from appliance.panel.gpio import GpioError
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.pins import Pins
from appliance.panel.wire import DoorSeen, Hardware, Health, Stroked, Up
from appliance.settings_panel import ButtonSettings, DoorSettings, PanelSettings

BUTTONS = ButtonSettings(up=5, down=6, left=13, right=19, ok=26, debounce=0.001)
DOOR = DoorSettings(pin=22, lock_pin=23, stable=0.01)


def hardware(buttons: ButtonSettings = BUTTONS, door: DoorSettings = DOOR) -> Hardware:
    return Hardware(PanelSettings(), buttons, door)


class Bench:
    """Pins that run, and what they said."""

    def __init__(self, factory: MockFactory) -> None:
        self.factory = factory
        self.said: asyncio.Queue[Up] = asyncio.Queue()
        self.pins: Pins

    def drive(self, pin: int, high: bool) -> None:
        mock = self.factory.pin(pin)
        (mock.drive_high if high else mock.drive_low)()

    async def tap(self, pin: int) -> list[Up]:
        self.drive(pin, False)
        seen = [await self.next()]
        self.drive(pin, True)
        return seen

    async def next(self) -> Up:
        async with asyncio.timeout(20):
            return await self.said.get()

    async def until(self, test: Callable[[Up], bool]) -> Up:
        while not test(message := await self.next()):
            pass
        return message


class Wired(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A switch is stronger than a pull: the level stays what the test set."""

    def _set_pull(self, value: str) -> None:
        if value == "down" and self._number in (2, 3):
            raise PinFixedPull("GPIO2 has a fixed pull resistor")
        self._pull = value


@asynccontextmanager
async def watching(
    what: Hardware, factory: Callable[[], Any] | None = None, mock: MockFactory | None = None
) -> AsyncIterator[Bench]:
    bench = Bench(mock or MockFactory())
    make = factory or (lambda: bench.factory)
    bench.pins = Pins(what, bench.said.put_nowait, make, poll=0.02, retry=0.05)
    running = asyncio.create_task(bench.pins.run())
    try:
        yield bench
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def press(key: Key) -> Stroked:
    return Stroked(KeyStroke(key))


async def test_the_start_is_told_once_and_each_key_is_its_pin() -> None:
    async with watching(hardware()) as bench:
        start = [await bench.next() for _ in range(3)]
        assert start == [Health("buttons"), Health("door"), DoorSeen(0)], "pulled up = open"
        for pin, key in ((5, Key.UP), (6, Key.DOWN), (13, Key.LEFT), (19, Key.RIGHT), (26, Key.OK)):
            assert await bench.tap(pin) == [press(key)]
            # The release is stable before the next key: one key at a time.
            await released(bench)
        assert bench.said.empty()


async def released(bench: Bench) -> None:
    while bench.pins.busy:  # noqa: ASYNC110 - virtual pins settle within a millisecond
        await asyncio.sleep(0)


async def test_the_door_and_its_lock() -> None:
    async with watching(hardware()) as bench:
        assert await bench.until(lambda one: isinstance(one, DoorSeen)) == DoorSeen(0)
        bench.drive(22, False)
        assert await bench.next() == DoorSeen(1)
        bench.drive(23, False)
        assert await bench.next() == DoorSeen(3)
        bench.drive(22, True)
        assert await bench.next() == DoorSeen(2)


@pytest.mark.parametrize("pull", ["up", "down", "none"])
@pytest.mark.parametrize("pressed", ["low", "high"])
async def test_pull_and_polarity_are_two_settings(pull: Any, pressed: Any) -> None:
    mock = MockFactory(pin_class=Wired)
    rest = pressed == "low"
    for pin in (26, 22):
        mock.pin(pin)._change_state(rest)
    buttons = ButtonSettings(ok=26, pull=pull, pressed=pressed, debounce=0.001)
    door = DoorSettings(pin=22, pull=pull, open=pressed, stable=0.01)
    async with watching(hardware(buttons, door), mock=mock) as bench:
        assert await bench.until(lambda one: isinstance(one, DoorSeen)) == DoorSeen(1)
        bench.drive(26, not rest)
        assert await bench.next() == press(Key.OK)
        bench.drive(22, not rest)
        assert await bench.next() == DoorSeen(0)
        assert mock.pin(26).pull == {"up": "up", "down": "down", "none": "floating"}[pull]


async def test_an_edge_that_was_lost_is_found_by_reading() -> None:
    async with watching(hardware()) as bench:
        await bench.until(lambda one: isinstance(one, DoorSeen))
        bench.factory.pin(26)._change_state(False)  # no call-back
        assert await bench.next() == press(Key.OK)


async def test_a_held_key_holds_without_further_edges() -> None:
    buttons = msgspec.structs.replace(BUTTONS, hold=0.2, repeat=0.05)
    async with watching(hardware(buttons)) as bench:
        await bench.until(lambda one: isinstance(one, DoorSeen))
        bench.drive(5, False)
        seen = [await bench.next() for _ in range(4)]
        strokes = [one.stroke.stroke for one in seen if isinstance(one, Stroked)]
        assert strokes == [Stroke.PRESS, Stroke.HOLD, Stroke.REPEAT, Stroke.REPEAT]


async def test_an_encoder_turns_and_pushes() -> None:
    buttons = ButtonSettings(encoder_a=17, encoder_b=18, encoder_push=27, debounce=0.001, hold=0.2)
    async with watching(hardware(buttons, DoorSettings())) as bench:
        assert await bench.next() == Health("buttons")
        for pin, high in ((17, False), (18, False), (17, True), (18, True)):
            bench.drive(pin, high)
        assert await bench.next() == press(Key.DOWN)
        for pin, high in ((18, False), (17, False), (18, True), (17, True)):
            bench.drive(pin, high)
        assert await bench.next() == press(Key.UP)
        bench.drive(27, False)
        assert await bench.next() == press(Key.LEFT), "held, without a further edge"
        assert await bench.next() == Stroked(KeyStroke(Key.LEFT, Stroke.HOLD))


async def test_a_wrong_pin_names_its_setting_and_stops_no_other() -> None:
    buttons = ButtonSettings(up=2, ok=26, pull="down", pressed="high", debounce=0.001)
    mock = MockFactory(pin_class=Wired)
    mock.pin(26)._change_state(False)
    async with watching(hardware(buttons, DoorSettings()), mock=mock) as bench:
        health = await bench.next()
        assert isinstance(health, Health)
        assert health.problem is not None
        assert "buttons.up: GPIO pin 2 cannot be used" in health.problem.long
        assert "fixed pull" in health.problem.long
        assert "buttons.ok" not in health.problem.long
        assert len(health.problem.short) <= 20
        bench.drive(26, True)
        assert await bench.next() == press(Key.OK)


async def test_a_chip_that_appears_later_is_used_then() -> None:
    mock = MockFactory()
    tries: list[None] = []

    def make() -> MockFactory:
        tries.append(None)
        if len(tries) < 3:
            raise GpioError("No permission for /dev/gpiochip0. Group gpio.", short="No permission")
        return mock

    async with watching(hardware(), make, mock) as bench:
        unknown, bad_buttons, bad_door = [await bench.next() for _ in range(3)]
        assert unknown == DoorSeen(None)
        assert isinstance(bad_buttons, Health)
        assert isinstance(bad_door, Health)
        assert bad_buttons.problem is not None
        assert bad_door.problem is not None
        assert bad_buttons.problem.short == "No permission"
        assert bad_buttons.problem.long.count("Group gpio") == 1, "said once, not for each pin"
        assert "buttons.ok" in bad_buttons.problem.long
        assert bad_door.problem.long.startswith("door.pin, door.lock_pin: ")
        rest = [await bench.next() for _ in range(3)]
        assert rest == [Health("buttons"), Health("door"), DoorSeen(0)]
        assert len(tries) == 3


async def test_a_pin_that_fails_later_is_told_and_tried_again() -> None:
    async with watching(hardware()) as bench:
        await bench.until(lambda one: isinstance(one, DoorSeen))
        pin = bench.factory.pin(22)
        healthy = pin._get_state
        pin._get_state = lambda: 1 / 0
        lost = [await bench.next(), await bench.next()]
        assert DoorSeen(None) in lost
        assert any(isinstance(one, Health) and one.problem for one in lost)
        pin._get_state = healthy
        assert await bench.until(lambda one: isinstance(one, Health)) == Health("door")
        assert await bench.next() == DoorSeen(0), "as its level is once it is stable"


async def test_a_stuck_key_is_a_health_problem_until_it_is_released() -> None:
    buttons = msgspec.structs.replace(BUTTONS, stuck=2.0, hold=5.0)
    async with watching(hardware(buttons)) as bench:
        await bench.until(lambda one: isinstance(one, DoorSeen))
        bench.drive(26, False)
        assert await bench.next() == press(Key.OK)
        stuck = await bench.next()
        assert isinstance(stuck, Health)
        assert stuck.problem is not None
        assert "buttons.ok (pin 26)" in stuck.problem.long
        bench.drive(26, True)
        assert await bench.next() == Health("buttons")


async def test_nothing_connected_says_nothing() -> None:
    async with watching(hardware(ButtonSettings(), DoorSettings())) as bench:
        await asyncio.sleep(0)
        assert bench.said.empty()
