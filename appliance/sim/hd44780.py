"""A virtual HD44780, as its pins see it: behind a PCF8574 on I2C, or on GPIO pins.

It takes nibbles on the falling edge of E, needs its time for each instruction (what comes too
early is lost and counted), and can be unplugged, garbled, or put out of step by a nibble.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Any, Final

from appliance.panel.charset import Rom, charset
from appliance.panel.glyphs import (
    COLUMNS,
    ICONS,
    MARKS,
    ROWS,
    SIGNS,
    Glyph,
    all_accented,
    bar_cell,
    mark,
)

_LINES: Final = (0x00, 0x40, 0x14, 0x54)  # address of the first cell of each row
_LINE: Final = 40  # cells of memory for each of the two lines
_CGRAM: Final = 64
_LONG: Final = 1.52e-3  # s, clear and home; the data sheet's times at 270 kHz
_SHORT: Final = 37e-6

RS, RW, E, LIGHT = 0x01, 0x02, 0x04, 0x08  # of the PCF8574's port; D4 to D7 above


class Hd44780:
    """The controller with its glass. ``clock`` gives seconds; busy times are measured with it."""

    def __init__(
        self, columns: int, rows: int, rom: Rom, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.columns, self.lines, self.rom = columns, rows, rom
        self.lit = True
        self.lost = 0  # instructions that came while it was busy
        self.written = 0  # characters and bitmap rows
        self._clock = clock
        self.power_up()

    def power_up(self, seed: int = 0) -> None:
        """Power comes: 8-bit interface, display off, blanks, nobody knows which bitmaps."""
        self.ddram = bytearray(b" " * 2 * _LINE)
        self.cgram = bytearray(Random(seed).randbytes(_CGRAM))
        self.on = False
        self._wide = True
        self._high: int | None = None
        self._address = 0
        self._in_cgram = False
        self._step = 1
        self._shifts = False
        self._shift = 0
        self._busy_until = 0.0

    def garble(self, seed: int = 1) -> None:
        """What motors near by do to it: anything may stand anywhere."""
        random = Random(seed)
        self.ddram[:] = random.randbytes(len(self.ddram))
        self.cgram[:] = random.randbytes(_CGRAM)
        self._shift = random.randrange(_LINE)
        self.slip(random.randrange(16))

    def slip(self, nibble: int = 0) -> None:
        """An edge too many: from now on it takes low nibbles for high ones."""
        self._high = nibble if self._high is None else None

    def edge(self, data: bool, nibble: int) -> None:
        """E fell, with ``nibble`` on D4 to D7; D0 to D3 are not connected."""
        if self._wide:
            self._take(data, nibble << 4)
        elif self._high is None:
            self._high = nibble
        else:
            high, self._high = self._high, None
            self._take(data, high << 4 | nibble)

    def _take(self, data: bool, value: int) -> None:
        now = self._clock()
        if now < self._busy_until:
            self.lost += 1
            return
        self._busy_until = now + _SHORT
        if data:
            self._store(value)
        else:
            self._instruct(value)

    def _store(self, value: int) -> None:
        self.written += 1
        if self._in_cgram:
            self.cgram[self._address] = value
        else:
            self.ddram[_cell(self._address)] = value
        self._move(self._step)
        if self._shifts and not self._in_cgram:
            self._shift += self._step

    def _move(self, step: int) -> None:
        if self._in_cgram:
            self._address = (self._address + step) % _CGRAM
        else:
            self._address = _at(_cell(self._address) + step)

    def _instruct(self, value: int) -> None:
        """The instruction of the highest bit that is set (data sheet, table 6)."""
        if value & 0x80:
            self._address, self._in_cgram = value & 0x7F, False
        elif value & 0x40:
            self._address, self._in_cgram = value & 0x3F, True
        elif value & 0x20:
            self._wide, self._high = bool(value & 0x10), None
        elif value & 0x10:
            self._slide(value)
        elif value & 0x08:
            self.on = bool(value & 0x04)
        elif value & 0x04:
            self._step, self._shifts = (1 if value & 0x02 else -1), bool(value & 0x01)
        elif value:
            self._home(clear=value == 0x01)

    def _slide(self, value: int) -> None:
        right = 1 if value & 0x04 else -1
        if value & 0x08:
            self._shift -= right
        else:
            self._move(right)

    def _home(self, *, clear: bool) -> None:
        if clear:
            self.ddram[:] = b" " * len(self.ddram)
            self._step = 1
        self._address, self._in_cgram, self._shift = 0, False, 0
        self._busy_until = self._clock() + _LONG

    def codes(self) -> list[list[int]]:
        """The code in every visible cell."""
        starts = _LINES[: self.lines]
        return [[self._code(start, column) for column in range(self.columns)] for start in starts]

    def _code(self, start: int, column: int) -> int:
        line, offset = divmod(_cell(start), _LINE)
        return self.ddram[line * _LINE + (offset + column + self._shift) % _LINE]

    def dots(self) -> list[list[bytes]]:
        """The eight rows of dots of every visible cell, dark where the display is off."""
        from appliance.sim.lcd_picture import rom_font  # noqa: PLC0415 - PIL and luma

        font = rom_font(self.rom)
        return [[self._cell_dots(code, font) for code in row] for row in self.codes()]

    def _cell_dots(self, code: int, font: Mapping[int, bytes]) -> bytes:
        if not self.on:
            return bytes(ROWS)
        if code < 16:
            start = (code & 7) * ROWS
            return bytes(row & 0x1F for row in self.cgram[start : start + ROWS])
        return font[code]

    def rows(self) -> tuple[str, ...]:
        """What stands there, one Unicode character a cell."""
        if not self.on:
            return (" " * self.columns,) * self.lines
        looks = _looks()
        signs = charset(self.rom)
        return tuple(
            "".join(
                looks.get(dots, "▒") if code < 16 else signs.text(code)
                for code, dots in zip(row, cells, strict=True)
            )
            for row, cells in zip(self.codes(), self.dots(), strict=True)
        )

    def picture(self) -> Any:
        """The display as a person sees it: a PIL image with a small palette."""
        from appliance.sim.lcd_picture import lcd_picture  # noqa: PLC0415 - PIL

        return lcd_picture(self.dots(), lit=self.lit)


class Backpack:
    """A PCF8574 in front of the chip, with the methods of ``smbus2.SMBus`` that are used.

    ``seconds`` is the time that its bytes take on a bus of ``speed`` bits a second; the chip's
    busy times count it.
    """

    def __init__(
        self,
        columns: int,
        rows: int,
        rom: Rom = "A00",
        *,
        address: int = 0x27,
        speed: float = 400_000,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.address = address
        self.speed = speed
        self.transactions = 0
        self.bytes_written = 0  # without the addresses
        self._clock = clock
        self.chip = Hd44780(columns, rows, rom, self._now)
        self._port = 0xFF  # as it wakes up
        self._unplugged = False

    @property
    def seconds(self) -> float:
        """Start, address, bytes with their acknowledge bits, stop."""
        return (self.transactions * 11 + self.bytes_written * 9) / self.speed

    @property
    def unplugged(self) -> bool:
        """Nothing answers; plugged in again, the chip wakes up without its memory."""
        return self._unplugged

    @unplugged.setter
    def unplugged(self, value: bool) -> None:
        if self._unplugged and not value:
            self.chip.power_up()
            self._port = 0xFF
        self._unplugged = value

    def write_byte(self, i2c_addr: int, value: int, force: bool | None = None) -> None:
        """Set the eight pins."""
        self._answer(i2c_addr)
        self.transactions += 1
        self.bytes_written += 1
        before, self._port = self._port, value
        self.chip.lit = bool(value & LIGHT)
        if before & E and not value & E and not before & RW:
            self.chip.edge(bool(before & RS), before >> 4)

    def read_byte(self, i2c_addr: int, force: bool | None = None) -> int:
        """The level of the eight pins."""
        self._answer(i2c_addr)
        self.transactions += 1
        return self._port

    def close(self) -> None:
        """The bus is given back; the chip stays as it is."""

    def _answer(self, address: int) -> None:
        if self._unplugged or address != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")

    def _now(self) -> float:
        return self._clock() + self.seconds


class ParallelPins:
    """The chip on GPIO pins, with the functions of ``RPi.GPIO`` that are used (BCM numbers).

    ``parallel`` are the pins of RS, E, D4, D5, D6 and D7.
    """

    BCM, OUT, IN, LOW, HIGH = 11, 0, 1, 0, 1

    def __init__(
        self,
        columns: int,
        rows: int,
        rom: Rom = "A00",
        *,
        parallel: tuple[int, ...] = (7, 8, 25, 24, 23, 18),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.chip = Hd44780(columns, rows, rom, clock)
        self.levels: dict[int, int] = {}  # of the pins that were made outputs
        self.writes = 0
        self._rs, self._e, *self._data = parallel

    def setwarnings(self, flag: bool) -> None:
        """Nothing to warn of."""

    def setmode(self, mode: int) -> None:
        """Only BCM numbers."""
        if mode != self.BCM:
            raise ValueError("An invalid mode was passed to setmode()")

    def setup(self, channel: int, direction: int, **_: object) -> None:
        """Make a pin an output."""
        if direction == self.OUT:
            self.levels.setdefault(channel, self.LOW)

    def output(self, channel: int, value: int) -> None:
        """Set a pin's level. Raises RuntimeError for one that is no output."""
        if channel not in self.levels:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.writes += 1
        before, self.levels[channel] = self.levels[channel], int(bool(value))
        if channel == self._e and before and not value:
            bits = (self.levels.get(pin, 0) << index for index, pin in enumerate(self._data))
            self.chip.edge(bool(self.levels.get(self._rs, 0)), sum(bits))

    def cleanup(self, channel: int | list[int] | None = None) -> None:
        """Make pins inputs again."""
        pins = list(self.levels) if channel is None else channel
        for pin in [pins] if isinstance(pins, int) else pins:
            self.levels.pop(pin, None)


def _cell(address: int) -> int:
    """Index in the memory of a DDRAM address of two-line mode."""
    return (_LINE if address >= 0x40 else 0) + (address & 0x3F) % _LINE


def _at(cell: int) -> int:
    line, offset = divmod(cell % (2 * _LINE), _LINE)
    return 0x40 * line + offset


@cache
def _looks() -> Mapping[bytes, str]:
    """What the product's bitmaps stand for."""
    ends = ((True, False), (False, True), (False, False), (True, True))
    bars = [
        bar_cell(filled, first=first, last=last, full=None)
        for filled in range(COLUMNS + 1)
        for first, last in ends
    ]
    signs = [mark(char, ord(" ")) for char in MARKS]
    known = [*bars, *ICONS.values(), *SIGNS.values(), *signs, *all_accented()]
    return {glyph.bitmap: glyph.char for glyph in known if isinstance(glyph, Glyph)}
