"""A print from the front panel by keys alone, as a person does it who can read.

The way through the menu is found by the words on the display, never by counting keys. It
needs a character display: only those show words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from appliance.errors import ApplianceError
from appliance.panel.keys import Key
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_wire import Seen

CURSORS = "▸→▶>"  # what stands before the chosen entry, by the display's ROM
PLATE = "Clear the plate"
STEP = 10.0  # seconds for a key to change the display
LOAD = 30.0  # seconds for the cloud to answer
LONGEST_LIST = 60  # entries that are looked through
STILL = 0.25  # seconds; two pictures of the simulated panel
LATE = 3.0  # seconds after which a key was passed over: it came before the screen was seen
READING = 1.0  # seconds in which a person reads what came up
TRIES = 8

Say = Callable[[str], None]


class LostWay(ApplianceError):
    """The display does not show what a person would look for."""

    default_short = "Not on the display"


class PanelWalk:
    """Walks the menu; ``trail`` is what was chosen on the way, in the display's words."""

    def __init__(self, watcher: PanelWatcher, say: Say) -> None:
        self._watcher = watcher
        self._say = say
        self._left = ""  # the heading of the page that OK has just been pressed on
        self.trail: list[str] = []

    async def open_menu(self) -> None:
        """From the home screen; again where that has only just come up. Raises LostWay."""
        for limit in (LATE, LATE, STEP):
            await self._watcher.press(Key.OK)
            with suppress(LostWay):
                await self._title("Menu", limit)
                self.trail.append("Menu")
                return
        raise self._lost("no page 'Menu'")

    async def print_queued(self, name: str) -> None:
        """Choose this job of the cloud's queue and confirm it. Raises LostWay."""
        await self.choose("Queue")
        await self._title("Queue", STEP)
        await self.choose(name)
        await self._title("Print this job?", STEP)
        await self.choose("Print")
        self._say(f"  at the front panel: {' > '.join(self.trail)}")

    async def clear_plate(self) -> str:
        """Wait until the panel asks for it, and press OK; what it asked. Raises LostWay."""
        asked = await self.confirm(PLATE)
        self._say(f"  at the front panel: {asked}: OK")
        return asked

    async def confirm(self, text: str) -> str:
        """Wait for the row with ``text``, and press OK until it is gone. Raises LostWay.

        The panel passes over a key that comes before a person could read what it is for.
        """
        asked = await self.read(text, LOAD)
        for _ in range(TRIES):
            await self._watcher.press(Key.OK)
            with suppress(TimeoutError):
                await self._watcher.wait_for(lambda seen: not _row(seen, text), READING)
                return asked
        raise self._lost(f"still {asked!r} after OK")

    async def choose(self, text: str) -> None:
        """Move the cursor down to the entry with ``text`` and press OK. Raises LostWay."""
        await self._next_page(text)
        entry = await self._entry("", text, LOAD)
        for _ in range(LONGEST_LIST):
            if text in entry:
                self.trail.append(entry)
                self._left = _heading(self._watcher.seen)
                await self._watcher.press(Key.OK)
                return
            await self._watcher.press(Key.DOWN)
            entry = await self._entry(entry, text, STEP)
        raise self._lost(f"no entry {text!r} among the first {LONGEST_LIST}")

    async def read(self, text: str, timeout: float = STEP) -> str:
        """The row with ``text``, a regular expression, once there is one. Raises LostWay."""
        try:
            return await self._watcher.wait_for(lambda seen: _row(seen, text), timeout)
        except TimeoutError:
            raise self._lost(f"no {text!r}") from None

    async def _title(self, text: str, timeout: float) -> None:
        try:
            await self._watcher.wait_for(lambda seen: text in "".join(seen.rows[:1]), timeout)
        except TimeoutError:
            raise self._lost(f"no page {text!r}") from None
        self._left = ""

    async def _next_page(self, wanted: str) -> None:
        """The display of a busy machine shows the page before for a while; not to be read."""
        left = self._left
        try:
            await self._watcher.wait_for(lambda seen: not left or _heading(seen) != left, LOAD)
        except TimeoutError:
            raise self._lost(f"no page with {wanted!r}") from None

    async def _entry(self, other_than: str, wanted: str, timeout: float) -> str:
        """The entry at the cursor, once it is another one, on the way to the wanted one.

        It is read when it stands still: a display that is just being written shows a part of
        the one and a part of the other.
        """
        entry = other_than
        for limit in (timeout, *[STILL] * 4):
            try:
                entry = await self._watcher.wait_for(partial(_chosen_but, entry), limit)
            except TimeoutError:
                if entry == other_than:
                    raise self._lost(f"no entry {wanted!r}") from None
                break
        return entry

    def _lost(self, what: str) -> LostWay:
        way = " > ".join(self.trail) or "the home screen"
        return LostWay(f"After {way} the panel shows {what}, but: {self._watcher.words()}")


def _row(seen: Seen, text: str) -> str:
    return next((_words(row) for row in seen.rows if re.search(text, row)), "")


def _heading(seen: Seen | None) -> str:
    """The first row without the value at its right, which may change while it is read."""
    rows = seen.rows[:1] if seen is not None else ()
    return "".join(_words(re.split(r"\s{2,}", row.strip())[0]) for row in rows)


def _chosen(seen: Seen) -> str:
    """The words of the entry at the cursor; empty when there is none."""
    return next((_words(row[1:]) for row in seen.rows[1:] if row[:1] in CURSORS and row), "")


def _chosen_but(other_than: str, seen: Seen) -> str:
    entry = _chosen(seen)
    return entry if entry != other_than else ""


def _words(row: str) -> str:
    """A row without the signs at its edges: icons, and the arrows of a list that goes on."""
    return " ".join(re.sub(r"^\W+|\s+[▴▾⬍^v|]?$", "", row).split())
