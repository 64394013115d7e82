"""How keys walk the menu, what stands in front of it, and when it closes by itself."""

from typing import Final

import pytest
from msgspec.structs import replace

from appliance.panel.actions import (
    Cancel,
    DismissProblem,
    LoadQueue,
    PlateCleared,
    Resume,
    Watch,
)
from appliance.panel.charset import charset
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.menu import Menu, press, settle, show, tell, watching
from appliance.panel.page import Page
from appliance.panel.screens import home_screen
from appliance.panel.state import PanelState, QueueEntry, QueuePage
from appliance.panel.strips import TURN, wrapped
from appliance.printer.api import Problem
from appliance.sim.panel_examples import EXAMPLES, IDLE, LOST
from appliance.sim.panel_menus import at, keys, main_menu, select

OK: Final = KeyStroke(Key.OK)
UP: Final = KeyStroke(Key.UP)
DOWN: Final = KeyStroke(Key.DOWN)
LEFT: Final = KeyStroke(Key.LEFT)
RIGHT: Final = KeyStroke(Key.RIGHT)
HOME_KEY: Final = KeyStroke(Key.LEFT, Stroke.HOLD)
TIMEOUT: Final = 30.0
PRINTING: Final = EXAMPLES["printing"]
PLATE: Final = EXAMPLES["clear_plate"]
BROKEN: Final = replace(IDLE, problem=LOST)
REFUSED: Final = Problem("Not now", "The print cannot be paused: it is being canceled.")


def page(menu: Menu) -> Page | None:
    return menu.places[-1].page if menu.places else None


def chosen(menu: Menu, state: PanelState) -> str:
    screen = show(menu, state)
    assert screen.selected is not None, screen
    return screen.lines[screen.selected].text


# Walking.


def test_closed_it_is_the_home_screen() -> None:
    assert show(Menu(), PRINTING) == home_screen(PRINTING)


def test_ok_opens_it_and_left_closes_it() -> None:
    menu, action = press(Menu(), OK, IDLE)
    assert (page(menu), action) == (Page.MAIN, None)
    assert show(menu, IDLE).title == "Menu"
    assert press(menu, LEFT, IDLE) == (Menu(), None)


def test_the_last_entry_goes_back_too() -> None:
    assert keys(select(main_menu(IDLE), IDLE, "Back"), IDLE, Key.OK) == Menu()
    move = at(IDLE, "Prepare", "Move")
    assert page(keys(select(move, IDLE, "Back"), IDLE, Key.OK)) is Page.PREPARE


def test_right_opens_pages_and_does_no_deeds() -> None:
    menu = select(main_menu(IDLE), IDLE, "Prepare")
    prepare, _ = press(menu, RIGHT, IDLE)
    assert page(prepare) is Page.PREPARE
    cool = select(prepare, IDLE, "Cool down")
    assert press(cool, RIGHT, IDLE) == (cool, None)
    sure = select(at(IDLE, "System", "Shut down"), IDLE, "Yes")
    assert press(sure, RIGHT, IDLE) == (sure, None)


def test_the_selection_ends_at_the_ends_of_the_list() -> None:
    menu = main_menu(IDLE)
    assert chosen(keys(menu, IDLE, Key.UP), IDLE) == "Queue"
    assert chosen(keys(menu, IDLE, *[Key.DOWN] * 30), IDLE) == "Back"


def test_going_back_finds_the_entry_one_came_from() -> None:
    menu = at(IDLE, "System")
    assert chosen(keys(menu, IDLE, Key.LEFT), IDLE) == "System"


def test_a_held_left_key_leads_home_from_everywhere() -> None:
    deep = at(IDLE, "Prepare", "Move", "Move X")
    for menu in (deep, tell(deep, REFUSED), Menu(), tell(Menu(), REFUSED)):
        assert press(menu, HOME_KEY, IDLE) == (Menu(), None)


@pytest.mark.parametrize("key", [Key.UP, Key.DOWN])
def test_a_repeat_moves_in_lists(key: Key) -> None:
    menu = select(main_menu(IDLE), IDLE, "Network")
    moved, _ = press(menu, KeyStroke(key, Stroke.REPEAT), IDLE)
    assert moved == keys(menu, IDLE, key) != menu


@pytest.mark.parametrize("stroke", [Stroke.REPEAT, Stroke.HOLD])
@pytest.mark.parametrize("key", [Key.OK, Key.RIGHT])
def test_nothing_else_is_done_twice(key: Key, stroke: Stroke) -> None:
    menu = select(at(IDLE, "Prepare", "Home"), IDLE, "All")
    assert press(menu, KeyStroke(key, stroke), IDLE) == (menu, None)
    assert press(Menu(), KeyStroke(key, stroke), IDLE) == (Menu(), None)


