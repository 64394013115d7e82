import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.cloud.reconnect import Backoff


class Edge(random.Random):
    """Draws the end of the range itself."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_ceiling_doubles_from_one_to_sixty_seconds() -> None:
    backoff = Backoff(Edge())
    delays = [backoff.next_delay() for _ in range(9)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_reset_begins_again() -> None:
    backoff = Backoff(Edge())
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()
    assert [backoff.next_delay(), backoff.next_delay()] == [1, 2]


@given(
    seed=st.integers(),
    first=st.floats(0.01, 10),
    factor=st.floats(1, 1000),
    resets=st.lists(st.booleans(), max_size=60),
)
def test_every_delay_lies_between_zero_and_its_ceiling(
    seed: int, first: float, factor: float, resets: list[bool]
) -> None:
    longest = first * factor
    backoff = Backoff(random.Random(seed), first=first, longest=longest)
    for reset in resets:
        if reset:
            backoff.reset()
            assert backoff.ceiling == first
        ceiling = backoff.ceiling
        assert first <= ceiling <= longest
        assert 0 <= backoff.next_delay() <= ceiling
        assert backoff.ceiling >= ceiling


def test_jitter_is_full_and_follows_the_source_alone() -> None:
    def delays(seed: int) -> list[float]:
        backoff = Backoff(random.Random(seed), first=60)
        return [backoff.next_delay() for _ in range(500)]

    drawn = delays(7)
    assert drawn == delays(7)
    assert drawn != delays(8)
    assert min(drawn) < 2
    assert max(drawn) > 58
    assert 25 < sum(drawn) / len(drawn) < 35


@pytest.mark.parametrize(("first", "longest"), [(0, 60), (-1, 60), (61, 60)])
def test_senseless_bounds_are_refused(first: float, longest: float) -> None:
    with pytest.raises(ValueError, match="back-off"):
        Backoff(random.Random(), first=first, longest=longest)
