"""What ``polar-appliance doctor`` finds of the front panel: its display, buttons and door."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from typing import Any

from appliance.config import Settings
from appliance.doctor import Finding, Verdict
from appliance.errors import ApplianceError
from appliance.panel import gpio
from appliance.panel.wires import SystemWires
from appliance.settings_panel import DisplayKind, PanelSettings, Wiring, wiring_of

_DISPLAY = "display"
_PINS = "buttons, door"
_USUAL = {True: (0x27, 0x3F), False: (0x3C, 0x3D)}  # of character and of graphic displays
_SILENT = (errno.EREMOTEIO, errno.EIO, errno.ENXIO, errno.ETIMEDOUT)


def display(settings: Settings) -> Finding:
    """Bus, permission, and whether something answers at the display's address."""
    panel = settings.panel
    if panel.display is DisplayKind.NONE:
        return Finding(_DISPLAY, Verdict.NOTE, "none in the settings ([panel] display)")
    if panel.simulated:
        return Finding(_DISPLAY, Verdict.NOTE, f"{panel.display}, simulated")
    try:
        found = _bus(panel)
    except ApplianceError as error:
        return Finding(_DISPLAY, Verdict.BAD, f"{panel.display}: {error.short}", error.long)
    return found


def _bus(panel: PanelSettings) -> Finding:
    wires = SystemWires()
    match wiring_of(panel):
        case Wiring.I2C:
            return _i2c(panel, wires.i2c(panel.i2c_port))
        case Wiring.SPI:
            bus: Any = wires.spi(panel.spi_port, panel.spi_device)
            bus.close()
            place = f"/dev/spidev{panel.spi_port}.{panel.spi_device}"
            return Finding(_DISPLAY, Verdict.GOOD, f"{panel.display}: {place} can be used")
        case _:
            chip = gpio.find_chip()
            text = f"{panel.display} on pins of gpiochip{chip.number} ({chip.label})"
            return Finding(_DISPLAY, Verdict.GOOD, text)


def _i2c(panel: PanelSettings, bus: Any) -> Finding:
    usual = _USUAL[panel.display.cells is not None]
    address = panel.i2c_address or usual[0]
    try:
        if _answers(bus, address):
            text = f"{panel.display} answers at 0x{address:02X} on I2C bus {panel.i2c_port}"
            return Finding(_DISPLAY, Verdict.GOOD, text)
        others = [other for other in usual if other != address and _answers(bus, other)]
    finally:
        bus.close()
    text = f"{panel.display}: nothing answers at 0x{address:02X} on I2C bus {panel.i2c_port}"
    remedy = "Check the display's four wires, [panel] i2c_address and i2c_port."
    if others:
        remedy = f"Something answers at 0x{others[0]:02X}: set [panel] i2c_address to that."
    return Finding(_DISPLAY, Verdict.BAD, text, remedy)


def _answers(bus: Any, address: int) -> bool:
    """Reading a byte changes nothing in any of the displays' chips. Raises OSError."""
    try:
        bus.read_byte(address)
    except OSError as error:
        if error.errno in _SILENT:
            return False
        raise
    return True


def buttons_and_door(settings: Settings) -> Finding:
    """The GPIO chip, its permission, and the module for it."""
    pins = {**settings.buttons.pins(), **settings.door.pins()}
    if settings.panel.simulated:
        return Finding(_PINS, Verdict.NOTE, "simulated")
    if not pins:
        return Finding(_PINS, Verdict.NOTE, "none in the settings ([buttons], [door])")
    try:
        chip = gpio.find_chip()
    except gpio.GpioError as error:
        return Finding(_PINS, Verdict.BAD, error.short, error.long)
    if find_spec("RPi") is None or find_spec("RPi.GPIO") is None:
        text = "the Python module RPi.GPIO is missing"
        return Finding(_PINS, Verdict.BAD, text, gpio.REMEDY_MODULE)
    text = f"{len(pins)} pins of gpiochip{chip.number} ({chip.label})"
    return Finding(_PINS, Verdict.GOOD, text, "Try them: polar-appliance doctor --gpio")
