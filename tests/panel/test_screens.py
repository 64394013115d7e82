"""The screens of the closed menu, and what the keys do there."""

import time
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
import pytest
from hypothesis import example, given, settings
from msgspec.structs import replace

from appliance.panel.actions import (
    ConfirmCode,
    DismissProblem,
    LeaveSetup,
    PlateCleared,
    RefuseCode,
    Resume,
)
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.page import Page
from appliance.panel.screen import Icon, Line, Screen, Tone
from appliance.panel.screens import (
    OpenMenu,
    ReadProblem,
    front,
    home_action,
    home_screen,
    problem_screen,
)
from appliance.panel.state import PanelState
from appliance.panel.wire import Show
from appliance.polar.codes import StatusCode
from appliance.polar.job import Phase
from appliance.printer.api import Heater, Problem, Snapshot
from appliance.sim.panel_examples import EXAMPLES, GEARS, IDLE, LOST, NOW, STUCK
from tests.panel.states import TEXTS, job_changed, panel_states, shown, strokes, values

OK: Final = KeyStroke(Key.OK)
LEFT: Final = KeyStroke(Key.LEFT)
RIGHT: Final = KeyStroke(Key.RIGHT)
SMALLEST: Final = 16  # columns
NEEDS_A_PERSON: Final = (
    StatusCode.ERROR,
    StatusCode.DISCONNECTED,
    StatusCode.DOOR_OPEN,
    StatusCode.CLEAR_PLATE,
    StatusCode.PAUSED,
    StatusCode.COLD_PAUSE,
    StatusCode.CHANGING_FILAMENT,
)
REASONS: Final = ("Wi-Fi problem", "Not registered")
ADVICE: Final = (
    "press OK",
    "Press OK",
    "OK tells more",
    "Close the door",
    "Turn off and on",
    "Check its cable",
    "Please wait",
    "restart the device",
    "Heating: wait",
    "Register me",
    "Only if your browser",
    "Join it with a phone",
    "Open this address",
    "Connect it with a network cable",
)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def texts(screen: Screen) -> list[str]:
    lines = [text for line in screen.lines for text in (line.text, line.value)]
    keys = [screen.keys.left, screen.keys.ok, screen.keys.right]
    label = [screen.bar.label] if screen.bar is not None else []
    return [screen.title, screen.value, screen.text, *lines, *keys, *label]


def words(screen: Screen) -> set[str]:
    return {line.text for line in screen.lines}


def is_end_on_the_plate(state: PanelState) -> bool:
    """The end is still told to the cloud; a person at the printer need not wait for it."""
    ended = state.status in (StatusCode.COMPLETE, StatusCode.CANCELING, StatusCode.ERROR)
    return ended and state.plate_full and state.printed is None


def advised(screen: Screen) -> bool:
    return any(advice in text for text in texts(screen) for advice in ADVICE)


