"""What the simulated panel and those who watch it say to each other.

The panel worker listens on a Unix socket (``panel.simulated`` of the settings); any number
of watchers connect. JSON, one message a line.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from appliance.panel.keys import Key


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag="seen"):
    """What the front panel shows now; sent at once and at every change.

    ``png`` is the display as a picture, drawn from the memory of the simulated controller;
    ``rows`` the characters of a character display as text, empty for a graphic one.
    """

    png: bytes
    width: int  # pixels of the picture
    height: int
    rows: tuple[str, ...] = ()
    door_open: bool | None = None  # the switch, not what the product makes of it; None = none
    keys: tuple[Key, ...] = ()  # held down at the moment


class Finger(msgspec.Struct, frozen=True, tag="finger"):
    """A watcher presses a button, or lets go of it."""

    key: Key
    down: bool


class DoorMoved(msgspec.Struct, frozen=True, tag="door"):
    """A watcher opens or closes the door."""

    open: bool


ToWatcher: TypeAlias = Seen
FromWatcher: TypeAlias = Finger | DoorMoved
