"""One example of each page of the menu: for reference pictures, the docs and tests.

Each is reached from the closed menu by keys alone, so that none is shown that a person
cannot come to.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from appliance.panel.keys import Key, KeyStroke
from appliance.panel.menu import Menu, press, show, tell
from appliance.panel.state import PanelState, QueuePage
from appliance.printer.api import JobState, Problem
from appliance.setup.api import Errand, Progress
from appliance.sim.panel_examples import EXAMPLES, HOT, IDLE
from appliance.sim.panel_setups import HOTSPOT, JOINED, SETUPS, WRONG_PASSWORD, WRONG_PIN

_HEATING: Final = Problem("Heating", "The printer is heating. Cool down switches it off.")
_LONGEST_LIST: Final = 50  # entries; no page of the examples comes near it
_NOT_NOW: Final = Problem(
    "Not now", "The print cannot be paused: its last lines are done. It ends by itself."
)


def keys(menu: Menu, state: PanelState, *pressed: Key) -> Menu:
    """The menu after these keys, in a state that does not change meanwhile."""
    for key in pressed:
        menu, _ = press(menu, KeyStroke(key), state)
    return menu


def choose(menu: Menu, state: PanelState, *entries: str) -> Menu:
    """Goes down to the entry that begins so and presses OK, for one list after another.

    Raises LookupError where the list has no such entry.
    """
    for text in entries:
        menu = keys(select(menu, state, text), state, Key.OK)
    return menu


def select(menu: Menu, state: PanelState, text: str) -> Menu:
    """Goes down to the entry that begins so. Raises LookupError where there is none."""
    for _ in range(_LONGEST_LIST):
        screen = show(menu, state)
        if screen.selected is None:
            break
        if screen.lines[screen.selected].text.startswith(text):
            return menu
        menu = keys(menu, state, Key.DOWN)
    raise LookupError(f"{text!r} is not in {[line.text for line in show(menu, state).lines]}")


def main_menu(state: PanelState) -> Menu:
    """The menu as a person opens it: OK, or right where OK does something else."""
    for key in (Key.RIGHT, Key.OK):
        menu = keys(Menu(), state, key)
        if menu.places:
            return menu
    raise LookupError(f"no key opens the menu on {show(Menu(), state).title!r}")


def at(state: PanelState, *entries: str) -> Menu:
    """The page behind these entries of the menu."""
    return choose(main_menu(state), state, *entries)


def _scene() -> bytes:
    """A JPEG of plain shapes, which every decoder and every dither draws alike."""
    from PIL import Image, ImageDraw  # noqa: PLC0415  # only where pictures are looked at

    picture = Image.new("RGB", (128, 96), "black")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((8, 80, 119, 87), fill="white")
    draw.polygon(((40, 79), (88, 79), (80, 40), (48, 40)), fill="white")
    draw.rectangle((58, 8, 70, 31), fill="white")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def _jogged(menu: Menu, state: PanelState) -> Menu:
    """A step up and one down, then on to the next step width."""
    return keys(menu, state, Key.UP, Key.DOWN, Key.OK)


def _with(state: PanelState, **changes: object) -> PanelState:
    """``changes`` are those of the snapshot."""
    assert state.snapshot is not None
    return replace(state, snapshot=replace(state.snapshot, **changes))


def _pausing(state: PanelState) -> PanelState:
    assert state.printed is not None
    return _with(state, job=replace(state.printed, state=JobState.PAUSING))


_ASKING: Final = replace(IDLE, queue=QueuePage(loading=True))
_EMPTY: Final = replace(IDLE, queue=QueuePage())
_REFUSED: Final = replace(
    IDLE, queue=QueuePage(problem="The Polar Cloud does not answer. Try again later.")
)
_LONG_QUEUE: Final = replace(IDLE, queue=replace(IDLE.queue, skip=3, total=14))
_PRINTING: Final = EXAMPLES["printing"]
_CHANGING: Final = EXAMPLES["filament"]
_PARKING: Final = _pausing(_CHANGING)
_HOT: Final = _with(IDLE, heaters=HOT)
_WATCHED: Final = replace(IDLE, graphic=True)
_SEEN: Final = replace(_WATCHED, picture=_scene())
_UNSEEN: Final = replace(_WATCHED, picture_problem="Camera hangs")
_CHANGE: Final = "New filament"


def typed(menu: Menu, state: PanelState, *words: str) -> Menu:
    """Turns the wheel to each of these characters and words, and takes it.

    Raises LookupError for what is not on the wheel.
    """
    for word in words:
        for _ in range(_LONGEST_LIST):
            entry = show(menu, state).entry
            if entry is None or entry.choice == word:
                break
            menu = keys(menu, state, Key.DOWN)
        else:
            raise LookupError(f"{word!r} is not on the wheel")
        menu = keys(menu, state, Key.OK)
    return menu


def _changed(state: PanelState, **changes: object) -> PanelState:
    """``state`` a moment later, with ``changes`` of its setup."""
    assert state.setup is not None
    return replace(state, now=state.now + 5.0, setup=replace(state.setup, **changes))


_NOT_JOINED: Final = _changed(HOTSPOT, join=Errand(Progress.FAILED, WRONG_PASSWORD, "password"))
_NOW_JOINED: Final = _changed(JOINED)
_NOT_REGISTERED: Final = _changed(JOINED, register=Errand(Progress.FAILED, WRONG_PIN, "pin"))
_REGISTERED: Final = _changed(SETUPS["setup_done"], register=Errand(Progress.DONE))
_LOOKING: Final = _changed(HOTSPOT, networks=(), scanning=True)
_WIFIS: Final = typed(at(HOTSPOT, "Wi-Fi"), HOTSPOT, "D", "E", "Done")
_PASSWORD: Final = choose(_WIFIS, HOTSPOT, "Workshop")
_LONG_PASSWORD: Final = typed(
    _PASSWORD, HOTSPOT, *"secretary", "123", *"42", "#+=", *"\\~", "ABC", *"XY", "Space", "abc"
)
_JOINING: Final = typed(_PASSWORD, HOTSPOT, *"secretary", "Done")
_PIN: Final = typed(at(JOINED, "Cloud"), JOINED, "Done")
_REGISTERING: Final = typed(_PIN, JOINED, *"1234", "Done")

MENUS: Final[Mapping[str, tuple[Menu, PanelState]]] = MappingProxyType(
    {
        "main": (main_menu(IDLE), IDLE),
        "main_lower": (select(main_menu(IDLE), IDLE, "System"), IDLE),
        "queue": (at(IDLE, "Queue"), IDLE),
        "queue_long": (select(at(_LONG_QUEUE, "Queue"), _LONG_QUEUE, "Next jobs"), _LONG_QUEUE),
        "queue_loading": (at(_ASKING, "Queue"), _ASKING),
        "queue_empty": (at(_EMPTY, "Queue"), _EMPTY),
        "queue_problem": (at(_REFUSED, "Queue"), _REFUSED),
        "queue_job": (at(IDLE, "Queue", "Castle"), IDLE),
        "queue_asked": (at(IDLE, "Queue", "Castle", "Print"), IDLE),
        "queue_not_now": (at(_PRINTING, "Queue", "Castle"), _PRINTING),
        "print": (at(_PRINTING, "Print"), _PRINTING),
        "print_paused": (at(EXAMPLES["paused"], "Print"), EXAMPLES["paused"]),
        "print_nothing": (at(IDLE, "Print"), IDLE),
        "cancel": (at(_PRINTING, "Print", "Cancel"), _PRINTING),
        "filament_wait": (at(_PARKING, "Print", _CHANGE), _PARKING),
        "filament_pull": (at(_CHANGING, "Print", _CHANGE), _CHANGING),
        "filament_push": (keys(at(_CHANGING, "Print", _CHANGE), _CHANGING, Key.OK), _CHANGING),
        "filament_load": (
            keys(at(_CHANGING, "Print", _CHANGE), _CHANGING, Key.OK, Key.OK),
            _CHANGING,
        ),
        "prepare": (at(IDLE, "Prepare"), IDLE),
        "prepare_refused": (at(_PRINTING, "Prepare"), _PRINTING),
        "preheat": (at(IDLE, "Prepare", "Preheat"), IDLE),
        "home": (at(IDLE, "Prepare", "Home"), IDLE),
        "move": (at(IDLE, "Prepare", "Move"), IDLE),
        "jog": (_jogged(at(IDLE, "Prepare", "Move", "Move X"), IDLE), IDLE),
        "extrude_cold": (at(IDLE, "Prepare", "Extrude"), IDLE),
        "extrude": (_jogged(at(_HOT, "Prepare", "Extrude"), _HOT), _HOT),
        "network": (at(IDLE, "Network"), IDLE),
        "camera_wait": (at(_WATCHED, "Camera"), _WATCHED),
        "camera_problem": (at(_UNSEEN, "Camera"), _UNSEEN),
        "camera": (at(_SEEN, "Camera"), _SEEN),
        "cloud": (at(IDLE, "Cloud"), IDLE),
        "cloud_offline": (at(EXAMPLES["offline"], "Cloud"), EXAMPLES["offline"]),
        "unregister": (at(IDLE, "Cloud", "Unregister"), IDLE),
        "system": (at(IDLE, "System"), IDLE),
        "restart": (at(IDLE, "System", "Restart"), IDLE),
        "shut_down": (at(IDLE, "System", "Shut down"), IDLE),
        "shut_down_refused": (at(_PRINTING, "System", "Shut down"), _PRINTING),
        "setup": (at(IDLE, "System", "Setup"), IDLE),
        "setup_here": (at(HOTSPOT), HOTSPOT),
        "system_setup": (select(keys(at(HOTSPOT), HOTSPOT, Key.LEFT), HOTSPOT, "System"), HOTSPOT),
        "country": (typed(at(HOTSPOT, "Wi-Fi"), HOTSPOT, "D"), HOTSPOT),
        "country_known": (typed(at(HOTSPOT, "Wi-Fi"), HOTSPOT, "D", "E"), HOTSPOT),
        "wifis": (_WIFIS, HOTSPOT),
        "wifis_none": (_WIFIS, _LOOKING),
        "wifi_refused": (choose(_WIFIS, HOTSPOT, "University"), HOTSPOT),
        "wifi_open": (choose(_WIFIS, HOTSPOT, "Café"), HOTSPOT),
        "wifi_name": (typed(choose(_WIFIS, HOTSPOT, "Other"), HOTSPOT, *"home"), HOTSPOT),
        "wifi_password": (_PASSWORD, HOTSPOT),
        "wifi_password_typed": (_LONG_PASSWORD, HOTSPOT),
        "wifi_password_short": (typed(_PASSWORD, HOTSPOT, *"abc", "Done"), HOTSPOT),
        "joining": (_JOINING, HOTSPOT),
        "joining_failed": (_JOINING, _NOT_JOINED),
        "joined": (_JOINING, _NOW_JOINED),
        "email": (at(JOINED, "Cloud"), JOINED),
        "pin": (typed(_PIN, JOINED, *"12"), JOINED),
        "registering": (_REGISTERING, JOINED),
        "registering_failed": (_REGISTERING, _NOT_REGISTERED),
        "registered": (_REGISTERING, _REGISTERED),
        "finish": (select(at(SETUPS["setup_done"]), SETUPS["setup_done"], "Finish"), _REGISTERED),
        "told": (tell(at(_PRINTING, "Print"), _NOT_NOW), _PRINTING),
        "told_done": (tell(at(IDLE, "Prepare"), _HEATING, trouble=False), IDLE),
    }
)
"""By the name of the page: the menu, and the state in which it is shown."""
