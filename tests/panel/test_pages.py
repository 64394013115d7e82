"""What each page of the menu offers, and what it asks for."""

from collections.abc import Mapping
from typing import Final

import pytest
from msgspec.structs import replace

from appliance.panel.actions import (
    Action,
    Cancel,
    ConnectPrinter,
    CoolDown,
    Extrude,
    Home,
    Jog,
    LoadQueue,
    Pause,
    Preheat,
    PrintQueued,
    RestartDevice,
    Resume,
    SetupMode,
    ShutDown,
    Unregister,
)
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.menu import Menu, press, settle, show, tell
from appliance.panel.page import Page
from appliance.panel.screen import Picture
from appliance.panel.state import QUEUE_LENGTH, Cloud, PanelState, QueueEntry, QueuePage
from appliance.polar.codes import StatusCode
from appliance.printer.api import Heater, JobState, PauseKind, Problem, Snapshot
from appliance.settings_panel import MoveSettings
from appliance.sim.panel_examples import EXAMPLES, GEARS, HOT, IDLE
from appliance.sim.panel_menus import MENUS, at, choose, keys, main_menu, select

OK: Final = KeyStroke(Key.OK)
UP: Final = KeyStroke(Key.UP)
DOWN: Final = KeyStroke(Key.DOWN)
SMALLEST: Final = 16  # columns
PRINTING: Final = EXAMPLES["printing"]
PAUSED: Final = EXAMPLES["paused"]
FILAMENT: Final = EXAMPLES["filament"]
BUSY: Final = [
    name
    for name, state in EXAMPLES.items()
    if state.printed is not None or state.status is StatusCode.PREPARING
]


def deed(menu: Menu, state: PanelState, *entries: str) -> Action | None:
    """What OK on the last of these entries asks for."""
    menu = choose(menu, state, *entries[:-1])
    return press(select(menu, state, entries[-1]), OK, state)[1]


def entries(menu: Menu, state: PanelState) -> list[str]:
    return [line.text for line in show(menu, state).lines]


def heated(state: PanelState, heaters: Mapping[str, Heater]) -> PanelState:
    assert state.snapshot is not None
    return replace(state, snapshot=replace(state.snapshot, heaters=dict(heaters)))


@pytest.mark.parametrize("name", MENUS)
def test_titles_and_short_lines_fit_the_smallest_display(name: str) -> None:
    menu, state = MENUS[name]
    screen = show(menu, state)
    assert len(screen.title) + bool(screen.value) + len(screen.value) <= SMALLEST
    if screen.selected is None:
        assert all(len(line.text) <= SMALLEST for line in screen.lines)


@pytest.mark.parametrize("name", MENUS)
def test_every_list_ends_with_a_way_back_for_an_encoder(name: str) -> None:
    menu, state = MENUS[name]
    screen = show(menu, state)
    if screen.selected is None:
        return
    back = screen.lines[0] if screen.lines[0].text == "No" else screen.lines[-1]
    assert back.text in ("Back", "No")
    before = keys(select(replace(menu, told=None), state, back.text), state, Key.OK)
    assert before.places == settle(before, state, 0.0, 1.0).places
    assert len(before.places) == len(menu.places) - 1


def test_the_examples_show_every_page() -> None:
    assert {menu.places[-1].page for menu, _ in MENUS.values()} == set(Page)


# Queue.


def test_a_job_of_the_queue_is_printed() -> None:
    menu = at(IDLE, "Queue", "Castle")
    assert entries(menu, IDLE) == ["Print Castle with a bridge", "by Ada", "Back"]
    asked, action = press(menu, OK, IDLE)
    assert action == PrintQueued("665d2f1d")
    assert show(asked, IDLE).lines[0].text == "Asking the cloud"
    assert press(asked, OK, IDLE) == (asked, None)


def test_an_answer_ends_the_waiting_for_the_job() -> None:
    asked = at(IDLE, "Queue", "Castle", "Print")
    told = tell(asked, Problem("No jobs", "There are no jobs in the queue."))
    assert show(keys(told, IDLE, Key.OK), IDLE).title == "Queue"


def test_a_queued_job_without_a_name_has_its_number() -> None:
    entry = QueueEntry("S-17", " \n\u202e")
    state = replace(IDLE, queue=QueuePage(entries=(entry,), total=1))
    assert entries(at(state, "Queue"), state) == ["Job S-17", "Back"]


