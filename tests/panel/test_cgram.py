from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.cgram import SLOTS, Slots
from appliance.panel.glyphs import Cell, Glyph, Weight

glyphs = st.builds(
    lambda number, weight: Glyph(bytes([number] * 8), chr(0x100 + number), 0x41 + number, weight),
    st.integers(0, 20),
    st.sampled_from(Weight),
)
frames = st.lists(st.lists(st.one_of(st.integers(16, 255), glyphs), min_size=1), min_size=1)


def placed(slots: Slots, frame: list[list[Cell]]) -> list[tuple[int, bytes]]:
    return list(slots.place(frame))


@given(st.lists(frames, max_size=8))
def test_each_cell_shows_its_bitmap_or_what_stands_in_for_it(
    sequence: list[list[list[Cell]]],
) -> None:
    slots = Slots()
    for frame in sequence:
        placed(slots, frame)
        wanted = {cell.bitmap for row in frame for cell in row if isinstance(cell, Glyph)}
        held = set(slots.held)
        assert len(wanted & held) == min(SLOTS, len(wanted))
        for row, codes in zip(frame, slots.codes(frame), strict=True):
            for cell, code in zip(row, codes, strict=True):
                if not isinstance(cell, Glyph):
                    assert code == cell
                elif code < SLOTS:
                    assert slots.held[code] == cell.bitmap
                else:
                    assert cell.bitmap not in held
                    assert code == cell.fallback


def test_what_is_held_is_not_written_again() -> None:
    first = [Glyph(bytes([number] * 8), "x", 0x41) for number in range(6)]
    slots = Slots()
    assert len(placed(slots, [[*first]])) == 6
    assert placed(slots, [[*first]]) == []
    assert placed(slots, [[*reversed(first)]]) == []


def test_the_longest_unused_gives_way() -> None:
    glyphs = [Glyph(bytes([number] * 8), "x", 0x41) for number in range(9)]
    slots = Slots()
    placed(slots, [[*glyphs[:8]]])
    placed(slots, [[*glyphs[1:8]]])
    assert placed(slots, [[*glyphs[1:9]]]) == [(0, glyphs[8].bitmap)]


def test_heavy_glyphs_stay_and_letters_fall_back() -> None:
    letters: list[Cell] = [Glyph(bytes([number] * 8), "ä", 0x61) for number in range(8)]
    bar = Glyph(bytes([30] * 8), "▌", 0xFF, Weight.BAR)
    slots = Slots()
    placed(slots, [[*letters, bar]])
    *shown, last = slots.codes([[*letters, bar]])[0]
    assert last < SLOTS
    assert shown.count(0x61) == 1


def test_a_write_that_failed_is_repeated() -> None:
    slots = Slots()
    frame: list[list[Cell]] = [[Glyph(bytes([7] * 8), "x", 0x41)]]
    writing = slots.place(frame)
    next(writing)
    writing.close()  # as after an error of the bus
    assert len(placed(slots, frame)) == 1
