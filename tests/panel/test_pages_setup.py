"""The pages of a setup without a phone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from appliance.host.network_api import AccessPoint, Security
from appliance.panel.actions import Action, JoinWifi, LeaveSetup, RegisterAccount, ScanWifi
from appliance.panel.keys import Key, KeyStroke
from appliance.panel.menu import Menu, press, settle, show, tell
from appliance.panel.page import Page
from appliance.panel.state import PanelState
from appliance.printer.api import Problem
from appliance.setup.api import Errand, Progress
from appliance.sim.panel_menus import at, choose, select, typed
from appliance.sim.panel_setups import HOTSPOT, JOINED, SETUPS, WRONG_PASSWORD

OK = KeyStroke(Key.OK)
LEFT = KeyStroke(Key.LEFT)


def last(menu: Menu, state: PanelState) -> tuple[Menu, Action | None]:
    """What OK does."""
    return press(menu, OK, state)


def with_setup(state: PanelState, **changes: object) -> PanelState:
    assert state.setup is not None
    return replace(state, setup=replace(state.setup, **changes))


def knowing_country() -> PanelState:
    assert HOTSPOT.setup is not None
    record = HOTSPOT.setup.record
    answers = replace(record.answers, country="DE")
    return with_setup(HOTSPOT, record=replace(record, answers=answers))


def wifis(state: PanelState) -> Menu:
    menu, action = last(select(at(state), state, "Wi-Fi"), state)
    assert action == ScanWifi()
    return menu


def test_the_country_is_asked_once_and_then_the_wifis_are_looked_for() -> None:
    menu = typed(at(HOTSPOT, "Wi-Fi"), HOTSPOT, "D", "E")
    assert show(menu, HOTSPOT).title == "Germany"
    menu, action = last(menu, HOTSPOT)
    assert action == ScanWifi()
    assert menu.places[-1].country == "DE"
    assert wifis(knowing_country()).places[-1].country == "DE"


def test_no_country_is_taken_that_is_none() -> None:
    menu = typed(at(HOTSPOT, "Wi-Fi"), HOTSPOT, "X", "X", "Done")
    assert "Choose a country" in show(menu, HOTSPOT).text
    menu, _ = press(menu, LEFT, HOTSPOT)
    assert menu.places[-1].typing.text == "XX"


def test_a_wifi_is_joined_with_the_password_that_was_entered() -> None:
    state = knowing_country()
    menu = typed(choose(wifis(state), state, "Workshop"), state, *"secretary", "Space", "ABC", "X")
    menu, action = last(typed(menu, state, "abc"), state)
    assert action is None, "a character was taken"
    menu, action = press(press(menu, KeyStroke(Key.UP), state)[0], OK, state)
    assert action == JoinWifi(b"Workshop", "secretary Xa", "DE")
    assert show(menu, state).title == "Joining Wi-Fi"


@pytest.mark.parametrize("entry", ["", "abc"])
def test_a_password_that_cannot_be_right_is_not_tried(entry: str) -> None:
    state = knowing_country()
    menu = typed(choose(wifis(state), state, "Workshop"), state, *entry)
    while (shown := show(menu, state).entry) is not None and shown.choice != "Done":
        menu, _ = press(menu, KeyStroke(Key.UP), state)
    menu, action = last(menu, state)
    assert action is None
    assert "password" in show(menu, state).text
    menu, _ = press(menu, LEFT, state)
    assert menu.places[-1].typing.text == entry


def test_a_name_of_any_bytes_can_be_joined() -> None:
    ssid = b"\xff\x00\x1b[31m"
    state = with_setup(knowing_country(), networks=(AccessPoint(ssid, 50, Security.OPEN),))
    menu = choose(wifis(state), state, "")
    menu, action = last(select(menu, state, "Yes"), state)
    assert action == JoinWifi(ssid, "", "DE")


def test_a_hidden_wifi_is_joined_by_its_name_also_without_a_password() -> None:
    state = knowing_country()
    menu = typed(choose(wifis(state), state, "Other"), state, *"home", "Done")
    assert menu.places[-1].page is Page.WIFI_PASSWORD
    menu, action = last(press(menu, KeyStroke(Key.UP), state)[0], state)
    assert action == JoinWifi(b"home", "", "DE", hidden=True)


def test_a_failure_is_said_and_the_password_can_be_corrected() -> None:
    state = with_setup(knowing_country(), join=Errand(Progress.FAILED, "The one before."))
    menu = typed(choose(wifis(state), state, "Workshop"), state, *"secretary", "Done")
    assert show(menu, state).title == "Joining Wi-Fi", "what failed before is no news"
    running = with_setup(replace(state, now=state.now + 5), join=Errand(Progress.RUNNING))
    assert show(menu, running).title == "Joining Wi-Fi"
    failed = with_setup(running, join=Errand(Progress.FAILED, WRONG_PASSWORD, "password"))
    assert show(menu, failed).text == WRONG_PASSWORD
    menu, _ = press(menu, LEFT, failed)
    assert menu.places[-1].typing.text == "secretary"


def test_a_refusal_leads_back_to_what_was_entered() -> None:
    state = knowing_country()
    menu = typed(choose(wifis(state), state, "Workshop"), state, *"secretary", "Done")
    menu = tell(menu, Problem("Not taken", "Choose a Wi-Fi from the list, or look again."))
    menu, _ = press(menu, OK, state)
    assert menu.places[-1].page is Page.WIFI_PASSWORD


def test_the_password_is_gone_with_the_page() -> None:
    state = knowing_country()
    menu = typed(choose(wifis(state), state, "Workshop"), state, *"secretary")
    assert settle(menu, state, 299.0, 30.0) == menu
    for left in (
        press(menu, KeyStroke(Key.LEFT), with_setup(state, active=True))[0],
        settle(menu, state, 301.0, 30.0),
        settle(menu, replace(state, setup=None), 0.0, 30.0),
    ):
        assert "secretary" not in {place.typing.text for place in left.places}


def test_an_account_is_registered() -> None:
    menu = typed(at(JOINED, "Cloud"), JOINED, "Done", *"1234")
    menu, action = last(typed(menu, JOINED), JOINED)
    assert action is None
    while (shown := show(menu, JOINED).entry) is not None and shown.choice != "Done":
        menu, _ = press(menu, KeyStroke(Key.UP), JOINED)
    menu, action = last(press(menu, LEFT, JOINED)[0], JOINED)
    assert action == RegisterAccount("ada@example.com", "1234")
    assert show(menu, JOINED).title == "Registering"
    assert SETUPS["setup_done"].setup is not None
    done = with_setup(
        replace(JOINED, now=JOINED.now + 5),
        register=Errand(Progress.DONE),
        serial_number="P3D12345",
    )
    assert show(menu, done).lines[0].text == "P3D12345"
    menu, _ = press(menu, OK, done)
    assert menu == Menu()


def test_no_account_without_a_network_and_none_twice() -> None:
    assert "Join a Wi-Fi first" in show(at(HOTSPOT, "Cloud"), HOTSPOT).text
    done = SETUPS["setup_done"]
    assert "P3D12345" in show(at(done, "Cloud"), done).text


def test_the_setup_is_finished_here_too() -> None:
    done = SETUPS["setup_done"]
    menu, action = last(select(at(done), done, "Finish"), done)
    assert (menu, action) == (Menu(), LeaveSetup())
