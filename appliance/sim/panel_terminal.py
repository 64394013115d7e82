"""The simulated front panel in a terminal (``polar-appliance sim panel``)."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from appliance.errors import ApplianceError
from appliance.panel.keys import Key
from appliance.revision import Revision
from appliance.sim.panel_client import PanelAway, PanelWatcher
from appliance.sim.panel_drawing import draw

log = logging.getLogger(__name__)

HOME_HOLD = 1.2  # seconds; the default of buttons.hold is 0.8
KEYS_WAITING = 3  # a terminal repeats held keys faster than a person means
ENTER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # the other screen, no cursor, no wrapped lines
LEAVE_SCREEN = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wish(StrEnum):
    """What a key of the keyboard asks for."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"
    OK = "ok"
    HOME = "home"
    DOOR = "door"
    QUIT = "quit"


_LETTERS = {
    "\r": Wish.OK,
    "\n": Wish.OK,
    "\x7f": Wish.LEFT,  # Backspace
    "h": Wish.HOME,
    "d": Wish.DOOR,
    "q": Wish.QUIT,
    "\x03": Wish.QUIT,  # Ctrl-C
}
_ARROWS = {"A": Wish.UP, "B": Wish.DOWN, "C": Wish.RIGHT, "D": Wish.LEFT}
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")


class Keyboard:
    """Bytes of a terminal -> wishes. Sequences may come in pieces; unknown ones are dropped."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, data: bytes) -> list[Wish]:
        """The wishes in what was typed."""
        text = self._rest + data.decode("latin-1")
        self._rest = ""
        wishes: list[Wish | None] = []
        while text:
            if _BEGUN.match(text):
                self._rest = text[-32:]
                break
            sequence = _SEQUENCE.match(text)
            wishes.append(_ARROWS.get(sequence[0][-1]) if sequence else _LETTERS.get(text[0]))
            text = text[sequence.end() if sequence else 1 :]
        return [wish for wish in wishes if wish is not None]


async def run_panel(socket: Path) -> None:
    """Show the panel and press its buttons until the person quits.

    Raises ApplianceError when this is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ApplianceError("The front panel needs a terminal: run this in one, without a pipe.")
    async with PanelWatcher(socket) as watcher:
        with ExitStack() as stack:
            stack.enter_context(_raw(sys.stdin.fileno()))
            await _Terminal(watcher, stack).run()


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Keys at once and unseen, on a screen of its own; all put back at the end."""
    before = termios.tcgetattr(descriptor)
    raw = termios.tcgetattr(descriptor)
    raw[0] &= ~(termios.ICRNL | termios.IXON)
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, raw)
        _write(ENTER_SCREEN)
        yield
    finally:
        with suppress(OSError):  # the terminal has gone
            _write(LEAVE_SCREEN)
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class _Terminal:
    """One run: the keyboard's wishes on one side, the drawing on the other."""

    def __init__(self, watcher: PanelWatcher, stack: ExitStack) -> None:
        self._watcher = watcher
        self._keyboard = Keyboard()
        self._wishes: asyncio.Queue[Wish] = asyncio.Queue()
        self._quit = asyncio.Event()
        self._redraw = Revision()
        self._drawn = ""
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._typed)
        stack.callback(loop.remove_reader, sys.stdin.fileno())
        for number in ENDING:
            loop.add_signal_handler(number, self._quit.set)
            stack.callback(loop.remove_signal_handler, number)
        loop.add_signal_handler(signal.SIGWINCH, self._resized)
        stack.callback(loop.remove_signal_handler, signal.SIGWINCH)

    async def run(self) -> None:
        """Until the person quits; an error in one part ends it all."""
        async with asyncio.TaskGroup() as group:
            parts = (self._follow(), self._draw(), self._obey())
            tasks = [group.create_task(part) for part in parts]
            await self._quit.wait()
            for task in tasks:
                task.cancel()

    def _typed(self) -> None:
        try:
            data = os.read(sys.stdin.fileno(), 1024)
        except OSError:
            data = b""  # the terminal has gone
        if not data:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._quit.set()
        for wish in self._keyboard.feed(data):
            if wish is Wish.QUIT:
                self._quit.set()
            elif self._wishes.qsize() < KEYS_WAITING:
                self._wishes.put_nowait(wish)

    def _resized(self) -> None:
        self._drawn = ""
        self._redraw.bump()

    async def _follow(self) -> None:
        async for _seen in self._watcher.changes():
            self._redraw.bump()

    async def _draw(self) -> None:
        while True:
            number = self._redraw.number
            columns, lines = shutil.get_terminal_size()
            picture = "\r\n".join(
                f"{line}\x1b[K" for line in draw(self._watcher.seen, columns, lines)
            )
            if picture != self._drawn:
                self._drawn = picture
                _write(f"\x1b[H{picture}\x1b[J")
            await self._redraw.wait_beyond(number)

    async def _obey(self) -> None:
        while True:
            wish = await self._wishes.get()
            if self._watcher.seen is None:
                continue  # it says so; a key for a panel that is not there is not kept for it
            try:
                await self._do(wish)
            except PanelAway as error:
                log.debug("%s", error)

    async def _do(self, wish: Wish) -> None:
        seen = self._watcher.seen
        if wish is Wish.HOME:
            await self._watcher.hold(Key.LEFT, HOME_HOLD)
        elif wish is not Wish.DOOR:
            await self._watcher.press(Key(wish.value))
        elif seen is not None and seen.door_open is not None:
            await self._watcher.door(not seen.door_open)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
