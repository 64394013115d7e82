"""Virtual SSD1306 and SH1106: display memory behind commands and data, as the chips have it.

What is shown is drawn from the memory alone, by the registers that luma sets: segment and COM
direction, multiplex ratio, start line, offset, display on. The glass is mounted as on the
usual modules, for which the picture is upright with both directions remapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

_PAGES: Final = 8
# How many arguments follow a command byte (SSD1306 data sheet, table 9-1; SH1106 has fewer).
_ARGUMENTS: Final[Mapping[int, int]] = MappingProxyType(
    {
        0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1,
        0xDB: 1, 0xAD: 1,
    }
)  # fmt: skip


class Oled:
    """What both chips have in common. ``columns`` is the width of the memory.

    The glass shows ``width`` x ``height`` pixels of it from column ``first`` on and is mounted
    ``rotate`` quarter turns clockwise from its usual place.
    """

    columns = 128
    horizontal = True  # it has addressing modes, of which horizontal is one

    def __init__(self, width: int = 128, height: int = 64, *, first: int = 0, rotate: int = 0):
        self.width, self.height = width, height
        self._first, self._rotate = first, rotate
        self.power_up()

    def power_up(self, seed: int = 0) -> None:
        """Power comes: display off, registers as after a reset, anything in the memory."""
        self.ram = bytearray(Random(seed).randbytes(self.columns * _PAGES))
        self.on = False
        self.data_bytes = 0  # that were written into the memory
        self.ignored = 0  # commands that the chip does not have
        self._mode = 2  # page addressing
        self._window = (0, self.columns - 1, 0, _PAGES - 1)
        self._column = self._page = 0
        self._remapped = self._upside = self._inverse = False
        self._rows, self._offset, self._start = 64, 0, 0
        self._pending: list[int] = []

    def garble(self, seed: int = 1) -> None:
        """What a spike on the supply does: anything in the memory, addresses and modes lost."""
        before = self.data_bytes
        self.power_up(seed)
        self.on, self.data_bytes = True, before

    def command(self, data: Iterable[int]) -> None:
        """Bytes that were sent as commands; one may be split over several calls."""
        for byte in data:
            self._pending.append(byte)
            if len(self._pending) > self._arguments(self._pending[0]):
                code, *arguments = self._pending
                self._pending = []
                self._run(code, arguments)

    def data(self, data: Iterable[int]) -> None:
        """Bytes for the memory."""
        for byte in data:
            if self._column < self.columns:
                self.ram[self._page * self.columns + self._column] = byte
            self.data_bytes += 1
            self._advance()

    def picture(self) -> Image.Image:
        """What a person sees: mode "1", upright; black while the display is off."""
        from PIL import Image  # noqa: PLC0415

        glass = Image.new("1", (self.width, self.height))
        if self.on:
            rows = [self._line(y) for y in range(self.height)]
            glass.putdata([255 if dot != self._inverse else 0 for row in rows for dot in row])
        turned = Image.Transpose
        ways = (None, turned.ROTATE_90, turned.ROTATE_180, turned.ROTATE_270)
        way = ways[self._rotate]
        return glass if way is None else glass.transpose(way)

    def _arguments(self, code: int) -> int:
        known = self.horizontal or code not in (0x20, 0x21, 0x22, 0x8D)
        return _ARGUMENTS.get(code, 0) if known else 0

    def _line(self, y: int) -> list[bool]:
        """One row of the glass, with the directions that luma chooses being the usual ones."""
        if y >= self._rows:
            return [False] * self.width
        com = y if self._upside else self.height - 1 - y
        row = (com + self._start + self._offset) % 64
        page, bit = divmod(row, 8)
        columns = range(self._first, self._first + self.width)
        if not self._remapped:
            columns = range(self._first + self.width - 1, self._first - 1, -1)
        return [bool(self.ram[page * self.columns + column] >> bit & 1) for column in columns]

    def _run(self, code: int, arguments: list[int]) -> None:
        if code <= 0x0F:
            self._column = self._column & 0xF0 | code
        elif code <= 0x1F:
            self._column = (code & 0x0F) << 4 | self._column & 0x0F
        elif 0x40 <= code <= 0x7F:
            self._start = code & 0x3F
        elif 0xB0 <= code <= 0xB7:
            self._page = code & 0x07
        elif code in (0xA0, 0xA1):
            self._remapped = code == 0xA1
        elif code in (0xC0, 0xC8):
            self._upside = bool(code & 0x08)
        elif code in (0xA6, 0xA7):
            self._inverse = code == 0xA7
        elif code in (0xAE, 0xAF):
            self.on = code == 0xAF
        elif arguments:
            self._set(code, arguments)
        elif code not in (0xA4, 0xE3, 0x2E, 0x2F):
            self.ignored += 1

    def _set(self, code: int, arguments: list[int]) -> None:
        if code == 0x20:
            self._mode = arguments[0] & 0x03
        elif code == 0x21:
            self._window = (arguments[0] & 0x7F, arguments[1] & 0x7F, *self._window[2:])
            self._column = self._window[0]
        elif code == 0x22:
            self._window = (*self._window[:2], arguments[0] & 0x07, arguments[1] & 0x07)
            self._page = self._window[2]
        elif code == 0xA8:
            self._rows = (arguments[0] & 0x3F) + 1
        elif code == 0xD3:
            self._offset = arguments[0] & 0x3F

    def _advance(self) -> None:
        raise NotImplementedError


class Ssd1306(Oled):
    """128 x 64 dots; addresses run through a window, or along one page."""

    def _advance(self) -> None:
        left, right, top, bottom = self._window
        if self._mode != 0:  # page addressing: back to the first column of the same page
            self._column = (self._column + 1) % self.columns
            return
        if self._column != right:
            self._column = (self._column + 1) % self.columns
            return
        self._column = left
        self._page = top if self._page == bottom else (self._page + 1) % _PAGES


class Sh1106(Oled):
    """132 x 64 dots, of which the glass shows the middle; page addressing only."""

    columns = 132
    horizontal = False

    def __init__(self, width: int = 128, height: int = 64, *, rotate: int = 0) -> None:
        super().__init__(width, height, first=(self.columns - width) // 2, rotate=rotate)

    def _advance(self) -> None:
        self._column = min(self._column + 1, self.columns - 1)