def test_opening_a_page_asks_for_what_it_shows() -> None:
    queue = select(main_menu(IDLE), IDLE, "Queue")
    assert press(queue, OK, IDLE)[1] == LoadQueue(0)
    seen = replace(IDLE, graphic=True)
    camera, action = press(select(main_menu(seen), seen, "Camera"), OK, seen)
    assert action == Watch()
    assert watching(camera)
    assert not watching(keys(camera, seen, Key.LEFT))
    assert not watching(Menu())


# A state that changes.


def test_the_selected_entry_stays_selected_when_others_come_before_it() -> None:
    menu = select(at(IDLE, "Queue"), IDLE, "Bike")
    more = (QueueEntry("new", "Urgent", "Ada"), *IDLE.queue.entries)
    later = replace(IDLE, queue=QueuePage(entries=more, total=4))
    assert chosen(settle(menu, later, 0.0, TIMEOUT), later) == "Bike lamp holder"


def test_the_selection_stays_within_a_list_that_got_shorter() -> None:
    menu = select(at(IDLE, "Queue"), IDLE, "Bike")
    shorter = replace(IDLE, queue=QueuePage(entries=IDLE.queue.entries[:1], total=1))
    assert chosen(menu, shorter) == "Back"
    assert chosen(settle(menu, shorter, 0.0, TIMEOUT), shorter) == "Back"


def test_ok_is_not_meant_for_an_entry_that_came_under_the_finger() -> None:
    pause = at(PRINTING, "Print")
    assert chosen(pause, PRINTING) == "Pause"
    paused = EXAMPLES["paused"]
    menu, action = press(pause, OK, paused)
    assert action is None
    assert press(menu, OK, paused)[1] == Resume()


def test_a_page_that_makes_no_sense_any_more_is_left() -> None:
    sure = select(at(PRINTING, "Print", "Cancel"), PRINTING, "Yes")
    menu = settle(sure, IDLE, 0.0, TIMEOUT)
    assert page(menu) is Page.PRINT
    jog = at(IDLE, "Prepare", "Move", "Move X")
    assert page(settle(jog, PRINTING, 0.0, TIMEOUT)) is Page.PREPARE


# Closing by itself.


def test_it_closes_after_a_while_without_a_key() -> None:
    menu = at(IDLE, "System")
    assert settle(menu, IDLE, TIMEOUT - 0.1, TIMEOUT) == menu
    assert settle(menu, IDLE, TIMEOUT, TIMEOUT) == Menu()
    assert settle(tell(Menu(), REFUSED, trouble=False), IDLE, TIMEOUT, TIMEOUT) == Menu()


def test_a_sentence_stays_until_two_rows_have_shown_it_to_its_end() -> None:
    reading, _ = press(Menu(), OK, BROKEN)
    for menu, state in ((tell(Menu(), REFUSED), IDLE), (reading, BROKEN)):
        screen = show(menu, state)
        rows = len(wrapped(charset("A00").cells(screen.text), 16))
        assert rows * TURN < 10 * TIMEOUT
        assert settle(menu, state, 10 * TIMEOUT - 0.1, TIMEOUT) == menu
        assert settle(menu, state, 10 * TIMEOUT, TIMEOUT) == Menu()


def test_hands_at_the_machine_have_longer() -> None:
    menu = at(IDLE, "Prepare", "Move", "Move X")
    assert settle(menu, IDLE, 9 * TIMEOUT, TIMEOUT) == menu
    assert settle(menu, IDLE, 10 * TIMEOUT, TIMEOUT) == Menu()


def test_a_change_of_filament_waits_as_long_as_it_takes() -> None:
    state = EXAMPLES["filament"]
    menu = keys(at(state, "Print", "New filament"), state, Key.OK)
    assert settle(menu, state, 86_400.0, TIMEOUT) == menu
    assert settle(tell(menu, REFUSED), state, 86_400.0, TIMEOUT) == menu
    assert page(settle(menu, PRINTING, 0.0, TIMEOUT)) is Page.PRINT


# Answers.


def test_an_answer_stands_in_front_until_a_key() -> None:
    menu = tell(at(IDLE, "Prepare"), REFUSED)
    screen = show(menu, IDLE)
    assert (screen.title, screen.text) == (REFUSED.short, REFUSED.long)
    for stroke in (KeyStroke(Key.UP, Stroke.REPEAT), KeyStroke(Key.OK, Stroke.HOLD)):
        assert press(menu, stroke, IDLE)[0].told is not None
    for stroke in (OK, UP, DOWN, LEFT, RIGHT):
        after, action = press(menu, stroke, IDLE)
        assert (after, action) == (at(IDLE, "Prepare"), None)


def test_an_answer_stands_in_front_of_a_problem() -> None:
    menu = tell(Menu(), REFUSED)
    assert show(menu, BROKEN).title == REFUSED.short
    assert show(keys(menu, BROKEN, Key.OK), BROKEN) == home_screen(BROKEN)


