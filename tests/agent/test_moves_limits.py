"""Moves by hand stay within the limits, whatever numbers are asked for."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.agent import reach
from appliance.errors import ApplianceError, JobRefused
from appliance.printer.api import JobState
from appliance.settings_panel import MoveSettings
from tests.agent.bench import Bench, job


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
async def test_numbers_that_are_none(bench: Bench, bad: float) -> None:
    await bench.moves.home()
    bench.sent.clear()
    for deed in (
        bench.moves.jog({"x": bad}),
        bench.moves.jog({"x": 1, "y": bad}, absolute=True),
        bench.moves.jog({"x": 1}, speed=bad),
        bench.moves.extrude(bad),
        bench.moves.extrude(1, speed=bad),
    ):
        with pytest.raises(JobRefused, match="must be a number"):
            await deed
    assert [lines for lines in bench.sent if lines != ["M114"]] == []


async def test_unknown_axes_and_none(bench: Bench) -> None:
    for deed in (
        bench.moves.jog({"e": 1.0}),
        bench.moves.jog({}),
        bench.moves.home(["X"]),
        bench.moves.home([]),
        bench.moves.home(["x", "x y z\nM112"]),
    ):
        with pytest.raises(JobRefused, match="x, y or z"):
            await deed
    assert bench.sent == []


async def test_too_long(bench: Bench) -> None:
    await bench.moves.home()
    with pytest.raises(JobRefused, match="100 mm long at most"):
        await bench.moves.jog({"x": 80, "y": 80})
    with pytest.raises(JobRefused, match="50 mm of filament"):
        await bench.moves.extrude(50.01)
    await bench.moves.jog({"x": 60, "y": 80})
    await bench.moves.extrude(50)


async def test_a_speed_is_held_to_the_limits_of_each_axis(bench: Bench) -> None:
    await bench.moves.home()
    for speed, feed in ((None, 3000.0), (99999, 3000.0), (1500, 1500.0), (0.001, 60.0)):
        bench.sent.clear()
        await bench.moves.jog({"x": 1}, speed=speed)
        assert f"G1 X1 F{feed:g}" in bench.sent[-1]
    await bench.moves.jog({"x": 3, "z": 4}, speed=3000)
    assert "G1 X3 Z4 F750" in bench.sent[-1], "Z alone moves at 600 mm/min"


# Any numbers at all.

NUMBERS = st.one_of(
    st.floats(-10, 10),
    st.floats(-120, 120),
    st.sampled_from([-0.0, 1e-9, 0.0005, -0.005, 199.999, 1e300]),
    st.floats(),
)
AXES = st.dictionaries(st.sampled_from(["x", "y", "z"]), NUMBERS, min_size=1, max_size=2)
SPEEDS = st.none() | st.floats(0.01, 40_000) | st.floats()
JOGS = st.tuples(st.just("jog"), AXES, st.booleans(), SPEEDS)
WISHES = st.one_of(
    JOGS,
    JOGS,
    st.just(("home", ["x", "y", "z"])),
    st.tuples(st.just("home"), st.lists(st.sampled_from(["x", "y", "z", "q"]), max_size=4)),
    st.tuples(st.just("extrude"), NUMBERS, SPEEDS),
    st.tuples(st.just("print"), st.sampled_from([None, None, *JobState])),
    st.just(("jog", {"x": 1.0, "": 2.0, "e": 3.0}, False, None)),
)
MEASURES = st.floats(5, 400).map(lambda mm: round(mm, 1))
SETTINGS = st.builds(
    MoveSettings,
    size_x=MEASURES,
    size_y=MEASURES,
    size_z=MEASURES,
    longest=MEASURES,
    longest_extrusion=st.floats(0.5, 200),
    feed_xy=st.floats(1, 30_000),
    feed_z=st.floats(1, 30_000),
    feed_e=st.floats(1, 30_000),
)


@settings(max_examples=300, deadline=None)
@given(SETTINGS, st.lists(WISHES, max_size=12))
def test_no_wish_leads_out_of_the_limits(
    limits: MoveSettings, wishes: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_wish(limits, wishes))


async def _wish(limits: MoveSettings, wishes: list[tuple[Any, ...]]) -> None:
    bench = Bench(limits)
    homed: set[str] = set()
    for wish in wishes:
        sent, before = len(bench.sent), dict(bench.machine.at)
        try:
            match wish:
                case ("jog", dict(axes), bool(absolute), speed):
                    await bench.moves.jog(axes, absolute=absolute, speed=speed)
                case ("home", list(axes)):
                    await bench.moves.home(axes)
                    homed |= {axis.upper() for axis in axes}
                case ("extrude", float(amount), speed):
                    await bench.moves.extrude(amount, speed)
                case ("print", None):
                    bench.tell(job=None)
                case ("print", state):
                    bench.tell(job=job(state, key=f"k{sent}-{bench.seen.revision}"))
                    homed.clear()
        except ApplianceError as error:
            assert len(error.short) <= 20
            assert bench.machine.at == before
        for lines in bench.sent[sent:]:
            _check_feeds(limits, lines)
        _check_places(limits, bench.machine.at, before, homed)


def _check_places(
    limits: MoveSettings, at: dict[str, float], before: dict[str, float], homed: set[str]
) -> None:
    assert all(map(math.isfinite, at.values()))
    if not homed >= set("XYZ"):  # homing itself leads anywhere
        assert all(abs(at[a] - before[a]) <= reach.UNHOMED_LONGEST for a in set("XYZ") - homed)
    for axis in homed:
        size = getattr(limits, f"size_{axis.lower()}")
        # As exact as M114, which tells two digits.
        assert -0.0051 <= at[axis] <= size + 0.0051 or at[axis] == before[axis]
    assert at["E"] == 0 or abs(at["E"] - before["E"]) <= limits.longest_extrusion + 0.001


def _check_feeds(limits: MoveSettings, lines: list[str]) -> None:
    for line in lines:
        if not line.startswith("G1 "):
            continue
        words = {word[0]: float(word[1:]) for word in line.split()[1:]}
        feed = words.pop("F")
        assert feed > 0
        if "E" in words:
            assert feed <= limits.feed_e
            continue
        length = math.hypot(*words.values())
        assert length <= limits.longest + 0.001
        share = feed / length
        assert share * math.hypot(words.get("X", 0), words.get("Y", 0)) <= limits.feed_xy * 1.0001
        assert share * abs(words.get("Z", 0)) <= limits.feed_z * 1.0001