def test_the_queue_goes_on_where_the_last_page_ended() -> None:
    state = replace(IDLE, queue=replace(IDLE.queue, skip=20, total=40))
    menu = at(state, "Queue")
    assert deed(menu, state, "Next jobs") == LoadQueue(23)
    assert deed(menu, state, "Earlier jobs") == LoadQueue(20 - QUEUE_LENGTH)
    assert show(keys(menu, state, Key.DOWN), state).value == "21/40"
    last = replace(IDLE, queue=replace(IDLE.queue, skip=37, total=40))
    assert "Next jobs" not in entries(at(last, "Queue"), last)


def test_a_new_page_of_the_queue_begins_at_its_top() -> None:
    state = replace(IDLE, queue=replace(IDLE.queue, total=40))
    menu = choose(at(state, "Queue"), state, "Next jobs")
    new = replace(IDLE, queue=QueuePage(entries=(QueueEntry("n", "New"),), skip=3, total=40))
    assert show(menu, new).selected == 0


def test_the_step_back_leads_to_the_end_of_the_page_before() -> None:
    second = replace(IDLE, queue=replace(IDLE.queue, skip=QUEUE_LENGTH, total=40))
    menu, action = press(select(at(second, "Queue"), second, "Earlier"), OK, second)
    assert action == LoadQueue(0)
    loading = replace(IDLE, queue=QueuePage(loading=True, total=40))
    menu = settle(menu, loading, 0.0, 30.0)
    jobs = tuple(QueueEntry(str(number), f"Job {number}") for number in range(QUEUE_LENGTH))
    first = replace(IDLE, queue=QueuePage(entries=jobs, total=40))
    menu = settle(menu, first, 0.0, 30.0)
    screen = show(menu, first)
    assert screen.selected == QUEUE_LENGTH
    assert screen.lines[QUEUE_LENGTH].text == "Next jobs"
    assert press(menu, OK, first)[1] == LoadQueue(QUEUE_LENGTH), "and OK is taken at once"


def test_a_queue_that_did_not_load_is_asked_for_again() -> None:
    state = replace(IDLE, queue=QueuePage(problem="The cloud is away.", skip=3))
    menu = at(state, "Queue")
    assert show(menu, state).text == "The cloud is away."
    assert press(menu, OK, state)[1] == LoadQueue(3)


@pytest.mark.parametrize(
    "name", [*BUSY, "clear_plate", "complete", "finishing", "canceling", "updating", "disconnected"]
)
def test_nothing_is_printed_beside_a_print_or_on_a_full_plate(name: str) -> None:
    state = EXAMPLES[name]
    menu = at(IDLE, "Queue", "Castle")
    # By whatever stands in front, to the page and then through all that it offers.
    for _ in range(3):
        menu = keys(menu, state, Key.RIGHT)
    assert show(menu, state).selected is None
    assert press(menu, OK, state)[1] is None


def test_an_open_door_lets_the_print_wait_for_it() -> None:
    door = EXAMPLES["door_open"]
    menu = keys(Menu(), door, Key.OK)
    assert deed(menu, door, "Queue", "Castle", "Print") == PrintQueued("665d2f1d")


# Print.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("printing", ["Pause", "Cold pause", "New filament", "Cancel print"]),
        ("resuming", ["Pause", "Cold pause", "New filament", "Cancel print"]),
        ("pausing", ["Resume", "Cancel print"]),
        ("paused", ["Resume", "Cold pause", "New filament", "Cancel print"]),
        ("cold_paused", ["Resume", "New filament", "Cancel print"]),
        ("filament", ["New filament", "Resume", "Cold pause", "Cancel print"]),
        ("preparing", ["Cancel print"]),
    ],
)
def test_the_print_page_offers_what_fits(name: str, expected: list[str]) -> None:
    state = EXAMPLES[name]
    assert entries(at(state, "Print"), state) == [*expected, "Back"]


def test_without_a_print_the_page_says_so() -> None:
    assert entries(at(IDLE, "Print"), IDLE) == ["Nothing printing"]
    canceling = EXAMPLES["canceling"]
    assert entries(at(canceling, "Print"), canceling) == ["Canceling"]