# --- any state ----------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(panel_states())
def test_any_state_has_a_screen_that_can_be_sent_and_shown(state: PanelState) -> None:
    screen = home_screen(state)
    assert screen.title.strip()
    assert screen.lines or screen.text
    for text in texts(screen):
        assert not {unicodedata.category(one) for one in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert all(line.text or line.value for line in screen.lines)
    assert screen.bar is None or screen.bar.fraction is None or 0 <= screen.bar.fraction <= 1
    assert msgspec.json.decode(msgspec.json.encode(Show(screen)), type=Show) == Show(screen)


@settings(max_examples=300, deadline=None)
@given(panel_states(), strokes)
@example(EXAMPLES["complete_plate"], OK)
@example(EXAMPLES["canceled_plate"], OK)
@example(EXAMPLES["failed_plate"], OK)
def test_a_key_does_what_its_word_says_and_nothing_else(
    state: PanelState, stroke: KeyStroke
) -> None:
    keys = home_screen(state).keys
    word = {Key.LEFT: keys.left, Key.OK: keys.ok, Key.RIGHT: keys.right}.get(stroke.key, "")
    action = home_action(state, stroke)
    assert len(word) <= 6
    assert (action is not None) == (bool(word) and stroke.stroke is Stroke.PRESS)
    match action:
        case OpenMenu(None, Page.SETUP_HERE):
            assert word == "Here"
            assert state.setup is not None and state.printed is None
        case OpenMenu(past, None):
            assert word == "Menu"
            assert past == front(state)
        case ReadProblem():
            assert word == ("Why" if home_screen(state).title in REASONS else "More")
        case Resume():
            assert word == "Resume"
            assert state.door not in (0, 2)
        case ConfirmCode(code) | RefuseCode(code):
            assert word == ("Yes" if isinstance(action, ConfirmCode) else "No")
            assert code == state.code == home_screen(state).big
        case LeaveSetup():
            assert word == "Done"
            assert state.setup is not None and state.setup.serial_number
        case PlateCleared():
            assert word == "Done"
            assert state.status is StatusCode.CLEAR_PLATE or is_end_on_the_plate(state)
        case _:
            assert action is None or action == DismissProblem()
            assert action is None or word == "Close"


@settings(max_examples=300, deadline=None)
@given(panel_states())
def test_what_needs_a_person_says_what_to_do(state: PanelState) -> None:
    unregistered = state.cloud.serial_number is None and state.status is StatusCode.READY
    if not state.starting and (state.status in NEEDS_A_PERSON or unregistered):
        screen = home_screen(state)
        setup = state.setup
        radio_busy = setup is not None and (setup.facts.network.busy or setup.facts.network.radio)
        under_way = setup is not None and (screen.tone is Tone.WORKING or radio_busy)
        assert advised(screen) or under_way, texts(screen)


@settings(max_examples=200, deadline=None)
@given(panel_states())
def test_the_menu_is_never_more_than_a_key_away(state: PanelState) -> None:
    reached = [home_action(state, KeyStroke(key)) for key in Key]
    here = OpenMenu(page=Page.SETUP_HERE)  # a page of the menu: left leads to its beginning
    assert OpenMenu(front(state)) in reached or here in reached


@given(TEXTS, TEXTS)
def test_any_problem_can_be_shown_short_and_whole(short: str, long: str) -> None:
    for whole in (False, True):
        screen = problem_screen(Problem(short, long), whole=whole)
        assert screen.title
        assert screen.lines or screen.text or not (short.strip() or long.strip())
        for text in texts(screen):
            assert not {unicodedata.category(one) for one in text} & {"Cc", "Cf", "Cs"}


# --- the examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_smallest_display_shows_what_matters_most(name: str) -> None:
    """Title and first line fit 16 columns; names alone are as long as people make them."""
    state, screen = EXAMPLES[name], shown(name)
    title = len(screen.title) + len(screen.value) + bool(screen.value)
    printed = state.printed.name if state.printed is not None else ""
    if screen.title not in (printed, state.name):
        assert title <= SMALLEST
    first = screen.lines[0]
    if first.text not in (GEARS, LOST.short, STUCK.short):
        icon = 2 if first.icon is not None else 0
        assert len(first.text) + len(first.value) + bool(first.value) + icon <= SMALLEST


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_mood_fits_what_is_asked(name: str) -> None:
    state, screen = EXAMPLES[name], shown(name)
    asked = {StatusCode.CLEAR_PLATE, StatusCode.DOOR_OPEN, StatusCode.DISCONNECTED}
    if name in ("error", "halted"):
        assert screen.tone is Tone.TROUBLE
    elif (state.status in asked and not state.starting) or home_action(state, OK) == Resume():
        assert screen.tone is Tone.ASKING


def test_no_two_examples_look_alike() -> None:
    screens = [home_screen(state) for state in EXAMPLES.values()]
    assert all(screen not in screens[:index] for index, screen in enumerate(screens))


def test_starting_says_what_it_waits_for() -> None:
    assert shown("starting").lines[:3] == (
        Line("Printer", "wait"),
        Line("Cloud", "wait"),
        Line("Network", "ready"),
    )


def test_a_print_is_shown_before_anything_that_is_still_awaited() -> None:
    state = replace(EXAMPLES["printing"], starting=True, cloud=EXAMPLES["setup"].cloud)
    assert home_screen(state).title == GEARS


def test_setup_says_how_to_register() -> None:
    screen = shown("setup")
    assert screen.title == "Setup needed"
    assert "e-mail address and the PIN" in screen.text
    assert "polar-appliance register" in screen.text
    assert "192.168.1.23" in words(screen)


def test_setup_without_network_or_printer_names_them() -> None:
    state = replace(EXAMPLES["setup"], ip="", status=StatusCode.DISCONNECTED, snapshot=Snapshot())
    screen = home_screen(state)
    assert {"No network", "No printer yet"} <= words(screen)
    assert screen.text.startswith("Connect the network first.")


def test_idle() -> None:
    screen = shown("idle")
    assert screen.title == "Makerspace 2"
    assert screen.lines == (
        Line("Cloud online", icon=Icon.CLOUD),
        Line("192.168.1.23", icon=Icon.NETWORK),
        Line("24°", "Bed 23°", Icon.NOZZLE),
    )


def test_offline_is_a_part_of_idle() -> None:
    shown_values = values(shown("offline"))
    assert (shown_values["Offline at"], shown_values["Next try"]) == ("08:32", "09:01")
    trying = replace(EXAMPLES["offline"].cloud, next_try=None)
    assert values(home_screen(replace(IDLE, cloud=trying)))["Next try"] == "now"
    connecting = replace(trying, offline_since=None)
    assert "Cloud connects" in words(home_screen(replace(IDLE, cloud=connecting)))


def test_a_clock_that_is_not_set_is_what_the_cloud_waits_for() -> None:
    waiting = replace(EXAMPLES["offline"].cloud, no_time=True)
    screen = home_screen(replace(IDLE, cloud=waiting))
    assert screen.lines[0] == Line("Waits for time", icon=Icon.CLOCK)
    assert not {"Offline at", "Next try"} & values(screen).keys(), "no time is known"
    began = home_screen(replace(IDLE, cloud=waiting, starting=True))
    assert values(began)["Cloud"] == "no time"


def test_without_a_network_that_comes_first() -> None:
    assert shown("no_network").lines[0] == Line("No network", icon=Icon.OFFLINE)


def test_a_long_address_needs_no_sign_beside_it() -> None:
    screen = home_screen(replace(IDLE, ip="192.168.178.123"))
    assert Line("192.168.178.123") in screen.lines


def test_other_heaters_have_lines_of_their_own() -> None:
    heaters = {"tool0": Heater(20), "tool1": Heater(30), "chamber": Heater(40, 45)}
    assert IDLE.snapshot is not None
    screen = home_screen(replace(IDLE, snapshot=replace(IDLE.snapshot, heaters=heaters)))
    assert values(screen).items() >= {("Nozzle", "20°"), ("Nozzle 2", "30°"), ("Chamber", "40→45°")}
    alone = replace(IDLE.snapshot, heaters={"bed": Heater(22.8, 60)})
    assert values(home_screen(replace(IDLE, snapshot=alone)))["Bed"] == "23→60°"


# --- a job ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "title", "value", "fraction"),
    [
        ("preparing", "Downloading", "34%", 0.34),
        ("slicing", "Slicing", "61%", 0.61),
    ],
)
def test_preparing_tells_how_far_it_is(name: str, title: str, value: str, fraction: float) -> None:
    screen = shown(name)
    assert (screen.title, screen.value) == (title, value)
    assert screen.bar is not None
    assert screen.bar.fraction == pytest.approx(fraction)
    assert screen.lines[0].text == GEARS


