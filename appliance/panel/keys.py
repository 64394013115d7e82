"""The five keys, and what a person did with one."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Key(StrEnum):
    """A button. An encoder's turns are UP and DOWN, its push is OK, its held push LEFT."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"  # back
    RIGHT = "right"
    OK = "ok"


class Stroke(StrEnum):
    """How it was used."""

    PRESS = "press"
    REPEAT = "repeat"  # up and down only, while held
    HOLD = "hold"  # once, after the hold time; the press came before it


class KeyStroke(msgspec.Struct, frozen=True):
    """One thing that a person did."""

    key: Key
    stroke: Stroke = Stroke.PRESS
