from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.gcode.policy import left_out
from appliance.gcode.reader import clean
from appliance.printer import parser
from appliance.printer.api import Heater
from appliance.printer.parser import (
    Action,
    BusyNotice,
    Fatal,
    LineError,
    Ok,
    Other,
    Report,
    ResendRequest,
    Started,
    Waiting,
)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (b"ok", Ok()),
        (b"ok\r", Ok()),
        (b"ok P15 B3", Ok()),
        (b"ok N57 P15 B3", Ok(57)),
        (b"ok 57", Ok()),  # Repetier
        (b"ok some words", Ok(text="some words")),
        (b"okok", Ok(joined=True)),
        (b"okJok", Ok(joined=True)),
        (b"ok\x0bok N5 P1 B1", Ok(5, joined=True)),
        (b"oj", Ok()),
        (b"gk", Ok()),
        (b"o", Ok()),
        (b"Error:Line Number is not Last Line Number+1, Last Line: 56", LineError(56)),
        (b"Error:checksum mismatch, Last Line: 7", LineError(7)),
        (b"Error:No Checksum with line number, Last Line: 0", LineError(0)),
        (b"Resend: 57", ResendRequest(57)),
        (b"Resend:57", ResendRequest(57)),
        (b"rs 57", ResendRequest(57)),
        (b"rs N57 Expected checksum 67", ResendRequest(57)),
        (b"echo:busy: processing", BusyNotice("processing")),
        (b"busy: processing", BusyNotice("processing")),
        (b"echo:busy: paused for user", BusyNotice("paused for user")),
        (b"//action:prompt_begin Nozzle Parked", Action("prompt_begin", "Nozzle Parked")),
        (b"//action:pause", Action("pause", "")),
        (b"start", Started()),
        (b"\xfe\x00start", Started()),
        (b"wait", Waiting()),
        (b'echo:Unknown command: "M27"', Other('echo:Unknown command: "M27"')),
        (b"Error:Probing Failed", Other("Error:Probing Failed")),
        (b"restart", Other("restart")),
        (
            b"X:1.00 Y:2.00 Z:3.00 E:4.00 Count X:80",
            Other("X:1.00 Y:2.00 Z:3.00 E:4.00 Count X:80"),
        ),
    ],
)
def test_knows_what_printers_say(line: bytes, meaning: object) -> None:
    assert parser.parse(line) == meaning


@pytest.mark.parametrize(
    "line",
    [b"Resend: 1r34", b"Resend: 12\xb34", b"Resemd: 57", b"Resend: ", b"Error:Last Line: 5x"],
)
def test_a_number_that_lost_digits_is_none(line: bytes) -> None:
    assert isinstance(parser.parse(line), Other)


@pytest.mark.parametrize("line", [b"", b"\r", b"  ", b"\0\0"])
def test_empty_lines_mean_nothing(line: bytes) -> None:
    assert parser.parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"Error:Printer halted. kill() called!",
        b"Error:Thermal Runaway, system stopped! Heater_ID: E0",
        b"Error:MAXTEMP triggered, system stopped! Heater_ID: bed",
        b"Error:Heating failed, system stopped! Heater_ID: 0",
        b"Error:Printer stopped due to errors. Fix the error and use M999 to restart.",
        b"!! unspeakable",
        b"fatal:Heater/sensor error - Printer stopped",
    ],
)
def test_what_stops_a_printer_is_told_in_a_sentence(line: bytes) -> None:
    answer = parser.parse(line)
    assert isinstance(answer, Fatal)
    assert answer.reason.startswith("The printer stopped itself: ")
    assert line.decode().removeprefix("!! ") in answer.reason


@pytest.mark.parametrize(
    "line",
    [
        b"echo:Max temp tower",
        b"echo:Printer halted",
        b"maxtemp-tower.gcode 12345",
        b"error_maxtemp.gcode",
        b"fatal.gcode 99",
        b"Emergency stop test",
        b"Cap:THERMAL_RUNAWAY:1",
    ],
)
def test_text_that_only_mentions_a_fault_stops_nothing(line: bytes) -> None:
    assert parser.parse(line) == Other(line.decode())


@pytest.mark.parametrize(
    ("text", "heaters"),
    [
        (" T:210.00 /210.00 B:60.10 /60.00 @:64 B@:127", {"tool0": (210, 210), "bed": (60.1, 60)}),
        ("T:25.0 E:0 B:25.0", {"tool0": (25, 0), "bed": (25, 0)}),
        (
            "T:20.1 /0.0 B:30 /50 T0:20.1 /0.0 T1:21.5 /200 C:40.5 /45 @:0 B@:12 @0:0 @1:0",
            {"tool0": (20.1, 0), "bed": (30, 50), "tool1": (21.5, 200), "chamber": (40.5, 45)},
        ),
        ("T:-14.00 /0.00", {"tool0": (-14, 0)}),
        ("T:99999 /0 B:20 /0", {"bed": (20, 0)}),
        (" T:25.12 /0.00 W:?", {"tool0": (25.12, 0)}),
    ],
)
def test_reads_temperatures(text: str, heaters: dict[str, tuple[float, float]]) -> None:
    expected = {name: Heater(*values) for name, values in heaters.items()}
    assert parser.parse(text.encode()) == Report(expected)
    assert parser.parse(f"ok {text.strip()}".encode()) == Ok(None, expected, text.strip())


def test_reads_the_introduction() -> None:
    fields = parser.firmware_fields(
        "FIRMWARE_NAME:Marlin 2.1.2 (Nov 15 2026 12:00:00) SOURCE_CODE_URL:github.com/x "
        "PROTOCOL_VERSION:1.0 MACHINE_TYPE:My Printer EXTRUDER_COUNT:1"
    )
    assert fields["FIRMWARE_NAME"] == "Marlin 2.1.2 (Nov 15 2026 12:00:00)"
    assert fields["MACHINE_TYPE"] == "My Printer"
    assert parser.capability("Cap:EMERGENCY_PARSER:1") == ("EMERGENCY_PARSER", True)
    assert parser.capability("Cap:AUTOREPORT_TEMP:0") == ("AUTOREPORT_TEMP", False)
    assert parser.capability("Cap:BROKEN") is None


_WORDS = ["ok", "N5", "T:2", "Resend:", "Last Line:", "busy:", "//action:", "start", "Error:", "!!"]
_PIECES: Any = st.one_of(st.sampled_from([w.encode() for w in _WORDS]), st.binary(max_size=8))


@given(st.lists(_PIECES, max_size=12).map(b"".join))
def test_never_raises(line: bytes) -> None:
    parser.parse(line)


_ECHOED: Any = st.lists(
    st.sampled_from(
        [*_WORDS, "rs", "wait", "fatal", "halted", "k", "o", "5", " 7", "-", "N", "echo:", "hi"]
    ),
    max_size=5,
).map("".join)


@given(_ECHOED | st.text(max_size=20), st.sampled_from(["", "echo:", "//"]))
@example("N5start", "")
@example("-rs 7", "")
def test_what_a_print_may_have_echoed_is_never_taken_for_an_answer(text: str, mark: str) -> None:
    flag = {"": "", "echo:": "E1 ", "//": "A1 "}[mark]
    command = clean(f"M118 {flag}{text}".encode())
    if left_out(command, 1):
        return
    said = command.removeprefix("M118").strip().removeprefix(flag.strip()).lstrip(" ")
    if said[:2] in ("E1", "A1") or (said[:1] == "P" and said[1:2].isdigit()):
        return  # more flags than one: another case
    answer = parser.parse(f"{mark}{said}".encode())
    assert answer is None or isinstance(answer, Other | Action)
