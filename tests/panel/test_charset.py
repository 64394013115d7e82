from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.charset import Rom, charset, graphemes
from appliance.panel.glyphs import ROWS, Glyph, all_accented
from appliance.sim.lcd_picture import rom_font

ROMS: tuple[Rom, ...] = ("A00", "A02")


def plain(text: str, rom: Rom) -> str:
    """What the cells of ``text`` look like."""
    signs = charset(rom)
    return "".join(
        cell.char if isinstance(cell, Glyph) else signs.text(cell) for cell in signs.cells(text)
    )


@pytest.mark.parametrize("rom", ROMS)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bracket v2.gcode", "Bracket v2.gcode"),
        ("Größe ÄÖÜ", "Größe ÄÖÜ"),
        ("205→210 °C", "205→210 °C"),
        ("Łódź", "Lódź"),
        ("œuvre, Ærø", "oeuvre, Ærø"),
        ("İstanbul ığdır", "İstanbul iğdir"),
        ("Привет, Ёж", "Privet, Yozh"),
        ("Καλημέρα", "Kalimera"),
        ("ﬁne ①", "fine 1"),
        ("a\\b~c", "a\\b~c"),
        ("e\u0301te\u0301", "été"),
        (" two\t words\n", "two words"),
        ("Zero\u200bwidth \u202eturned", "Zerowidth turned"),
        ("漢字 👩‍👩‍👧 🇩🇪 👍🏽", "□□ □ □ □"),
    ],
)
def test_text_stays_readable(rom: Rom, text: str, shown: str) -> None:
    if rom == "A00":
        shown = shown.replace("Ærø", "AEro")
    assert plain(text, rom) == shown


def test_kana_of_the_japanese_rom() -> None:
    assert plain("カメラ", "A00") == "カメラ"
    assert len(charset("A00").cells("ガ")) == 2  # the voicing mark stands in a cell of its own
    assert plain("カメラ", "A02") == "□□□"


@pytest.mark.parametrize("rom", ROMS)
@given(text=st.text(max_size=300))
def test_any_text_becomes_cells_that_the_rom_can_show(rom: Rom, text: str) -> None:
    font = rom_font(rom)
    for cell in charset(rom).cells(text):
        if isinstance(cell, Glyph):
            assert len(cell.bitmap) == ROWS
            assert max(cell.bitmap) < 32
        assert (cell.fallback if isinstance(cell, Glyph) else cell) in font


@pytest.mark.parametrize("rom", ROMS)
def test_every_printable_code_of_the_text_has_dots(rom: Rom) -> None:
    text = "".join(map(chr, range(0x21, 0x7F))) + "äöüß°→←ñµ"
    for cell in charset(rom).cells(text):
        dots = cell.bitmap if isinstance(cell, Glyph) else rom_font(rom)[cell]
        assert any(dots)


def test_accents_on_one_letter_differ_from_each_other() -> None:
    letters: dict[int, list[Glyph]] = {}
    for glyph in all_accented():
        if glyph.char not in "ȘșȚț":  # a comma below looks like a cedilla in so few dots
            letters.setdefault(glyph.fallback, []).append(glyph)
    assert sum(map(len, letters.values())) > 150
    for glyphs in letters.values():
        assert len({glyph.bitmap for glyph in glyphs}) == len(glyphs)


@given(st.text(max_size=60))
def test_graphemes_lose_nothing(text: str) -> None:
    assert "".join(graphemes(text)) == text
