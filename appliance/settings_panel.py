"""The settings of what stands at the printer: panel, buttons, door, plate, moves by hand."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

NO_PIN = -1

Pin = Annotated[int, Meta(ge=NO_PIN, le=27)]  # BCM number; -1 = not connected
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Length = Annotated[float, Meta(gt=0, le=2000)]  # mm
Feed = Annotated[float, Meta(gt=0, le=30_000)]  # mm/min


class DisplayKind(StrEnum):
    """The controller of the display."""

    NONE = "none"
    HD44780_16X2 = "hd44780-16x2"
    HD44780_20X4 = "hd44780-20x4"
    SSD1306 = "ssd1306"
    SH1106 = "sh1106"
    ST7735 = "st7735"
    ST7789 = "st7789"

    @property
    def cells(self) -> tuple[int, int] | None:
        """Columns and rows of a character display, None of a graphic one."""
        return _CELLS.get(self)

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Usual width and height of a graphic display, None of a character one."""
        return _PIXELS.get(self)

    @property
    def coloured(self) -> bool:
        """The display has colours."""
        return self in (DisplayKind.ST7735, DisplayKind.ST7789)


_CELLS = {DisplayKind.HD44780_16X2: (16, 2), DisplayKind.HD44780_20X4: (20, 4)}
_PIXELS = {
    DisplayKind.SSD1306: (128, 64),
    DisplayKind.SH1106: (128, 64),
    DisplayKind.ST7735: (160, 128),
    DisplayKind.ST7789: (240, 240),
}


class Wiring(StrEnum):
    """How the display is connected."""

    AUTO = "auto"  # i2c for HD44780, SSD1306 and SH1106; spi for ST7735 and ST7789
    I2C = "i2c"  # HD44780 behind a PCF8574
    SPI = "spi"
    PARALLEL = "parallel"  # HD44780 on GPIO pins, four data lines


class PanelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The display of the front panel."""

    display: DisplayKind = DisplayKind.NONE
    wiring: Wiring = Wiring.AUTO
    i2c_port: Annotated[int, Meta(ge=0, le=99)] = 1
    i2c_address: Annotated[int, Meta(ge=0, le=0x77)] = 0  # 0 = usual: 0x27 HD44780, 0x3C OLED
    spi_port: Annotated[int, Meta(ge=0, le=9)] = 0
    spi_device: Annotated[int, Meta(ge=0, le=9)] = 0
    spi_dc: Pin = 24  # data or command
    spi_reset: Pin = 25
    parallel_rs: Pin = 7
    parallel_e: Pin = 8
    parallel_d4: Pin = 25
    parallel_d5: Pin = 24
    parallel_d6: Pin = 23
    parallel_d7: Pin = 18
    backlight: Pin = NO_PIN  # of an SPI display, where a pin switches it
    width: Annotated[int, Meta(ge=0, le=480)] = 0  # pixels of a graphic display; 0 = usual
    height: Annotated[int, Meta(ge=0, le=480)] = 0
    rotate: Annotated[int, Meta(ge=0, le=3)] = 0  # quarter turns of a graphic display
    offset_x: Annotated[int, Meta(ge=0, le=320)] = 0  # where a TFT's glass begins in its memory
    offset_y: Annotated[int, Meta(ge=0, le=320)] = 0
    bgr: bool = False  # for a TFT that shows red as blue
    rom: Literal["A00", "A02"] = "A00"  # character set of an HD44780: Japanese or European
    refresh: Annotated[float, Meta(ge=0, le=3600)] = 60.0  # s; initialise anew, 0 = never
    menu_timeout: Seconds = 30.0  # after the last key the menu closes
    simulated: str = ""  # path of a socket: no hardware, keys and pictures go over it

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of a graphic display, after its rotation."""
        usual = self.display.pixels or (0, 0)
        width, height = self.width or usual[0], self.height or usual[1]
        return (height, width) if self.rotate % 2 else (width, height)


class ButtonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Five buttons and a rotary encoder with push; any of them may be missing."""

    up: Pin = NO_PIN
    down: Pin = NO_PIN
    left: Pin = NO_PIN  # also "back"; held, it leads home
    right: Pin = NO_PIN
    ok: Pin = NO_PIN
    encoder_a: Pin = NO_PIN
    encoder_b: Pin = NO_PIN
    encoder_push: Pin = NO_PIN  # OK; held, it goes back
    pull: Literal["up", "down", "none"] = "up"
    pressed: Literal["low", "high"] = "low"  # the pin's level while a button is held
    debounce: Annotated[float, Meta(ge=0.001, le=0.5)] = 0.02  # seconds
    hold: Annotated[float, Meta(ge=0.2, le=5)] = 0.8  # seconds until a press is a hold
    repeat: Annotated[float, Meta(ge=0.05, le=2)] = 0.2  # seconds between repeats of a held key
    stuck: Annotated[float, Meta(ge=2, le=600)] = 30.0  # s; held longer it is broken, not meant

    def pins(self) -> dict[str, int]:
        """The connected pins by the name of their setting."""
        names = ("up", "down", "left", "right", "ok", "encoder_a", "encoder_b", "encoder_push")
        return {name: pin for name in names if (pin := getattr(self, name)) != NO_PIN}

    @property
    def any(self) -> bool:
        """A person can press OK here."""
        return self.ok != NO_PIN or self.encoder_push != NO_PIN


class DoorPolicy(StrEnum):
    """What an opened door does to a running print."""

    NOTHING = "nothing"
    REPORT = "report"
    PAUSE = "pause"


class DoorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The door's switch, and perhaps its lock's (values of section 3.12, ``door``)."""

    pin: Pin = NO_PIN
    lock_pin: Pin = NO_PIN
    pull: Literal["up", "down", "none"] = "up"
    open: Literal["low", "high"] = "high"  # the pin's level while the door is open
    locked: Literal["low", "high"] = "low"  # the lock pin's level while it is locked
    stable: Annotated[float, Meta(ge=0, le=10)] = 0.2  # seconds before a change counts
    while_printing: DoorPolicy = DoorPolicy.REPORT
    patience: Annotated[float, Meta(ge=0, le=86_400)] = 600.0  # s that a print waits for closing

    def pins(self) -> dict[str, int]:
        """The connected pins by the name of their setting."""
        found = {"pin": self.pin, "lock_pin": self.lock_pin}
        return {name: pin for name, pin in found.items() if pin != NO_PIN}


class PlateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens once a print lies on the build plate."""

    confirm: bool = True  # status 15 until somebody says that the plate is clear
    print_next: bool = False  # then ask the cloud for the next job of the queue


class Material(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preheat of the panel's menu, in °C."""

    name: Annotated[str, Meta(min_length=1, max_length=12)]
    tool: Annotated[float, Meta(ge=0, le=500)]
    bed: Annotated[float, Meta(ge=0, le=200)] = 0.0


MATERIALS = (
    Material(name="PLA", tool=205, bed=60),
    Material(name="PETG", tool=235, bed=80),
    Material(name="ABS", tool=245, bed=100),
)


class MoveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of moves by hand, from the panel and from the cloud (``jogPrinter``)."""

    size_x: Length = 220.0  # the build volume, from 0
    size_y: Length = 220.0
    size_z: Length = 250.0
    longest: Length = 100.0  # mm of one move of the head
    longest_extrusion: Annotated[float, Meta(gt=0, le=200)] = 50.0
    feed_xy: Feed = 3000.0
    feed_z: Feed = 600.0
    feed_e: Feed = 150.0
    extrude_from: Annotated[float, Meta(ge=0, le=400)] = 170.0  # °C of the nozzle


PARALLEL = (
    "parallel_rs",
    "parallel_e",
    "parallel_d4",
    "parallel_d5",
    "parallel_d6",
    "parallel_d7",
)


def wiring_of(panel: PanelSettings) -> Wiring:
    """The wiring in force."""
    if panel.wiring is not Wiring.AUTO:
        return panel.wiring
    return Wiring.SPI if panel.display.coloured else Wiring.I2C


def panel_problems(
    panel: PanelSettings, buttons: ButtonSettings, door: DoorSettings
) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) for what types alone cannot say."""
    wiring = wiring_of(panel)
    if panel.display.cells and wiring is Wiring.SPI:
        yield "panel.wiring", "An HD44780 is connected by i2c (PCF8574) or parallel."
    if panel.display.pixels and wiring is Wiring.PARALLEL:
        yield "panel.wiring", "A graphic display is connected by i2c or spi."
    if not panel.display.coloured and (panel.bgr or panel.offset_x or panel.offset_y):
        key = "bgr" if panel.bgr else "offset_x" if panel.offset_x else "offset_y"
        yield f"panel.{key}", "Only an ST7735 or ST7789 has this."
    if panel.display.coloured and wiring is Wiring.I2C:
        yield "panel.wiring", "An ST7735 or ST7789 is connected by spi."
    if panel.i2c_address and panel.i2c_address < 0x03:
        yield "panel.i2c_address", "Expected 0 for the usual one, or 3 to 119 (0x03 to 0x77)."
    for name, value in (("width", panel.width), ("height", panel.height)):
        if value and value < 32:
            yield f"panel.{name}", "Expected 0 for the usual size, or 32 to 480 pixels."
    if wiring is Wiring.PARALLEL and panel.display is not DisplayKind.NONE:
        for name in PARALLEL:
            if getattr(panel, name) == NO_PIN:
                yield f"panel.{name}", "Wiring in parallel needs this pin (0 to 27)."
    if (buttons.encoder_a == NO_PIN) != (buttons.encoder_b == NO_PIN):
        yield "buttons.encoder_b", "A rotary encoder needs both encoder_a and encoder_b."
    if door.lock_pin != NO_PIN and door.pin == NO_PIN:
        yield "door.lock_pin", "The lock's switch needs the door's: set door.pin, too."
    yield from _shared_pins(panel, buttons, door)


def _shared_pins(
    panel: PanelSettings, buttons: ButtonSettings, door: DoorSettings
) -> Iterator[tuple[str, str]]:
    taken: dict[int, str] = {}
    for key, pin in _pins_in_use(panel, buttons, door):
        if pin in taken:
            yield key, f"Pin {pin} is already used by {taken[pin]}; each needs a pin of its own."
        taken.setdefault(pin, key)


def _pins_in_use(
    panel: PanelSettings, buttons: ButtonSettings, door: DoorSettings
) -> Iterator[tuple[str, int]]:
    wiring = wiring_of(panel)
    if panel.display is not DisplayKind.NONE:
        if wiring is Wiring.PARALLEL:
            yield from ((f"panel.{name}", getattr(panel, name)) for name in PARALLEL)
        elif wiring is Wiring.SPI:
            optional = (("spi_dc", panel.spi_dc), ("spi_reset", panel.spi_reset))
            yield from ((f"panel.{name}", pin) for name, pin in optional if pin != NO_PIN)
        if panel.backlight != NO_PIN:
            yield "panel.backlight", panel.backlight
    yield from ((f"buttons.{name}", pin) for name, pin in buttons.pins().items())
    yield from ((f"door.{name}", pin) for name, pin in door.pins().items())
