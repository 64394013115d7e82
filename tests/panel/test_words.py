"""Words on small displays."""

import time
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel import words
from appliance.printer.api import Heater
from appliance.sim.panel_examples import NOW
from tests.panel.states import NASTY, NUMBERS, TEXTS

HOUR = 3600.0


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "Unnamed job"),
        (" \n\t\u200b\u202e", "Unnamed job"),
        ("Planetary gears, set of 6", "Planetary gears, set of 6"),
        ("  two\r\nlines \x1b[31mred\x7f ", "two lines [31mred"),
        ("gcode\u202eexe.tset\u2069", "gcodeexe.tset"),
        ("half\ud83d a pair", "half? a pair"),
        ("Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"),
        ("\u9f7f\u8f6e \U0001f527", "\u9f7f\u8f6e \U0001f527"),
        ("non\u00a0breaking\u2028line", "non breaking line"),
    ],
)
def test_names_are_made_fit_to_be_shown(name: str, shown: str) -> None:
    assert words.job_name(name) == shown


@given(TEXTS)
def test_nothing_invisible_is_left_of_a_text(text: str) -> None:
    shown = words.plain(text)
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert shown == words.plain(shown)
    assert len(shown) <= words.LONGEST_TEXT
    assert shown == shown.strip()
    shown.encode()


def test_a_name_is_bounded() -> None:
    assert len(words.job_name("x" * 5000)) == words.LONGEST_NAME
    assert words.job_name(NASTY * 100) != ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5.0, "<1 min"),
        (59.9, "<1 min"),
        (60.0, "1 min"),
        (59 * 60 + 59.9, "59 min"),
        (HOUR, "1h 00m"),
        (2 * HOUR + 14 * 60, "2h 14m"),
        (24 * HOUR - 1, "23h 59m"),
        (24 * HOUR, "1d 00h"),
        (100 * 24 * HOUR - 1, "99d 23h"),
        (100 * 24 * HOUR, ">99 days"),
        (float("inf"), "?"),
        (float("nan"), "?"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


@given(NUMBERS)
def test_a_duration_never_needs_more_than_8_cells(seconds: float) -> None:
    assert 0 < len(words.duration(seconds)) <= 8


@pytest.mark.parametrize(
    ("heater", "shown"),
    [
        (Heater(24.1), "24°"),
        (Heater(-0.4), "0°"),
        (Heater(-14.2), "-14°"),
        (Heater(148.6, 205.0), "149→205°"),
        (Heater(204.3, 205.0), "204°"),
        (Heater(90.0, 60.0), "90→60°"),
        (Heater(90.0, -1.0), "90°"),
        (Heater(90.0, float("nan")), "90°"),
        (Heater(float("nan"), 60.0), "?→60°"),
        (Heater(1e9, 205.0), "?→205°"),
        (Heater(20.0, float("inf")), "20°"),
    ],
)
def test_temperatures(heater: Heater, shown: str) -> None:
    assert words.temperature(heater) == shown


@given(st.builds(Heater, NUMBERS, NUMBERS))
def test_a_temperature_never_needs_more_than_9_cells(heater: Heater) -> None:
    assert 0 < len(words.temperature(heater)) <= 9


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0, "0%"), (0.42, "42%"), (0.29, "29%"), (0.9999, "99%"), (1.0, "100%"), (7.0, "100%")],
)
def test_percent(fraction: float, shown: str) -> None:
    assert words.percent(fraction) == shown


def test_percent_of_no_number() -> None:
    assert words.percent(float("nan")) == "0%"


@pytest.mark.usefixtures("berlin")
def test_clock_is_local_and_gives_way_to_the_date() -> None:
    assert words.clock(NOW - 28 * 60, NOW) == "10:32"
    assert words.clock(NOW + 60, NOW) == "11:01"
    assert words.clock(NOW - 19 * HOUR, NOW) == "16:00"
    assert words.clock(NOW - 3 * 24 * HOUR, NOW) == "28 Sep"


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_moment_that_is_none(moment: float) -> None:
    assert words.clock(moment, NOW) == "?"
