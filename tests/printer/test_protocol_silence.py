"""A Marlin that says nothing, or asks for lines again."""

import pytest

from appliance.printer.api import LinkState
from appliance.printer.protocol import (
    Busy,
    Event,
    Failed,
)
from appliance.sim.talk import Talk
from tests.printer.talking import TOLD, acknowledged, in_flight, refusal, widen

# Silence


def test_after_silence_it_asks_with_a_fresh_number_and_repeats_nothing(talk: Talk) -> None:
    talk.send("G1 X1")
    assert talk.wrote() == [(3, "G1 X1")]
    talk.wait(1.1)
    assert talk.wrote() == [(4, "M105")]
    assert not talk.host.room_for("G1 X2")
    assert acknowledged(talk.say(TOLD)) == [3]  # the ok was lost, the line was not
    assert talk.host.quiet
    talk.wait(0.2)
    assert talk.host.room_for("G1 X2")


def test_a_lost_line_is_sent_again_after_the_probe(talk: Talk) -> None:
    talk.send("G1 X1")
    talk.wrote()
    talk.wait(1.1)
    assert talk.wrote() == [(4, "M105")]
    talk.say(*refusal(2))
    talk.wait(0.2)
    assert talk.wrote() == [(3, "G1 X1")]


def test_a_lost_probe_is_repeated_with_another_number(talk: Talk) -> None:
    talk.send("G1 X1")
    talk.wait(30)
    probes = talk.wrote()[1:]
    assert [command for _, command in probes] == ["M105"] * len(probes)
    assert [number for number, _ in probes] == list(range(4, 4 + len(probes)))
    assert 3 <= len(probes) <= 6  # at growing intervals


def test_temperature_reports_are_no_answers(talk: Talk) -> None:
    talk.send("G1 X1")
    for _ in range(4):
        talk.wait(0.4)
        talk.say(" T:20.0 /0.0 @:0")
    assert (4, "M105") in talk.wrote()


def test_busy_is_an_answer(talk: Talk) -> None:
    talk.send("G28")
    talk.wrote()
    for _ in range(100):
        talk.wait(0.9)
        assert talk.say("echo:busy: processing") == [Busy("processing")]
    assert talk.wrote() == []


def test_a_long_command_without_busy_may_take_its_time(talk: Talk) -> None:
    talk.send("M190 S100")
    talk.wrote()
    talk.wait(14)
    assert talk.wrote() == []
    for _ in range(120):
        talk.wait(5)
        talk.say(" T:20.0 /0.0 B:50.0 /100.0 W:?")
    assert talk.host.state is LinkState.READY


def reports(talk: Talk, minutes: int) -> None:
    """The printer says its temperatures by itself, and nothing else."""
    for _ in range(minutes * 6):
        talk.wait(10)
        talk.say(" T:20.0 /0.0 B:20.0 /0.0")


@pytest.mark.parametrize("command", ["M0", "M1 Change it", "M226 P2 S1", "M600", "M125"])
@pytest.mark.parametrize("strays", [0, 1, 2])
def test_a_person_may_take_hours(talk: Talk, command: str, strays: int) -> None:
    widen(talk)
    numbers = talk.send(command, "G1 X1")
    talk.say(*["ok"] * strays)  # of lines before, that were counted already
    talk.wait(5 * 3600)
    assert talk.host.state is LinkState.READY
    reports(talk, 60)
    assert talk.host.state is LinkState.READY
    assert len([event for event in talk.wrote() if event[1] == "M105"]) < 150
    talk.say("ok", "ok", TOLD, TOLD.replace("20.0", "21.0"))
    talk.wait(1)
    assert acknowledged(talk.events)[-2:] == numbers


@pytest.mark.parametrize("action", ["paused", "prompt_begin Nozzle Parked"])
def test_a_printer_that_asks_a_person_may_wait(talk: Talk, action: str) -> None:
    talk.say(" T:20.0 /0.0")
    talk.send("G1 X1")  # and the filament has run out: no command of ours
    talk.say(f"//action:{action}")
    talk.wait(5 * 3600)
    assert talk.host.state is LinkState.READY
    talk.say("//action:resumed")
    assert isinstance(talk.wait(600)[-1], Failed)  # from here on it is expected to speak


def test_a_command_that_blocks_behind_others_may_take_its_time(talk: Talk) -> None:
    widen(talk)
    talk.send("G1 X1", "G1 X2", "M190 S100")
    talk.wrote()
    reports(talk, 45)
    assert talk.host.state is LinkState.READY


def test_a_printer_that_only_reports_and_takes_nothing_is_given_up(talk: Talk) -> None:
    widen(talk)
    talk.send("G1 X1", "G1 X2")
    reports(talk, 45)
    assert talk.host.state is LinkState.DISCONNECTED


