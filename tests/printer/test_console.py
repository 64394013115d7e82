"""Lines from people: checked, sent in order, answered together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import PrinterError
from appliance.gcode.reader import COMMAND_LIMIT
from appliance.printer.api import Heater
from appliance.printer.console import (
    BadGcode,
    Console,
    checked,
    heater_commands,
    refuse_beside_a_print,
)

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


@pytest.mark.parametrize("line", ["M105\x07", "M104 S２00", "G1 X1\nG1 X2", "\x00", "M" + "1" * 99])
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
        assert line and line.isascii() and line.isprintable() and len(line) <= COMMAND_LIMIT
        assert not set(line) & set("\\()*")  # firmwares take these out before they check a line


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("M117 a\\b", "M117 ab"),
        ("M117 (1/3) 2*3", "M117 [1/3] 2x3"),
        ("M117 Grüße ; c", "M117 Grusse"),
        ("G1 (probe) X5", "G1  X5"),
        ("N12 G1 X5*97", "G1 X5"),
    ],
)
def test_a_line_is_what_marlin_would_keep_of_it(line: str, kept: str) -> None:
    assert checked([line]) == [kept]


@pytest.mark.parametrize(
    "line",
    ["M28 a.gco", "M23 a.gco", "M24", "M32 a.gco", "M110 N0", "m110", "N4 M110", "M 0110 N5",
     "M155 S0", "M928 a.gco", "M997", "M999", "M118 start", "M118 E1 busy: x"],
)  # fmt: skip
def test_what_would_break_a_running_print_is_refused_beside_it(line: str) -> None:
    with pytest.raises(BadGcode, match=r"M\d+ .* would break the running print"):
        refuse_beside_a_print(["M105", line])


def test_what_a_person_may_do_beside_a_print_passes() -> None:
    refuse_beside_a_print(
        ["M112", "M108", "M410", "M876 S1", "M105", "M114", "M115", "M117 M28 start", "M220 S90",
         "M118 hello", "G1 X1", "; M112", ""]
    )  # fmt: skip


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
