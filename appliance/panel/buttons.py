"""Contacts of buttons and of a rotary encoder -> key strokes. Pure.

All times are monotonic seconds.
"""

from __future__ import annotations

from enum import StrEnum

from appliance.panel.encoder import Quadrature
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.steady import Steady
from appliance.printer.api import Problem
from appliance.settings_panel import ButtonSettings

POWER_ON = 3.0  # seconds that OK is held from the start on to mean something
HOME = 3  # times the hold time: a held encoder leads home


class Contact(StrEnum):
    """What can be pressed, by the name of its setting in ``[buttons]``."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"
    OK = "ok"
    PUSH = "encoder_push"


class _Button:
    """One contact, and how its present press is treated."""

    def __init__(self, contact: Contact, debounce: float) -> None:
        self.contact = contact
        self.level = Steady(debounce)
        self.ignored = False  # until it is released
        self.broken = False  # stuck, or held from the start: it does not keep others waiting
        self.stuck = False
        self.stage = 0  # holds and repeats of this press so far
        self.next_stage: float | None = None
        self.asks_at: float | None = None  # held from the start until then: somebody means it

    @property
    def down(self) -> bool:
        return self.level.value is True


class KeyFilter:
    """Makes key strokes of what the contacts do.

    A press counts once it was stable for ``debounce``, at once and not when it is released:
    only the encoder's push waits, because held it means something else. One key at a time:
    while one is down all others are ignored until every key is up, because two fingers (or a
    bent front plate) press keys that nobody meant, and a menu that confirms a shutdown must
    not guess. A key that is held from the start, or longer than ``stuck``, is broken: it
    makes no strokes until it was released, and does not keep the others from working. OK
    alone makes one: held from the start, it is told as a hold without the press before it.
    """

    def __init__(self, settings: ButtonSettings) -> None:
        self._settings = settings
        self._buttons = {one: _Button(one, settings.debounce) for one in Contact}
        self._encoder = Quadrature()

    @property
    def problem(self) -> Problem | None:
        """The stuck keys, in words."""
        stuck = [button.contact for button in self._buttons.values() if button.stuck]
        if not stuck:
            return None
        names = ", ".join(f"buttons.{one} (pin {getattr(self._settings, one)})" for one in stuck)
        short = "encoder" if stuck[0] is Contact.PUSH else stuck[0].value
        return Problem(
            f"Button {short} stuck",
            f"{names}: held down for more than {self._settings.stuck:g} s. The button is stuck or "
            "its cable is damaged, or buttons.pressed or buttons.pull is wrong. It is ignored "
            "until it is released.",
        )

    @property
    def busy(self) -> bool:
        """A key is down, or on its way up or down."""
        return self._busy() or any(one.level.due is not None for one in self._buttons.values())

    def begin(self, contact: Contact, down: bool, now: float) -> None:
        """The contact is watched from now on; a key that is held already is not pressed."""
        button = self._buttons[contact] = _Button(contact, self._settings.debounce)
        button.level.accept(down, now)
        button.ignored = button.broken = down
        if down and contact in (Contact.OK, Contact.PUSH):
            button.asks_at = now + POWER_ON

    def edge(self, contact: Contact, down: bool, now: float) -> list[KeyStroke]:
        """The contact's level at ``now``; the strokes that follow."""
        strokes = self.tick(now)
        self._buttons[contact].level.see(down, now)
        return strokes

    def begin_turns(self, a: bool, b: bool) -> None:
        """The encoder is watched from now on; its contacts are so (True = high)."""
        self._encoder.begin(a, b)

    def turn(self, a: bool, b: bool, now: float) -> list[KeyStroke]:
        """The levels of the encoder's contacts at ``now``; the strokes that follow."""
        strokes = self.tick(now)
        return strokes + self._turned(self._encoder.edge(a, b, now))

    def tick(self, now: float) -> list[KeyStroke]:
        """Time went by; the strokes that follow."""
        strokes = self._turned(self._encoder.tick(now))
        # One after another, in the order in which fingers moved: the first of two wins.
        for button in sorted(self._buttons.values(), key=lambda one: one.level.since):
            if button.level.tick(now):
                strokes += self._pressed(button) if button.down else self._released(button)
        for button in self._buttons.values():
            if button.down and not button.stuck and now >= self._breaks(button):
                button.stuck = button.broken = button.ignored = True
            strokes += self._asked(button, now) + self._held(button, now)
        return strokes

    def next_tick(self) -> float | None:
        """When :meth:`tick` has to be called at the latest."""
        times = [self._encoder.next_tick()]
        for button in self._buttons.values():
            times.append(button.level.due)
            if button.down and not button.stuck:
                times += [self._breaks(button), button.asks_at if button.level.raw else None]
            if self._counts(button):
                times.append(button.next_stage)
        return min((time for time in times if time is not None), default=None)

    def _breaks(self, button: _Button) -> float:
        return button.level.since + self._settings.stuck

    def _turned(self, keys: list[Key]) -> list[KeyStroke]:
        """A knob that is pushed turns a little by itself."""
        return [] if self._busy() else [KeyStroke(key) for key in keys]

    def _busy(self, but: _Button | None = None) -> bool:
        others = (one for one in self._buttons.values() if one is not but)
        return any(one.down and not one.broken for one in others)

    def _pressed(self, button: _Button) -> list[KeyStroke]:
        button.ignored = self._busy(button)
        button.stage = 0
        button.next_stage = button.level.since + self._settings.hold
        if button.ignored or button.contact is Contact.PUSH:
            return []
        return [KeyStroke(Key(button.contact))]

    def _released(self, button: _Button) -> list[KeyStroke]:
        clicked = button.contact is Contact.PUSH and not button.ignored and button.stage == 0
        button.ignored = button.broken = button.stuck = False
        button.next_stage = button.asks_at = None
        return [KeyStroke(Key.OK)] if clicked else []

    def _asked(self, button: _Button, now: float) -> list[KeyStroke]:
        if button.asks_at is None or now < button.asks_at or button.level.raw is not True:
            return []
        button.asks_at = None
        return [KeyStroke(Key.OK, Stroke.HOLD)]

    def _counts(self, button: _Button) -> bool:
        """It is held, and not just being let go of."""
        return button.down and button.level.raw is True and not button.ignored

    def _held(self, button: _Button, now: float) -> list[KeyStroke]:
        due = button.next_stage
        if due is None or now < due or not self._counts(button):
            return []
        button.stage += 1
        if button.contact is Contact.PUSH:
            return self._pushed(button)
        key = Key(button.contact)
        repeats = key in (Key.UP, Key.DOWN)
        following = due + self._settings.repeat
        if following <= now:  # a late tick: counted from now, no burst
            following = now + self._settings.repeat
        button.next_stage = following if repeats else None
        return [KeyStroke(key, Stroke.HOLD if button.stage == 1 else Stroke.REPEAT)]

    def _pushed(self, button: _Button) -> list[KeyStroke]:
        """An encoder has no left key: held, its push is one; held on, a held one."""
        if button.stage == 1:
            button.next_stage = button.level.since + HOME * self._settings.hold
            return [KeyStroke(Key.LEFT)]
        button.next_stage = None
        return [KeyStroke(Key.LEFT, Stroke.HOLD)]