def test_pause_and_resume_leave_the_rest_to_the_home_screen() -> None:
    pause = select(at(PRINTING, "Print"), PRINTING, "Pause")
    assert press(pause, OK, PRINTING) == (Menu(), Pause())
    cold = select(at(PRINTING, "Print"), PRINTING, "Cold")
    assert press(cold, OK, PRINTING) == (Menu(), Pause(PauseKind.COLD))
    assert press(at(PAUSED, "Print"), OK, PAUSED) == (Menu(), Resume())


def test_cancel_is_asked_for_and_stands_on_no() -> None:
    menu = at(PRINTING, "Print", "Cancel")
    screen = show(menu, PRINTING)
    assert (screen.title, screen.text, screen.selected) == ("Cancel print?", GEARS, 0)
    assert press(menu, OK, PRINTING)[1] is None
    assert press(keys(menu, PRINTING, Key.DOWN), OK, PRINTING) == (Menu(), Cancel())


def test_a_job_that_is_being_canceled_is_not_canceled_again() -> None:
    preparing = EXAMPLES["preparing"]
    assert preparing.job is not None
    state = replace(preparing, job=replace(preparing.job, cancel_requested=True))
    assert entries(at(state, "Print"), state) == ["Nothing printing"]


# Change of filament.


def test_filament_is_changed_step_by_step() -> None:
    menu = select(at(PRINTING, "Print"), PRINTING, "New filament")
    menu, action = press(menu, OK, PRINTING)
    assert action == Pause(PauseKind.FILAMENT)
    parking = MENUS["filament_wait"][1]
    for state in (PRINTING, parking):
        menu = settle(menu, state, 1.0, 30.0)
        assert entries(menu, state) == ["Please wait"]
        assert press(menu, OK, state) == (menu, None)
    menu = settle(menu, FILAMENT, 1.0, 30.0)
    for line in ("Pull the old out", "Push the new in"):
        assert entries(menu, FILAMENT)[0] == line
        menu, action = press(menu, OK, FILAMENT)
        assert action is None
    assert entries(menu, FILAMENT) == ["OK loads it", "and goes on"]
    assert press(menu, OK, FILAMENT) == (Menu(), Resume())


def test_a_step_back_is_possible() -> None:
    menu = keys(at(FILAMENT, "Print", "New filament"), FILAMENT, Key.OK, Key.OK)
    menu = keys(menu, FILAMENT, Key.LEFT)
    assert entries(menu, FILAMENT)[0] == "Push the new in"
    assert show(keys(menu, FILAMENT, Key.LEFT, Key.LEFT), FILAMENT).title == "Print"


def test_the_steps_are_found_again_in_a_print_that_waits_for_filament() -> None:
    menu = select(at(FILAMENT, "Print"), FILAMENT, "New filament")
    menu, action = press(menu, OK, FILAMENT)
    assert (entries(menu, FILAMENT)[0], action) == ("Pull the old out", None)


def test_a_refused_change_of_filament_ends_the_waiting() -> None:
    menu = choose(at(PRINTING, "Print"), PRINTING, "New filament")
    told = tell(menu, Problem("Not now", "The printer itself has paused this print already."))
    assert show(keys(told, PRINTING, Key.OK), PRINTING).title == "Print"


def test_the_steps_outlive_a_printer_daemon_that_starts_anew() -> None:
    menu = keys(at(FILAMENT, "Print", "New filament"), FILAMENT, Key.OK)
    away = replace(FILAMENT, snapshot=None)
    menu = settle(menu, away, 1.0, 30.0)
    assert entries(menu, away) == ["Please wait"]
    assert entries(settle(menu, FILAMENT, 1.0, 30.0), FILAMENT)[0] == "Push the new in"


@pytest.mark.parametrize("name", ["resuming", "canceling", "idle"])
def test_the_steps_end_when_somebody_else_goes_on(name: str) -> None:
    menu = at(FILAMENT, "Print", "New filament")
    for place in (menu, keys(menu, FILAMENT, Key.OK)):
        state = EXAMPLES[name]
        assert show(settle(place, state, 1.0, 30.0), state).title == "Print"


# Prepare.


