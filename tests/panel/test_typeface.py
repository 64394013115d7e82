from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.panel import typeface
from appliance.panel.icons import BITMAPS, icon_mask
from appliance.panel.screen import Icon
from appliance.panel.typeface import Kept, Typeface, graphemes

SMALL = Typeface(bold=False, size=10, soft=False)
SOFT = Typeface(bold=True, size=20, soft=True)
READABLE = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ÄÖÜäöüß"
    "ĄĆĘŁŃÓŚŹŻąćęłńóśźżÅÆØåæøéèêçñõšžřůőű"
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρσςτυφχψωά"
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ°→▸◂●•…"
)


def test_european_letters_differ_from_each_other_and_from_the_box() -> None:
    """Some letters of three alphabets look the same; none looks like a missing one."""
    box = SMALL.strip("漢").tobytes()
    assert all(SMALL.strip(letter).tobytes() != box for letter in READABLE)
    for alphabet in (READABLE[:62], "ĄĆĘŁŃÓŚŹŻACELNOSZ", "ąćęłńóśźżacelnosz", "ÄÖÜäöüAOUaou"):
        seen = {SMALL.strip(letter).tobytes() + bytes([SMALL.width(letter)]) for letter in alphabet}
        assert len(seen) == len(alphabet)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("漢字", 2),
        ("👩‍👩‍👧‍👧", 1),
        ("👍🏽", 1),
        ("🇵🇱🇬🇷", 2),
        ("e\u0301", 1),
        ("a\u200bb\u202ec", 3),
        ("a\tb\nc", 5),
        ("", 0),
    ],
)
def test_what_a_person_counts_as_one_is_one(text: str, count: int) -> None:
    assert len(list(graphemes(text))) == count


def test_missing_graphemes_are_boxes_of_one_width() -> None:
    assert SMALL.width("漢字👩‍👩‍👧‍👧") == 3 * SMALL.width("漢")
    assert SMALL.strip("漢").tobytes() == SMALL.strip("👍🏽").tobytes()


@given(st.text(max_size=300), st.integers(0, 300))
@example("\x1b", 0)  # nothing of it is to be seen
@settings(deadline=None)
def test_a_cut_text_fits(text: str, width: int) -> None:
    cut = SMALL.cut(text, width)
    assert SMALL.width(cut) <= max(width, 0) or not cut
    if SMALL.width(text) <= width:
        assert cut == text


@given(st.text(max_size=300), st.integers(12, 300))
@settings(deadline=None)
def test_wrapped_text_fits_and_is_whole(text: str, width: int) -> None:
    lines = SMALL.wrap(text, width)
    assert all(SMALL.width(line) <= width for line in lines)
    assert _letters("".join(lines)) == _letters(text)


def _letters(text: str) -> list[str]:
    """Without accents: one that follows a space has no letter to stand on, and may be left out."""
    bare = "".join(one for one in "".join(text.split()) if unicodedata.category(one) != "Mn")
    return [cluster for cluster in graphemes(bare) if cluster != " "]


def test_words_stay_whole_where_they_can() -> None:
    assert SMALL.wrap("Close the door to print", 50) == ("Close the", "door to", "print")


@given(st.text(max_size=60))
@settings(deadline=None)
def test_soft_letters_are_as_wide_as_they_say(text: str) -> None:
    assert SOFT.strip(text).width == max(SOFT.width(text), 1)
    assert SOFT.strip(text).mode == "L"


def test_without_the_font_pillow_s_own_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(typeface, "FONTS", (tmp_path,))
    assert Typeface(bold=False, size=10, soft=False).width("Ready") > 10
    assert "fonts-dejavu-core" in caplog.text


def test_what_is_kept_is_bounded_and_the_unused_goes_first() -> None:
    kept: Kept[int, int] = Kept(2)
    made: list[int] = []

    def value(key: int) -> int:
        return kept.get(key, lambda: made.append(key) or key)  # type: ignore[func-returns-value]

    assert [value(key) for key in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]


def test_every_icon_has_its_own_sign() -> None:
    assert set(BITMAPS) == set(Icon)
    assert len(set(BITMAPS.values())) == len(Icon)
    for icon in Icon:
        assert len(BITMAPS[icon]) == 8
        for side in (8, 10, 16, 24):
            mask = icon_mask(icon, side, soft=False)
            assert (mask.mode, mask.size) == ("1", (side, side))
            assert mask.getbbox() is not None
        assert icon_mask(icon, 18, soft=True).mode == "L"


@pytest.mark.parametrize("icon", Icon)
def test_three_times_as_large_is_the_same_sign(icon: Icon) -> None:
    small, large = icon_mask(icon, 8, soft=False), icon_mask(icon, 24, soft=False)
    for y in range(8):
        for x in range(8):
            assert large.getpixel((3 * x + 1, 3 * y + 1)) == small.getpixel((x, y))
