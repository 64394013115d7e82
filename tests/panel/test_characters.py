from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from appliance.panel.characters import CharacterFrame, render
from appliance.panel.charset import SPACE, Rom, charset
from appliance.panel.glyphs import ICONS, Cell, Glyph
from appliance.panel.screen import Bar, Icon, Keys, Line, Screen, Tone

SIZES = ((16, 2), (20, 4), (16, 4), (20, 2))

texts = st.text(max_size=300)
icons = st.none() | st.sampled_from(Icon)
screens = st.builds(
    Screen,
    title=texts,
    value=texts,
    icon=icons,
    tone=st.sampled_from(Tone),
    lines=st.lists(st.builds(Line, text=texts, value=texts, icon=icons), max_size=6).map(tuple),
    selected=st.none() | st.integers(-2, 9),
    text=texts,
    bar=st.none() | st.builds(Bar, st.none() | st.floats(), texts),
    keys=st.builds(Keys, texts, texts, texts),
)


def drawn(screen: Screen, columns: int = 20, rows: int = 4, elapsed: float = 0.0) -> list[str]:
    return shown(render(screen, columns, rows, elapsed, "A00"))


def shown(frame: CharacterFrame) -> list[str]:
    return ["".join(map(look, row)).rstrip() for row in frame.rows]


def look(cell: Cell) -> str:
    return cell.char if isinstance(cell, Glyph) else charset("A00").text(cell)


@pytest.mark.parametrize("rom", ["A00", "A02"])
@given(screen=screens, size=st.sampled_from(SIZES), elapsed=st.floats(0, 1e6))
def test_any_screen_fills_the_display_exactly(
    rom: Rom, screen: Screen, size: tuple[int, int], elapsed: float
) -> None:
    columns, rows = size
    frame = render(screen, columns, rows, elapsed, rom)
    assert len(frame.rows) == rows
    for row in frame.rows:
        assert len(row) == columns
        assert all(isinstance(cell, Glyph) or 16 <= cell <= 255 for cell in row)
    assert frame.again is None or frame.again > 0


@given(screen=screens, size=st.sampled_from(SIZES))
def test_what_says_that_nothing_moves_does_not(screen: Screen, size: tuple[int, int]) -> None:
    columns, rows = size
    frame = render(screen, columns, rows, 0.0, "A00")
    if frame.again is None:
        assert render(screen, columns, rows, 1234.5, "A00") == frame
    else:
        before = render(screen, columns, rows, frame.again * 0.9, "A00")
        assert before.rows == frame.rows


@given(st.text(max_size=60), st.floats(0, 300))
def test_the_value_of_the_title_never_moves(title: str, elapsed: float) -> None:
    row = drawn(Screen(title=title, value="42 %"), elapsed=elapsed)[0]
    assert row.endswith("42 %")
    assert len(row) == 20


def test_title_left_value_right_and_the_lines_below() -> None:
    screen = Screen(
        title="Ready",
        value="1/2",
        icon=Icon.DONE,
        lines=(Line("205°", "Bed 60°", Icon.NOZZLE), Line("Left", "2h 14m")),
    )
    assert drawn(screen) == [
        "✓ Ready          1/2",
        "♨ 205°       Bed 60°",
        "Left          2h 14m",
        "",
    ]


def test_a_sign_goes_before_a_text_has_to_scroll() -> None:
    screen = Screen(title="Clear the plate!", icon=Icon.WARNING)
    assert drawn(screen, 16, 2)[0] == "Clear the plate!"
    assert drawn(screen, 20, 4)[0] == "⚠ Clear the plate!"
    assert drawn(Screen(title="Clear the plate", icon=Icon.WARNING), 16, 2)[0][0] == "⚠"


def test_trouble_has_a_sign_of_its_own() -> None:
    assert drawn(Screen(title="Error", tone=Tone.TROUBLE))[0] == "⚠ Error"


def test_two_rows_show_the_lines_in_turn_then_the_keys_then_the_text() -> None:
    screen = Screen(
        title="T",
        lines=(Line("one"), Line("two")),
        keys=Keys(ok="Menu"),
        text="running text of two rows",
    )
    seen = [drawn(screen, 16, 2, elapsed)[1] for elapsed in (0, 3.1, 6.1, 9.1, 12.1, 15.1)]
    assert seen == ["one", "two", "OK Menu", "running text of", "two rows", "one"]


