"""Contacts become strokes: one press gives one stroke, whatever the contact does besides."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.buttons import Contact, KeyFilter
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.settings_panel import ButtonSettings

SETTINGS = ButtonSettings(
    up=5, down=6, left=13, right=19, ok=26, encoder_push=21,
    debounce=0.02, hold=0.8, repeat=0.2, stuck=30.0,
)  # fmt: skip
Edge = tuple[float, Contact, bool]


class Bench:
    """A filter in virtual time: every tick happens exactly when the filter asks for it."""

    def __init__(self, settings: ButtonSettings = SETTINGS) -> None:
        self.keys = KeyFilter(settings)
        self.seen: list[tuple[float, Key, Stroke]] = []
        for contact in Contact:
            self.keys.begin(contact, False, 0.0)

    def play(self, edges: list[Edge], until: float) -> None:
        for at, contact, down in sorted(edges, key=lambda edge: edge[0]):
            self.wait(at)
            self._note(at, self.keys.edge(contact, down, at))
        self.wait(until)

    def wait(self, until: float) -> None:
        while (due := self.keys.next_tick()) is not None and due <= until:
            self._note(due, self.keys.tick(due))
            later = self.keys.next_tick()
            assert later is None or later > due, "a tick that is due twice would burn the processor"

    def _note(self, at: float, strokes: list[KeyStroke]) -> None:
        self.seen += [(round(at, 3), one.key, one.stroke) for one in strokes]

    @property
    def strokes(self) -> list[tuple[Key, Stroke]]:
        return [(key, stroke) for _, key, stroke in self.seen]


def tap(contact: Contact, at: float, length: float = 0.1) -> list[Edge]:
    return [(at, contact, True), (at + length, contact, False)]


def test_a_press_counts_once_it_was_stable_and_not_only_when_it_is_released() -> None:
    bench = Bench()
    bench.play(tap(Contact.OK, 1.0, 0.5), until=3.0)
    assert bench.seen == [(1.02, Key.OK, Stroke.PRESS)]


def test_an_edge_shorter_than_the_debounce_time_is_nothing() -> None:
    bench = Bench()
    bench.play([*tap(Contact.OK, 1.0, 0.019), *tap(Contact.UP, 2.0, 0.001)], until=3.0)
    assert bench.seen == []


def test_a_held_key_holds_once_and_only_up_and_down_repeat() -> None:
    bench = Bench()
    bench.play([*tap(Contact.LEFT, 1.0, 2.0), *tap(Contact.UP, 11.0, 1.5)], until=20.0)
    assert bench.seen == [
        (1.02, Key.LEFT, Stroke.PRESS),
        (1.8, Key.LEFT, Stroke.HOLD),
        (11.02, Key.UP, Stroke.PRESS),
        (11.8, Key.UP, Stroke.HOLD),
        (12.0, Key.UP, Stroke.REPEAT),
        (12.2, Key.UP, Stroke.REPEAT),
        (12.4, Key.UP, Stroke.REPEAT),
    ]


def test_a_late_tick_makes_no_burst_of_repeats() -> None:
    keys = KeyFilter(SETTINGS)
    keys.begin(Contact.DOWN, False, 0.0)
    keys.edge(Contact.DOWN, True, 1.0)
    late = [stroke for now in (5.0, 5.01, 5.02, 5.19) for stroke in keys.tick(now)]
    assert [one.stroke for one in late] == [Stroke.PRESS, Stroke.HOLD]


def test_a_key_that_is_just_let_go_of_is_not_held() -> None:
    bench = Bench()
    bench.play([(1.0, Contact.LEFT, True), (1.795, Contact.LEFT, False)], until=3.0)
    assert bench.strokes == [(Key.LEFT, Stroke.PRESS)]


def test_one_key_at_a_time_until_all_are_up() -> None:
    bench = Bench()
    edges = [
        (1.0, Contact.OK, True),
        (1.1, Contact.UP, True),  # a second finger
        (1.2, Contact.OK, False),
        (1.3, Contact.DOWN, True),  # not all are up yet
        (1.4, Contact.UP, False),
        (1.5, Contact.DOWN, False),
        *tap(Contact.RIGHT, 1.6),
    ]
    bench.play(edges, until=10.0)
    assert bench.strokes == [(Key.OK, Stroke.PRESS), (Key.RIGHT, Stroke.PRESS)]


def test_of_two_keys_at_the_same_moment_the_first_counts() -> None:
    keys = KeyFilter(SETTINGS)
    keys.edge(Contact.DOWN, True, 1.000)
    keys.edge(Contact.UP, True, 1.001)
    assert keys.tick(2.0)[0] == KeyStroke(Key.DOWN)
    assert KeyStroke(Key.UP) not in keys.tick(3.0)


def test_a_stuck_key_is_told_once_and_does_not_keep_the_others_waiting() -> None:
    bench = Bench()
    bench.play([(1.0, Contact.OK, True)], until=30.9)
    problem = bench.keys.problem
    assert problem is None
    bench.wait(31.0)
    problem = bench.keys.problem
    assert problem is not None
    assert problem.short == "Button ok stuck"
    assert "buttons.ok (pin 26)" in problem.long
    assert "30 s" in problem.long
    bench.play(tap(Contact.RIGHT, 40.0), until=50.0)
    assert bench.strokes == [
        (Key.OK, Stroke.PRESS),
        (Key.OK, Stroke.HOLD),
        (Key.RIGHT, Stroke.PRESS),
    ]
    assert bench.keys.next_tick() is None, "nothing is to be done while it is stuck"
    bench.play([(60.0, Contact.OK, False), *tap(Contact.OK, 61.0)], until=62.0)
    assert bench.keys.problem is None
    assert bench.strokes[-1] == (Key.OK, Stroke.PRESS)


def test_a_repeating_key_stops_when_it_is_stuck() -> None:
    bench = Bench()
    bench.play([(0.0, Contact.UP, True)], until=100.0)
    assert max(at for at, _, _ in bench.seen) <= 30.0
    assert bench.keys.problem is not None


def test_a_key_that_is_held_at_the_start_is_not_pressed() -> None:
    bench = Bench()
    bench.keys.begin(Contact.OK, True, 0.0)
    bench.play(tap(Contact.UP, 1.0), until=31.0)
    assert bench.seen == [(1.02, Key.UP, Stroke.PRESS), (3.0, Key.OK, Stroke.HOLD)]
    assert bench.keys.problem is not None, "a wrong polarity looks like this"
    assert "buttons.pressed" in bench.keys.problem.long
    bench.play([(40.0, Contact.OK, False), *tap(Contact.OK, 41.0)], until=42.0)
    assert bench.strokes[2:] == [(Key.OK, Stroke.PRESS)]


@pytest.mark.parametrize(
    ("contact", "length", "strokes"),
    [
        (Contact.OK, 2.9, []),
        (Contact.OK, 3.1, [(Key.OK, Stroke.HOLD)]),
        (Contact.PUSH, 3.1, [(Key.OK, Stroke.HOLD)]),
        (Contact.PUSH, 20.0, [(Key.OK, Stroke.HOLD)]),
        (Contact.LEFT, 20.0, []),
        (Contact.UP, 20.0, []),
    ],
)
def test_ok_that_is_held_from_the_start_is_told_once(
    contact: Contact, length: float, strokes: list[tuple[Key, Stroke]]
) -> None:
    bench = Bench()
    bench.keys.begin(contact, True, 0.0)
    bench.play([(length, contact, False)], until=60.0)
    assert bench.strokes == strokes


# --- the encoder's push ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "strokes"),
    [
        (0.1, [(Key.OK, Stroke.PRESS)]),
        (0.79, [(Key.OK, Stroke.PRESS)]),
        (0.9, [(Key.LEFT, Stroke.PRESS)]),
        (2.3, [(Key.LEFT, Stroke.PRESS)]),
        (2.5, [(Key.LEFT, Stroke.PRESS), (Key.LEFT, Stroke.HOLD)]),
        (60.0, [(Key.LEFT, Stroke.PRESS), (Key.LEFT, Stroke.HOLD)]),
    ],
)
def test_a_push_is_ok_and_held_it_leads_back_and_home(
    length: float, strokes: list[tuple[Key, Stroke]]
) -> None:
    bench = Bench()
    bench.play(tap(Contact.PUSH, 1.0, length), until=100.0)
    assert bench.strokes == strokes


def test_a_knob_that_is_pushed_does_not_turn() -> None:
    bench = Bench()
    bench.keys.begin_turns(True, True)
    full_step = [(False, True), (False, False), (True, False), (True, True)]
    bench.play([(1.0, Contact.PUSH, True)], until=1.1)
    for index, (a, b) in enumerate(full_step):
        assert bench.keys.turn(a, b, 1.2 + index / 100) == []
    bench.play([(1.5, Contact.PUSH, False)], until=2.0)
    turned = [bench.keys.turn(a, b, 3.0 + i / 100) for i, (a, b) in enumerate(full_step)]
    assert turned == [[], [], [], [KeyStroke(Key.DOWN)]]
    assert bench.strokes == [(Key.OK, Stroke.PRESS)]


# --- whatever contacts do ----------------------------------------------------------------


@given(
    presses=st.lists(st.tuples(st.floats(0.1, 0.7), st.floats(0.1, 2.0)), min_size=1, max_size=5),
    bounces=st.lists(st.floats(0.0005, 0.015), max_size=6),
    contact=st.sampled_from([one for one in Contact if one is not Contact.PUSH]),
)
def test_a_bouncing_contact_gives_exactly_one_press(
    presses: list[tuple[float, float]], bounces: list[float], contact: Contact
) -> None:
    edges: list[Edge] = []
    at = 1.0
    for length, pause in presses:
        for begin, level in ((at, True), (at + length + sum(bounces), False)):
            time, now = begin, level
            edges.append((time, contact, now))
            for gap in bounces if len(bounces) % 2 == 0 else bounces[1:]:
                time, now = time + gap, not now
                edges.append((time, contact, now))
        at += length + 2 * sum(bounces) + pause
    bench = Bench()
    bench.play(edges, until=at + 1)
    assert [stroke for _, stroke in bench.strokes].count(Stroke.PRESS) == len(presses)


@given(st.floats(0.001, 0.0199), st.integers(1, 400))
def test_a_flicker_is_no_press(period: float, times: int) -> None:
    bench = Bench()
    bench.play(
        [(1 + n * period, Contact.OK, n % 2 == 0) for n in range(2 * (times // 2))], until=1000.0
    )
    assert bench.seen == []


edges = st.tuples(st.floats(0.0, 3.0), st.sampled_from(Contact), st.booleans())


@given(st.lists(edges, max_size=60))
def test_any_fingers_at_all(gaps: list[tuple[float, Contact, bool]]) -> None:
    """Holds and repeats follow the press of the same key, and none is invented at the end."""
    bench = Bench()
    at, script = 0.0, list[Edge]()
    for gap, contact, down in gaps:
        at += gap
        script.append((at, contact, down))
    ups = [(at + 1, contact, False) for contact in Contact]
    bench.play([*script, *ups], until=at + 100)
    assert all(now <= at + 1.1 for now, _, _ in bench.seen)
    for (_, key, _), (_, after, stroke) in pairwise([(0.0, None, None), *bench.seen]):
        assert stroke is Stroke.PRESS or key is after
    assert bench.keys.next_tick() is None
    assert bench.keys.problem is None
    bench.play(tap(Contact.RIGHT, at + 200), until=at + 300)
    assert bench.strokes[-1:] == [(Key.RIGHT, Stroke.PRESS)], "it works afterwards"
