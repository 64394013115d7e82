"""Where a person is in the menu, and how the keys lead from page to page. Pure."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from appliance.panel import typing
from appliance.panel.actions import Action
from appliance.panel.face import Front
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.page import Do, Patience, Place, Then, View
from appliance.panel.pages import PAGES
from appliance.panel.screen import Screen
from appliance.panel.screens import front
from appliance.panel.state import PanelState
from appliance.panel.typing import Leave, Typing
from appliance.printer.api import Problem


class Passed(msgspec.Struct, frozen=True):
    """What stood in front when the person went by it; anything else stops again."""

    front: Front
    problem: Problem | None = None
    code: str = ""


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


HOME: Final = Menu()
MOVES: Final = {Key.UP: -1, Key.DOWN: 1}


def standing(state: PanelState) -> Passed | None:
    """What stands in front, as it is remembered by somebody who goes by."""
    what = front(state)
    if what is None:
        return None
    problem = state.problem if what is Front.PROBLEM else None
    return Passed(what, problem, state.code if what is Front.CODE else "")


def fitted(menu: Menu, state: PanelState) -> Menu:
    """Without pages that make no sense any more, and with a selection within its list."""
    past = menu.past if menu.past == standing(state) else None
    refused = menu.told is not None and menu.told.trouble
    places = menu.places
    while places:
        view = PAGES[places[-1].page](places[-1], state)
        if view is not None and not (view.waits and refused):
            places = (*places[:-1], _selecting(view, places[-1], view.selected(places[-1])))
            break
        places = places[:-1]
    return replace(menu, places=places, past=past if places else None)


def page_screen(menu: Menu, state: PanelState) -> Screen:
    """The open page of a fitted menu."""
    return _view(menu, state).screen(menu.places[-1])


def patience(menu: Menu, state: PanelState) -> Patience:
    """Of the open page of a fitted menu."""
    return _view(menu, state).patience if menu.places else Patience.USUAL


def interrupted(menu: Menu, state: PanelState) -> Menu:
    """A key went to something in front: whoever hammers on OK must not say Yes by that."""
    if not menu.places or not _view(menu, state).cautious:
        return menu
    unsure = replace(menu.places[-1], chosen="", index=0)
    return fitted(replace(menu, places=(*menu.places[:-1], unsure)), state)


def moved_away(before: Menu, after: Menu) -> bool:
    """The page, or what is selected there, is not what it was before it was fitted."""
    if [place.page for place in before.places] != [place.page for place in after.places]:
        return True
    chosen = before.places[-1].chosen
    return bool(chosen) and chosen != after.places[-1].chosen


def on_page(menu: Menu, stroke: KeyStroke, state: PanelState) -> tuple[Menu, Action | None]:
    """What a key does on the open page of a fitted menu."""
    place, view = menu.places[-1], _view(menu, state)
    if view.items and stroke.key in MOVES and stroke.stroke is not Stroke.HOLD:
        index = (view.selected(place) or 0) + MOVES[stroke.key]
        moved = _selecting(view, place, min(max(index, 0), len(view.items) - 1))
        return replace(menu, places=(*menu.places[:-1], moved)), None
    if view.form is not None:
        typed = typing.press(view.form, place.typing, stroke)
        if isinstance(typed, Typing):
            return replace(menu, places=(*menu.places[:-1], replace(place, typing=typed))), None
        do = view.ok if typed is Leave.DONE else view.left
    else:
        do = _meant(view, place, stroke)
    if do is None:
        return menu, None
    return fitted(_gone(menu, do), state), do.action


def _view(menu: Menu, state: PanelState) -> View:
    view = PAGES[menu.places[-1].page](menu.places[-1], state)
    assert view is not None, "a fitted menu has left such pages"
    return view


def _selecting(view: View, place: Place, index: int | None) -> Place:
    if index is None:
        return place  # a list that is being loaded: what is to be selected when it comes
    return replace(place, chosen=view.items[index].key, index=index)


def _meant(view: View, place: Place, stroke: KeyStroke) -> Do | None:
    """What the key does, a list's selection apart."""
    if stroke.key in MOVES:
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
