"""A front panel that is not there: its display's chip, its buttons and its door switch."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from gpiozero.pins.mock import MockFactory, MockPin

from appliance.panel.display import DisplayError, Wires
from appliance.panel.keys import Key
from appliance.panel.wire import Hardware
from appliance.settings_panel import (
    NO_PIN,
    PARALLEL,
    ButtonSettings,
    DisplayKind,
    PanelSettings,
    Wiring,
    wiring_of,
)
from appliance.sim.graphic_wires import GraphicWires
from appliance.sim.hd44780 import Backpack, Hd44780, ParallelPins

_SPI_PINS = ("spi_dc", "spi_reset", "backlight")


class Chip(Protocol):
    """The controller behind a display's glass."""

    def picture(self) -> Any:
        """What a person sees, as a PIL image."""


class SwitchPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin on a switch, which is stronger than any pull."""

    def _set_pull(self, value: str) -> None:
        self._pull = value


class NoWires:
    """No display is connected."""

    def i2c(self, port: int) -> object:
        """Raises DisplayError."""
        raise DisplayError(f"There is no simulated display on I2C bus {port}.")

    def spi(self, port: int, device: int) -> object:
        """Raises DisplayError."""
        raise DisplayError(f"There is no simulated display on SPI bus {port}.{device}.")

    def gpio(self) -> object:
        """Raises DisplayError."""
        raise DisplayError("There is no simulated display on GPIO pins.")


class CharacterWires(NoWires):
    """An HD44780, behind a PCF8574 or on pins."""

    def __init__(self, panel: PanelSettings) -> None:
        from appliance.panel.hd44780 import USUAL_ADDRESS  # noqa: PLC0415 - luma

        columns, rows = panel.display.cells or (16, 2)
        self.chip: Hd44780
        self._bus: Backpack | None = None
        self._pins: ParallelPins | None = None
        if wiring_of(panel) is Wiring.I2C:
            address = panel.i2c_address or USUAL_ADDRESS
            self._bus = Backpack(columns, rows, panel.rom, address=address)
            self.chip = self._bus.chip
        else:
            pins = tuple(getattr(panel, name) for name in PARALLEL)
            self._pins = ParallelPins(columns, rows, panel.rom, parallel=pins)
            self.chip = self._pins.chip

    def i2c(self, port: int) -> object:
        """The bus with the PCF8574 on it."""
        return self._bus or super().i2c(port)

    def gpio(self) -> object:
        """The pins with the chip on them."""
        return self._pins or super().gpio()


class Front:
    """Everything that a person touches and sees. All five keys exist, and the door if it is set."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = msgspec.structs.replace(hardware, buttons=_all_keys(hardware))
        self.factory = MockFactory(pin_class=SwitchPin)
        self.wires, self._chip = _display(hardware.panel)
        self.keys: tuple[Key, ...] = ()  # held down
        self.door_open: bool | None = None
        for key in Key:
            self.press(key, down=False)
        door = hardware.door
        if door.pin != NO_PIN:
            self.move_door(opened=False)
        if door.lock_pin != NO_PIN:
            self._drive(door.lock_pin, high=door.locked == "low")  # not locked

    def picture(self) -> Any:
        """What a person sees of the display, as a PIL image; None without a display."""
        return self._chip.picture() if self._chip else None

    def rows(self) -> tuple[str, ...]:
        """The characters; empty for a graphic display."""
        return self._chip.rows() if isinstance(self._chip, Hd44780) else ()

    def press(self, key: Key, *, down: bool) -> None:
        """Press a button, or let go of it."""
        held = {*self.keys, key} if down else {*self.keys} - {key}
        self.keys = tuple(one for one in Key if one in held)
        buttons = self.hardware.buttons
        self._drive(getattr(buttons, key.value), high=down is (buttons.pressed == "high"))

    def move_door(self, *, opened: bool) -> None:
        """Open or close the door, where it has a switch."""
        door = self.hardware.door
        if door.pin != NO_PIN:
            self.door_open = opened
            self._drive(door.pin, high=opened is (door.open == "high"))

    def _drive(self, pin: int, *, high: bool) -> None:
        mock = self.factory.pin(pin)
        if high:
            mock.drive_high()
        else:
            mock.drive_low()


def _all_keys(hardware: Hardware) -> ButtonSettings:
    """The settings of the buttons, with a free pin for each key that has none."""
    panel, buttons = hardware.panel, hardware.buttons
    used = {getattr(panel, name) for name in (*PARALLEL, *_SPI_PINS)}
    used |= {*buttons.pins().values(), *hardware.door.pins().values()}
    free = (pin for pin in range(4, 28) if pin not in used)
    missing = {key.value: next(free) for key in Key if getattr(buttons, key.value) == NO_PIN}
    return msgspec.structs.replace(buttons, **missing)


def _display(panel: PanelSettings) -> tuple[Wires, Chip | None]:
    if panel.display is DisplayKind.NONE:
        return NoWires(), None
    if panel.display.cells:
        characters = CharacterWires(panel)
        return characters, characters.chip
    graphic = GraphicWires(panel)
    return graphic, graphic.chip
