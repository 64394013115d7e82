"""The screens that need a person: plate, door, problem, error, a printer that is away."""

from typing import Final

import pytest
from msgspec.structs import replace

from appliance.panel.actions import DismissProblem, PlateCleared, Resume
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.screen import Icon, Keys, Line, Tone
from appliance.panel.screens import (
    Front,
    OpenMenu,
    ReadProblem,
    front,
    home_action,
    home_screen,
    problem_screen,
)
from appliance.polar.codes import StatusCode
from appliance.printer.api import JobState, LinkState, Problem, Snapshot
from appliance.sim.panel_examples import EXAMPLES, GEARS, HALTED, IDLE, LOST
from tests.panel.states import job_changed, shown, values

OK: Final = KeyStroke(Key.OK)
LEFT: Final = KeyStroke(Key.LEFT)
RIGHT: Final = KeyStroke(Key.RIGHT)


def test_the_plate() -> None:
    state, screen = EXAMPLES["clear_plate"], shown("clear_plate")
    assert (screen.title, screen.lines[0].text) == ("Clear the plate", "Then press OK")
    assert front(state) is Front.PLATE
    assert home_action(state, OK) == PlateCleared()
    assert home_action(state, RIGHT) == OpenMenu(Front.PLATE)


@pytest.mark.parametrize("stroke", [Stroke.HOLD, Stroke.REPEAT])
def test_only_a_press_clears_the_plate(stroke: Stroke) -> None:
    assert home_action(EXAMPLES["clear_plate"], KeyStroke(Key.OK, stroke)) is None


def test_a_problem_is_short_first_and_ok_tells_all() -> None:
    state, screen = EXAMPLES["error"], shown("error")
    assert screen.lines == (Line("Printer is silent"), Line("OK tells more"))
    assert screen.text == ""
    assert home_action(state, OK) == ReadProblem(LOST)
    assert home_action(state, LEFT) == DismissProblem()
    assert home_action(state, RIGHT) == OpenMenu(Front.PROBLEM)
    whole = problem_screen(LOST, whole=True)
    assert whole.text == LOST.long
    assert whole.keys == Keys(left="Back", ok="Got it")


def test_good_news_are_no_problem() -> None:
    screen = problem_screen(Problem("Heating up", "The nozzle heats."), whole=True, trouble=False)
    assert (screen.title, screen.icon, screen.tone) == ("Heating up", Icon.DONE, Tone.CALM)


def test_status_12_tells_why_and_what_to_do() -> None:
    halted = shown("halted")
    assert halted.lines == (Line("Printer halted"), Line("Turn off and on"))
    assert home_action(EXAMPLES["halted"], OK) == ReadProblem(HALTED)
    failed = home_screen(replace(EXAMPLES["error"], problem=None))
    assert failed.lines[0].text == "Print failed"
    assert failed.text == f"{LOST.long} Look at the printer before you print again."


def test_halted_without_a_reason_of_its_own() -> None:
    snapshot = Snapshot(link=LinkState.HALTED)
    screen = home_screen(replace(IDLE, status=StatusCode.ERROR, snapshot=snapshot))
    assert "switch it off and on again" in screen.text


@pytest.mark.parametrize(
    ("snapshot", "title"),
    [
        (None, "Please wait"),
        (Snapshot(link=LinkState.CONNECTING), "Connecting"),
        (Snapshot(link=LinkState.DISCONNECTED), "No printer"),
    ],
)
def test_disconnected_tells_what_is_missing(snapshot: Snapshot | None, title: str) -> None:
    state = replace(IDLE, status=StatusCode.DISCONNECTED, snapshot=snapshot)
    assert home_screen(state).title == title


def test_disconnected_tells_the_printers_own_problem_and_the_print_it_broke_into() -> None:
    snapshot = Snapshot(link=LinkState.DISCONNECTED, problem=LOST)
    state = replace(EXAMPLES["printing"], status=StatusCode.DISCONNECTED, snapshot=snapshot)
    screen = home_screen(state)
    assert screen.text == LOST.long
    assert values(screen)[GEARS] == "42%"


def test_an_open_door_alone() -> None:
    state = EXAMPLES["door_open"]
    assert shown("door_open").lines[0].text == "Close the door"
    assert front(state) is Front.DOOR
    assert home_action(state, OK) == OpenMenu(Front.DOOR)


@pytest.mark.parametrize("name", [GEARS, ""])
def test_a_job_waits_for_the_door(name: str) -> None:
    state = EXAMPLES["door_waiting"]
    assert state.job is not None
    state = replace(state, waiting_for_door=name, job=replace(state.job, name=name))
    screen = home_screen(state)
    assert screen.title == "Close the door"
    assert screen.lines == (Line("Then it prints:"), Line(name or "Unnamed job"))


def test_the_door_paused_the_print() -> None:
    opened, closed = EXAMPLES["door_paused"], EXAMPLES["door_closed_again"]
    assert front(opened) is Front.DOOR
    assert home_screen(opened).lines[0].text == "Then press OK"
    assert home_action(opened, OK) is None
    assert front(closed) is Front.DOOR
    assert home_screen(closed).title == "Door is closed"
    assert home_action(closed, OK) == Resume()


@pytest.mark.parametrize("state", [JobState.PAUSING, JobState.RESUMING])
def test_a_closed_door_asks_nothing_while_the_printer_moves(state: JobState) -> None:
    moving = job_changed(EXAMPLES["door_closed_again"], state=state)
    assert front(moving) is None
    assert home_action(moving, OK) == OpenMenu()


def test_a_cancel_is_not_hidden_by_the_door() -> None:
    state = replace(EXAMPLES["canceling"], door=0, door_asks=True)
    assert front(state) is None
    assert home_screen(state).title == "Canceling"


def test_what_stands_before_what() -> None:
    everything = replace(EXAMPLES["door_paused"], problem=LOST)
    assert front(everything) is Front.PROBLEM
    assert front(replace(everything, problem=None)) is Front.DOOR
    assert front(IDLE) is None
