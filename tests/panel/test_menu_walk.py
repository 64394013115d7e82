"""Any keys in any states: there is always a screen, a way home, and nothing happens unasked."""

from collections.abc import Mapping, Sequence
from itertools import chain
from random import Random
from typing import Final, TypeAlias, get_args

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.panel.actions import (
    Action,
    Cancel,
    ConfirmCode,
    CoolDown,
    DismissProblem,
    Extrude,
    Home,
    Jog,
    JoinWifi,
    PlateCleared,
    Preheat,
    PrintQueued,
    RefuseCode,
    RegisterAccount,
    RestartDevice,
    SetupMode,
    ShutDown,
    Unregister,
)
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.menu import Menu, press, settle, show, tell
from appliance.panel.page import Page
from appliance.panel.rules import changing_filament
from appliance.panel.screen import Entry, Screen
from appliance.panel.state import PanelState
from appliance.panel.typing import DONE
from appliance.panel.wire import Show
from appliance.polar.codes import StatusCode
from appliance.printer.api import JobState, LinkState, Problem
from appliance.settings_web import is_wifi_password
from appliance.setup import fields
from appliance.sim.panel_examples import EXAMPLES, LOST
from appliance.sim.panel_menus import MENUS
from appliance.sim.panel_setups import SETUPS
from tests.panel.states import panel_states, problems, strokes

TIMEOUT: Final = 30.0
WALKS: Final = 20
DEEPEST: Final = 20  # presses of left that lead home from everywhere
ASKED_FOR: Final[Mapping[type, str]] = {
    Cancel: "Cancel print?",
    Unregister: "Unregister?",
    RestartDevice: "Restart?",
    ShutDown: "Shut down?",
    SetupMode: "Setup mode?",
}
BY_HAND: Final = (Jog, Home, Preheat, CoolDown)

Event: TypeAlias = KeyStroke | PanelState | Problem | float

PLACES: Final = list(MENUS.values())
FRONTS: Final = [
    *(EXAMPLES[name] for name in ("clear_plate", "door_open", "error", "door_paused")),
    *SETUPS.values(),
]

# Entries chosen one after the other: single keys hardly ever come deep into the menu.
choices: Final = st.integers(0, 6).map(lambda n: [KeyStroke(Key.DOWN)] * n + [KeyStroke(Key.OK)])
single: Final = st.one_of(
    strokes,
    st.sampled_from([*EXAMPLES.values(), *SETUPS.values(), *(state for _, state in PLACES)]),
    st.sampled_from(PLACES).map(lambda place: place[1]),
    problems,
    st.floats(0.0, 20 * TIMEOUT),
).map(lambda event: [event])
events: Final = st.lists(st.one_of(choices, choices, choices, single), min_size=8, max_size=40)
starts: Final = st.one_of(
    st.sampled_from(PLACES),
    st.sampled_from(PLACES),
    st.tuples(st.sampled_from([menu for menu, _ in PLACES]), panel_states()),
    st.tuples(st.just(Menu()), panel_states()),
)


