"""Virtual ST7735 and ST7789: frame memory behind commands and data, as the chips have it.

The glass is mounted as on the modules that luma's initialisation is made for: the picture is
upright with the directions that it sets (MADCTL), and mirrored or turned with others.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

_SWRESET, _SLPIN, _SLPOUT, _INVOFF, _INVON = 0x01, 0x10, 0x11, 0x20, 0x21
_DISPOFF, _DISPON, _CASET, _RASET, _RAMWR, _MADCTL, _COLMOD = (
    0x28,
    0x29,
    0x2A,
    0x2B,
    0x2C,
    0x36,
    0x3A,
)
_MY, _MX, _MV, _BGR = 0x80, 0x40, 0x20, 0x08
_SIX_BITS: Final = 0xFC  # of each colour that the memory holds
_CUT: Final = bytes(level & _SIX_BITS for level in range(256))
_USUAL: Final = _MX | _MV  # the directions that luma sets


class Tft:
    """One chip with its glass of ``width`` x ``height`` pixels, before any rotation.

    ``columns`` x ``rows`` is the frame memory as the chip counts it, ``inverted`` whether the
    glass needs display inversion. Here the memory lies as a person sees it: ``rows`` wide.
    """

    columns = 128
    rows = 160
    inverted = False

    def __init__(self, width: int, height: int, *, rotate: int = 0) -> None:
        self.width, self.height = width, height
        self._rotate = rotate
        self.data_bytes = 0
        self.power_up()

    def power_up(self, seed: int = 0) -> None:
        """Power comes: asleep and off, anything in the memory."""
        self._memory = bytearray(Random(seed).randbytes(self.columns * self.rows * 3))
        self.reset()

    def reset(self) -> None:
        """The reset pin, or the command: registers as after a start; the memory stays."""
        self.awake = self.on = self.inverse = False
        self._madctl, self._colmod = 0, 0x06
        self._window = (0, self.columns - 1, 0, self.rows - 1)
        self._at = (0, 0)
        self._code = 0
        self._arguments: list[int] = []
        self._pixel = bytearray()

    def garble(self, seed: int = 1) -> None:
        """What a spike on the supply does: other registers, anything in the memory."""
        self.power_up(seed)
        self.awake = self.on = True
        self._madctl = _MY

    def command(self, data: Iterable[int]) -> None:
        """Command bytes; the arguments of each follow as data."""
        for code in data:
            self._code, self._arguments, self._pixel = code, [], bytearray()
            if code == _SWRESET:
                self.reset()
            elif code in (_SLPIN, _SLPOUT):
                self.awake = code == _SLPOUT
            elif code in (_DISPOFF, _DISPON):
                self.on = code == _DISPON
            elif code in (_INVOFF, _INVON):
                self.inverse = code == _INVON
            elif code == _RAMWR:
                self._at = (self._window[0], self._window[2])

    def data(self, data: Iterable[int]) -> None:
        """Arguments, or pixels after RAMWR."""
        if self._code == _RAMWR:
            usual = self._madctl & (_MX | _MY | _MV) == _USUAL and self._colmod != 0x05
            if usual:
                self._fill(data)
                return
            for byte in data:
                self._take(byte)
            return
        self._arguments += data
        if self._code in (_CASET, _RASET) and len(self._arguments) == 4:
            first = self._arguments[0] << 8 | self._arguments[1]
            last = self._arguments[2] << 8 | self._arguments[3]
            left, right, top, bottom = self._window
            whole = (
                (first, last, top, bottom) if self._code == _CASET else (left, right, first, last)
            )
            self._window = whole
        elif self._code == _MADCTL:
            self._madctl = self._arguments[0]
        elif self._code == _COLMOD:
            self._colmod = self._arguments[0] & 0x07

    def picture(self) -> Image.Image:
        """What a person sees: mode "RGB", upright; black while the display sleeps or is off."""
        from PIL import Image  # noqa: PLC0415

        glass = Image.new("RGB", (self.width, self.height))
        if self.on and self.awake:
            memory = Image.frombytes("RGB", (self.rows, self.columns), bytes(self._memory))
            glass.paste(memory)
            if self.inverse != self.inverted:
                glass = glass.point(lambda level: _SIX_BITS - level)
            if self._madctl & _BGR:
                glass = Image.merge("RGB", glass.split()[::-1])
        turned = Image.Transpose
        way = (None, turned.ROTATE_90, turned.ROTATE_180, turned.ROTATE_270)[self._rotate]
        return glass if way is None else glass.transpose(way)

    def _fill(self, data: Iterable[int]) -> None:
        """Pixels in the usual directions, a row of the window at a time."""
        self._pixel += bytes(data)
        left, right, top, bottom = self._window
        while count := len(self._pixel) // 3:
            x, y = self._at
            count = min(count, right + 1 - x)
            levels = self._pixel[: 3 * count].translate(_CUT)
            del self._pixel[: 3 * count]
            self.data_bytes += 3 * count
            if y < self.columns and x < self.rows:
                start, room = 3 * (y * self.rows + x), 3 * (self.rows - x)
                self._memory[start : start + min(3 * count, room)] = levels[:room]
            ends = x + count > right
            self._at = (left if ends else x + count, y + ends if y < bottom or not ends else top)

    def _take(self, byte: int) -> None:
        """A byte of a pixel: three of six bits, or two with five, six and five."""
        self.data_bytes += 1
        self._pixel.append(byte)
        if self._colmod == 0x05:
            if len(self._pixel) < 2:
                return
            both = self._pixel[0] << 8 | self._pixel[1]
            levels = bytes((both >> 8 & 0xF8, both >> 3 & 0xFC, both << 3 & 0xF8))
        else:
            if len(self._pixel) < 3:
                return
            levels = bytes(level & _SIX_BITS for level in self._pixel)
        self._pixel.clear()
        place = self._place(*self._at)
        if place is not None:
            self._memory[place : place + 3] = levels
        self._advance()

    def _advance(self) -> None:
        left, right, top, bottom = self._window
        x, y = self._at
        if x < right:
            self._at = (x + 1, y)
        else:
            self._at = (left, y + 1 if y < bottom else top)

    def _place(self, x: int, y: int) -> int | None:
        """Index in the memory of an address, which MADCTL exchanges and mirrors."""
        if self._madctl & _MV:
            x, y = y, x
        if self._madctl & _MX:
            x = self.columns - 1 - x
        if self._madctl & _MY:
            y = self.rows - 1 - y
        inside = 0 <= x < self.columns and 0 <= y < self.rows
        return ((self.columns - 1 - x) * self.rows + y) * 3 if inside else None


class St7735(Tft):
    """128 x 160 pixels."""


class St7789(Tft):
    """240 x 320 pixels, of an IPS glass."""

    columns = 240
    rows = 320
    inverted = True
