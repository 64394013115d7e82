"""A turned knob makes one stroke a detent, for both kinds of encoder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.encoder import Quadrature
from appliance.panel.keys import Key

CLOCKWISE = [(True, True), (False, True), (False, False), (True, False)]


class Knob:
    """An encoder in virtual time."""

    def __init__(self, transitions: int, position: int = 0) -> None:
        self.decoder = Quadrature()
        self.transitions = transitions
        self.position = position
        self.now = 0.0
        self.keys: list[Key] = []
        self.decoder.begin(*CLOCKWISE[position % 4])

    def go(self, transitions: int, *, gap: float = 0.004, bounces: int = 0) -> None:
        step = 1 if transitions > 0 else -1
        for _ in range(abs(transitions)):
            for wobble in range(bounces):
                self.see(self.position + (step if wobble % 2 == 0 else 0), 0.0003)
            self.position += step
            self.see(self.position, gap)

    def see(self, position: int, gap: float) -> None:
        self.now += gap
        self.keys += self.decoder.edge(*CLOCKWISE[position % 4], self.now)

    def click(self, clicks: int, *, bounces: int = 0, rest: float = 0.5) -> None:
        self.go(clicks * self.transitions, bounces=bounces)
        self.rest(rest)

    def rest(self, seconds: float = 0.5) -> None:
        self.now += seconds
        self.keys += self.decoder.tick(self.now)

    @property
    def steps(self) -> int:
        return self.keys.count(Key.DOWN) - self.keys.count(Key.UP)


def test_clockwise_is_down_and_a_step_comes_with_its_detent() -> None:
    knob = Knob(4)
    knob.go(3)
    assert knob.keys == []
    knob.go(1)
    assert knob.keys == [Key.DOWN]
    knob.go(-4)
    assert knob.keys == [Key.DOWN, Key.UP]


def test_half_a_detent_and_back_is_nothing() -> None:
    knob = Knob(4)
    for _ in range(5):
        knob.go(2)
        knob.go(-2)
    knob.rest()
    assert knob.keys == []
    assert knob.decoder.next_tick() is None


def test_an_encoder_with_two_transitions_a_detent_is_learned() -> None:
    knob = Knob(2)
    for _ in range(3):
        knob.click(1)
    assert knob.steps == 3
    knob.go(2)
    assert knob.steps == 4, "by now without waiting for the rest"
    knob.rest()
    knob.click(-4)
    assert knob.steps == 0


def test_an_encoder_that_rests_at_another_level_works_too() -> None:
    knob = Knob(4, position=2)
    knob.click(3)
    knob.click(-1)
    assert knob.steps == 2


def test_a_missed_transition_is_made_good() -> None:
    knob = Knob(4)
    knob.click(1)
    knob.go(1)
    knob.position += 2  # one of them was not seen
    knob.see(knob.position, 0.004)
    knob.go(1)
    assert knob.steps == 2


def test_a_lost_last_transition_counts_at_rest_and_harms_no_later_step() -> None:
    knob = Knob(4)
    knob.go(3)
    knob.rest()
    assert knob.steps == 1
    knob.position += 1
    knob.see(knob.position, 1.0)
    knob.rest()
    knob.click(2)
    assert knob.steps == 3


@given(
    st.lists(st.integers(-5, 5), max_size=20),
    st.sampled_from([0, 2, 4, 6]),
    st.sampled_from([4, 2]),
)
def test_bouncing_steps_never_count_twice(
    clicks: list[int], bounces: int, transitions: int
) -> None:
    knob = Knob(transitions)
    for _ in range(3 if transitions == 2 else 0):
        knob.click(1)  # learn the kind
    knob.keys.clear()
    for turn in clicks:
        before = knob.steps
        knob.click(turn, bounces=bounces)
        assert abs(knob.steps - before) <= abs(turn)
        if transitions == 4:
            assert knob.steps - before == turn
    if transitions == 4:
        assert len(knob.keys) == sum(abs(turn) for turn in clicks)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 1)), max_size=200))
def test_noise_makes_no_more_steps_than_it_has_transitions(
    noise: list[tuple[bool, bool, float]],
) -> None:
    decoder = Quadrature()
    decoder.begin(True, True)
    now, steps = 0.0, 0
    for a, b, gap in noise:
        now += gap
        steps += len(decoder.edge(a, b, now))
    now += 10
    steps += len(decoder.tick(now))
    assert steps <= len(noise)
    assert decoder.next_tick() is None
