"""What a character LCD looks like: white dots on blue, each cell a field of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from PIL import Image, ImageDraw

from appliance.panel.charset import Rom
from appliance.panel.glyphs import COLUMNS, ROWS

_DOT: Final = 3  # pixels, with one between two dots
_PITCH: Final = _DOT + 1
_CELL: Final = (COLUMNS * _PITCH + 4, ROWS * _PITCH + 4)  # with the gap to the next cell
_EDGE: Final = 12  # of the glass around the cells
_BEZEL: Final = 8

_BLACK, _GLASS, _REST, _INK = range(4)
_LIT: Final = ((16, 17, 20), (22, 52, 176), (32, 64, 188), (232, 242, 255))
_DARK: Final = ((16, 17, 20), (13, 20, 52), (15, 23, 56), (44, 52, 84))


def lcd_picture(dots: Sequence[Sequence[bytes]], *, lit: bool) -> Image.Image:
    """``dots``: eight rows of dots for each cell of each row. ``lit``: its backlight is on."""
    frame = 2 * (_EDGE + _BEZEL) - (_CELL[0] - COLUMNS * _PITCH)
    size = (len(dots[0]) * _CELL[0] + frame, len(dots) * _CELL[1] + frame)
    picture = Image.new("P", size, _BLACK)
    picture.putpalette([value for colour in (_LIT if lit else _DARK) for value in colour])
    inner = (_BEZEL, _BEZEL, size[0] - _BEZEL - 1, size[1] - _BEZEL - 1)
    ImageDraw.Draw(picture).rectangle(inner, fill=_GLASS)
    for row, cells in enumerate(dots):
        for column, cell in enumerate(cells):
            place = (_BEZEL + _EDGE + column * _CELL[0], _BEZEL + _EDGE + row * _CELL[1])
            picture.paste(_field(cell), place)
    return picture


@lru_cache(maxsize=512)
def _field(cell: bytes) -> Image.Image:
    picture = Image.new("P", (COLUMNS * _PITCH, ROWS * _PITCH), _GLASS)
    draw = ImageDraw.Draw(picture)
    for row, bits in enumerate(cell):
        for column in range(COLUMNS):
            ink = _INK if bits >> (COLUMNS - 1 - column) & 1 else _REST
            x, y = column * _PITCH, row * _PITCH
            draw.rectangle((x, y, x + _DOT - 1, y + _DOT - 1), fill=ink)
    return picture


@cache
def rom_font(rom: Rom) -> Mapping[int, bytes]:
    """The rows of dots of each code from 16 to 255, as luma holds them of the real ROMs."""
    from luma.core.bitmap_font import embedded_fonts  # noqa: PLC0415 - only for the simulation
    from luma.lcd.const import hd44780  # noqa: PLC0415

    font: Any = embedded_fonts(hd44780.FONTDATA, selected_font=rom).current
    glyphs = {code: font.metrics[font.mappings[code + font.PUA_SPACE]] for code in range(16, 256)}
    return MappingProxyType({code: _rows(glyph["img"]) for code, glyph in glyphs.items()})


def _rows(picture: Image.Image) -> bytes:
    """Pillow packs a row of one-bit pixels into a byte, from the highest bit on."""
    return bytes(row >> 8 - COLUMNS for row in picture.tobytes())
