"""What is shown while the menu is closed, together with what the keys do there.

A soft key's word and its deed are one value, so that the display cannot promise what the
key does not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from appliance.panel.actions import Action
from appliance.panel.keys import Key
from appliance.panel.page import Page
from appliance.panel.screen import Keys, Screen
from appliance.printer.api import Problem


class Front(StrEnum):
    """What stands in front of everything, also of an open menu."""

    PROBLEM = "problem"
    CODE = "code"
    DOOR = "door"
    PLATE = "plate"


class OpenMenu(msgspec.Struct, frozen=True):
    """The key opens the menu.

    ``past`` is what stood in front: the person has seen it and goes by, so the menu stays in
    front of that until it is gone or something else stands there. ``page`` opens in it.
    """

    past: Front | None = None
    page: Page | None = None


class ReadProblem(msgspec.Struct, frozen=True):
    """The key shows the long text of this problem: ``problem_screen(problem, whole=True)``."""

    problem: Problem


Deed: TypeAlias = Action | OpenMenu | ReadProblem


class Soft(msgspec.Struct, frozen=True):
    """A soft key: its word (6 characters at most) and what it does."""

    word: str
    deed: Deed


class Face(msgspec.Struct, frozen=True):
    """A screen and the deeds of its keys."""

    screen: Screen
    deeds: Mapping[Key, Deed]


def face(
    screen: Screen, *, left: Soft | None = None, ok: Soft | None = None, right: Soft | None = None
) -> Face:
    """``screen`` with these soft keys."""
    soft = {Key.LEFT: left, Key.OK: ok, Key.RIGHT: right}
    words = Keys(**{key.value: one.word for key, one in soft.items() if one is not None})
    deeds = {key: one.deed for key, one in soft.items() if one is not None}
    return Face(msgspec.structs.replace(screen, keys=words), deeds)
