"""A screen as the cells of a character display: 16 x 2, 20 x 4, or any other size. Pure.

The title stands in the first row and stays. Below it, whatever has no room comes in turn: on
two rows one line after the other, on four a page at a time under the bar. A list shows the
part around its cursor, and the keys' words stand in the last row where there is room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from appliance.panel.charset import SPACE, Charset, Rom, charset
from appliance.panel.entries import text_row, wheel_row
from appliance.panel.glyphs import Cell
from appliance.panel.motion import sooner, turned
from appliance.panel.screen import Entry, Icon, Keys, Line, Screen, Tone
from appliance.panel.strips import LEAST, BarStrip, Cells, Strip, TextStrip, wrapped

_HEARD: Final = (Tone.ASKING, Tone.TROUBLE)  # the keys' words matter more than the last lines


class CharacterFrame(msgspec.Struct, frozen=True):
    """What every cell shows; ``again``: seconds until it changes by itself, None = never."""

    rows: tuple[tuple[Cell, ...], ...]
    again: float | None = None


def render(screen: Screen, columns: int, rows: int, elapsed: float, rom: Rom) -> CharacterFrame:
    """``screen`` on ``columns`` x ``rows`` cells, ``elapsed`` seconds after it came."""
    layout = _Layout(screen, columns, charset(rom))
    blank = (SPACE,) * columns
    if screen.entry is not None:
        entered = layout.entry(screen.entry, rows)
        return CharacterFrame((*entered, *[blank] * (rows - len(entered))))
    drawn, again = layout.title().at(elapsed)
    below, later = layout.below(rows - 1, elapsed)
    body = (*below, *[blank] * (rows - 1 - len(below)))
    return CharacterFrame((drawn, *body), sooner(again, later))


class _Layout:
    def __init__(self, screen: Screen, width: int, signs: Charset) -> None:
        self._screen = screen
        self._width = width
        self._signs = signs

    def title(self) -> Strip:
        screen = self._screen
        icon = screen.icon
        if icon is None and screen.tone is Tone.TROUBLE:
            icon = Icon.WARNING
        return self._line(Line(screen.title, screen.value, icon))

    def entry(self, entry: Entry, rows: int) -> list[Cells]:
        """Text and wheel; the title gives way to the text where there are two rows only."""
        screen, title = self._screen, self.title().at(0.0)[0]
        wheel = wheel_row(entry, self._width, self._signs)
        if rows < 3:
            value = self._signs.cells(screen.value)
            text = text_row(entry, value, self._width, self._signs)
            return [text if entry.text else title, wheel][-rows:]
        shown = [title, text_row(entry, (), self._width, self._signs), wheel]
        keys = self._keys(screen.keys)
        return [*shown, *(key.at(0.0)[0] for key in keys)][:rows]

    def below(self, rows: int, elapsed: float) -> tuple[list[Cells], float | None]:
        """The rows under the title, and when they change."""
        if self._screen.selected is not None and self._screen.lines:
            return self._list(rows, self._screen.selected, elapsed)
        bar, text, keys = self._bar(), self._text(), self._keys(self._screen.keys)
        if self._screen.big and rows < 2:
            return [self._big_with_keys()][:rows], None
        lines = self._lines(rows - len(bar) - (len(keys) if self._heard else 0))
        if rows < 2:
            return _page([*bar, *lines, *keys, *text], rows, elapsed)
        wanted = len(bar) + len(lines) + min(1, len(text))
        foot = keys if wanted < rows or self._heard else []
        return _in_turn(bar, lines, text, foot, rows, elapsed)

    def _bar(self) -> list[Strip]:
        """What stays on top: the bar, or what is to be read from afar."""
        bar, big = self._screen.bar, self._screen.big
        if bar is None:
            spaced = self._signs.cells(" ".join(big))
            centred = ((SPACE,) * max((self._width - len(spaced)) // 2, 0), spaced)
            return [TextStrip(self._width, (), (*centred[0], *centred[1]))] if big else []
        label = self._signs.cells(bar.label)
        return [BarStrip(self._width, self._signs, bar.fraction, label)]

    def _big_with_keys(self) -> Cells:
        """All in one row: nobody shall wait to see what is asked for."""
        keys, signs = self._screen.keys, self._signs
        left = (signs.left, *signs.cells(keys.left)) if keys.left else ()
        okay = signs.cells(f"OK {keys.ok}") if keys.ok else ()
        big = signs.cells(self._screen.big)
        if len(left) + len(big) + len(okay) + 2 > self._width:
            left, okay = (), ()
        free = max(self._width - len(left) - len(big) - len(okay), 0)
        row = (*left, *[SPACE] * (free - free // 2), *big, *[SPACE] * (free // 2), *okay)
        return row[: self._width]

    @property
    def _heard(self) -> bool:
        return self._screen.tone in _HEARD

    def _lines(self, room: int) -> list[Strip]:
        """The lines; long ones are wrapped rather than scrolled where all have room so."""
        lines = self._screen.lines
        spread = [strip for line in lines for strip in self._wrapped(line)]
        return spread if len(spread) <= room else [self._line(line) for line in lines]

    def _wrapped(self, line: Line) -> list[Strip]:
        if line.value or line.icon is not None:
            return [self._line(line)]
        rows = wrapped(self._signs.cells(line.text), self._width)
        return [TextStrip(self._width, row) for row in rows]

    def _text(self) -> list[Strip]:
        cells = self._signs.cells(self._screen.text)
        return [TextStrip(self._width, row) for row in wrapped(cells, self._width)]

    def _line(self, line: Line, cursor: Cells = (), width: int = 0) -> TextStrip:
        """A line; its sign is the first to go where the text would not fit, then the text."""
        width = width or self._width
        text, value = self._signs.cells(line.text), self._signs.cells(line.value)
        value = value[: width - len(cursor)]
        plain = TextStrip(width, text, cursor, value)
        if line.icon is None:
            return plain if plain.fits or plain.room >= LEAST else _no_text(plain)
        sign = (*cursor, self._signs.icon(line.icon))
        airy, tight = (TextStrip(width, text, (*sign, *gap), value) for gap in ((SPACE,), ()))
        alone = TextStrip(width, (), (*sign, SPACE), value)
        for strip in (airy, tight, plain):
            if strip.fits:
                return strip
        if airy.room >= 2 * LEAST:
            return airy
        if plain.room >= LEAST:
            return plain
        return alone if alone.fits else _no_text(plain)

    def _list(self, rows: int, selected: int, elapsed: float) -> tuple[list[Cells], float | None]:
        """A list around its cursor, under as much of the text as there is room for.

        On one row the text comes in turn with the first entry, until somebody moves on.
        """
        lines = self._screen.lines
        selected = min(max(selected, 0), len(lines) - 1)
        text = self._text()
        room = min(rows, len(lines))
        if text and rows == 1 and selected == 0:
            return _turn([[self._entry(0, 0, room)], *([row] for row in text)], elapsed)
        above, later = _page(text, rows - room, elapsed)
        first = _first(selected, room, len(lines))
        drawn = list(above)
        for index in range(first, first + room):
            strip = self._entry(index, first, room, chosen=index == selected)
            # Only the chosen line scrolls: several at once make nothing readable.
            row, again = strip.at(elapsed if index == selected else 0.0)
            later = sooner(later, again) if index == selected else later
            drawn.append(row)
        return self._with_keys(drawn, rows), later

    def _entry(self, index: int, first: int, room: int, *, chosen: bool = True) -> TextStrip:
        """An entry of a list, of which ``room`` are shown from ``first`` on."""
        lines = self._screen.lines
        cursor = (self._signs.cursor if chosen else SPACE,)
        if len(lines) <= room:
            return self._line(lines[index], cursor)
        strip = self._line(lines[index], cursor, self._width - 2)
        gap = (SPACE,) if strip.tail else ()
        tail = (*strip.tail, *gap, self._more(index, first, room))
        return TextStrip(self._width, strip.text, strip.head, tail)

    def _with_keys(self, drawn: list[Cells], rows: int) -> list[Cells]:
        keys = self._keys(self._screen.keys)
        if not keys or len(drawn) >= rows:
            return drawn
        blank = [(SPACE,) * self._width] * (rows - 1 - len(drawn))
        return [*drawn, *blank, keys[0].at(0.0)[0]]

    def _more(self, index: int, first: int, room: int) -> Cell:
        above = index == first and first > 0
        below = index == first + room - 1 and first + room < len(self._screen.lines)
        if above and below:
            return self._signs.both
        return self._signs.above if above else self._signs.below if below else SPACE

    def _keys(self, keys: Keys) -> list[Strip]:
        """The keys' words in one row: left at the left, right at the right, OK between them."""
        left = (self._signs.left, *self._signs.cells(keys.left)) if keys.left else ()
        right = (*self._signs.cells(keys.right), self._signs.right) if keys.right else ()
        okay = self._signs.cells(f"OK {keys.ok}") if keys.ok else ()
        if len(left) + len(right) + len(okay) + 2 > self._width:
            right = () if okay or left else right
        if len(left) + len(okay) + 1 > self._width:
            left = () if okay else left
        if not (left or right or okay):
            return []
        return [TextStrip(self._width, _spread(left, okay, right, self._width))]


