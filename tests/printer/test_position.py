import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.printer.position import (
    ExtruderMode,
    MachineState,
    Tracker,
    agreed,
    extruder_mode,
    reported_position,
)
from appliance.sim.interpreter import Machine


def after(*commands: str, mode: ExtruderMode = ExtruderMode.FOLLOWS) -> MachineState:
    return tracked(*commands, mode=mode).state()


def tracked(*commands: str, mode: ExtruderMode = ExtruderMode.FOLLOWS) -> Tracker:
    tracker = Tracker(mode)
    for command in commands:
        tracker.track(command)
    return tracker


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("Marlin 2.1.2.4 (Apr 1 2026 12:00:00)", ExtruderMode.FOLLOWS),
        ("Marlin bugfix-2.1.x", ExtruderMode.FOLLOWS),
        ("Marlin 1.1.9 (Github)", ExtruderMode.EITHER),
        ("Marlin V1; Sprinter/grbl mashup for gen6", ExtruderMode.EITHER),
        ("Prusa-Firmware 3.13.3 based on Marlin", ExtruderMode.OWN),
        ("Prusa-Firmware-Buddy 5.1.2", ExtruderMode.FOLLOWS),
        ("", ExtruderMode.FOLLOWS),
    ],
)
def test_how_firmwares_read_g90_for_the_extruder(name: str, mode: ExtruderMode) -> None:
    assert extruder_mode(name) is mode


def test_moves_absolute_relative_and_in_inches() -> None:
    state = after("G28", "G90", "M83", "G1 X10 Y20 Z.3 E1.5 F1800", "G1X11E.5", "G2 X5 Y6 I1 J1")
    assert (state.x, state.y, state.z, state.e, state.feed) == (5, 6, 0.3, 2.0, 1800)
    state = after("G1 X10 Y10 Z1", "G91", "G1 X-2.5", "G90", "G1 Y3")
    assert (state.x, state.y, state.z) == (7.5, 3, 1)
    state = after("G20", "G1 X1 F60", "G21", "G1 Y1")
    assert (state.x, state.y, state.feed) == (25.4, 1, 1524)


@pytest.mark.parametrize(
    ("mode", "e"),
    [(ExtruderMode.FOLLOWS, 5.0), (ExtruderMode.EITHER, 6.0), (ExtruderMode.OWN, 6.0)],
)
def test_g90_after_m83(mode: ExtruderMode, e: float) -> None:
    assert after("M83", "G1 E1", "G90", "G1 X1 E5", mode=mode).e == e


def test_positions_nobody_can_know_are_none_until_said() -> None:
    assert after("G91", "G1 X5").x is None
    state = after("G1 X5 Y5 Z5", "G28 X")
    assert (state.x, state.y, set(state.homed)) == (None, 5, {"X"})
    assert after("G28", "G1 X5 Y5 Z5").parkable
    assert not after("G28", "G1 X5 Y5 Z5", "G29").parkable
    assert not after("G28", "G1 X5 Y5 Z5", "M84").parkable
    assert after("G28", "G1 X5 Y5 Z5", "M84 S60").parkable
    assert after("G28", "M18 Z").homed == {"X", "Y"}


def test_g92_shifts_the_place_of_the_machine() -> None:
    state = after("G28", "G1 X50 Y60 Z1", "G92 X0 Y10 E0", "G1 X5 E3")
    assert (state.x, state.y, state.e, state.shift) == (5, 10, 3, (-50, -50, 0))
    state = after("G28", "G1 X50 Y60 Z1", "G92 X0", "G92.1")
    assert (state.x, state.shift) == (50, (0, 0, 0))
    assert not after("G28", "G92 X0", "G1 Y1 Z1").parkable, "where X then is nobody knows"


