"""Each trap of a Marlin on a serial line by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import PrinterError
from appliance.printer.api import Heater, LinkState
from appliance.printer.protocol import (
    Acknowledged,
    Failed,
    Halted,
    HostAction,
    LineTooLong,
    Marlin,
    Restarted,
    Temperatures,
    Text,
)
from appliance.sim.talk import Talk
from tests.printer.talking import REPORTING, TOLD, acknowledged, in_flight, refusal, widen

# Meeting


def test_introduction() -> None:
    talk = Talk(Marlin())
    assert talk.host.state == "connecting"
    ready = talk.introduce(REPORTING)
    assert ready.firmware.name == "Marlin 2.1"
    assert ready.firmware.machine == "Test One"
    assert ready.firmware.capabilities == {REPORTING: True}
    assert talk.host.state == "ready"


def test_waits_for_the_end_of_the_boot_banner() -> None:
    talk = Talk(Marlin())
    talk.say("start")
    talk.wait(0.2)
    talk.say("echo:Marlin 2.1")
    talk.wait(0.2)
    assert talk.wrote() == []
    talk.wait(0.2)
    assert talk.wrote() == [(0, "M110 N0")]


def test_asks_for_the_name_only_after_the_number_was_executed() -> None:
    # Marlin sets the number once more when it executes M110.
    talk = Talk(Marlin())
    talk.wait(0.6)
    assert talk.wrote() == [(0, "M110 N0")]
    talk.wait(1.0)
    assert talk.wrote() == []
    talk.say("ok")
    assert talk.wrote() == [(1, "M115")]


def test_a_firmware_without_capabilities_is_polled() -> None:
    talk = Talk(Marlin())
    talk.introduce()
    assert talk.wait(2.9) == []
    talk.wait(0.2)
    assert talk.wrote() == [(3, "M105")]


def test_reports_are_asked_for_where_they_exist() -> None:
    talk = Talk(Marlin())
    talk.wait(0.5)
    talk.say("ok")
    talk.say("FIRMWARE_NAME:M", "Cap:AUTOREPORT_TEMP:1", "ok")
    assert talk.wrote()[-1] == (2, "M155 S2")


def test_a_late_answer_to_an_earlier_try_is_waited_for() -> None:
    talk = Talk(Marlin())
    talk.wait(2.6)
    assert talk.wrote() == [(0, "M110 N0"), (0, "M110 N0")]
    talk.say("ok")
    talk.wait(0.1)
    talk.say("ok")
    assert talk.wrote() == []
    talk.wait(0.31)
    assert talk.wrote() == [(1, "M115")]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_noise_at_a_wrong_baud_rate_does_not_raise(noise: list[bytes]) -> None:
    talk = Talk(Marlin())
    for piece in noise:
        talk.say_bytes(piece)
        talk.wait(0.3)
    assert talk.host.state in (LinkState.CONNECTING, LinkState.READY, LinkState.HALTED)


def test_nobody_there_fails_in_the_end() -> None:
    talk = Talk(Marlin())
    events = talk.wait(31)
    assert isinstance(events[-1], Failed)
    assert "baud" in events[-1].problem.long


# Sending


def test_sends_one_line_first_then_more(talk: Talk) -> None:
    talk.send("G1 X1", "G1 X2")
    assert talk.wrote() == [(3, "G1 X1")]
    assert not talk.host.room_for("G1 X4")
    talk.say("ok", "ok")
    widen(talk)
    talk.send("G1 X1", "G1 X2", "G1 X3")
    assert len(talk.wrote()) == 3


def test_never_more_than_the_receive_buffer(talk: Talk) -> None:
    widen(talk, 300)
    command = "G1 X123.456 Y123.456 E12.3456"
    sent = 0
    while talk.host.room_for(command):
        talk.host.send(command, talk.now)
        sent += len(talk.host.output())
    assert 127 - len(command) - 12 < sent <= 127


def test_acknowledges_each_line_once_with_its_answer(talk: Talk) -> None:
    widen(talk)
    numbers = talk.send("M114", "G1 X1")
    events = talk.say("X:0.00 Y:1.00 Z:2.00 E:0.00 Count X:0", "ok", "ok")
    found = [event for event in events if isinstance(event, Acknowledged)]
    assert [event.number for event in found] == numbers
    assert found[0].answer == ("X:0.00 Y:1.00 Z:2.00 E:0.00 Count X:0",)
    assert found[1].answer == ()


def test_the_answer_to_an_m105_of_a_person_is_its_own(talk: Talk) -> None:
    widen(talk)
    numbers = talk.send("M117 a", "M105")
    events = talk.say(TOLD)  # the ok of M117 was lost
    found = [event for event in events if isinstance(event, Acknowledged)]
    assert found == [
        Acknowledged(numbers[0]),
        Acknowledged(numbers[1], ("T:20.0 /0.0 B:20.0 /0.0",)),
    ]


def test_two_equal_answers_belong_to_two_questions(talk: Talk) -> None:
    widen(talk)
    numbers = talk.send("M105", "G1 X1", "M105", "G1 X2")
    talk.say(TOLD, "ok", TOLD, "ok", "ok")
    found = [event for event in talk.events if isinstance(event, Acknowledged)][-4:]
    told = ("T:20.0 /0.0 B:20.0 /0.0",)
    assert found == [
        Acknowledged(number, answer)
        for number, answer in zip(numbers, [told, (), told, ()], strict=True)
    ]


def test_an_answer_that_came_doubled_is_told_once(talk: Talk) -> None:
    widen(talk)
    numbers = talk.send("M105", "M105")
    talk.say(TOLD, TOLD, TOLD.replace("20.0", "21.0"))
    found = [event for event in talk.events if isinstance(event, Acknowledged)][-2:]
    assert found == [
        Acknowledged(numbers[0], ("T:20.0 /0.0 B:20.0 /0.0",)),
        Acknowledged(numbers[1], ("T:21.0 /0.0 B:21.0 /0.0",)),
    ]


def test_lines_of_its_own_are_not_reported(talk: Talk) -> None:
    talk.send("G1 X1")
    talk.say("ok")
    talk.wait(0.05)
    assert talk.wrote()[-1] == (4, "M105")
    assert acknowledged(talk.say(TOLD)) == []


def test_m110_in_a_file_cannot_break_the_numbering(talk: Talk) -> None:
    talk.send("M110 N0")
    talk.say("ok")
    talk.send("M117 see M110 N5")
    assert [command for _, command in talk.wrote()] == ["M105", "M117 see M 110 N5"]


def test_too_long_a_line_says_so(talk: Talk) -> None:
    with pytest.raises(LineTooLong):
        talk.send("M117 " + "x" * 90)
    assert talk.host.room_for("G1 X1")


def test_nothing_can_be_sent_before_the_printer_is_ready() -> None:
    with pytest.raises(PrinterError):
        Marlin().send("G1 X1", 0.0)


def test_send_now_passes_the_window_unnumbered(talk: Talk) -> None:
    numbers = talk.send("M109 S200")
    talk.wrote()
    assert talk.host.send_now("M108")
    assert talk.wrote() == [(-1, "M108")]
    assert acknowledged(talk.say("ok")) == numbers
    numbers = talk.send("G1 X1")
    assert acknowledged(talk.say("ok")) == []  # that was M108's
    assert acknowledged(talk.say("ok")) == numbers


def test_send_now_needs_an_emergency_parser() -> None:
    talk = Talk(Marlin())
    talk.introduce(REPORTING)
    assert not talk.host.send_now("M112")
    assert talk.wrote() == []


# Quiet is truth


def test_quiet_needs_proof(talk: Talk) -> None:
    talk.send("G1 X1")
    talk.say("ok")
    assert not talk.host.quiet
    talk.wait(0.05)
    assert not talk.host.quiet
    talk.say(TOLD)
    assert talk.host.quiet


def test_quiet_is_not_believed_from_a_stray_ok(talk: Talk) -> None:
    talk.send("G1 X1")  # becomes F3 G1 X1 on the way
    assert talk.wrote() == [(3, "G1 X1")]
    events = talk.say('echo:Unknown command: "F3 G1 X1"', "ok")
    assert acknowledged(events) == [3]
    talk.wait(0.05)
    assert talk.wrote() == [(4, "M105")]
    talk.say(*refusal(2))
    talk.wait(0.5)
    assert talk.wrote() == [(3, "G1 X1")]
    assert acknowledged(talk.say("ok")) == []  # not a second time
    assert talk.wrote() == [(4, "M105")]
    talk.say(TOLD)
    assert talk.host.quiet
    assert acknowledged(talk.events) == [3]


def test_a_doubled_proof_proves_once(talk: Talk) -> None:
    talk.send("G1 X1")
    talk.wait(1.5)  # a probe goes out, and another
    talk.wait(3)
    talk.wrote()
    talk.say(TOLD, TOLD)
    talk.wait(0.2)
    assert talk.host.quiet  # the first of them stood behind the line


def test_a_firmware_that_never_tells_temperatures_becomes_quiet_by_counting() -> None:
    talk = Talk(Marlin())
    talk.wait(0.5)
    talk.say("ok")
    talk.say("FIRMWARE_NAME:Odd", "ok")
    talk.say("ok")
    talk.send("G1 X1")
    for _ in range(6):
        talk.say("ok")
        talk.wait(0.1)
    assert talk.host.quiet


def test_temperatures_in_a_line_of_their_own_are_a_proof_too() -> None:
    talk = Talk(Marlin())
    talk.introduce()
    talk.send("G1 X1")
    talk.say("ok")
    talk.wait(0.05)
    talk.say("T:20.0 /0.0", "ok")
    assert talk.host.quiet


# Mangled answers


@pytest.mark.parametrize("mangled", ["oj", "gk", "k", "o"])
def test_a_hurt_ok_is_still_one(talk: Talk, mangled: str) -> None:
    numbers = talk.send("G1 X1")
    assert acknowledged(talk.say(mangled)) == numbers


def test_joined_oks_are_two(talk: Talk) -> None:
    numbers = in_flight(talk, 2)
    assert acknowledged(talk.say("okJok")) == numbers


def test_more_oks_than_lines_do_no_harm(talk: Talk) -> None:
    talk.say("ok", "ok", "ok")
    numbers = talk.send("G1 X1", "G1 X2")
    assert acknowledged(talk.events) == []
    assert acknowledged(talk.say("ok")) == numbers[:1]


def test_advanced_ok_names_the_line(talk: Talk) -> None:
    numbers = in_flight(talk, 4)
    assert acknowledged(talk.say(f"ok N{numbers[0]} P15 B3")) == numbers[:1]
    assert acknowledged(talk.say(f"ok N{numbers[0]} P15 B3")) == []  # doubled
    assert acknowledged(talk.say(f"ok N{numbers[2]} P15 B3")) == numbers[1:3]  # one was lost
    assert acknowledged(talk.say("ok P15 B3")) == []  # of an unnumbered line


@given(st.lists(st.binary(max_size=60), max_size=30), st.integers(0, 2**32))
def test_any_bytes_at_any_time_do_not_raise(pieces: list[bytes], seed: int) -> None:
    talk = Talk(Marlin())
    talk.introduce(REPORTING)
    words = [b"ok\n", b"Resend: 3\n", b"Resend: 99\n", b"ok T:1 /2\n", b"Error:Last Line: 4\n"]
    for index, piece in enumerate(pieces):
        if talk.host.state is LinkState.READY:
            talk.send(f"G1 X{index}")
        talk.say_bytes(piece + words[(seed >> index) % len(words)])
        talk.wait(0.4 * (index % 4))
    numbers = acknowledged(talk.events)
    assert numbers == sorted(set(numbers))


def test_a_line_without_end_takes_no_memory(talk: Talk) -> None:
    for _ in range(100):
        talk.say_bytes(b"x" * 10_000)
    (event,) = talk.say_bytes(b"\n")
    assert isinstance(event, Text)
    assert len(event.line) <= 1024


# What else it says


def test_reports_actions_and_text(talk: Talk) -> None:
    assert talk.say(" T:210.0 /210.0 B:60.1 /60.0 @:64 B@:0") == [
        Temperatures({"tool0": Heater(210, 210), "bed": Heater(60.1, 60)})
    ]
    assert talk.say("//action:notification Done") == [HostAction("notification", "Done")]
    assert talk.say("echo:hello") == [Text("echo:hello")]
    assert talk.say("wait", "") == []


def test_temperatures_are_asked_for_while_printing() -> None:
    talk = Talk(Marlin())
    talk.introduce()
    commands = []
    for index in range(100):
        talk.send(f"G1 X{index}")
        talk.wait(0.1)
        talk.say("ok")
        new = [command for _, command in talk.wrote()]
        if "M105" in new:
            talk.say(TOLD)
        commands += new
    assert 3 <= commands.count("M105") <= 4


def test_a_start_banner_means_that_all_is_lost(talk: Talk) -> None:
    talk.send("G1 X1")
    talk.wrote()
    assert talk.say("start") == [Restarted()]
    assert talk.host.state is LinkState.CONNECTING
    talk.say("echo:Marlin 2.1")
    talk.wait(0.31)
    assert talk.wrote() == [(0, "M110 N0")]  # and line 3 is never sent again


def test_a_restart_whose_banner_was_lost_is_noticed(talk: Talk) -> None:
    in_flight(talk, 1)
    talk.say(*refusal(0))
    talk.wait(0.2)
    assert [command for _, command in talk.wrote()] == ["M105"]
    assert Restarted() in talk.say(*refusal(0))
    assert talk.host.state is LinkState.CONNECTING


def test_a_restart_is_not_made_of_one_mangled_number(talk: Talk) -> None:
    (number,) = in_flight(talk, 1)
    talk.say("Resend: 1", "ok")
    talk.wait(0.2)
    talk.wrote()
    talk.say(*refusal(number - 1))
    talk.wait(0.2)
    assert talk.wrote() == [(number, "G1 X0")]


def test_a_halted_printer_gets_nothing_more(talk: Talk) -> None:
    talk.send("G1 X1", "G1 X2")
    talk.wrote()
    events = talk.say(
        "Error:Thermal Runaway, system stopped! Heater_ID: E0",
        "Error:Printer halted. kill() called!",
    )
    (halted,) = [event for event in events if isinstance(event, Halted)]
    assert "Thermal Runaway" in halted.reason
    assert talk.host.state is LinkState.HALTED
    talk.wait(100)
    assert talk.wrote() == []
    assert talk.say("start") == [Restarted()]


def test_counters_survive_a_restart(talk: Talk) -> None:
    widen(talk)
    sent, received = talk.host.lines_sent, talk.host.lines_received
    assert sent >= 40
    talk.say("start")
    assert talk.host.lines_sent == sent
    assert talk.host.lines_received == received + 1
    assert isinstance(talk.events[-1], Restarted)
