"""The plate is cleared at the panel as soon as a print has ended, whoever hears of its end."""

from typing import Final

import pytest
from hypothesis import given
from msgspec.structs import replace

from appliance.panel.actions import PlateCleared
from appliance.panel.keys import Key, KeyStroke
from appliance.panel.menu import Menu, press, show
from appliance.panel.screens import Front, OpenMenu, front, home_action, home_screen
from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import Outcome
from appliance.printer.api import LinkState, Snapshot
from appliance.sim.panel_examples import EXAMPLES, GEARS, LOST
from tests.panel.states import panel_states

OK: Final = KeyStroke(Key.OK)
RIGHT: Final = KeyStroke(Key.RIGHT)
ENDS: Final = ["complete_plate", "canceled_plate", "failed_plate"]


@pytest.mark.parametrize(
    ("name", "end"),
    [*zip(ENDS, ["Print complete", "Print canceled", "Print failed"], strict=True)],
)
def test_the_end_that_is_being_told_is_shown_with_the_request(name: str, end: str) -> None:
    state = EXAMPLES[name]
    screen = home_screen(state)
    assert screen.title == "Clear the plate"
    assert [line.text for line in screen.lines[:3]] == ["Then press OK", end, GEARS]
    assert screen.keys.ok == "Done"
    assert home_action(state, OK) == PlateCleared()
    assert home_action(state, RIGHT) == OpenMenu(Front.PLATE)
    assert front(state) is Front.PLATE


@pytest.mark.parametrize("name", ENDS)
def test_cleared_it_is_an_end_like_any_other(name: str) -> None:
    state = replace(EXAMPLES[name], plate_full=False)
    assert home_screen(state).title in ("Print complete", "Print canceled", "Error")
    assert home_action(state, OK) != PlateCleared()
    assert front(state) is None


def test_the_menu_that_went_past_it_stays_open_when_the_end_was_told() -> None:
    menu, action = press(Menu(), RIGHT, EXAMPLES["complete_plate"])
    assert action is None
    assert show(menu, EXAMPLES["complete_plate"]).title == "Menu"
    assert show(menu, EXAMPLES["clear_plate"]).title == "Menu"


def test_a_failure_is_still_told_in_full() -> None:
    text = home_screen(EXAMPLES["failed_plate"]).text
    assert text.endswith(f"{LOST.long} Look at the printer before you print again.")


def test_a_video_that_was_not_made_is_still_told() -> None:
    state = EXAMPLES["complete_plate"]
    assert state.job is not None
    state = replace(state, job=replace(state.job, video_note="There is no time-lapse."))
    assert home_screen(state).text.endswith("then press OK. There is no time-lapse.")


def test_a_halted_printer_comes_first() -> None:
    snapshot = Snapshot(link=LinkState.HALTED)
    screen = home_screen(replace(EXAMPLES["failed_plate"], snapshot=snapshot))
    assert screen.lines[1].text == "Turn off and on"


@given(panel_states())
def test_no_key_clears_a_plate_under_a_print_or_one_that_is_clear(state: PanelState) -> None:
    cleared = home_action(state, OK) == PlateCleared()
    if cleared and state.status is not StatusCode.CLEAR_PLATE:
        assert state.plate_full
        assert state.printed is None
        assert front(state) is Front.PLATE
    if state.status is StatusCode.CANCELING and cleared:
        assert state.job is not None
        assert state.job.outcome is Outcome.CANCELED
