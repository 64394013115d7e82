from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sim.cloud_commands import split_temperatures


@pytest.mark.parametrize(
    ("command", "targets", "rest"),
    [
        ("M115\n", {}, "M115\n"),
        ("M104 S200", {"tool0": 200.0}, ""),
        ("m104 t1 s195.5", {"tool1": 195.5}, ""),
        ("M104S0T0", {"tool0": 0.0}, ""),
        ("M140 S60 ; bed\nG28\nM104 S210", {"bed": 60.0, "tool0": 210.0}, "G28"),
        ("M104", {}, "M104"),
        ("M109 S200\nM190 S60", {}, "M109 S200\nM190 S60"),
        ("M1040 S2", {}, "M1040 S2"),
        ("M117 M104 S200", {}, "M117 M104 S200"),
        ("M104 S200\nM104 S210", {"tool0": 210.0}, ""),
    ],
)
def test_m104_and_m140_are_taken_out(command: str, targets: dict[str, float], rest: str) -> None:
    assert split_temperatures(command) == (targets, rest)


@given(st.lists(st.sampled_from(["G28", "M140 S60", "M104 S1 T3", "M105", "M117 a", ""])))
def test_the_other_lines_keep_their_order(lines: list[str]) -> None:
    _, rest = split_temperatures("\n".join(lines))
    kept = [line for line in lines if not line.startswith(("M104", "M140"))]
    assert [line for line in rest.split("\n") if line] == [line for line in kept if line]