@pytest.mark.parametrize("name", BUSY)
def test_nothing_is_prepared_beside_a_print(name: str) -> None:
    state = EXAMPLES[name]
    menu = keys(Menu(), state, Key.RIGHT)
    menu = choose(menu if menu.places else main_menu(state), state, "Prepare")
    held = state.printed is not None and state.printed.state is JobState.PAUSED
    shown = entries(menu, state)
    assert shown == (["Extrude", "Back"] if held else ["Print is active"])


def test_preheat_offers_the_materials_of_the_settings() -> None:
    menu = at(IDLE, "Prepare", "Preheat")
    petg = select(menu, IDLE, "PETG")
    assert show(petg, IDLE).lines[1].value == "235/80°"
    after, action = press(petg, OK, IDLE)
    assert action == Preheat("PETG")
    assert show(after, IDLE).title == "Prepare"
    none = replace(IDLE, materials=())
    assert entries(at(none, "Prepare", "Preheat"), none) == ["No materials"]


def test_cool_down_and_homing() -> None:
    prepare = at(IDLE, "Prepare")
    assert deed(prepare, IDLE, "Cool down") == CoolDown()
    assert deed(prepare, IDLE, "Home", "All axes") == Home(("x", "y", "z"))
    assert deed(prepare, IDLE, "Home", "Y axis") == Home(("y",))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_each_press_and_repeat_jogs_by_the_step(axis: str) -> None:
    menu = at(IDLE, "Prepare", "Move", f"Move {axis.upper()}")
    for expected in (1.0, 10.0, 0.1):
        assert show(menu, IDLE).value == f"{expected:g} mm"
        for stroke in (Stroke.PRESS, Stroke.REPEAT):
            up, moved_up = press(menu, KeyStroke(Key.UP, stroke), IDLE)
            down, moved_down = press(menu, KeyStroke(Key.DOWN, stroke), IDLE)
            assert (up, down) == (menu, menu)
            assert isinstance(moved_up, Jog) and isinstance(moved_down, Jog)
            assert (moved_up.axis, moved_up.distance) == (axis, expected)
            assert (moved_down.axis, moved_down.distance) == (axis, -expected)
        assert press(menu, KeyStroke(Key.UP, Stroke.HOLD), IDLE)[1] is None
        menu = keys(menu, IDLE, Key.OK)


def test_no_step_is_longer_than_a_move_may_be() -> None:
    short = replace(IDLE, moves=MoveSettings(longest=5.0, longest_extrusion=0.5))
    menu, steps = at(short, "Prepare", "Move", "Move X"), set()
    for _ in range(4):
        steps.add(show(menu, short).value)
        menu = keys(menu, short, Key.OK)
    assert steps == {"0.1 mm", "1 mm"}
    hot = heated(short, HOT)
    assert press(at(hot, "Prepare", "Extrude"), UP, hot)[1] == Extrude(0.5)


def test_filament_moves_through_a_hot_nozzle_only() -> None:
    menu = at(IDLE, "Prepare", "Extrude")
    screen = show(menu, IDLE)
    assert (screen.lines[0].text, screen.value) == ("Heat the nozzle", "24°")
    assert press(menu, UP, IDLE)[1] is None
    barely = heated(IDLE, {"tool0": Heater(170.0, 205.0)})
    assert press(menu, UP, barely)[1] == Extrude(1.0)
    longer = keys(menu, barely, Key.OK)
    assert press(longer, DOWN, barely)[1] == Extrude(-10.0)
    for heaters in ({"tool0": Heater(169.9)}, {"tool0": Heater(float("nan"))}, {}):
        assert press(menu, UP, heated(IDLE, heaters))[1] is None


def test_filament_moves_while_the_print_is_paused() -> None:
    assert deed(main_menu(PAUSED), PAUSED, "Prepare", "Extrude") is None
    menu = at(PAUSED, "Prepare", "Extrude")
    assert press(menu, UP, PAUSED)[1] == Extrude(1.0)
    assert press(menu, UP, PRINTING)[1] is None
    cold = heated(PAUSED, {"tool0": Heater(87.4)})
    assert press(menu, UP, cold)[1] is None


def test_without_a_printer_prepare_says_so() -> None:
    state = EXAMPLES["disconnected"]
    assert entries(at(state, "Prepare"), state) == ["No printer"]


