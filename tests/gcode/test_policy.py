import pytest

from appliance.gcode.policy import harm, left_out, word
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


@pytest.mark.parametrize(
    "text",
    ["start", "ok", "ok then", "Resend: 7", "rs 7", "Error:Thermal Runaway", "!! no", "wait",
     "busy: processing", "E1 busy: processing", "P0 start", "T:200 /0", "k", ">start",
     "N5start", "-rs 7"],
)  # fmt: skip
def test_an_echo_in_the_printers_own_words_is_left_out(text: str) -> None:
    assert left_out(f"M118 {text}", 1)
    assert harm(f"M118 {text}")


@pytest.mark.parametrize(
    "text",
    [
        "starting",
        "restart",
        "layer 5 of 9",
        "A1 action:pause",
        "//action:pause",
        "E1 hello",
        "rsync",
        "",
    ],
)
def test_other_echoes_are_sent(text: str) -> None:
    assert left_out(f"M118 {text}", 1) == ""


@pytest.mark.parametrize(
    ("command", "code"), [("m 0023 a", "M23"), ("G1 X1", "G1"), ("G92.1", ""), ("T0", "T0")]
)
def test_the_word_of_a_command(command: str, code: str) -> None:
    assert word(command) == code
