"""What several tests of the protocol do to a scripted printer."""

from appliance.printer.protocol import (
    Acknowledged,
    Event,
)
from appliance.sim.marlin import VirtualMarlin
from appliance.sim.talk import Talk

REPORTING = "AUTOREPORT_TEMP"
TOLD = "ok T:20.0 /0.0 B:20.0 /0.0"


def widen(talk: Talk, lines: int = 40) -> None:
    """Let some lines pass without a resend, so that the window opens."""
    talk.send(*["G1 X1"] * lines)
    flying = talk.wrote()
    while flying:
        _, command = flying.pop(0)
        talk.say(TOLD if command == "M105" else "ok")
        flying += talk.wrote()
    talk.wait(0.05)
    if [command for _, command in talk.wrote()] == ["M105"]:
        talk.say(TOLD)
    assert talk.host.quiet


def acknowledged(events: list[Event]) -> list[int]:
    return [event.number for event in events if isinstance(event, Acknowledged)]


def refusal(last: int) -> list[str]:
    return [
        f"Error:Line Number is not Last Line Number+1, Last Line: {last}",
        f"Resend: {last + 1}",
        "ok",
    ]


def in_flight(talk: Talk, count: int) -> list[int]:
    widen(talk)
    numbers = talk.send(*(f"G1 X{n}" for n in range(count)))
    assert len(talk.wrote()) == count
    return numbers


def reset_at(marlin: VirtualMarlin, now: float) -> int:
    """Reset the board; the lines that it had executed at that very moment."""
    executed = marlin.executed_count
    marlin.reset(now)
    return executed
