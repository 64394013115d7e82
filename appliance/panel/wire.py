"""What the agent and the panel worker say to each other: JSON, one message a line.

The worker owns the display's bus and the GPIO pins, the agent everything that is decided.
Down goes the screen to be shown, up come key strokes, the door and how the hardware does.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from appliance.panel.keys import KeyStroke
from appliance.panel.screen import Screen
from appliance.printer.api import Problem
from appliance.settings_panel import ButtonSettings, DoorSettings, PanelSettings


class Hardware(msgspec.Struct, frozen=True):
    """What is connected: the worker's only argument, as JSON."""

    panel: PanelSettings
    buttons: ButtonSettings
    door: DoorSettings


class Show(msgspec.Struct, frozen=True, tag="show"):
    """Show this screen from now on."""

    screen: Screen


class Stroked(msgspec.Struct, frozen=True, tag="key"):
    """A person used a key."""

    stroke: KeyStroke


class DoorSeen(msgspec.Struct, frozen=True, tag="door"):
    """The door is so, and was for the time that counts (values of section 3.12, ``door``).

    Sent at the start and at every change; None when the switch cannot be read.
    """

    door: int | None


class Health(msgspec.Struct, frozen=True, tag="health"):
    """How one part of the hardware does: ``display``, ``buttons`` or ``door``.

    Sent at the start and at every change. ``problem`` is None while it works.
    """

    part: str
    problem: Problem | None = None


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The worker still watches its pins. Sent regularly, and left out once it is stuck."""


Down: TypeAlias = Show
Up: TypeAlias = Stroked | DoorSeen | Health | Alive
