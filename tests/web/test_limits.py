from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.limits import REMEMBERED, GrowingDelay, Limits, origin_of


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=60))
def test_no_course_of_tries_goes_past_either_limit(tries: list[tuple[str, float]]) -> None:
    limits, now, taken = Limits(3, 5, 10.0), 0.0, list[tuple[str, float]]()
    for who, pause in tries:
        now += pause
        wait = limits.wait(who, now)
        recent = [name for name, at in taken if now - at < 10.0]
        allowed = recent.count(who) < 3 and len(recent) < 5
        assert (wait == 0) is allowed
        if wait == 0:
            limits.take(who, now)
            taken.append((who, now))
        else:
            assert limits.wait(who, now + wait + 1e-6) == 0


def test_each_failure_beyond_the_free_ones_doubles_the_wait() -> None:
    delay, now, waits = GrowingDelay(3, 60.0), 0.0, []
    for _ in range(10):
        delay.failed("a", now)
        waits.append(delay.wait("a", now))
        now += waits[-1]
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert delay.wait("b", now) == 0
    delay.succeeded("a")
    delay.failed("a", now)
    assert delay.wait("a", now) == 0


def test_only_so_many_addresses_are_remembered() -> None:
    limits, delay = Limits(1, 10**6, 100.0), GrowingDelay(0, 60.0)
    for number in range(REMEMBERED + 1):
        limits.take(str(number), 0.0)
        delay.failed(str(number), 0.0)
    assert limits.wait("0", 1.0) == delay.wait("0", 1.0) == 0
    assert limits.wait("1", 1.0) > 0 and delay.wait("1", 0.5) > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.168.1.5", "::ffff:192.168.1.5"),
        ("2001:db8::1", "2001:db8::2:3"),
        ("fe80::1%wlan0", "fe80::1%eth0"),
    ],
)
def test_addresses_of_one_visitor_count_together(one: str, other: str) -> None:
    assert origin_of(one) == origin_of(other)


@given(st.text())
def test_anything_can_be_an_address(text: str) -> None:
    assert origin_of("192.168.1.5") == "192.168.1.5"
    assert isinstance(origin_of(text), str)
