from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.charset import SPACE, charset
from appliance.panel.glyphs import COLUMNS, Cell, Glyph
from appliance.panel.motion import REST
from appliance.panel.strips import STEP, BarStrip, Cells, TextStrip, scrolled, wrapped

SIGNS = charset("A00")


def cells(text: str) -> Cells:
    return SIGNS.cells(text)


def ink(cell: Cell) -> int:
    """Columns of a bar's cell that are filled from top to bottom."""
    rows = cell.bitmap if isinstance(cell, Glyph) else bytes([0b11111] * 8)
    return sum(all(row >> column & 1 for row in rows) for column in range(COLUMNS))


def test_a_short_text_stands_still() -> None:
    strip = TextStrip(16, cells("Nozzle"), tail=cells("205°"))
    assert strip.at(0.0) == ((*cells("Nozzle"), *[SPACE] * 6, *cells("205°")), None)
    assert strip.at(99.0) == strip.at(0.0)


def test_a_long_text_rests_runs_cell_by_cell_and_rests() -> None:
    assert scrolled(2, 0.0) == (0, REST)
    assert scrolled(2, REST + 0.01)[0] == 1
    offset, again = scrolled(2, REST + STEP + 0.01)
    assert offset == 2
    assert again is not None
    assert abs(again - (REST - 0.01)) < 1e-6
    assert scrolled(2, 2 * REST + STEP + 0.01)[0] == 0  # from the beginning


@given(st.integers(1, 60))
def test_following_the_times_shows_every_part_of_a_text(excess: int) -> None:
    seen, now = [], 0.0
    for _ in range(excess + 1):
        offset, again = scrolled(excess, now)
        seen.append(offset)
        assert again is not None
        now += again + 1e-6
    assert seen == list(range(excess + 1))


@given(st.text(max_size=80), st.text(max_size=30), st.floats(0, 500))
def test_the_value_never_moves(text: str, value: str, elapsed: float) -> None:
    tail = cells(value)[:16]
    row, _ = TextStrip(16, cells(text), tail=tail).at(elapsed)
    assert len(row) == 16
    assert row[16 - len(tail) :] == tail


@given(st.floats(-1, 2))
def test_a_bar_is_as_long_as_its_fraction(fraction: float) -> None:
    row, again = BarStrip(16, SIGNS, fraction).at(0.0)
    assert again is None
    shown = sum(map(ink, row)) - (2 if fraction < 1 else 0)  # without the frame's two ends
    assert abs(shown - min(max(fraction, 0), 1) * 78) <= 2


def test_a_bar_moves_by_a_fifth_of_a_cell() -> None:
    steps = {
        sum(map(ink, BarStrip(16, SIGNS, promille / 1000).at(0.0)[0])) for promille in range(1000)
    }
    assert len(steps) == 78


def test_the_label_beside_a_bar_does_not_move_it() -> None:
    rows = [BarStrip(20, SIGNS, 0.5, cells(label)).at(0.0)[0] for label in ("7%", "42%", "100%")]
    assert len({row[:15] for row in rows}) == 1
    assert all(len(row) == 20 for row in rows)
    assert rows[1][-3:] == cells("42%")


def test_an_endless_bar_swings_from_end_to_end() -> None:
    starts, now = [], 0.0
    for _ in range(40):
        row, again = BarStrip(16, SIGNS, None).at(now)
        assert again is not None
        starts.append([ink(cell) == COLUMNS for cell in row].index(True))
        now += again
    assert set(starts) == set(range(14))
    assert all(abs(one - other) == 1 for one, other in pairwise(starts))


@given(st.text(max_size=300), st.integers(5, 20))
def test_wrapping_keeps_every_cell_in_rows_that_fit(text: str, width: int) -> None:
    whole = cells(text)
    rows = wrapped(whole, width)
    assert all(0 < len(row) <= width for row in rows)
    kept = [cell for row in rows for cell in row if cell != SPACE]
    assert kept == [cell for cell in whole if cell != SPACE]


def test_words_are_not_broken_where_they_fit() -> None:
    rows = wrapped(cells("The printer stopped answering."), 16)
    assert rows == [cells("The printer"), cells("stopped"), cells("answering.")]
