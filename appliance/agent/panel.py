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

from appliance.agent.panel_deeds import DONE
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError
from appliance.panel import menu, screens
from appliance.panel.actions import Action, DismissProblem, PrintQueued, Watch
from appliance.panel.keys import Key, KeyStroke
from appliance.panel.screen import Screen
from appliance.panel.state import PanelState
from appliance.panel.wire import DoorSeen, Health, Stroked, Up
from appliance.polar.job import Outcome, Phase
from appliance.printer.api import JobState, Problem

log = logging.getLogger(__name__)

REDRAW = 1.0  # seconds; elapsed times and "next try in" count on without any news
REST = 0.1  # seconds between two screens that no key asked for
PICTURE_PAUSE = 2.0  # seconds between two pictures of the camera page
SETTLED = 0.5  # seconds for which what has just come in front takes no OK: it was not seen yet
DEEDS = 4  # that may be under way; a held key must not pile up more

Do = Callable[[Action], Awaitable[None]]


class Panel:
    """Runs the front panel.

    ``look`` gives the panel's state, ``do`` carries an action out, ``picture`` takes one for
    the camera page and ``door`` is told what the switch says. None of them blocks.
    """

    def __init__(
        self,
        state: AgentState,
        look: Callable[[], PanelState],
        do: Do,
        picture: Callable[[], Awaitable[None]],
        door: Callable[[int | None], None],
        timeout: float,
    ) -> None:
        self._state = state
        self._look = look
        self._do = do
        self._picture = picture
        self._display: Callable[[Screen], None] = _nobody_looks
        self._door = door
        self._timeout = timeout
        self._menu = menu.Menu()
        self._shown: Screen | None = None
        self._key_at = time.monotonic()
        self._front: object = None
        self._front_at = -SETTLED
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure = ""

    def show_on(self, display: Callable[[Screen], None]) -> None:
        """Screens go to ``display`` from now on; it must not block."""
        self._display = display

    def hear(self, message: Up) -> None:
        """The panel worker says this."""
        match message:
            case Stroked(stroke):
                self._press(stroke)
            case DoorSeen(door):
                self._door(door)
            case Health(part, problem):
                log.info("panel, %s: %s", part, problem.long if problem else "works")

    async def run(self) -> None:
        """Keep the display right for ever."""
        while True:
            seen = self._state.revision.number
            self._see_failures()
            self._draw()
            await asyncio.sleep(REST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REDRAW - REST):
                    await self._state.revision.wait_beyond(seen)

    async def watch(self) -> None:
        """Take pictures for ever while the camera page is open."""
        while True:
            if not menu.watching(self._menu):
                await self._state.revision.wait_beyond(self._state.revision.number)
                continue
            try:
                await self._picture()
                self._state.revision.bump()
            except ApplianceError as error:
                log.debug("no picture for the panel: %s", error.long)
            await asyncio.sleep(PICTURE_PAUSE)

    async def close(self) -> None:
        """Drop the deeds that are under way."""
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _press(self, stroke: KeyStroke) -> None:
        """Decide and draw at once: a person waits."""
        self._key_at = time.monotonic()
        state = self._look()
        if stroke.key is Key.OK and not self._settled(state):
            return  # it was meant for what was shown before
        self._menu, action = menu.press(self._menu, stroke, state)
        if action is not None:
            self._begin(action)
        self._draw()

    def _settled(self, state: PanelState) -> bool:
        """What stands in front has been there long enough to be seen; nothing always has."""
        front = (screens.front(state), state.problem)
        if front != self._front:
            self._front, self._front_at = front, time.monotonic()
        return front[0] is None or time.monotonic() - self._front_at >= SETTLED

    def _begin(self, action: Action) -> None:
        if isinstance(action, DismissProblem):
            self._state.see_problem(None)
        elif isinstance(action, Watch):
            self._state.revision.bump()  # wakes watch()
        elif len(self._tasks) < DEEDS:
            task = asyncio.create_task(self._carry_out(action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, action: Action) -> None:
        name = type(action).__name__
        try:
            log.info("at the panel: %s", action)
            await self._do(action)
            if isinstance(action, PrintQueued):
                self._menu = menu.Menu()
            elif type(action) in DONE:
                self._menu = menu.tell(self._menu, DONE[type(action)], trouble=False)
        except ApplianceError as error:
            log.warning("at the panel, %s: %s", name, error.long)
            self._menu = menu.tell(self._menu, Problem(error.short, error.long))
        except Exception:  # boundary of one deed: the panel goes on
            log.exception("at the panel, %s", name)
            self._menu = menu.tell(self._menu, _MISTAKE)
        self._key_at = time.monotonic()  # the answer is to be read as long as a key's page
        self._draw()

    def _draw(self) -> None:
        state = self._look()
        idle = time.monotonic() - self._key_at
        self._menu = menu.settle(self._menu, state, idle, self._timeout)
        screen = menu.show(self._menu, state)
        self._settled(state)
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
