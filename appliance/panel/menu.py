"""The menu: a key and the panel's state in, another menu and perhaps an action out. Pure.

Three things can be shown, in this order: the answer to an action, what stands in front
(``screens.front``: a problem, the door, the plate), and the page that is open. Keys go to
what is shown. While no page is open, the home screen is.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from appliance.panel.actions import Action, DismissProblem
from appliance.panel.face import Front, OpenMenu, ReadProblem
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.page import Do, Page, Patience, Place, Then, View
from appliance.panel.pages import PAGES
from appliance.panel.parts import door_asks, waits_for_door
from appliance.panel.screen import Screen
from appliance.panel.screens import front, home_action, home_screen, problem_screen
from appliance.panel.state import PanelState
from appliance.printer.api import Problem


class Passed(msgspec.Struct, frozen=True):
    """What stood in front when the person went by it; anything else stops again."""

    front: Front
    problem: Problem | None = None


class Told(msgspec.Struct, frozen=True):
    """The answer to an action."""

    problem: Problem
    trouble: bool = True


class Menu(msgspec.Struct, frozen=True, kw_only=True):
    """Where the person is; ``Menu()`` is at home, with nothing open."""

    places: tuple[Place, ...] = ()  # from the main menu to the open page
    told: Told | None = None
    reading: Problem | None = None  # the long text of what stands in front
    past: Passed | None = None


HOME = Menu()
_MAIN = Place(page=Page.MAIN)

# Pages of hands at the machine, which open the door: it interrupts them only when it matters.
_HANDS = frozenset({Page.FILAMENT, Page.PREPARE, Page.HOMING, Page.MOVE, Page.JOG, Page.EXTRUDE})


def press(menu: Menu, stroke: KeyStroke, state: PanelState) -> tuple[Menu, Action | None]:
    """What a key does to the menu, and what it asks for."""
    if stroke == KeyStroke(Key.LEFT, Stroke.HOLD):
        return HOME, None
    fitted = _fitted(menu, state)
    if fitted.told is not None:
        return _after_told(fitted, stroke), None
    if fitted.reading is not None:
        return _read(fitted, fitted.reading, stroke, state)
    if not fitted.places or _in_front(fitted, state):
        return _outside(fitted, stroke, state)
    if stroke.key in (Key.OK, Key.RIGHT) and _moved_away(menu, fitted):
        return fitted, None  # the page changed under the finger: that was not meant
    return _inside(fitted, stroke, state)


def tell(menu: Menu, problem: Problem, *, trouble: bool = True) -> Menu:
    """The answer to an action: in front of everything until a key is pressed."""
    return replace(menu, told=Told(problem, trouble))


def settle(menu: Menu, state: PanelState, idle: float, timeout: float) -> Menu:
    """The menu after ``idle`` seconds without a key, in a state that may be a new one.

    It closes after ``timeout`` seconds, pages of patience later, and leaves pages that make
    no sense any more.
    """
    menu = _fitted(menu, state)
    patience = _patience(menu, state)
    if patience is Patience.ENDLESS:
        return replace(menu, told=None, reading=None) if idle >= timeout else menu
    return HOME if idle >= timeout * patience.value else menu


def show(menu: Menu, state: PanelState) -> Screen:
    """What the display shows."""
    menu = _fitted(menu, state)
    if menu.told is not None:
        return problem_screen(menu.told.problem, whole=True, trouble=menu.told.trouble)
    if menu.reading is not None:
        return problem_screen(menu.reading, whole=True)
    if not menu.places or _in_front(menu, state):
        return home_screen(state)
    place = menu.places[-1]
    return _view(place, state).screen(place)


def watching(menu: Menu) -> bool:
    """The camera page is open and wants pictures."""
    return bool(menu.places) and menu.places[-1].page is Page.CAMERA


# What stands outside of the pages.


def _after_told(menu: Menu, stroke: KeyStroke) -> Menu:
    return replace(menu, told=None) if stroke.stroke is Stroke.PRESS else menu


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
            leave = stroke == KeyStroke(Key.LEFT)
            return (HOME if leave else menu), None
        case OpenMenu():
            opened = replace(menu, places=menu.places or (_MAIN,), past=_standing(state))
            return _fitted(opened, state), None
        case ReadProblem(problem):
            return replace(menu, reading=problem), None
        case _:
            return menu, deed


def _by_turning(stroke: KeyStroke, state: PanelState) -> OpenMenu | None:
    """An encoder has no right key: where that one opens the menu, a turn does."""
    if stroke.key not in _MOVES or stroke.stroke is not Stroke.PRESS:
        return None
    deed = home_action(state, KeyStroke(Key.RIGHT))
    return deed if isinstance(deed, OpenMenu) else None


def _standing(state: PanelState) -> Passed | None:
    what = front(state)
    if what is None:
        return None
    return Passed(what, state.problem if what is Front.PROBLEM else None)


def _in_front(menu: Menu, state: PanelState) -> bool:
    """Something stands in front of the open page, and the person did not go by it."""
    standing = _standing(state)
    if standing is None or standing == menu.past:
        return False
    matters = door_asks(state) or waits_for_door(state)
    harmless = standing.front is Front.DOOR and not matters
    return not (harmless and menu.places[-1].page in _HANDS)


# The pages.


def _view(place: Place, state: PanelState) -> View:
    view = PAGES[place.page](place, state)
    assert view is not None, "a fitted menu has left such pages"
    return view


def _fitted(menu: Menu, state: PanelState) -> Menu:
    """Without pages that make no sense any more, and with a selection within its list."""
    past = menu.past if menu.past == _standing(state) else None
    places = menu.places
    while places:
        place = places[-1]
        view = PAGES[place.page](place, state)
        refused = menu.told is not None and menu.told.trouble
        if view is not None and not (view.waits and refused):
            places = (*places[:-1], _selecting(view, place, view.selected(place)))
            break
        places = places[:-1]
    return replace(menu, places=places, past=past if places else None)


def _selecting(view: View, place: Place, index: int | None) -> Place:
    if index is None:
        return replace(place, chosen="", index=0)
    return replace(place, chosen=view.items[index].key, index=index)


def _moved_away(before: Menu, after: Menu) -> bool:
    if [place.page for place in before.places] != [place.page for place in after.places]:
        return True
    chosen = before.places[-1].chosen
    return bool(chosen) and chosen != after.places[-1].chosen


def _patience(menu: Menu, state: PanelState) -> Patience:
    return _view(menu.places[-1], state).patience if menu.places else Patience.USUAL


def _inside(menu: Menu, stroke: KeyStroke, state: PanelState) -> tuple[Menu, Action | None]:
    """The keys of the open page."""
    place = menu.places[-1]
    view = _view(place, state)
    if view.items and stroke.key in _MOVES and stroke.stroke is not Stroke.HOLD:
        index = (view.selected(place) or 0) + _MOVES[stroke.key]
        moved = _selecting(view, place, min(max(index, 0), len(view.items) - 1))
        return replace(menu, places=(*menu.places[:-1], moved)), None
    do = _meant(view, place, stroke)
    if do is None:
        return menu, None
    return _fitted(_gone(menu, do), state), do.action


_MOVES = {Key.UP: -1, Key.DOWN: 1}


def _meant(view: View, place: Place, stroke: KeyStroke) -> Do | None:
    """What the key does on this page, a list's selection apart."""
    if stroke.key in _MOVES:
        turns = {Key.UP: view.up, Key.DOWN: view.down}
        return turns[stroke.key] if stroke.stroke is not Stroke.HOLD else None
    if stroke.stroke is not Stroke.PRESS:
        return None
    if stroke.key is Key.LEFT:
        return view.left
    selected = view.selected(place)
    do = view.ok if selected is None else view.items[selected].do
    # Right leads further into the menu; deeds are for OK alone.
    leads = do is not None and do.then is Then.OPEN
    return do if stroke.key is Key.OK or leads else None


def _gone(menu: Menu, do: Do) -> Menu:
    """The menu where ``do`` leads."""
    match do.then, do.place:
        case Then.OPEN, Place() as place:
            return replace(menu, places=(*menu.places, place))
        case Then.REPLACE, Place() as place:
            return replace(menu, places=(*menu.places[:-1], place))
        case Then.BACK, _:
            places = menu.places[:-1]
            return replace(menu, places=places) if places else HOME
        case Then.CLOSE, _:
            return HOME
    return menu