class Walk:
    """A menu and a state, looked at after everything that happens."""

    def __init__(self, menu: Menu, state: PanelState) -> None:
        self.menu = menu
        self.state = state
        self.asked: set[type] = set()
        self.shown = self.look()

    def look(self) -> Screen:
        screen = show(self.menu, self.state)
        assert screen.title.strip()
        assert screen.selected is None or 0 <= screen.selected < len(screen.lines)
        msgspec.json.encode(Show(screen))
        return screen

    def happen(self, event: Event) -> None:
        before = self.shown
        if isinstance(event, KeyStroke):
            self.press(event)
        elif isinstance(event, PanelState):
            self.state = event
        elif isinstance(event, Problem):
            self.menu = tell(self.menu, event)
        else:
            self.menu = settle(self.menu, self.state, event, TIMEOUT)
        self.shown = self.look()
        came = self.shown.title != before.title
        if came and self.shown.title in ASKED_FOR.values() and isinstance(event, KeyStroke):
            assert self.shown.selected == 0
            assert self.shown.lines[0].text == "No"

    def press(self, stroke: KeyStroke) -> None:
        self.menu, action = press(self.menu, stroke, self.state)
        if action is None:
            return
        assert stroke.stroke is Stroke.PRESS or isinstance(action, Jog | Extrude)
        self.asked.add(type(action))
        self.check(action)
        if isinstance(action, ConfirmCode | RefuseCode):
            self.state = msgspec.structs.replace(self.state, code="")
        if isinstance(action, DismissProblem):
            self.state = msgspec.structs.replace(self.state, problem=None)

    def check(self, action: Action) -> None:
        state, shown = self.state, self.shown
        if question := ASKED_FOR.get(type(action)):
            assert shown.title == question
            assert shown.selected is not None
            assert shown.lines[shown.selected].text.startswith("Yes")
        if isinstance(action, ConfirmCode | RefuseCode):
            assert action.code == state.code == shown.big
        self.check_entered(action)
        if isinstance(action, PlateCleared):
            assert shown.title == "Clear the plate"
        if isinstance(action, RestartDevice | ShutDown):
            assert state.printed is None
        if isinstance(action, BY_HAND):
            assert state.printed is None
            assert state.snapshot is not None and state.snapshot.link is LinkState.READY
        if isinstance(action, Extrude):
            assert state.printed is None or state.printed.state is JobState.PAUSED
            assert state.snapshot is not None
            heaters = state.snapshot.heaters.items()
            nozzles = (one.actual for name, one in heaters if name.startswith("tool"))
            assert any(actual >= state.moves.extrude_from for actual in nozzles)
        if isinstance(action, PrintQueued):
            assert state.printed is None
            assert state.status is not StatusCode.CLEAR_PLATE

    def check_entered(self, action: Action) -> None:
        """Nothing is asked for that cannot be right, and no secret stands in a log."""
        if isinstance(action, JoinWifi):
            assert self.state.setup is not None
            assert is_wifi_password(action.password)
            assert fields.country_code(action.country) == action.country
            assert not action.password or action.password not in repr(action)
        if isinstance(action, RegisterAccount):
            assert fields.email(action.email) and fields.pin(action.pin)
            assert action.pin not in repr(action).replace(action.email, "")

    def stays_open(self) -> bool:
        """A person has taken the filament out and must find the page again."""
        job = self.state.printed
        places = settle(self.menu, self.state, 0.0, TIMEOUT).places
        at_filament = bool(places) and places[-1].page is Page.FILAMENT
        return at_filament and job is not None and changing_filament(job)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(start=starts, happens=events)
def test_any_keys_in_any_states(start: tuple[Menu, PanelState], happens: list[list[Event]]) -> None:
    walk = Walk(*start)
    for event in chain.from_iterable(happens):
        walk.happen(event)

    assert press(walk.menu, KeyStroke(Key.LEFT, Stroke.HOLD), walk.state) == (Menu(), None)

    waited = settle(walk.menu, walk.state, 10 * TIMEOUT, TIMEOUT)
    assert waited == Menu() or walk.stays_open()

    for _ in range(DEEPEST + sum(len(place.typing.text) for place in walk.menu.places)):
        walk.happen(KeyStroke(Key.LEFT))
    assert walk.menu == Menu()


def _to_done(entry: Entry) -> Sequence[KeyStroke]:
    """Nobody comes there by chance who has just entered something."""
    if entry.choice == DONE:
        return [KeyStroke(Key.OK)]
    if DONE in entry.after:
        return [KeyStroke(Key.DOWN)] * (entry.after.index(DONE) + 1) + [KeyStroke(Key.OK)]
    return [KeyStroke(Key.UP)] * 3


def test_long_walks_ask_for_everything() -> None:
    """Drawn evenly, never cut short; and the checks do not hold for want of actions."""
    asked: set[type] = set()
    for seed in range(WALKS):
        chance = Random(seed)
        walk = Walk(*chance.choice(PLACES))
        for _ in range(300):
            for event in _by_chance(chance, walk.shown):
                walk.happen(event)
        asked |= walk.asked
    assert asked == set(get_args(Action))


def _by_chance(chance: Random, shown: Screen) -> Sequence[Event]:
    kind = chance.random()
    if shown.big and kind < 0.3:
        return [KeyStroke(Key.LEFT)]
    if shown.entry is not None and kind < 0.3:
        return _to_done(shown.entry)
    if kind < 0.75:
        return [KeyStroke(Key.DOWN)] * chance.randrange(7) + [KeyStroke(Key.OK)]
    if kind < 0.9:
        return [KeyStroke(chance.choice(list(Key)), chance.choice(list(Stroke)))]
    if kind < 0.97:
        return [chance.choice([chance.choice(PLACES)[1], chance.choice(FRONTS)])]
    return [LOST] if chance.random() < 0.5 else [chance.uniform(0.0, 2 * TIMEOUT)]
