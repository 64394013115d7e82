"""A text entered with a few keys: a wheel of characters, from which one after another is taken.

Up and down (or an encoder) turn the wheel, OK takes what stands there, left deletes the last
character. Between the last and the first character stand words that do something else: other
characters, a space, and "Done", which is one step up from where the wheel begins. Pure.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.screen import Entry

DONE: Final = "Done"
SPACE: Final = "Space"
SHOWN: Final = 8  # characters of the wheel that are told to the display on either side
SLOW: Final = 4  # repeats of a held key that move by one; a longer way goes faster
FAST: Final = 3  # characters a repeat from then on

_SPECIAL: Final = "!#$%&'*+/=?^`{|}~"
_UNSEEN_SPACE: Final = "·"


class Kind(StrEnum):
    """What is entered, which decides on the characters."""

    TEXT = "text"
    EMAIL = "email"
    PIN = "pin"
    COUNTRY = "country"  # its two letters


class Form(msgspec.Struct, frozen=True):
    """What may be entered: at most ``limit`` bytes of UTF-8."""

    kind: Kind
    limit: int


class Typing(msgspec.Struct, frozen=True, kw_only=True):
    """What was entered so far, and where the wheel stands."""

    text: str = ""
    at: int = 0
    alphabet: int = 0
    run: int = 0  # repeats of the key that is held

    def __repr__(self) -> str:
        return f"Typing({len(self.text)} characters)"


class Leave(Enum):
    """How the entry is left."""

    DONE = auto()
    BACK = auto()


_SETS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        Kind.TEXT: (
            ("abc", string.ascii_lowercase),
            ("ABC", string.ascii_uppercase),
            ("123", string.digits),
            ("#+=", string.punctuation),
        ),
        Kind.EMAIL: (
            ("abc", string.ascii_lowercase + "@.-_"),
            ("123", string.digits + "@.-_"),
            ("#+=", _SPECIAL),
        ),
        Kind.PIN: (("123", string.digits),),
        Kind.COUNTRY: (("ABC", string.ascii_uppercase),),
    }
)


def wheel(form: Form, typing: Typing) -> tuple[str, ...]:
    """What can be chosen, in a circle; what is longer than a character is a word."""
    sets = _SETS[form.kind]
    others = (name for index, (name, _) in enumerate(sets) if index != typing.alphabet)
    spaces = (SPACE,) if form.kind is Kind.TEXT else ()
    return (*sets[typing.alphabet][1], *spaces, *others, DONE)


def filled(form: Form, text: str) -> Typing:
    """An entry that begins with ``text``, ready to be taken as it is."""
    typing = Typing(text=text)
    return replace(typing, at=len(wheel(form, typing)) - 1 if text else 0)


def press(form: Form, typing: Typing, stroke: KeyStroke) -> Typing | Leave:
    """What a key does."""
    if stroke.stroke is Stroke.HOLD:
        return typing
    if stroke.key in _TURNS:
        return _turned(form, typing, stroke)
    if stroke.stroke is Stroke.REPEAT:
        return typing
    if stroke.key is Key.LEFT:
        return replace(typing, text=typing.text[:-1], run=0) if typing.text else Leave.BACK
    chosen = wheel(form, typing)[typing.at]
    if chosen == DONE:  # right takes characters, but ends nothing
        return Leave.DONE if stroke.key is Key.OK else typing
    return _taken(form, replace(typing, run=0), chosen)


def entry(form: Form, typing: Typing) -> Entry:
    """What the display shows of it."""
    signs = wheel(form, typing)
    around = (signs * 3)[: 3 * len(signs)]
    middle = len(signs) + typing.at
    side = min(SHOWN, len(signs) - 1)
    return Entry(
        text=typing.text.replace(" ", _UNSEEN_SPACE),
        before=around[middle - side : middle],
        choice=around[middle],
        after=around[middle + 1 : middle + 1 + side],
    )


def _turned(form: Form, typing: Typing, stroke: KeyStroke) -> Typing:
    run = typing.run + 1 if stroke.stroke is Stroke.REPEAT else 0
    step = _TURNS[stroke.key] * (FAST if run > SLOW else 1)
    return replace(typing, at=(typing.at + step) % len(wheel(form, typing)), run=run)


def _taken(form: Form, typing: Typing, chosen: str) -> Typing:
    names = [name for name, _ in _SETS[form.kind]]
    if chosen in names:
        return replace(typing, alphabet=names.index(chosen), at=0)
    text = typing.text + (" " if chosen == SPACE else chosen)
    size = len(text.encode())
    if size > form.limit:
        return typing
    full = size == form.limit
    return replace(typing, text=text, at=wheel(form, typing).index(DONE) if full else typing.at)


_TURNS: Final = {Key.UP: -1, Key.DOWN: 1}
