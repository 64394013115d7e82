"""One row of a character display each: what stands still in it, and what moves.

A strip is ``width`` cells wide at any time. ``at(elapsed)`` gives its cells and in how many
seconds they change by themselves; ``dwell`` is how long it wants to be seen in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol, TypeAlias

from appliance.panel.charset import SPACE, Charset
from appliance.panel.glyphs import COLUMNS, Cell
from appliance.panel.motion import REST

Cells: TypeAlias = tuple[Cell, ...]

STEP: Final = 0.35  # seconds for each cell that a long name scrolls
TURN: Final = 3.0  # seconds for each line shown in turn
SWING: Final = 0.25  # seconds for each cell that the block of an endless bar moves
LEAST: Final = 5  # cells in which a text may scroll; less cannot be read
_SOON: Final = 0.02  # never drawn again sooner, whatever rounding says


class Strip(Protocol):
    """One row."""

    @property
    def dwell(self) -> float:
        """Seconds for which it is shown in turn."""

    def at(self, elapsed: float) -> tuple[Cells, float | None]:
        """The row ``elapsed`` seconds after it came, and when it changes; None = never."""


@dataclass(frozen=True)
class TextStrip:
    """A fixed head, a text that scrolls where it is too long, a fixed tail at the right."""

    width: int
    text: Cells
    head: Cells = ()
    tail: Cells = ()

    @property
    def room(self) -> int:
        """Cells for the text."""
        gap = 1 if self.tail and self.text else 0
        return max(0, self.width - len(self.head) - len(self.tail) - gap)

    @property
    def fits(self) -> bool:
        """Nothing scrolls, nothing is left out."""
        used = len(self.head) + len(self.tail)
        return len(self.text) <= self.room and used <= self.width

    @property
    def dwell(self) -> float:
        """Long enough to see the whole text."""
        return max(TURN, 2 * REST + STEP * (self._excess - 1)) if self._excess else TURN

    @property
    def _excess(self) -> int:
        return max(0, len(self.text) - self.room) if self.room else 0

    def at(self, elapsed: float) -> tuple[Cells, float | None]:
        """See ``Strip``."""
        offset, again = scrolled(self._excess, elapsed)
        text = self.text[offset : offset + self.room]
        used = len(self.head) + len(text) + len(self.tail)
        blank = (SPACE,) * (self.width - used)
        return (*self.head, *text, *blank, *self.tail)[: self.width], again


def scrolled(excess: int, elapsed: float) -> tuple[int, float | None]:
    """(first cell shown, seconds until it changes) of a text that is ``excess`` cells too long.

    It rests at its beginning, runs to its end, rests, and begins again.
    """
    if not excess:
        return 0, None
    now = elapsed % (2 * REST + STEP * (excess - 1))
    if now < REST:
        return 0, max(_SOON, REST - now)
    step = int((now - REST) / STEP)
    if step + 1 < excess:
        return step + 1, max(_SOON, REST + (step + 1) * STEP - now)
    return excess, max(_SOON, 2 * REST + STEP * (excess - 1) - now)


@dataclass(frozen=True)
class BarStrip:
    """A framed bar with its label; ``fraction`` None is a block that swings to and fro."""

    width: int
    charset: Charset
    fraction: float | None
    label: Cells = ()

    dwell = TURN

    def at(self, elapsed: float) -> tuple[Cells, float | None]:
        """See ``Strip``."""
        label = self.label[: max(0, self.width - LEAST)]
        # Room for "100 %" from the start: the bar must not jump when the label grows.
        beside = 1 + max(len(label), 4) if label else 0
        columns, again = self._columns(self.width - beside, elapsed)
        blank = (SPACE,) * (beside - len(label))
        return (*columns, *blank, *label), again

    def _columns(self, cells: int, elapsed: float) -> tuple[Cells, float | None]:
        if self.fraction is None:
            return self._swinging(cells, int(elapsed / SWING)), SWING - elapsed % SWING + _SOON
        inside = cells * COLUMNS - 2  # the frame takes a column at either end
        done = min(max(self.fraction, 0.0), 1.0)
        ink = int(done * inside) + 1 if done < 1.0 else cells * COLUMNS
        filled = (min(max(ink - start, 0), COLUMNS) for start in range(0, cells * COLUMNS, COLUMNS))
        return tuple(self._cell(index, cells, ink) for index, ink in enumerate(filled)), None

    def _swinging(self, cells: int, step: int) -> Cells:
        block = max(2, cells // 5)
        phase = step % (2 * (cells - block))
        start = min(phase, 2 * (cells - block) - phase)
        inked = range(start, start + block)
        return tuple(
            self._cell(index, cells, COLUMNS if index in inked else 0) for index in range(cells)
        )

    def _cell(self, index: int, cells: int, filled: int) -> Cell:
        return self.charset.bar(filled, first=index == 0, last=index == cells - 1)


def wrapped(text: Cells, width: int) -> list[Cells]:
    """``text`` broken between words into rows of at most ``width``; a long word is cut."""
    rows: list[Cells] = []
    row: list[Cell] = []
    for word in _words(text):
        rest = word
        if row and len(row) + 1 + len(rest) > width:
            rows.append(tuple(row))
            row = []
        if row:
            row.append(SPACE)
        while len(row) + len(rest) > width:
            cut = width - len(row)
            rows.append((*row, *rest[:cut]))
            row, rest = [], rest[cut:]
        row.extend(rest)
    if row:
        rows.append(tuple(row))
    return rows


def _words(text: Cells) -> list[Cells]:
    ends = [-1, *(index for index, cell in enumerate(text) if cell == SPACE), len(text)]
    return [text[start + 1 : end] for start, end in pairwise(ends) if end > start + 1]