def _no_text(strip: TextStrip) -> TextStrip:
    """Not even a few cells are left for the text: the value alone."""
    return TextStrip(strip.width, (), strip.head, strip.tail) if strip.tail else strip


def _spread(left: Cells, okay: Cells, right: Cells, width: int) -> Cells:
    if not left:
        left, okay = okay, ()
    free = width - len(left) - len(right)
    before = max((width - len(okay)) // 2 - len(left), 1) if right else free - len(okay)
    before = min(before, free - len(okay))
    after = free - len(okay) - before
    return (*left, *[SPACE] * before, *okay, *[SPACE] * after, *right)[:width]


def _page(strips: Sequence[Strip], rows: int, elapsed: float) -> tuple[list[Cells], float | None]:
    """As many of the strips as there are rows, page after page."""
    return _turn(_pages(list(strips), rows, full=False), elapsed)


def _in_turn(
    bar: list[Strip],
    lines: list[Strip],
    text: list[Strip],
    foot: list[Strip],
    rows: int,
    elapsed: float,
) -> tuple[list[Cells], float | None]:
    """The bar on top and the keys below, both in place; between them lines and text."""
    room = rows - len(bar) - len(foot)
    if len(lines) < room:
        pages = _pages([*lines, *text], room, full=not text)
    else:
        pages = [*_pages(lines, room, full=True), *_pages(text, room, full=False)]
    drawn, again = _turn(pages, elapsed)
    for strip in bar:
        row, later = strip.at(elapsed)
        drawn, again = [row, *drawn], sooner(again, later)
    if not foot:
        return drawn, again
    row, _ = foot[0].at(0.0)
    blank = [(SPACE,) * len(row)] * (rows - 1 - len(drawn))
    return [*drawn, *blank, row], again


def _pages(strips: list[Strip], room: int, *, full: bool) -> list[list[Strip]]:
    """Pages of ``room`` rows; ``full``: the last one, too, which shows some rows again."""
    if not strips or room < 1:
        return []
    last = len(strips) - room if full else len(strips)
    starts = (max(0, min(start, last)) for start in range(0, len(strips), room))
    return [strips[start : start + room] for start in starts]


def _turn(pages: Sequence[Sequence[Strip]], elapsed: float) -> tuple[list[Cells], float | None]:
    if not pages:
        return [], None
    times = [max((strip.dwell for strip in page), default=0.0) for page in pages]
    index, since, again = turned(times, elapsed)
    drawn: list[Cells] = []
    for strip in pages[index]:
        row, later = strip.at(since)
        drawn.append(row)
        again = sooner(again, later)
    return drawn, again


def _first(selected: int, room: int, count: int) -> int:
    """The first line shown: the cursor stays off the edges while there is more beyond them."""
    return min(max(selected - room // 2, 0), count - room)
