"""Buses that lead to a virtual graphic display: I2C with smbus2's methods, SPI with spidev's.

They count what goes over the wire, and the display can be unplugged.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.sim.oled import Oled, Sh1106, Ssd1306
from appliance.sim.tft import St7735, St7789, Tft

if TYPE_CHECKING:
    from PIL import Image

_LARGEST: Final = 32  # bytes of an SMBus block
_BUFFER: Final = 4096  # bytes that spidev takes at once
_SMALL: Final = {64: 32}  # first column of a glass that is so wide


class _Plug:
    """What can be pulled out; the chip wakes up without its memory when it is put in again."""

    def __init__(self, chip: Oled | Tft) -> None:
        self.chip = chip
        self._unplugged = False

    @property
    def unplugged(self) -> bool:
        """Nothing reaches the chip."""
        return self._unplugged

    @unplugged.setter
    def unplugged(self, value: bool) -> None:
        if self._unplugged and not value:
            self.chip.power_up()
        self._unplugged = value


class OledBus(_Plug):
    """An I2C bus with a display on it (methods of ``smbus2.SMBus``)."""

    def __init__(self, chip: Oled | Tft, address: int = 0x3C) -> None:
        super().__init__(chip)
        self.address = address
        self.bytes_written = 0  # on the wire, the address among them
        self.transactions = 0
        self.closed = False

    def seconds(self, hertz: float) -> float:
        """How long all of it took: nine bits a byte, a start and a stop."""
        return (9 * self.bytes_written + 2 * self.transactions) / hertz

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        """A control byte (0x00 commands, 0x40 data), then at most 32 bytes."""
        if len(data) > _LARGEST:
            raise ValueError("Data length cannot exceed 32 bytes")
        self._answer(i2c_addr)
        self.transactions += 1
        self.bytes_written += 2 + len(data)
        if register & 0x40:
            self.chip.data(data)
        else:
            self.chip.command(data)

    def write_byte(self, i2c_addr: int, value: int, force: bool | None = None) -> None:
        """A control byte without anything."""
        self._answer(i2c_addr)
        self.transactions += 1
        self.bytes_written += 2

    def read_byte(self, i2c_addr: int, force: bool | None = None) -> int:
        """The status: bit 6 says that the display is off."""
        self._answer(i2c_addr)
        self.transactions += 1
        self.bytes_written += 2
        return 0 if self.chip.on else 0x40

    def close(self) -> None:
        """The bus is given back; the chip stays as it is."""
        self.closed = True

    def _answer(self, address: int) -> None:
        if self.closed:
            raise OSError(errno.EBADF, "Bad file descriptor")
        if self.unplugged or address != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")


class Pins:
    """Pins with the functions of ``RPi.GPIO`` (BCM numbers)."""

    BCM, OUT, IN, LOW, HIGH = 11, 0, 1, 0, 1

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}  # of the pins that were made outputs

    def setwarnings(self, flag: bool) -> None:
        """Nothing to warn of."""

    def setmode(self, mode: int) -> None:
        """Only BCM numbers."""
        if mode != self.BCM:
            raise ValueError("An invalid mode was passed to setmode()")

    def setup(self, channel: int, direction: int, initial: int = LOW, **_: object) -> None:
        """Make a pin an output."""
        if direction == self.OUT:
            self.levels.setdefault(channel, initial)

    def output(self, channel: int, value: int) -> None:
        """Set a pin's level. Raises RuntimeError for one that is no output."""
        if channel not in self.levels:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.levels[channel] = int(bool(value))

    def cleanup(self, channel: int | list[int] | None = None) -> None:
        """Make pins inputs again."""
        pins = list(self.levels) if channel is None else channel
        for pin in [pins] if isinstance(pins, int) else pins:
            self.levels.pop(pin, None)


class SpiBus(_Plug):
    """An SPI bus with a display on it (methods of ``spidev.SpiDev``).

    An SPI bus does not notice what hangs on it: to an unplugged display it writes in vain.
    """

    def __init__(self, chip: Oled | Tft, pins: Pins, dc: int) -> None:
        super().__init__(chip)
        self.max_speed_hz = 0
        self.mode = 0
        self.bytes_written = 0
        self.transactions = 0
        self.closed = False
        self._pins, self._dc = pins, dc

    def open(self, bus: int, device: int) -> None:
        """Open already."""
        self.closed = False

    def writebytes(self, data: Sequence[int]) -> None:
        """At most 4096 bytes, commands or data by the level of the pin D/C."""
        if self.closed:
            raise OSError(errno.EBADF, "Bad file descriptor")
        if len(data) > _BUFFER:
            raise OverflowError("Argument list size exceeds 4096 bytes.")
        self.transactions += 1
        self.bytes_written += len(data)
        if self.unplugged:
            return
        if self._pins.levels.get(self._dc):
            self.chip.data(data)
        else:
            self.chip.command(data)

    def close(self) -> None:
        """The bus is given back."""
        self.closed = True


class GraphicWires:
    """The wires of one simulated graphic display (see ``display.Wires``)."""

    def __init__(self, settings: PanelSettings) -> None:
        self.chip = chip_of(settings)
        self.pins = Pins()
        self.i2c_bus = OledBus(self.chip, settings.i2c_address or 0x3C)
        self.spi_bus = SpiBus(self.chip, self.pins, settings.spi_dc)

    def i2c(self, port: int) -> OledBus:
        """The bus, open."""
        self.i2c_bus.closed = False
        return self.i2c_bus

    def spi(self, port: int, device: int) -> SpiBus:
        """The bus, open."""
        self.spi_bus.closed = False
        return self.spi_bus

    def gpio(self) -> Pins:
        """The pins."""
        return self.pins

    @property
    def unplugged(self) -> bool:
        """Nothing reaches the display."""
        return self.i2c_bus.unplugged

    @unplugged.setter
    def unplugged(self, value: bool) -> None:
        self.i2c_bus.unplugged = value
        self.spi_bus.unplugged = value

    def picture(self) -> Image.Image:
        """What a person sees."""
        return self.chip.picture()


def chip_of(settings: PanelSettings) -> Oled | Tft:
    """The virtual controller of a graphic display, with its glass."""
    usual = settings.display.pixels
    if usual is None:
        raise ValueError(f"{settings.display} is no graphic display")
    width, height = settings.width or usual[0], settings.height or usual[1]
    match settings.display:
        case DisplayKind.ST7735:
            return St7735(width, height, rotate=settings.rotate)
        case DisplayKind.ST7789:
            return St7789(width, height, rotate=settings.rotate)
        case DisplayKind.SH1106:
            return Sh1106(width, height, rotate=settings.rotate)
    first = _SMALL.get(width, 0)
    return Ssd1306(width, height, first=first, rotate=settings.rotate)
