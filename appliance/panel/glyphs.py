"""The 5 x 8 bitmaps of character displays: signs, bars, letters with accents.

An HD44780 holds eight bitmaps at a time beside its ROM. Each ``Glyph`` therefore names the ROM
character that stands in for it where more than eight are wanted, and how much it is missed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from enum import IntEnum
from itertools import product
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from appliance.panel.screen import Icon

COLUMNS: Final = 5
ROWS: Final = 8


class Weight(IntEnum):
    """Which glyph gives way first where there are too many: the smallest."""

    LETTER = 0
    ICON = 1
    MARK = 2
    BAR = 3


class Glyph(msgspec.Struct, frozen=True):
    """A bitmap: eight rows from the top, bit 4 is the left column.

    ``char`` is what it looks like as Unicode, ``fallback`` the ROM code that replaces it.
    """

    bitmap: bytes
    char: str
    fallback: int
    weight: Weight = Weight.LETTER


Cell: TypeAlias = int | Glyph
"""One cell of a display: a code of the ROM (16 to 255), or a bitmap."""


def sheet(text: str) -> dict[str, bytes]:
    """Bitmaps by their names, drawn side by side: a row of names, then eight rows of dots."""
    lines = text.strip("\n").splitlines()
    found: dict[str, bytes] = {}
    for start in range(0, len(lines), ROWS + 1):
        columns = [line.split() for line in lines[start + 1 : start + ROWS + 1]]
        for index, name in enumerate(lines[start].split()):
            found[name] = bytes(_row(column[index]) for column in columns)
    return found


def _row(dots: str) -> int:
    return int(dots.translate({ord("."): "0", ord("#"): "1"}), 2)


_ICONS: Final = sheet("""
nozzle bed chamber cloud offline network clock layers door
.###. .#..# ##### ..... ..... .###. ..... ..#.. #####
.###. #..#. #...# ..... #...# #...# .###. .###. #...#
##### .#..# #.#.# ..##. .#.#. ..... #.#.# ##### #...#
##### #..#. #...# .#### ..#.. .###. #.#.# .###. #..##
.###. ..... #.#.# ##### .#.#. #...# #.### #.#.# #...#
..#.. ##### #...# ##### #...# ..... #...# ##.## #...#
..... ##### ##### ..... ..... ..#.. .###. .###. #...#
..#.. ..... ..... ..... ..... ..... ..... ..#.. #####
warning done play pause queue camera settings back lock
##### ..... #.... ..... ..... ..... ..... ..#.. .###.
##.## ....# ##... ##.## #.### .##.. #.#.# .#... #...#
##.## ...## ###.. ##.## ..... ##### .###. ####. #...#
##.## #.##. ####. ##.## #.### #...# ##.## .#..# #####
##### ###.. ###.. ##.## ..... #.#.# .###. ..#.# ##.##
##.## .#... ##... ##.## #.### #...# #.#.# ....# ##.##
##### ..... #.... ##.## ..... ##### ..... ..##. #####
..... ..... ..... ..... ..... ..... ..... ..... .....
""")

_ICON_LOOKS: Final = {
    Icon.NOZZLE: "♨N",
    Icon.BED: "▤B",
    Icon.CHAMBER: "▣C",
    Icon.CLOUD: "☁ ",
    Icon.OFFLINE: "☂x",
    Icon.NETWORK: "⌔ ",
    Icon.CLOCK: "◷ ",
    Icon.LAYERS: "≋ ",
    Icon.DOOR: "▯ ",
    Icon.WARNING: "⚠!",
    Icon.DONE: "✓*",
    Icon.PLAY: "▶>",
    Icon.PAUSE: "‖=",
    Icon.QUEUE: "≔ ",
    Icon.CAMERA: "◉ ",
    Icon.SETTINGS: "⚙*",
    Icon.BACK: "↩<",
    Icon.LOCK: "⚿ ",
}
"""As Unicode, and the ROM character in its place; a blank for those that only adorn."""

ICONS: Final = MappingProxyType(
    {
        icon: Glyph(_ICONS[icon.value], looks[0], ord(looks[1]), Weight.ICON)
        for icon, looks in _ICON_LOOKS.items()
    }
)

_MARKS: Final = sheet("""
▸ ◂ ▴ ▾ ⬍ ↑ ↓ … \\ ~ € × ± □ ß
.#... ...#. ..#.. ..... ..#.. ..#.. ..#.. ..... ..... ..... ..##. ..... ..#.. ##### .##..
.##.. ..##. .###. ..... .###. .###. ..#.. ..... #.... ..... .#... ..... ..#.. #...# #..#.
.###. .###. ##### ..... ##### #.#.# ..#.. ..... .#... .#... ###.. #...# ##### #...# #..#.
.#### ####. ..... ..... ..... ..#.. ..#.. ..... ..#.. #.#.# .#... .#.#. ..#.. #...# #.#..
.###. .###. ..... ##### ##### ..#.. #.#.# ..... ...#. ...#. ###.. ..#.. ..#.. #...# #..#.
.##.. ..##. ..... .###. .###. ..#.. .###. ..... ....# ..... .#... .#.#. ..... #...# #..#.
.#... ...#. ..... ..#.. ..#.. ..#.. ..#.. #.#.# ..... ..... ..##. #...# ##### ##### #.##.
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
""")

_SIGNS: Final = {
    "↑": "^", "↓": "v", "…": ".", "\\": "/", "~": "-", "€": "E", "×": "x", "±": "+", "□": "?",
    "ß": "s",
}  # fmt: skip

SIGNS: Final = MappingProxyType(
    {sign: Glyph(_MARKS[sign], sign, ord(instead)) for sign, instead in _SIGNS.items()}
    | {"✓": Glyph(_ICONS[Icon.DONE.value], "✓", ord("*"))}
)
"""Signs of a text that a ROM may lack, by their character; ``UNKNOWN`` stands for what has none."""

UNKNOWN: Final = "□"


MARKS: Final = "▸◂▴▾⬍"


def mark(char: str, fallback: int) -> Glyph:
    """One of ``MARKS``: the cursor, and where there is more."""
    return Glyph(_MARKS[char], char, fallback, Weight.MARK)


# Letters that carry accents leave the two upper rows free; 7-row capitals shrink to five.
_BASES: Final = sheet("""
a c e g i j n o r s u w y z
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
.###. .###. .###. .#### .##.. ..##. #.##. .###. #.##. .#### #...# #...# #...# #####
....# #.... #...# #...# ..#.. ...#. ##..# #...# ##..# #.... #...# #...# #...# ...#.
.#### #.... ##### .#### ..#.. ...#. #...# #...# #.... .###. #...# #.#.# .#### ..#..
#...# #...# #.... ....# ..#.. #..#. #...# #...# #.... ....# #..## #.#.# ....# .#...
.#### .###. .###. .###. .###. .##.. #...# .###. #.... ####. .##.# .#.#. .###. #####
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
A C E G I J N O R S U W Y Z
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
.###. .###. ##### .###. .###. ..### #...# .###. ####. .#### #...# #...# #...# #####
#...# #...# #.... #.... ..#.. ...#. ##..# #...# #...# #.... #...# #...# .#.#. ...#.
##### #.... ####. #.### ..#.. ...#. #.#.# #...# ####. .###. #...# #.#.# ..#.. ..#..
#...# #...# #.... #...# ..#.. #..#. #..## #...# #..#. ....# #...# ##.## ..#.. .#...
#...# .###. ##### .###. .###. .##.. #...# .###. #...# ####. .###. #...# ..#.. #####
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
""")

_ACCENTS: Final = sheet("""
\u0300 \u0301 \u0302 \u0303 \u0304 \u0306 \u0307 \u0308 \u030a \u030b \u030c \u0327 \u0328 \u0326
.#... ...#. ..#.. .##.# ..... #...# ..#.. .#.#. .###. .#..# .#.#. ..... ..... .....
..#.. ..#.. .#.#. #.##. .###. .###. ..... ..... .#.#. #..#. ..#.. ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .##.. ...## .##..
""")


def accented(char: str, base: str, accent: str) -> Glyph | None:
    """The letter ``base`` with the combining ``accent``; None where there is no drawing."""
    letter, above = _BASES.get(base), _ACCENTS.get(accent)
    if letter is None or above is None:
        return None
    return Glyph(bytes(a | b for a, b in zip(letter, above, strict=True)), char, ord(base))


def all_accented() -> Iterator[Glyph]:
    """Every letter with an accent that Unicode knows as one character and that is drawn here."""
    for base, accent in product(_BASES, _ACCENTS):
        char = unicodedata.normalize("NFC", base + accent)
        if len(char) == 1 and (glyph := accented(char, base, accent)) is not None:
            yield glyph


_FULL_ROW: Final = 0b11111
_BLOCKS: Final = "▱▏▎▌▊█"


def bar_cell(filled: int, *, first: bool, last: bool, full: int | None) -> Cell:
    """One cell of a framed bar, ``filled`` columns of 5 from the left (0 to 5).

    The frame is the upper and the lower row, and a column at either end. ``full`` is the ROM
    code of a solid block, None where the ROM has none.
    """
    if filled == COLUMNS and full is not None:
        return full
    ink = _FULL_ROW & ~(_FULL_ROW >> filled)
    inner = ink | (0b10000 if first else 0) | (0b00001 if last else 0)
    bitmap = bytes([_FULL_ROW, *[inner] * (ROWS - 2), _FULL_ROW])
    instead = (full or ord("#")) if filled > COLUMNS // 2 else ord("-")
    return Glyph(bitmap, _BLOCKS[filled], instead, Weight.BAR)
