import pytest

from appliance.gcode.policy import left_out
from appliance.gcode.reader import GcodeError


@pytest.mark.parametrize("command", ["M110 N0", "M155 S0", "m155 S1", "M0110", "M575 P1 B9600"])
def test_what_would_disturb_the_stream_is_left_out(command: str) -> None:
    assert left_out(command, 1)


@pytest.mark.parametrize("command", ["M112", "M28 x.gco", "M997", "M 23 x.gco"])
def test_what_a_print_must_not_do_ends_it(command: str) -> None:
    with pytest.raises(GcodeError, match=r"Line 17 .* Take that line out"):
        left_out(command, 17)


@pytest.mark.parametrize("command", ["G28", "M109 S200", "M600", "M0", "T0", "M1100", "M117 M112"])
def test_all_else_is_the_printers_own_business(command: str) -> None:
    assert left_out(command, 1) == ""