def test_good_news_look_like_good_news() -> None:
    heating = Problem("Heating", "The printer is heating.")
    good = show(tell(Menu(), heating, trouble=False), IDLE)
    assert (good.title, good.tone) != ("Heating", show(tell(Menu(), heating), IDLE).tone)


# In front.


@pytest.mark.parametrize("name", ["clear_plate", "door_paused", "door_closed_again", "error"])
def test_what_needs_a_person_stands_in_front_of_an_open_menu(name: str) -> None:
    menu, state = at(IDLE, "System"), EXAMPLES[name]
    assert show(menu, state) == home_screen(state)


def test_ok_clears_the_plate_and_the_menu_is_there_again() -> None:
    menu = at(IDLE, "System")
    after, action = press(menu, OK, PLATE)
    assert action == PlateCleared()
    assert show(after, IDLE).title == "System"


def test_a_problem_is_read_and_then_dismissed() -> None:
    menu, action = press(Menu(), OK, BROKEN)
    assert (show(menu, BROKEN).text, action) == (LOST.long, None)
    short, action = press(menu, LEFT, BROKEN)
    assert (short, action) == (Menu(), None)
    assert press(menu, OK, BROKEN) == (Menu(), DismissProblem())
    assert press(short, LEFT, BROKEN) == (Menu(), DismissProblem())


def test_an_error_that_is_no_problem_to_dismiss_is_only_read() -> None:
    halted = EXAMPLES["halted"]
    menu = keys(Menu(), halted, Key.OK)
    assert show(menu, halted).text.startswith("The printer stopped itself")
    assert press(menu, OK, halted) == (Menu(), None)


@pytest.mark.parametrize("name", ["clear_plate", "door_paused", "door_closed_again", "error"])
@pytest.mark.parametrize("way", [Key.RIGHT, Key.DOWN, Key.UP])
def test_one_can_go_by_and_it_comes_back_when_the_menu_closes(name: str, way: Key) -> None:
    state = EXAMPLES[name]
    menu = keys(Menu(), state, way)
    assert show(menu, state).title == "Menu"
    system = keys(select(menu, state, "System"), state, Key.OK)
    assert show(settle(system, state, 1.0, TIMEOUT), state).title == "System"
    closed = keys(system, state, Key.LEFT, Key.LEFT)
    assert show(closed, state) == home_screen(state)


def test_one_goes_by_to_the_page_that_was_open() -> None:
    menu = at(IDLE, "System")
    assert show(keys(menu, PLATE, Key.RIGHT), PLATE).title == "System"


def test_left_in_front_of_an_open_menu_leads_home() -> None:
    assert keys(at(IDLE, "System"), PLATE, Key.LEFT) == Menu()


def test_who_went_by_one_thing_did_not_go_by_the_next() -> None:
    menu = keys(Menu(), PLATE, Key.RIGHT)
    both = replace(PLATE, problem=LOST)
    assert show(menu, both) == home_screen(both)
    by = keys(menu, both, Key.RIGHT)
    assert show(by, both).title == "Menu"
    other = replace(PLATE, problem=Problem("Another", "Something else went wrong."))
    assert show(by, other) == home_screen(other)


def test_it_stands_in_front_anew_when_it_came_anew() -> None:
    menu = keys(Menu(), PLATE, Key.RIGHT)
    menu = settle(menu, IDLE, 0.0, TIMEOUT)
    assert show(menu, PLATE) == home_screen(PLATE)


def test_an_open_door_does_not_stop_hands_at_the_machine() -> None:
    door = EXAMPLES["door_open"]
    assert show(at(IDLE, "Prepare", "Move", "Move X"), door).title == "Move X"
    assert show(at(IDLE, "System"), door) == home_screen(door)
    waiting = EXAMPLES["door_waiting"]
    assert show(at(IDLE, "Prepare"), waiting) == home_screen(waiting)


def test_on_a_paused_print_a_turn_opens_the_menu_since_ok_resumes() -> None:
    paused = EXAMPLES["paused"]
    assert press(Menu(), OK, paused) == (Menu(), Resume())
    menu = keys(Menu(), paused, Key.DOWN)
    sure = keys(select(menu, paused, "Print"), paused, Key.OK)
    sure = keys(select(sure, paused, "Cancel"), paused, Key.OK)
    assert press(select(sure, paused, "Yes"), OK, paused) == (Menu(), Cancel())


def test_hammering_ok_through_a_problem_does_not_say_yes() -> None:
    sure = select(at(IDLE, "System", "Shut down"), IDLE, "Yes")
    menu = keys(sure, BROKEN, Key.OK)
    menu, action = press(menu, OK, BROKEN)
    assert action == DismissProblem()
    assert chosen(menu, IDLE) == "No"
    told = keys(tell(sure, REFUSED), IDLE, Key.OK)
    assert chosen(told, IDLE) == "No"
