"""Lines from people: checked, sent in order, answered together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import PrinterError
from appliance.printer.api import Heater
from appliance.printer.console import LINE_LIMIT, BadGcode, Console, checked, heater_commands

LIMITS = {"tool": 300.0, "bed": 120.0, "chamber": 80.0}
PRESENT = {"tool0": Heater(20.0), "tool1": Heater(20.0), "bed": Heater(20.0)}


def send_all(console: Console, first: int = 1) -> list[tuple[int, str]]:
    sent = []
    number = first
    while (line := console.peek(0.0)) is not None:
        console.sent(number, 0.0)
        sent.append((number, line))
        number += 1
    return sent


async def test_an_errand_ends_with_all_its_answers() -> None:
    console = Console()
    answer = console.submit(["M115", "M105 ; temperatures", "", "; only a comment"])
    assert send_all(console) == [(1, "M115"), (2, "M105")]
    console.acknowledged(1, ("FIRMWARE_NAME:Marlin", "Cap:A:1"), 0.0)
    assert not answer.done()
    console.acknowledged(2, ("T:20",), 0.0)
    assert await answer == ["FIRMWARE_NAME:Marlin", "Cap:A:1", "T:20"]
    assert not console.busy


async def test_errands_keep_their_order_and_their_own_answers() -> None:
    console = Console()
    first, second = console.submit(["M114"]), console.submit(["M105"])
    assert [line for _, line in send_all(console)] == ["M114", "M105"]
    console.acknowledged(1, ("X:0",), 0.0)
    console.acknowledged(2, ("T:1",), 0.0)
    assert (await first, await second) == (["X:0"], ["T:1"])


async def test_nothing_to_send_is_answered_at_once() -> None:
    assert await Console().submit(["; nothing", "  "]) == []


async def test_whoever_waits_is_told_that_the_printer_is_gone() -> None:
    console = Console()
    sent = console.submit(["M105"])
    send_all(console)
    waiting = console.submit(["M114"])
    console.abandon("The cable was pulled.")
    for future in (sent, waiting):
        with pytest.raises(PrinterError, match="cable"):
            await future
    assert not console.busy
    assert console.peek(0.0) is None


async def test_somebody_who_stopped_waiting_does_no_harm() -> None:
    console = Console()
    future = console.submit(["M105"])
    send_all(console)
    future.cancel()
    await asyncio.sleep(0)
    console.acknowledged(1, (), 0.0)
    assert not console.busy


@pytest.mark.parametrize("line", ["M105\x07", "M117 Grüße", "G1 X1\nG1 X2", "\x00", "M" + "1" * 99])
def test_what_cannot_be_sent_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(BadGcode, match="Line 2"):
        checked(["M105", line])


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(BadGcode, match="201 lines"):
        checked(["M105"] * 201)


@given(st.lists(st.text(), max_size=20))
def test_whatever_is_kept_is_one_short_printable_line(lines: list[str]) -> None:
    try:
        kept = checked(lines)
    except BadGcode:
        return
    for line in kept:
        assert line and line.isascii() and line.isprintable() and len(line) <= LINE_LIMIT


def test_targets_become_commands() -> None:
    targets = {"tool0": 210.5, "tool1": 0.0, "bed": 60.0}
    assert heater_commands(targets, PRESENT, LIMITS) == ["M104 T0 S210.5", "M104 T1 S0", "M140 S60"]
    assert heater_commands({"chamber": 40.0}, {}, LIMITS) == ["M141 S40"]


@pytest.mark.parametrize(
    ("name", "target"),
    [("tool2", 200.0), ("chamber", 40.0), ("tool0", 301.0), ("bed", -1.0), ("toolx", 1.0),
     ("tool0", float("nan")), ("tool0", float("inf")), ("plate", 10.0)],
)  # fmt: skip
def test_heaters_and_targets_that_cannot_be(name: str, target: float) -> None:
    with pytest.raises(BadGcode):
        heater_commands({name: target}, PRESENT, LIMITS)