def test_dead_silence_fails_with_advice(talk: Talk) -> None:
    talk.say(" T:20.0 /0.0")
    talk.send("G1 X1")
    events = talk.wait(200)
    assert isinstance(events[-1], Failed)
    assert "cable" in events[-1].problem.long
    assert len(events[-1].problem.short) <= 20
    assert talk.host.state is LinkState.DISCONNECTED


def test_an_idle_printer_that_went_away_is_noticed(talk: Talk) -> None:
    talk.say(" T:20.0 /0.0")
    events = talk.wait(200)
    assert isinstance(events[-1], Failed)


# Resends


def test_each_refused_line_in_flight_counts_as_one_resend(talk: Talk) -> None:
    numbers = in_flight(talk, 4)
    first = numbers[0]
    talk.say("ok", *refusal(first), *refusal(first))
    assert talk.wrote() == []  # what is in flight comes to rest first
    talk.wait(0.2)
    assert talk.wrote() == [(first + 1, "G1 X1")]  # one line at a time
    talk.say("ok")
    assert talk.wrote()[0] == (first + 2, "G1 X2")
    talk.say("ok")
    talk.say("ok")
    talk.wait(0.1)
    talk.say(TOLD)
    assert talk.host.quiet
    assert acknowledged(talk.events)[-4:] == numbers
    assert talk.host.resends == 3


@pytest.mark.parametrize("request_", ["rs {}", "Resend:{}", "rs N{}"])
def test_other_spellings_and_no_ok_behind_them(talk: Talk, request_: str) -> None:
    (number,) = in_flight(talk, 1)
    talk.say(request_.format(number))
    talk.wait(0.2)
    assert talk.wrote() == [(number, "G1 X0")]
    assert acknowledged(talk.say("ok")) == [number]


def test_a_mangled_resend_is_read_from_its_error(talk: Talk) -> None:
    (number,) = in_flight(talk, 1)
    talk.say(f"Error:checksum mismatch, Last Line: {number - 1}", f"Rfsend: {number}", "ok")
    talk.wait(0.2)
    assert talk.wrote() == [(number, "G1 X0")]


def test_lines_still_in_the_queue_are_answered_after_the_resend(talk: Talk) -> None:
    numbers = in_flight(talk, 4)
    talk.say(*refusal(numbers[1]))  # the first two are in the queue of the printer
    talk.wait(0.2)
    assert talk.wrote() == [(numbers[2], "G1 X2")]
    assert acknowledged(talk.say("ok", "ok")) == numbers[:2]
    assert talk.wrote() == []  # so the third is still in flight
    assert acknowledged(talk.say("ok")) == [numbers[2]]


def test_a_late_duplicate_is_checked_not_obeyed(talk: Talk) -> None:
    (number,) = in_flight(talk, 1)
    talk.say(*refusal(number - 1))
    talk.wait(0.2)
    talk.say("ok")
    talk.wait(0.1)
    talk.say(TOLD)
    talk.wrote()
    talk.say(*refusal(number - 1))  # once more, long after
    talk.wait(0.2)
    (probe,) = talk.wrote()
    assert probe[1] == "M105"  # the line itself would be swallowed, or executed twice
    talk.say(TOLD.replace("20.0", "20.5"))
    talk.wait(0.2)
    assert talk.host.room_for("G1 X1")
    assert talk.host.quiet


def test_a_resend_of_what_was_never_sent_is_checked(talk: Talk) -> None:
    (number,) = in_flight(talk, 1)
    talk.say("Resend: 4000", "ok")
    talk.wait(0.2)
    assert talk.wrote() == [(number + 1, "M105")]


def test_a_firmware_that_is_off_by_one_gets_the_line_it_needs(talk: Talk) -> None:
    (number,) = in_flight(talk, 1)
    wrote: list[tuple[int, str]] = []
    for _ in range(6):
        talk.say(f"rs {number - 1}")  # it means `number`, and swallows the one before
        talk.wait(2.5)
        wrote += talk.wrote()
        if (number, "G1 X0") in wrote:
            break
    assert (number, "G1 X0") in wrote


def test_endless_resends_end_in_advice(talk: Talk) -> None:
    in_flight(talk, 1)
    number = talk.host.lines_sent + 1
    events: list[Event] = []
    rounds = 0
    while not any(isinstance(event, Failed) for event in events):
        rounds += 1
        assert rounds <= 30
        events += talk.say(*refusal(number - 1))
        events += talk.wait(0.5)
    failed = next(event for event in events if isinstance(event, Failed))
    assert failed.problem.short == "Endless resends"
    assert rounds >= 5