def test_a_download_of_unknown_size() -> None:
    state = EXAMPLES["preparing"]
    assert state.job is not None
    screen = home_screen(replace(state, job=replace(state.job, detail="Downloading 3.2 MB")))
    assert screen.bar is not None
    assert screen.bar.fraction is None
    assert values(screen)["So far"] == "3.2 MB"
    assert screen.value == ""


def test_waiting_for_the_printer() -> None:
    screen = shown("waiting_for_printer")
    assert (screen.title, screen.lines[0].text) == ("Waiting", "for the printer")
    assert screen.text == "The printer is not connected."


def test_printing() -> None:
    screen = shown("printing")
    assert (screen.title, screen.value) == (GEARS, "42%")
    assert screen.bar is not None
    assert screen.bar.fraction == pytest.approx(0.42)
    assert screen.lines == (
        Line("Left", "2h 14m", Icon.CLOCK),
        Line("204°", "Bed 60°", Icon.NOZZLE),
        Line("Layer", "86/204", Icon.LAYERS),
        Line("So far", "1h 37m", Icon.CLOCK),
    )
    assert home_action(EXAMPLES["printing"], OK) == OpenMenu()


def test_a_print_that_takes_longer_than_estimated() -> None:
    state = printing(estimated_seconds=60.0)
    assert values(home_screen(state))["Left"] == "soon"


