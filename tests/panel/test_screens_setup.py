"""The setup's screens: the way in, what is under way, and whether a browser may come in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from appliance.panel.actions import ConfirmCode, LeaveSetup, RefuseCode
from appliance.panel.face import Front, OpenMenu, ReadProblem
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.menu import Menu, press, show
from appliance.panel.page import Page
from appliance.panel.screen import Picture
from appliance.panel.screens import front, home_action, home_screen
from appliance.panel.screens_setup import wifi_code
from appliance.polar.codes import StatusCode
from appliance.sim.panel_examples import EXAMPLES, LOST
from appliance.sim.panel_menus import at
from appliance.sim.panel_setups import SETUPS, WRONG_PASSWORD, WRONG_PIN

HOTSPOT = SETUPS["setup_hotspot"]
CODE = SETUPS["code"]


def test_a_hotspot_tells_name_password_and_address() -> None:
    screen = home_screen(HOTSPOT)
    words = " ".join(f"{line.text} {line.value}" for line in screen.lines)
    for part in ("PolarAppliance-12AB", "k3x92mq7ab", "http://10.42.0.1"):
        assert part in words
    assert screen.picture == Picture(qr="WIFI:T:WPA;S:PolarAppliance-12AB;P:k3x92mq7ab;;")


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("a;b", 'x,"y:z\\', 'WIFI:T:WPA;S:a\\;b;P:x\\,\\"y\\:z\\\\;;'),
        ("open", "", "WIFI:T:nopass;S:open;;"),
        ("Café", "ü b", "WIFI:T:WPA;S:Café;P:ü b;;"),
    ],
)
def test_the_code_escapes_what_would_end_a_field(name: str, password: str, code: str) -> None:
    assert wifi_code(name, password) == code


@given(st.text(max_size=32), st.text(min_size=1, max_size=63))
def test_a_phone_reads_what_was_meant(name: str, password: str) -> None:
    found = re.fullmatch(
        r"WIFI:T:WPA;S:((?:\\.|[^\\;])*);P:((?:\\.|[^\\;])*);;", wifi_code(name, password), re.S
    )
    assert found is not None
    read = [re.sub(r"\\(.)", r"\1", one, flags=re.S) for one in found.groups()]
    assert read == [name, password]


@pytest.mark.parametrize(
    ("name", "address"), [("setup_cable", "192.168.1.23"), ("setup_port", "192.168.1.23:8080")]
)
def test_a_network_tells_the_address(name: str, address: str) -> None:
    screen = home_screen(SETUPS[name])
    assert screen.title == "Set up at"
    assert screen.lines[0].text == address
    assert screen.picture == Picture(qr=f"http://{address}/")


@pytest.mark.parametrize(
    ("name", "reason"), [("setup_not_joined", WRONG_PASSWORD), ("setup_not_registered", WRONG_PIN)]
)
def test_a_failure_says_why_and_what_to_do(name: str, reason: str) -> None:
    state = SETUPS[name]
    screen = home_screen(state)
    assert screen.text.startswith(reason)
    why = home_action(state, KeyStroke(Key.OK))
    assert isinstance(why, ReadProblem)
    assert why.problem.long == reason


def test_the_wizard_is_left_once_it_is_done() -> None:
    assert home_action(SETUPS["setup_done"], KeyStroke(Key.OK)) == LeaveSetup()


@pytest.mark.parametrize(
    "name",
    [
        "printing",
        "paused",
        "preparing",
        "canceling",
        "finishing",
        "clear_plate",
        "door_open",
        "updating",
        "error",
    ],
)
def test_a_print_is_always_shown(name: str) -> None:
    state = EXAMPLES[name]
    assert home_screen(replace(state, setup=HOTSPOT.setup)) == home_screen(state)


def test_a_print_is_shown_while_the_service_that_prints_it_is_away() -> None:
    printing = EXAMPLES["printing"]
    away = replace(printing, snapshot=None, status=StatusCode.DISCONNECTED)
    assert home_screen(replace(away, setup=HOTSPOT.setup)) == home_screen(away)


@pytest.mark.parametrize("name", ["idle", "setup", "disconnected", "halted"])
def test_without_a_print_the_setup_is_shown(name: str) -> None:
    screen = home_screen(replace(EXAMPLES[name], setup=HOTSPOT.setup))
    assert screen == home_screen(HOTSPOT)


@pytest.mark.parametrize("name", [*EXAMPLES, *SETUPS])
def test_a_code_stands_in_front_of_everything_but_a_problem(name: str) -> None:
    state = replace({**EXAMPLES, **SETUPS}[name], code="4071", problem=None)
    assert front(state) is Front.CODE
    assert home_screen(state).big == "4071"
    assert home_screen(replace(state, problem=LOST)).title == "Problem"


def test_a_code_is_answered_by_ok_and_left_and_can_be_passed_by() -> None:
    pressed = {key: home_action(CODE, KeyStroke(key)) for key in Key}
    assert pressed[Key.OK] == ConfirmCode("4071")
    assert pressed[Key.LEFT] == RefuseCode("4071")
    assert pressed[Key.RIGHT] == OpenMenu(Front.CODE)
    assert home_action(CODE, KeyStroke(Key.OK, Stroke.HOLD)) is None


def test_a_code_comes_in_front_of_an_open_page_and_another_one_again() -> None:
    asked = replace(EXAMPLES["idle"], code="4071")
    menu = at(EXAMPLES["idle"], "System")
    assert show(menu, asked).big == "4071"
    menu, _ = press(menu, KeyStroke(Key.RIGHT), asked)
    assert show(menu, asked).title == "System"
    assert show(menu, replace(asked, code="0001")).big == "0001"


def test_right_leads_to_the_setup_without_a_phone_and_left_to_the_menu() -> None:
    menu, _ = press(Menu(), KeyStroke(Key.RIGHT), HOTSPOT)
    assert menu.places[-1].page is Page.SETUP_HERE
    menu, _ = press(menu, KeyStroke(Key.LEFT), HOTSPOT)
    assert show(menu, HOTSPOT).title == "Menu"
    turned, _ = press(Menu(), KeyStroke(Key.DOWN), HOTSPOT)  # an encoder
    assert turned.places[-1].page is Page.SETUP_HERE


def test_the_pages_close_with_the_wizard() -> None:
    menu, _ = press(Menu(), KeyStroke(Key.RIGHT), HOTSPOT)
    assert show(menu, replace(HOTSPOT, setup=None)).title == "Menu"
