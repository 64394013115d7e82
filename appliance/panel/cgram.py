"""Which eight bitmaps an HD44780 holds, out of those that a frame wants. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Final

from appliance.panel.glyphs import Cell, Glyph

SLOTS: Final = 8


class Slots:
    """The eight bitmaps that can be defined, kept as long as nothing else needs their place."""

    def __init__(self) -> None:
        self.held: list[bytes | None] = [None] * SLOTS
        self._used: list[int] = [0] * SLOTS  # the frame that last showed it
        self._frame = 0

    def forget(self) -> None:
        """Nobody knows what the chip holds."""
        self.held = [None] * SLOTS

    def place(self, rows: Sequence[Sequence[Cell]]) -> Generator[tuple[int, bytes], None, None]:
        """(slot, bitmap) of what has to be written so that ``codes`` can show ``rows``.

        A slot counts as held once the iterator goes on behind it: a failed write is repeated.
        """
        self._frame += 1
        chosen = self._chosen(rows)
        for slot, bitmap in enumerate(self.held):
            if bitmap in chosen:
                self._used[slot] = self._frame
        for bitmap in chosen:
            if bitmap in self.held:
                continue
            slot = min(range(SLOTS), key=lambda slot: (self._used[slot], slot))
            self._used[slot] = self._frame
            self.held[slot] = None
            yield slot, bitmap
            self.held[slot] = bitmap

    def codes(self, rows: Sequence[Sequence[Cell]]) -> list[list[int]]:
        """The code of every cell: a slot's, the ROM's, or the one in place of a glyph."""
        slots = {bitmap: slot for slot, bitmap in enumerate(self.held) if bitmap is not None}
        return [[_code(cell, slots) for cell in row] for row in rows]

    def _chosen(self, rows: Sequence[Sequence[Cell]]) -> list[bytes]:
        """The heaviest bitmaps, the most frequent first among equals, then the first seen."""
        counted = Counter(cell for row in rows for cell in row if isinstance(cell, Glyph))
        order = sorted(counted, key=lambda glyph: (-glyph.weight, -counted[glyph]))
        return list(dict.fromkeys(glyph.bitmap for glyph in order))[:SLOTS]


def _code(cell: Cell, slots: dict[bytes, int]) -> int:
    if not isinstance(cell, Glyph):
        return cell
    return slots.get(cell.bitmap, cell.fallback)