def test_offline_and_an_open_door_stand_beside_a_print() -> None:
    screen = home_screen(replace(EXAMPLES["printing_offline"], door=2))
    assert screen.title == GEARS
    assert {"Offline at", "Door is open"} <= words(screen)
    assert front(replace(EXAMPLES["printing"], door=2)) is None


def printing(**changes: object) -> PanelState:
    state = EXAMPLES["printing"]
    return job_changed(state, **changes)


def test_the_record_speaks_while_the_printer_tells_of_another_job() -> None:
    screen = home_screen(printing(key="another", name="Another", bytes_read=0))
    assert (screen.title, screen.value) == (GEARS, "42%")


@pytest.mark.parametrize(
    ("name", "title", "hint"),
    [
        ("paused", "Paused", "stays warm"),
        ("cold_paused", "Cold pause", "heats up again"),
        ("filament", "New filament", "put the new one in"),
    ],
)
def test_each_pause_has_its_own_words_and_ok_goes_on(name: str, title: str, hint: str) -> None:
    screen = shown(name)
    assert (screen.title, screen.lines[0].text) == (title, "Go on: press OK")
    assert hint in screen.text
    assert home_action(EXAMPLES[name], OK) == Resume()
    assert home_action(EXAMPLES[name], RIGHT) == OpenMenu()


@pytest.mark.parametrize("name", ["paused", "cold_paused", "filament"])
def test_nothing_goes_on_with_an_open_door(name: str) -> None:
    state = replace(EXAMPLES[name], door=0)
    screen = home_screen(state)
    assert screen.lines[0].text == "Close the door"
    assert home_action(state, OK) is None
    assert "OK" not in (screen.keys.ok, screen.lines[0].text)


@pytest.mark.parametrize("name", ["pausing", "resuming"])
def test_nothing_to_press_on_the_way(name: str) -> None:
    assert home_action(EXAMPLES[name], OK) == OpenMenu()


def test_resuming_tells_whether_it_heats() -> None:
    assert shown("resuming").lines[0].text == "Heating: wait"
    state = EXAMPLES["resuming"]
    assert state.snapshot is not None
    warm = replace(state.snapshot, heaters={"tool0": Heater(204.9, 205.0)})
    assert home_screen(replace(state, snapshot=warm)).lines[0].text == "Please wait"


def test_the_reason_of_a_pause_is_told() -> None:
    screen = home_screen(job_changed(EXAMPLES["paused"], reason="The filament ran out."))
    assert screen.text.startswith("The filament ran out. ")


def test_the_end() -> None:
    assert shown("finishing").lines[0].text == "Making the video"
    assert values(shown("complete"))["Took"] == "3h 51m"
    assert shown("canceling").title == "Canceling"
    state = EXAMPLES["complete"]
    assert state.job is not None
    noted = replace(state, job=replace(state.job, video_note="No video: there was no picture."))
    assert home_screen(noted).text == "No video: there was no picture."


def test_updating_says_to_leave_the_power_on() -> None:
    screen = shown("updating")
    assert screen.lines[0].text == "Leave it on"
    assert "Leave the power on" in screen.text


def test_the_examples_are_whole_states_at_one_moment() -> None:
    assert {state.now for state in EXAMPLES.values()} == {NOW}
    assert isinstance(EXAMPLES, Mapping)
    assert all(
        state.job is None or state.job.phase is not Phase.PRINTING or state.printed is not None
        for state in EXAMPLES.values()
    )


@pytest.mark.parametrize("name", ["idle", "printing", "printing_local", "printing_offline"])
def test_news_are_told_on_the_screens_that_are_shown_most(name: str) -> None:
    news = "The door was opened."
    assert home_screen(EXAMPLES[name]).text == ""
    assert home_screen(replace(EXAMPLES[name], notice=news)).text == news


def test_a_panel_that_needs_repair_says_so_while_it_rests() -> None:
    assert Line(STUCK.short, icon=Icon.WARNING) in shown("hardware").lines