def test_four_rows_turn_pages_below_the_bar() -> None:
    lines = tuple(Line(f"line {number}") for number in range(3))
    screen = Screen(title="T", bar=Bar(0.0), lines=lines)
    first, second = drawn(screen), drawn(screen, elapsed=3.1)
    assert first[1] == second[1]
    assert (first[2:], second[2:]) == (["line 0", "line 1"], ["line 1", "line 2"])


def test_a_long_line_is_wrapped_where_there_is_room() -> None:
    screen = Screen(title="T", lines=(Line("Planetary gears, set of 6"),))
    assert drawn(screen)[1:3] == ["Planetary gears, set", "of 6"]
    assert render(screen, 20, 4, 0.0, "A00").again is None


def test_keys_stand_where_they_are() -> None:
    keys = Keys(left="Back", ok="Done", right="Menu")
    assert drawn(Screen(title="T", keys=keys))[3] == "←Back OK Done  Menu→"
    assert drawn(Screen(title="T", keys=keys), 16, 4)[3] == "←Back    OK Done"
    assert drawn(Screen(title="T", keys=Keys(ok="Menu")))[3] == "OK Menu"
    assert drawn(Screen(title="T", keys=Keys(right="Menu")))[3] == "               Menu→"


def test_keys_give_way_to_lines_unless_the_device_asks() -> None:
    lines = (Line("1"), Line("2"), Line("3"))
    calm = Screen(title="T", lines=lines, keys=Keys(ok="Menu"))
    asking = Screen(title="T", lines=lines, keys=Keys(ok="Done"), tone=Tone.ASKING)
    assert drawn(calm)[1:] == ["1", "2", "3"]
    assert drawn(asking)[1:] == ["1", "2", "OK Done"]


@pytest.mark.parametrize(
    ("selected", "rows"),
    [
        (0, ["→0", " 1", " 2                 ▾"]),
        (2, [" 1                 ▴", "→2", " 3                 ▾"]),
        (4, [" 2                 ▴", " 3", "→4"]),
    ],
)
def test_a_list_shows_the_part_around_its_cursor(selected: int, rows: list[str]) -> None:
    lines = tuple(Line(str(number)) for number in range(5))
    seen = drawn(Screen(title="T", lines=lines, selected=selected))[1:]
    assert [row.replace("▸", "→") for row in seen] == rows


def test_one_row_for_a_list_says_where_there_is_more() -> None:
    lines = tuple(Line(str(number)) for number in range(3))
    marks = [
        drawn(Screen(title="T", lines=lines, selected=number), 16, 2)[1][-1] for number in range(3)
    ]
    assert marks == ["▾", "⬍", "▴"]


def test_only_the_chosen_line_of_a_list_scrolls() -> None:
    lines = (Line("a name that is far too long"), Line("another name that is too long"))
    before, after = (
        drawn(Screen(title="T", lines=lines, selected=0), elapsed=elapsed) for elapsed in (0.0, 3.0)
    )
    assert before[1] != after[1]
    assert before[2] == after[2]


def test_the_question_stands_above_its_answers() -> None:
    screen = Screen(
        title="Cancel print?",
        text="It cannot be undone",
        lines=(Line("No"), Line("Yes")),
        selected=0,
    )
    assert drawn(screen)[1] == "It cannot be undone"
    assert drawn(screen)[2].endswith("No")


def test_icons_of_the_screen_are_known() -> None:
    assert set(ICONS) == set(Icon)
    assert ord(" ") == SPACE


QUESTION: Final = Screen(
    title="Shut down?",
    text="The appliance switches itself off.",
    lines=(Line("No"), Line("Yes, turn off")),
    selected=0,
)


def test_on_one_row_the_question_comes_in_turn_with_no() -> None:
    times = (0.0, 3.1, 6.1, 9.1, 12.1)
    seen = [drawn(QUESTION, 16, 2, elapsed)[1].replace("▸", "→") for elapsed in times]
    assert seen == ["→No            ▾", "The appliance", "switches itself", "off.", seen[0]]


def test_on_one_row_the_chosen_answer_stays() -> None:
    chosen = replace(QUESTION, selected=1)
    assert render(chosen, 16, 2, 0.0, "A00").again is None
    assert drawn(chosen, 16, 2, 3.1)[1].endswith("Yes, turn off ▴")