def test_heaters_fans_tools_and_overrides() -> None:
    tracker = tracked(
        "M104 S200", "T1", "M109 R190", "M104 T0 S210", "M140 S60", "M190 R55", "M141 S40",
        "M106", "M106 P1 S80.5", "M107", "M220 S90", "M221 S95", "M221 T0 S105", "M104",
    )  # fmt: skip
    state = tracker.state()
    assert state.hotends == {0: 210, 1: 190}
    assert (state.tool, state.bed, state.chamber) == (1, 55, 40)
    assert state.fans == {0: 0, 1: 80.5}
    assert (tracker.feed_percent, tracker.flow_percent) == (90, {1: 95, 0: 105})
    assert tracker.tools == {0, 1}
    assert tracker.heating
    assert not tracked("M104 S200", "M104 S0", "M140 S0").heating


@pytest.mark.parametrize(
    ("line", "position"),
    [
        ("X:10.00 Y:-20.50 Z:0.30 E:12.3 Count X:800 Y:1600 Z:120", (10, -20.5, 0.3, 12.3)),
        ("ok X:1.00 Y:2.00 Z:3.00 E0:4.00 Count X: 1 Y: 2", (1, 2, 3, 4)),
        ("ok C: X:1.0000 Y:2.0000 Z:3.0000 E:4.0000", (1, 2, 3, 4)),
        ("X:1 Y:2 Z:3 Count A:5", (1, 2, 3, None)),
    ],
)
def test_what_m114_says(line: str, position: tuple[float | None, ...]) -> None:
    found = reported_position(("echo:busy", line))
    assert found is not None
    assert tuple(found.get(axis) for axis in "XYZE") == position


@pytest.mark.parametrize("line", ["ok", "ok T:20.0 /0.0 B:21.0", 'echo:Unknown command: "M114"'])
def test_what_is_no_position(line: str) -> None:
    assert reported_position((line,)) is None


def test_the_exact_value_wins_where_the_rounded_one_agrees() -> None:
    assert agreed(1.23456, 1.23) == 1.23456
    assert agreed(1.5, 1.23) == 1.23
    assert agreed(None, 1.23) == 1.23
    assert agreed(1.5, None) == 1.5
    assert agreed(float("nan"), None) is None


_value = st.floats(-99, 99).map(lambda v: f"{v:.3f}")
_commands = st.one_of(
    st.builds("G1 X{} Y{} E{} F1200".format, _value, _value, _value),
    st.builds("G0 Z{}".format, _value),
    st.builds("G92 X{} E{}".format, _value, _value),
    st.sampled_from(["G90", "G91", "M82", "M83", "G20", "G21", "T1", "T0", "M106 S9", "M107",
                     "M104 S200", "M104 T1 S9", "M109 S7", "M140 S60", "M84", "M84 S9", "G28 Y",
                     "M117 X5", "M104 S0"]),
)  # fmt: skip


@given(st.lists(_commands, max_size=60), st.sampled_from(ExtruderMode))
@settings(max_examples=200, deadline=None)
def test_the_tracker_and_an_independent_machine_agree(
    commands: list[str], mode: ExtruderMode
) -> None:
    machine = Machine(
        e_follows_g90=mode is ExtruderMode.FOLLOWS, g91_rules_e=mode is ExtruderMode.EITHER
    )
    start = ["G28", "G1 X0 Y0 Z0 F1500"]
    for command in [*start, *commands]:
        machine.run(command)
    state = after(*start, *commands, mode=mode)
    known = {a: v for a, v in zip("XYZE", (state.x, state.y, state.z, state.e), strict=True)
             if v is not None}  # fmt: skip
    assert known == pytest.approx({axis: machine.at[axis] for axis in known}, abs=1e-6)
    assert state.feed == pytest.approx(machine.feed)
    assert (state.relative, state.e_relative) == (machine.relative, machine.e_relative)
    assert (state.tool, state.hotends, state.bed) == (machine.tool, machine.hotends, machine.bed)
    assert dict(state.fans) == machine.fans
    assert set(state.homed) == machine.homed
    assert state.stepper_timeout == machine.idle_timeout
