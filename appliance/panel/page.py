"""What the menu is made of: places that a person is at, and what can be done there.

A page is a pure function of its place and the panel's state; it gives a :class:`View`, or
None when it makes no sense any more. The menu itself (``menu.py``) knows no page by name.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, StrEnum, auto
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from appliance.panel.actions import Action
from appliance.panel.screen import Bar, Icon, Keys, Line, Picture, Screen, Tone
from appliance.panel.state import PanelState
from appliance.panel.typing import Form, Typing
from appliance.panel.typing import entry as entered
from appliance.printer.api import Problem


class Page(StrEnum):
    """Every page of the menu."""

    MAIN = "main"
    QUEUE = "queue"
    QUEUED = "queued"  # one job of the queue, to be confirmed
    ASKED = "asked"  # the cloud was asked for the job
    PRINT = "print"
    CANCEL = "cancel"
    FILAMENT = "filament"
    PREPARE = "prepare"
    PREHEAT = "preheat"
    HOMING = "homing"
    MOVE = "move"
    JOG = "jog"
    EXTRUDE = "extrude"
    NETWORK = "network"
    CAMERA = "camera"
    CLOUD = "cloud"
    UNREGISTER = "unregister"
    SYSTEM = "system"
    RESTART = "restart"
    SHUT_DOWN = "shut-down"
    SETUP = "setup"
    SETUP_HERE = "setup-here"
    COUNTRY = "country"
    WIFIS = "wifis"
    WIFI_NAME = "wifi-name"  # of a hidden one
    WIFI_PASSWORD = "wifi-password"
    WIFI_OPEN = "wifi-open"
    JOINING = "joining"
    EMAIL = "email"
    PIN = "pin"
    REGISTERING = "registering"
    WRONG = "wrong"  # what was entered, and why


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person is: a page, what it is about, and what is selected there."""

    page: Page
    about: str = ""  # an axis, a job id
    step: int = 0  # of a page that goes step by step, or the chosen step width
    chosen: str = ""  # key of the selected entry; it stays selected when the list changes
    index: int = 0  # where it stood when it was selected
    typing: Typing = Typing()  # of a page where something is entered
    country: str = ""  # entered on a page before
    email: str = ""
    since: float = 0.0  # Unix seconds; when something was begun that the state tells a little later


class Then(Enum):
    """Where a key leads."""

    STAY = auto()
    BACK = auto()
    CLOSE = auto()
    OPEN = auto()  # ``Do.place`` on top of the present place
    REPLACE = auto()  # ``Do.place`` instead of the present place


class Do(msgspec.Struct, frozen=True, kw_only=True):
    """What a key does: perhaps an action, then on to where it leads."""

    action: Action | None = None
    then: Then = Then.STAY
    place: Place | None = None


BACK = Do(then=Then.BACK)


def opens(place: Place, action: Action | None = None) -> Do:
    """On to another page; ``action`` is what its opening asks for."""
    return Do(action=action, then=Then.OPEN, place=place)


class Item(msgspec.Struct, frozen=True):
    """An entry of a list; without ``do`` it is there to be read."""

    key: str  # different for each entry of one list
    line: Line
    do: Do | None = None


class Patience(Enum):
    """How long a page stays open without a key, as a multiple of the usual time."""

    USUAL = 1
    LONG = 10  # hands are at the machine, or eyes on the picture
    ENDLESS = 0  # a person has taken something apart and must find the page again


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A page at one moment: what it shows and what the keys do there.

    ``items`` make it a list: up and down select, OK and right choose. Otherwise ``ok``,
    ``up`` and ``down`` are what those keys do. Left goes back, or does ``left``.
    """

    title: str
    value: str = ""
    icon: Icon | None = None
    tone: Tone = Tone.CALM
    items: tuple[Item, ...] = ()
    lines: tuple[Line, ...] = ()
    text: str = ""
    bar: Bar | None = None
    keys: Keys = Keys()
    picture: Picture | None = None
    form: Form | None = None  # something is entered here; ``ok`` is what "Done" does
    ok: Do | None = None
    up: Do | None = None
    down: Do | None = None
    left: Do = BACK
    patience: Patience = Patience.USUAL
    cautious: bool = False  # back to the first entry after anything stood in front of it
    waits: bool = False  # for the answer to an action; any answer ends the page

    def selected(self, place: Place) -> int | None:
        """The selected entry, None where there is nothing to select."""
        if not self.items:
            return None
        keys = [item.key for item in self.items]
        index = min(max(place.index, 0), len(keys) - 1)
        if place.chosen in keys and keys[index] != place.chosen:
            return keys.index(place.chosen)
        return index

    def screen(self, place: Place) -> Screen:
        """What is shown of it."""
        return Screen(
            title=self.title,
            value=self.value,
            icon=self.icon,
            tone=self.tone,
            lines=tuple(item.line for item in self.items) or self.lines,
            selected=self.selected(place),
            text=self.text,
            bar=self.bar,
            keys=self.keys,
            picture=self.picture,
            entry=entered(self.form, place.typing) if self.form is not None else None,
        )


Builder: TypeAlias = Callable[[Place, PanelState], View | None]


def entry(page: Page, text: str, icon: Icon | None = None, *, value: str = "") -> Item:
    """An entry that opens ``page``."""
    return Item(page.value, Line(text, value, icon), opens(Place(page=page)))


BACK_ITEM = Item("back", Line("Back"), BACK)
"""The last entry of every list: an encoder has no key for it."""

_BACK_WORD = Keys(left="Back")


def saying(title: str, short: str, text: str = "", *, icon: Icon | None = None) -> View:
    """A page that only says something, ``short`` where 16 cells are all; OK goes back, too."""
    lines = (Line(short),)
    return View(title=title, lines=lines, text=text, icon=icon, ok=BACK, keys=_BACK_WORD)


def refusing(why: Problem, title: str = "Not now") -> View:
    """A page that says why not."""
    return replace(saying(title, why.short, why.long), tone=Tone.ASKING)


def waiting(title: str, short: str, text: str = "", *, icon: Icon | None = None) -> View:
    """A page of something under way."""
    said = saying(title, short, text, icon=icon)
    return replace(said, ok=None, bar=Bar(None), tone=Tone.WORKING)


def asking(title: str, text: str, *, yes: str, action: Action) -> View:
    """Sure? The selection stands on No; Yes closes the menu, and the home screen tells."""
    no = Item("no", Line("No"), BACK)
    sure = Item("yes", Line(yes), Do(action=action, then=Then.CLOSE))
    return View(title=title, text=text, tone=Tone.ASKING, items=(no, sure), cautious=True)
