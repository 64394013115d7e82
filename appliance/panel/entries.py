"""A text that is being entered, on a character display: the text, and the wheel below it. Pure."""

from __future__ import annotations

from appliance.panel.charset import SPACE, Charset
from appliance.panel.glyphs import Cell
from appliance.panel.screen import Entry
from appliance.panel.strips import Cells

CURSOR = "_"
_LEAST = 3  # cells of the text, whatever stands beside it


def text_row(entry: Entry, value: Cells, width: int, signs: Charset) -> Cells:
    """The end of the text with the cursor behind it, and ``value`` at the right."""
    text = [cell for char in entry.text for cell in signs.cells(char)]
    cursor, more = signs.cells(CURSOR), signs.cells("…")
    beside = len(value) + 1 if value else 0
    if width - beside < _LEAST:
        value, beside = (), 0
    room = max(width - beside - len(cursor), 1)
    if len(text) > room:
        text = [*more, *text[len(text) - room + len(more) :]]
    row = (*text, *cursor)[:width]
    return (*row, *[SPACE] * (width - len(row) - len(value)), *value)


def wheel_row(entry: Entry, width: int, signs: Charset) -> Cells:
    """The choice between brackets in the middle, with its neighbours around it."""
    middle = (*signs.cells("["), *_word(entry.choice, signs), *signs.cells("]"))[:width]
    left = (width - len(middle)) // 2
    right = width - len(middle) - left
    before = [
        cell for word in reversed(entry.before) for cell in (SPACE, *_word(word, signs)[::-1])
    ]
    after = [cell for word in entry.after for cell in (SPACE, *_word(word, signs))]
    return (*_whole(before, left)[::-1], *middle, *_whole(after, right))


def _word(word: str, signs: Charset) -> Cells:
    return signs.cells(word) or (SPACE,)


def _whole(cells: list[Cell], room: int) -> Cells:
    """As many cells as there is room for, ending with a whole word."""
    kept = cells[:room]
    if len(cells) > room and cells[room] != SPACE:
        while kept and kept[-1] != SPACE:
            kept.pop()
    return (*kept, *[SPACE] * (room - len(kept)))
