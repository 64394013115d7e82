"""Hearts: who is late, who rests, and what a stall of the whole process is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.host.health import Health, Heart, Late

PAUSE = 5.0


class World:
    """A clock of its own, one heart with a limit of 60 s, and looks every 5 s."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.health = Health(lambda: self.now)
        self.heart = self.health.part("engine", 60.0)

    def look(self) -> tuple[Late, ...]:
        return self.health.look(PAUSE)

    def live(self, seconds: float, each: Callable[[], object] = lambda: None) -> list[Late]:
        """Let time pass, looking as a process does that is not held up."""
        found: list[Late] = []
        self.look()
        for _ in range(round(seconds / PAUSE)):
            self.now += PAUSE
            each()
            found += self.look()
        return found


def test_who_beats_is_in_time() -> None:
    world = World()
    assert world.live(600.0, world.heart.beat) == []


def test_who_does_not_is_named_with_its_age() -> None:
    world = World()
    assert world.live(60.0) == []
    assert world.live(5.0) == [Late("engine", 65.0)]
    world.heart.beat()
    assert world.look() == ()


def test_a_part_that_never_began_is_late_too() -> None:
    world = World()
    world.health.part("other", 10.0)
    assert {late.name for late in world.live(20.0)} == {"other"}


def test_who_rests_is_never_late_and_beats_afterwards() -> None:
    world = World()
    with world.heart.resting():
        assert world.live(1e4) == []
    assert world.live(60.0) == []
    assert [late.seconds for late in world.live(5.0)] == [65.0]


def test_a_rest_that_ends_with_an_error_is_over() -> None:
    world = World()
    with pytest.raises(ValueError, match="lost"), world.heart.resting():
        world.live(1e4)
        raise ValueError("lost")
    assert world.live(65.0) == [Late("engine", 65.0)]


def test_a_wait_that_was_announced_counts_beyond_the_limit() -> None:
    world = World()
    world.heart.beat(100.0)
    assert world.live(160.0) == []
    assert [late.name for late in world.live(5.0)] == ["engine"]


def test_a_stall_of_the_whole_process_is_nobodys_fault() -> None:
    """A card that stalls for minutes holds the look up as well as the part."""
    world = World()
    world.live(50.0)  # 10 s are left
    world.now += 300.0
    assert world.look() == ()
    assert world.live(5.0) == []
    assert [late.name for late in world.live(5.0)] == ["engine"], "its own time ran on"


def test_a_heart_that_nobody_looks_at_costs_nothing() -> None:
    heart = Heart()
    with heart.resting():
        heart.beat(5.0)
    assert heart.late(1e12) is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["beat", "rest", "nothing"]), st.floats(0.0, 400.0)), max_size=30
)


@given(STEPS)
def test_late_is_who_beat_too_long_ago_and_does_not_rest(steps: list[tuple[str, float]]) -> None:
    now = 0.0
    heart = Heart("x", 60.0, lambda: now)
    beat_at, rests = 0.0, False
    for what, seconds in steps:
        if what == "beat":
            heart.beat()
            beat_at, rests = now, False
        elif what == "rest":
            heart.rest()
            rests = True
        now += seconds
        late = heart.late(now)
        assert (late is not None) == (not rests and now > beat_at + 60.0)
        assert late is None or late.seconds == now - beat_at
