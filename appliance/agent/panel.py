"""The front panel's course: key strokes and news in, screens and deeds out.

What is shown and what a key means is decided by the pure menu; this holds the menu's
present state, carries deeds out beside the event loop's other work, and sends the display
a screen whenever another one is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from appliance.agent.panel_deeds import DONE, LAST_WORDS
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError
from appliance.panel import menu
from appliance.panel.actions import (
    Action,
    DismissProblem,
    Extrude,
    Jog,
    LoadQueue,
    PrintQueued,
    SetupMode,
    Watch,
)
from appliance.panel.face import Front
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.screen import Line, Screen, Tone
from appliance.panel.screens import front
from appliance.panel.state import PanelState
from appliance.panel.wire import DoorSeen, Health, Stroked, Up
from appliance.polar.job import Outcome, Phase
from appliance.printer.api import JobState, Problem

log = logging.getLogger(__name__)

REDRAW = 1.0  # seconds; elapsed times and "next try in" count on without any news
REST = 0.3  # seconds between two screens that no key asked for; each costs a small Pi some ms
PICTURE_PAUSE = 2.0  # seconds between two pictures of the camera page
SETTLED = 0.5  # seconds for which what changed by itself takes no key: it was not seen yet
READ = 1.5  # seconds for the question that lets a browser in: fast fingers meant another page
POWER_ON = 20.0  # seconds after the worker's first word in which held OK means setup mode
BOOTED = 180.0  # seconds of the host's uptime; later the agent was only started again
LAST_WORD = 90.0  # seconds for which the device may still be there after it was switched off
MANY = (Jog, Extrude, LoadQueue)  # what a held or hurried key asks for again and again
MOST = 4  # of those under way at a time

Do = Callable[[Action], Awaitable[None]]


class View(Protocol):
    """What the panel knows (PanelView)."""

    def look(self) -> PanelState:
        """The whole appliance now; must not block."""

    async def take_picture(self) -> None:
        """A new picture for the camera page. Raises CameraError."""

    def forget_picture(self) -> None:
        """Nobody looks at it any more."""


class Panel:
    """Runs the front panel: ``do`` carries an action out, ``door`` is told what the switch says.

    A mistake in a screen is logged and shown, and never more than that: the panel must not
    take the agent with it. ``uptime`` is that of the host in seconds.
    """

    def __init__(
        self,
        state: AgentState,
        view: View,
        do: Do,
        door: Callable[[int | None], None],
        *,
        uptime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._state = state
        self._view = view
        self._do = do
        self._door = door
        self._uptime = uptime
        self._display: Callable[[Screen], None] = _nobody_looks
        self._listeners: list[Callable[[KeyStroke], None]] = []
        self._worker_at: float | None = None  # its first word
        self._touched = False  # a key was heard
        self._menu = menu.Menu()
        self._shown: Screen | None = None
        self._last_word: Screen | None = None
        self._last_word_at = 0.0
        self._key_at = time.monotonic()
        self._scene: object = None
        self._scene_at = -SETTLED
        self._tasks: set[asyncio.Task[None]] = set()
        self._many: set[asyncio.Task[None]] = set()  # of those, the MANY
        self._failure = ""
        self._mistake = ""

    def show_on(self, display: Callable[[Screen], None]) -> None:
        """Screens go to ``display`` from now on; it must not block."""
        self._display = display

    def listen(self, heard: Callable[[KeyStroke], None]) -> None:
        """``heard`` is told every key stroke, whatever it does; it must not block."""
        self._listeners.append(heard)

    def hear(self, message: Up) -> None:
        """The panel worker says this."""
        if self._worker_at is None:
            self._worker_at = time.monotonic()
        match message:
            case Stroked(stroke):
                self._safely(lambda: self._heard(stroke))
            case DoorSeen(door):
                self._door(door)
            case Health(part, problem):
                log.info("panel, %s: %s", part, problem.long if problem else "works")
                self._state.see_health(part, problem)

    async def run(self) -> None:
        """Keep the display right for ever."""
        while True:
            seen = self._state.revision.number
            self._see_failures()
            self._safely(self._draw)
            await asyncio.sleep(REST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REDRAW - REST):
                    await self._state.revision.wait_beyond(seen)

    async def watch(self) -> None:
        """Take pictures for ever while the camera page is open."""
        while True:
            if not menu.watching(self._menu):
                self._view.forget_picture()
                await self._state.revision.wait_beyond(self._state.revision.number)
                continue
            try:
                await self._view.take_picture()
            except ApplianceError as error:
                log.debug("no picture for the panel: %s", error.long)
            except Exception:  # boundary: a picture is not worth the panel
                log.exception("a picture for the panel")
            self._state.revision.bump()
            await asyncio.sleep(PICTURE_PAUSE)

    async def close(self) -> None:
        """Drop the deeds that are under way."""
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # the panel's boundary
            if repr(error) != self._mistake:  # else ten a second would fill the journal
                self._mistake = repr(error)
                log.exception("the panel made a mistake")
            self._menu = menu.Menu()
            self._send(_BROKEN)

    def _heard(self, stroke: KeyStroke) -> None:
        """Setup mode for OK that is held since power came, else what the page says."""
        asks_for_setup = self._held_at_power_on(stroke)
        self._touched = True
        if asks_for_setup:
            self._begin(SetupMode())
            return
        for heard in self._listeners:
            heard(stroke)
        self._press(stroke)

    def _held_at_power_on(self, stroke: KeyStroke) -> bool:
        """A hold without the press before it: the key was down when the worker began."""
        if self._touched or stroke != KeyStroke(Key.OK, Stroke.HOLD) or self._worker_at is None:
            return False
        return time.monotonic() - self._worker_at < POWER_ON and self._uptime() < BOOTED

    def _press(self, stroke: KeyStroke) -> None:
        """Decide and draw at once: a person waits."""
        self._key_at = time.monotonic()
        state = self._view.look()
        if stroke != KeyStroke(Key.LEFT, Stroke.HOLD) and not self._settled(state):
            self._draw()  # it was meant for what was shown before
            return
        self._menu, action = menu.press(self._menu, stroke, state)
        if action is not None:
            self._begin(action)
        self._scene, self._scene_at = self._scene_now(self._view.look()), -SETTLED
        self._draw()

    def _settled(self, state: PanelState) -> bool:
        """What the keys mean now was to be seen for long enough; what a key led to always is."""
        scene = self._scene_now(state)
        if scene != self._scene:
            self._scene, self._scene_at = scene, time.monotonic()
        asks = front(state) is Front.CODE
        return time.monotonic() - self._scene_at >= (READ if asks else SETTLED)

    def _scene_now(self, state: PanelState) -> object:
        """What the keys mean; as long as this is the same, they do the same."""
        pages = tuple(place.page for place in self._menu.places)
        deeds = [menu.press(self._menu, KeyStroke(key), state)[1] for key in Key]
        return self._menu.told, self._menu.reading, pages, front(state), state.problem, deeds

    def _begin(self, action: Action) -> None:
        if isinstance(action, DismissProblem):
            self._state.see_problem(None)
        elif isinstance(action, Watch):
            self._state.revision.bump()  # wakes watch()
        elif not isinstance(action, MANY) or len(self._many) < MOST:
            task = asyncio.create_task(self._carry_out(action))
            for tasks in (self._tasks, *([self._many] if isinstance(action, MANY) else [])):
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    async def _carry_out(self, action: Action) -> None:
        try:
            log.info("at the panel: %s", action)
            await self._do(action)
            self._done(action)
        except ApplianceError as error:
            log.warning("at the panel, %s: %s", type(action).__name__, error.long)
            self._menu = menu.tell(self._menu, Problem(error.short, error.long))
        except Exception:  # boundary of one deed: the panel goes on
            log.exception("at the panel, %s", type(action).__name__)
            self._menu = menu.tell(self._menu, _MISTAKE)
        self._key_at = time.monotonic()  # the answer is to be read as long as a key's page
        self._safely(self._draw)

    def _done(self, action: Action) -> None:
        if isinstance(action, PrintQueued):
            self._menu = menu.Menu()
        elif type(action) in LAST_WORDS:
            self._last_word, self._last_word_at = LAST_WORDS[type(action)], time.monotonic()
        elif type(action) in DONE:
            self._menu = menu.tell(self._menu, DONE[type(action)], trouble=False)

    def _draw(self) -> None:
        if self._last_word and time.monotonic() - self._last_word_at < LAST_WORD:
            self._send(self._last_word)
            return
        state = self._view.look()
        idle = time.monotonic() - self._key_at
        self._menu = menu.settle(self._menu, state, idle, state.menu_timeout)
        self._settled(state)
        self._send(menu.show(self._menu, state))

    def _send(self, screen: Screen) -> None:
        if screen != self._shown:
            self._shown = screen
            self._display(screen)

    def _see_failures(self) -> None:
        """A print that failed stays in front until a person has read why."""
        key, reason = self._failed()
        if key and key != self._failure:
            self._failure = key
            self._state.see_problem(Problem("Print failed", reason))

    def _failed(self) -> tuple[str, str]:
        job = self._state.job
        if job is not None:
            failed = job.phase is Phase.ENDED and job.outcome is Outcome.FAILED
            return (job.key, job.reason) if failed else ("", "")
        printed = self._state.snapshot.job if self._state.snapshot is not None else None
        if printed is not None and printed.state is JobState.FAILED:
            return printed.key, printed.reason
        return "", ""


def _nobody_looks(_screen: Screen) -> None:
    """The display of a panel that was not given one yet."""


_MISTAKE = Problem("A mistake of ours", "The appliance made a mistake; its log tells more.")
_BROKEN = Screen(
    title="Panel problem",
    tone=Tone.TROUBLE,
    lines=(Line("Prints go on"),),
    text="The panel made a mistake. Hold the back button, or restart the device; its log tells "
    "more. Prints go on.",
)