# Network, camera, cloud, system.


def test_network_shows_address_name_and_network() -> None:
    assert entries(at(IDLE, "Network"), IDLE) == ["192.168.1.23", "School", "Makerspace 2", "Back"]
    away = EXAMPLES["no_network"]
    assert entries(at(away, "Network"), away)[0] == "No network"


def test_the_camera_is_there_where_it_can_be_seen() -> None:
    for state in (IDLE, replace(IDLE, graphic=True, camera=False)):
        assert "Camera" not in entries(main_menu(state), state)
    seen = replace(IDLE, graphic=True)
    menu = at(seen, "Camera")
    assert show(menu, seen).lines[0].text == "Taking a picture"
    taken = replace(seen, picture=b"\xff\xd8\xff\xd9")
    assert show(menu, taken).picture == Picture(jpeg=b"\xff\xd8\xff\xd9")
    assert show(settle(menu, IDLE, 0.0, 30.0), IDLE).title == "Menu"


def test_the_cloud_page_tells_how_the_connection_is() -> None:
    assert entries(at(IDLE, "Cloud"), IDLE)[:2] == ["P3D12345", "ada@example.com"]
    away = EXAMPLES["offline"]
    lines = {line.text: line.value for line in show(at(away, "Cloud"), away).lines}
    assert lines["Next try"] == "1 min"
    assert "Offline since" in lines
    for wait, expected in ((12.0, "12 s"), (0.2, "now"), (-5.0, "now"), (float("nan"), "?")):
        soon = replace(away, cloud=replace(away.cloud, next_try=away.now + wait))
        values = {line.text: line.value for line in show(at(soon, "Cloud"), soon).lines}
        assert values["Next try"] == expected


def test_unregistering_needs_a_registration() -> None:
    setup = replace(IDLE, cloud=Cloud(text="Not registered with the Polar Cloud."))
    menu = at(setup, "Cloud")
    assert show(menu, setup).text == "Not registered with the Polar Cloud."
    assert press(menu, OK, setup)[1] is None
    sure = select(at(IDLE, "Cloud", "Unregister"), IDLE, "Yes")
    assert press(sure, OK, IDLE) == (Menu(), Unregister())
    assert press(sure, OK, setup)[1] is None


@pytest.mark.parametrize(
    ("entry", "action"),
    [("Restart", RestartDevice()), ("Shut down", ShutDown()), ("Setup mode", SetupMode())],
)
def test_what_ends_everything_is_asked_for_twice(entry: str, action: Action) -> None:
    menu = select(at(IDLE, "System"), IDLE, entry)
    menu, nothing = press(menu, OK, IDLE)
    assert nothing is None
    assert show(menu, IDLE).selected == 0
    assert entries(menu, IDLE)[0] == "No"
    assert press(select(menu, IDLE, "Yes"), OK, IDLE) == (Menu(), action)


@pytest.mark.parametrize("entry", ["Restart", "Shut down"])
def test_the_device_is_not_switched_off_under_a_print(entry: str) -> None:
    menu = at(PRINTING, "System", entry)
    assert entries(menu, PRINTING) == ["Print is active"]
    assert press(menu, OK, PRINTING)[1] is None
    sure = select(at(IDLE, "System", entry), IDLE, "Yes")
    assert press(sure, OK, PRINTING)[1] is None


def test_system_knows_its_version_and_finds_the_printer() -> None:
    menu = at(IDLE, "System")
    assert show(menu, IDLE).lines[0].value == "1.0.0"
    lost = replace(IDLE, snapshot=Snapshot(), status=StatusCode.DISCONNECTED)
    assert deed(at(lost, "System"), lost, "Find printer") == ConnectPrinter()


def test_the_camera_page_says_why_there_is_no_picture_and_stays_open() -> None:
    watched = replace(IDLE, graphic=True)
    menu = at(watched, "Camera")
    broken = replace(watched, picture=b"old", picture_problem="Camera hangs")
    screen = show(menu, broken)
    assert screen.picture is None
    assert screen.lines[0].text == "Camera hangs"
    assert settle(menu, broken, 31.0, 30.0) == menu, "the picture may come again"
    assert show(menu, replace(watched, picture=b"new")).picture == Picture(jpeg=b"new")
