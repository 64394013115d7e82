from __future__ import annotations

from math import inf, isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sim.heaters import BED, HOTEND, HeaterModel


def test_it_warms_to_the_target_and_stays_there() -> None:
    heater = HeaterModel(HOTEND)
    heater.set_target(200.0, 10.0)
    assert heater.temperature(10.0) == 22.0
    assert heater.power(11.0) == 127
    when = heater.reaches(200.0)
    assert heater.temperature(when - 1) < 200.0
    assert heater.temperature(when) == pytest.approx(200.0)
    assert heater.temperature(when + 1000) == 200.0
    assert 0 < heater.power(when + 1) < 127


def test_off_it_cools_to_the_room() -> None:
    heater = HeaterModel(BED)
    heater.set_target(60.0, 0.0)
    heater.set_target(0.0, 1000.0)
    assert heater.power(1000.0) == 0
    assert 22.0 < heater.temperature(1300.0) < 60.0
    assert heater.temperature(50_000.0) == pytest.approx(22.0)


def test_what_it_cannot_reach_is_never_reached() -> None:
    heater = HeaterModel(BED)
    heater.set_target(300.0, 0.0)
    assert heater.reaches(200.0) == inf
    assert heater.temperature(1e6) == pytest.approx(BED.ceiling)


targets = st.lists(st.tuples(st.floats(0, 130), st.floats(0.1, 500)), min_size=1, max_size=6)


@given(targets)
def test_temperatures_never_jump_and_reaches_tells_the_truth(
    steps: list[tuple[float, float]],
) -> None:
    heater = HeaterModel(HOTEND)
    now = 0.0
    for target, seconds in steps:
        before = heater.temperature(now)
        heater.set_target(target, now)
        assert heater.temperature(now) == pytest.approx(before)
        middle = (before + max(target, 22.0)) / 2
        if isfinite(when := heater.reaches(middle)):
            assert heater.temperature(when) == pytest.approx(middle, abs=1e-6)
        now += seconds
