"""The menu: a key and the panel's state in, another menu and perhaps an action out. Pure.

Three things can be shown, in this order: the answer to an action, what stands in front
(``screens.front``: a problem, a code, the door, the plate), and the page that is open. Keys go to
what is shown. While no page is open, the home screen is. Left always leads towards home.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from appliance.panel import walk
from appliance.panel.actions import Action, DismissProblem
from appliance.panel.face import Front, OpenMenu, ReadProblem
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.page import Page, Patience, Place
from appliance.panel.parts import door_asks, waits_for_door
from appliance.panel.screen import Keys, Screen
from appliance.panel.screens import home_action, home_screen, problem_screen
from appliance.panel.state import PanelState
from appliance.panel.walk import HOME, MOVES, Menu, Passed, Told
from appliance.printer.api import Problem

__all__ = ["Menu", "Passed", "Told", "press", "settle", "show", "tell", "watching"]

_MAIN: Final = Place(page=Page.MAIN)

# Pages of hands at the machine, which open the door: it interrupts them only when it matters.
_HANDS: Final = frozenset(
    {Page.FILAMENT, Page.PREPARE, Page.HOMING, Page.MOVE, Page.JOG, Page.EXTRUDE}
)


def press(menu: Menu, stroke: KeyStroke, state: PanelState) -> tuple[Menu, Action | None]:
    """What a key does to the menu, and what it asks for."""
    if stroke == KeyStroke(Key.LEFT, Stroke.HOLD):
        return HOME, None
    fitted = walk.fitted(menu, state)
    outside = not fitted.places or _in_front(fitted, state)
    if outside or fitted.told is not None or fitted.reading is not None:
        return _in_front_of_page(walk.interrupted(fitted, state), stroke, state)
    if stroke.key in (Key.OK, Key.RIGHT) and walk.moved_away(menu, fitted):
        return fitted, None  # the page changed under the finger: that was not meant
    return walk.on_page(fitted, stroke, state)


def tell(menu: Menu, problem: Problem, *, trouble: bool = True) -> Menu:
    """The answer to an action: in front of everything until a key is pressed."""
    return replace(menu, told=Told(problem, trouble))


def settle(menu: Menu, state: PanelState, idle: float, timeout: float) -> Menu:
    """The menu after ``idle`` seconds without a key, in a state that may be a new one.

    It closes after ``timeout`` seconds, pages of long patience later, and leaves pages that
    make no sense any more. A sentence stays longer: two rows show it a few words at a time.
    """
    menu = walk.fitted(menu, state)
    patience = walk.patience(menu, state)
    bad_news = menu.told is not None and menu.told.trouble
    reading = Patience.LONG if bad_news or menu.reading is not None else Patience.USUAL
    if patience is Patience.ENDLESS:
        read = idle >= timeout * reading.value
        return replace(menu, told=None, reading=None) if read else menu
    return HOME if idle >= timeout * max(patience.value, reading.value) else menu


def show(menu: Menu, state: PanelState) -> Screen:
    """What the display shows."""
    menu = walk.fitted(menu, state)
    if menu.told is not None:
        answer = problem_screen(menu.told.problem, whole=True, trouble=menu.told.trouble)
        return replace(answer, keys=Keys())  # any key does
    if menu.reading is not None:
        return problem_screen(menu.reading, whole=True)
    if not menu.places or _in_front(menu, state):
        return home_screen(state)
    return walk.page_screen(menu, state)


def watching(menu: Menu) -> bool:
    """The camera page is open and wants pictures."""
    return bool(menu.places) and menu.places[-1].page is Page.CAMERA


def _in_front_of_page(
    menu: Menu, stroke: KeyStroke, state: PanelState
) -> tuple[Menu, Action | None]:
    if menu.told is not None:
        heard = stroke.stroke is Stroke.PRESS
        return replace(menu, told=None) if heard else menu, None
    if menu.reading is not None:
        return _read(menu, menu.reading, stroke, state)
    return _outside(menu, stroke, state)


def _read(
    menu: Menu, problem: Problem, stroke: KeyStroke, state: PanelState
) -> tuple[Menu, Action | None]:
    """OK: got it; left: back to the short text, with nothing dismissed yet."""
    if stroke.stroke is not Stroke.PRESS or stroke.key not in (Key.OK, Key.LEFT):
        return menu, None
    got_it = stroke.key is Key.OK and problem == state.problem
    return replace(menu, reading=None), DismissProblem() if got_it else None


def _outside(menu: Menu, stroke: KeyStroke, state: PanelState) -> tuple[Menu, Action | None]:
    """The keys of the home screen, or of what stands in front of an open page."""
    deed = home_action(state, stroke) or _by_turning(stroke, state)
    match deed:
        case None:
            return (HOME if stroke == KeyStroke(Key.LEFT) else menu), None
        case OpenMenu():
            opened = replace(menu, places=menu.places or (_MAIN,), past=walk.standing(state))
            if deed.page is not None:
                opened = replace(opened, places=(*opened.places, Place(page=deed.page)))
            return walk.fitted(opened, state), None
        case ReadProblem(problem):
            return replace(menu, reading=problem), None
        case _:
            return menu, deed


def _by_turning(stroke: KeyStroke, state: PanelState) -> OpenMenu | None:
    """An encoder has no right key: where that one opens the menu, a turn does."""
    if stroke.key not in MOVES or stroke.stroke is not Stroke.PRESS:
        return None
    deed = home_action(state, KeyStroke(Key.RIGHT))
    return deed if isinstance(deed, OpenMenu) else None


def _in_front(menu: Menu, state: PanelState) -> bool:
    """Something stands in front of the open page, and the person did not go by it."""
    standing = walk.standing(state)
    if standing is None or standing == menu.past:
        return False
    matters = door_asks(state) or waits_for_door(state)
    harmless = standing.front is Front.DOOR and not matters
    return not (harmless and menu.places[-1].page in _HANDS)
