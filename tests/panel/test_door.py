"""The door's value changes only when a switch stayed the same for the time that counts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.door import DoorFilter
from appliance.settings_panel import DoorSettings

SETTINGS = DoorSettings(pin=22, lock_pin=23, stable=0.2)
Level = tuple[float, bool, bool]  # time, opened, locked


def play(door: DoorFilter, levels: list[Level], until: float) -> list[tuple[float, int]]:
    """What the filter says in virtual time."""
    said: list[tuple[float, int]] = []

    def wait(end: float) -> None:
        while (due := door.next_tick()) is not None and due <= end:
            note(due, door.tick(due))
            later = door.next_tick()
            assert later is None or later > due

    def note(at: float, value: int | None) -> None:
        if value is not None:
            said.append((round(at, 3), value))

    for at, opened, locked in levels:
        wait(at)
        note(at, door.see(opened=opened, locked=locked, now=at))
    wait(until)
    return said


def test_the_first_stable_value_is_told_and_each_change_once() -> None:
    door = DoorFilter(SETTINGS, lock=False)
    levels = [(1.0, False, False), (5.0, True, False), (5.5, True, False), (9.0, False, False)]
    assert play(door, levels, 20.0) == [(1.2, 1), (5.2, 0), (9.2, 1)]
    assert door.next_tick() is None


@pytest.mark.parametrize(
    ("opened", "locked", "value"),
    [(True, False, 0), (False, False, 1), (True, True, 2), (False, True, 3)],
)
def test_the_values_of_section_3_12(opened: bool, locked: bool, value: int) -> None:
    assert play(DoorFilter(SETTINGS, lock=True), [(0.0, opened, locked)], 1.0) == [(0.2, value)]


def test_without_a_lock_its_level_says_nothing() -> None:
    assert play(DoorFilter(SETTINGS, lock=False), [(0.0, False, True)], 1.0) == [(0.2, 1)]


def test_a_time_of_zero_counts_at_once() -> None:
    door = DoorFilter(DoorSettings(pin=22, stable=0), lock=False)
    assert play(door, [(1.0, False, False), (2.0, True, False)], 3.0) == [(1.0, 1), (2.0, 0)]


def flicker(begin: float, end: float, period: float = 0.01) -> list[Level]:
    count = int((end - begin) / period)
    return [(begin + n * period, n % 2 == 0, False) for n in range(count)]


def test_a_flicker_of_50_hz_keeps_the_last_stable_value_and_is_told() -> None:
    door = DoorFilter(SETTINGS, lock=False)
    levels = [(0.0, False, False), *flicker(1.0, 30.0)]
    assert play(door, levels, 30.0) == [(0.2, 1)]
    assert door.problem is not None
    assert "door.stable" in door.problem.long
    assert len(door.problem.short) <= 20
    assert play(door, [(31.0, True, False)], 40.0) == [(31.2, 0)]
    assert door.problem is None


def test_a_lock_that_flickers_does_not_hide_the_door() -> None:
    door = DoorFilter(SETTINGS, lock=True)
    play(door, [(0.0, False, True)], 1.0)
    lock = [(1 + n / 100, n > 500, n % 2 == 0) for n in range(1000)]
    assert play(door, lock, 10.9) == [(6.21, 2)], "opened, its lock as it was"


def test_a_lock_that_flickers_from_the_start_is_not_waited_for_for_ever() -> None:
    door = DoorFilter(SETTINGS, lock=True)
    said = play(door, [(n / 100, False, n % 2 == 0) for n in range(1000)], 10.0)
    assert [value for _, value in said] == [1]
    assert said[0][0] == pytest.approx(5.0, abs=0.1)


@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.booleans(), st.booleans()), max_size=80))
def test_a_value_is_told_only_after_its_levels_were_stable(
    steps: list[tuple[float, bool, bool]],
) -> None:
    door = DoorFilter(SETTINGS, lock=False)
    at, levels = 0.0, list[Level]()
    for gap, opened, locked in steps:
        at += gap
        levels.append((at, opened, locked))
    said = play(door, levels, at + 10)
    for when, value in said:
        within = [opened for t, opened, _ in levels if when - 0.199 < t <= when - 0.001]
        before = [opened for t, opened, _ in levels if t <= when - 0.199]
        assert all(opened is (value == 0) for opened in [*within, *before[-1:]])
    values = [value for _, value in said]
    assert all(one != other for one, other in pairwise(values))
    if levels:
        assert door.value == (0 if levels[-1][1] else 1), "in the end it is right"
