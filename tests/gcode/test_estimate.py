import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.gcode.estimate import Estimator


def after(*commands: str) -> Estimator:
    estimator = Estimator()
    for command in commands:
        estimator.command(command)
    return estimator


def test_a_long_move_takes_its_length_by_its_speed_plus_the_ramps() -> None:
    # 100 mm at 50 mm/s, 1000 mm/s² up and down: 2 s and one ramp of 0.05 s more.
    assert after("G1 X100 F3000").seconds() == pytest.approx(2.05)


def test_a_short_move_never_reaches_its_speed() -> None:
    # Half of 1 mm at 1000 mm/s² takes sqrt(2 * 0.5 / 1000) s, twice.
    assert after("G1 X1 F30000").seconds() == pytest.approx(2 * math.sqrt(0.001))


def test_a_straight_line_in_pieces_takes_as_long_as_in_one() -> None:
    whole = after("G1 X100 F3000").seconds()
    pieces = after("G1 F3000", *(f"G1 X{x}" for x in range(1, 101))).seconds()
    assert pieces == pytest.approx(whole, rel=0.05)


def test_corners_cost_time_and_the_file_may_set_the_acceleration() -> None:
    square = ["G1 X9 F6000", "G1 Y9", "G1 X0", "G1 Y0"] * 20
    assert after(*square).seconds() > after(*["G1 X9 F6000", "G1 X18"] * 2).seconds() * 10
    assert after("M204 P3000", *square).seconds() < after("M204 S300", *square).seconds()


@pytest.mark.parametrize(
    ("commands", "length"),
    [
        (["G1 X10 Y0 F600", "G3 X0 Y10 I-10 J0"], 5 * math.pi),  # a quarter of a circle
        (["G1 X10 Y0 F600", "G2 X0 Y10 I-10 J0"], 15 * math.pi),  # the other way round
        (["G1 X10 Y0 F600", "G2 X10 Y0 I-10 J0"], 20 * math.pi),  # all of it
        (["G1 X10 Y0 F600", "G3 X0 Y10 R10"], 5 * math.pi),
    ],
)
def test_arcs(commands: list[str], length: float) -> None:
    straight = after("G1 X10 Y0 F600").seconds()
    assert after(*commands).seconds() - straight == pytest.approx(length / 10, rel=0.02)


def test_dwell_units_and_relative_moves() -> None:
    assert after("G4 P500", "G4 S2").seconds() == pytest.approx(2.5)
    inches = after("G20", "G1 X1 F60").seconds()
    assert inches == pytest.approx(after("G1 X25.4 F1524").seconds())
    assert after("G91", "G1 X50 F3000", "G1 X50").seconds() == pytest.approx(2.05, rel=0.01)


@pytest.mark.parametrize(
    "commands",
    [
        ["M82", "G1 X9 E10", "G1 E8", "G1 X1 F900", "G1 E10", "G1 X5 E15"],
        ["M83", "G1 X9 E10", "G1 E-2", "G1 X1 F900", "G1 E2", "G1 X5 E5"],
        ["M82", "G1 X9 E10", "G92 E0", "G1 E-2", "G1 E0", "G1 X5 E5", "G1 E-4"],
        ["M83", "G1 X9 E10", "T1", "G1 X5 E5"],
    ],
)
def test_filament_pulled_back_and_pushed_again_counts_once(commands: list[str]) -> None:
    assert after(*commands).filament_mm == pytest.approx(15)


@given(
    st.lists(
        st.one_of(
            st.from_regex(r"G[0-4]( [XYZEFIJRPS]-?[0-9]{1,5}(\.[0-9]{1,3})?){0,6}", fullmatch=True),
            st.sampled_from(["G28", "G92 E0", "G90", "G91", "M83", "M82", "G20", "T1", "M204 S0"]),
        ),
        max_size=40,
    )
)
def test_any_commands_give_a_finite_time(commands: list[str]) -> None:
    estimator = Estimator()
    for command in commands:
        estimator.command(command)
        assert math.isfinite(estimator.seconds())
        assert estimator.seconds() >= 0
        assert estimator.filament_mm >= 0
