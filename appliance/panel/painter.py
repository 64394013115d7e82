"""The display's own thread: shows the newest screen, whatever the bus does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from appliance.errors import ApplianceError
from appliance.panel.display import Display
from appliance.panel.screen import Screen
from appliance.printer.api import Problem

log = logging.getLogger(__name__)

RATE = 12.0  # screens a second in the long run; more than that nobody sees
BURST = 3  # screens at once: a key that follows an update is not kept waiting
FIRST_PAUSE = 1.0  # seconds until a display that failed is tried again, doubled each time
LONGEST_PAUSE = 30.0
HANGS = 5.0  # seconds that a bus may take for one screen
STUCK = 60.0  # seconds after which it does not come back by itself
_HANGS = Problem(
    "Display hangs",
    "The display's bus does not answer. Check the display's cable and its power; the buttons "
    "and the door go on working.",
)


class Painter:
    """Draws what :meth:`show` was given last; screens that come too fast are skipped.

    ``report`` and ``drawn`` are called in the display's thread: with a problem or None at the
    start and at every change, and after each time that something was written.
    """

    def __init__(
        self,
        make: Callable[[], Display],
        report: Callable[[Problem | None], None],
        *,
        refresh: float,
        drawn: Callable[[], None] = lambda: None,
        first_pause: float = FIRST_PAUSE,
        patience: float = HANGS,
    ) -> None:
        self._make = make
        self._report = report
        self._refresh = refresh or None
        self._drawn = drawn
        self._first_pause = self._pause = first_pause
        self._patience = patience
        self._display: Display | None = None
        self._change = threading.Condition()
        self._screen: Screen | None = None
        self._version = self._done = 0
        self._since = 0.0  # when the present page appeared
        self._last = False  # nothing comes after the present screen
        self._ended = threading.Event()
        self._tokens, self._filled = float(BURST), 0.0
        self._failing = False
        self._busy_since: float | None = None
        self._told: tuple[Problem | None] | None = None
        self._telling = threading.Lock()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self.run, name="display", daemon=True).start()

    def show(self, screen: Screen) -> None:
        """Show ``screen`` from now on; from any thread, never blocks."""
        with self._change:
            if self._last:
                return
            if self._screen is None or _page(screen) != _page(self._screen):
                self._since = time.monotonic()
            self._screen = screen
            self._version += 1
            self._change.notify()

    def finish(self, screen: Screen, timeout: float) -> None:
        """Show ``screen`` as the last one, if that is possible within ``timeout`` seconds.

        A present screen that is a farewell itself stays, and is shown from its beginning.
        """
        if self._screen is None or not self._screen.farewell:
            self.show(screen)
        with self._change:
            self._last, self._since = True, time.monotonic()
            self._change.notify()
        self._ended.wait(timeout)

    def watch(self) -> None:
        """Tell of a bus that hangs; once it answers, the display's thread says so."""
        with self._telling:
            since = self._busy_since
            if since is not None and time.monotonic() - since > self._patience:
                self._tell(_HANGS)

    @property
    def stuck(self) -> bool:
        """The bus hangs for so long that only a new process may help."""
        since = self._busy_since
        return since is not None and time.monotonic() - since > STUCK

    def _tell(self, problem: Problem | None) -> None:
        """Report at the start and at every change; ``_telling`` is held."""
        if self._told != (problem,):
            self._told = (problem,)
            self._report(problem)

    def run(self) -> None:
        """Draw until :meth:`finish`; the display's thread."""
        drawn_again: float | None = None
        refreshed = time.monotonic()
        while not self._ended.is_set():
            fresh = None if self._refresh is None else refreshed + self._refresh
            screen, elapsed, last = self._wait(drawn_again, fresh)
            now = self._busy_since = time.monotonic()
            try:
                if self._display is not None and (self._failing or (fresh and now >= fresh)):
                    refreshed = now
                    self._display.refresh()
                drawn_again = self._draw(screen, elapsed)
            except Exception as error:  # noqa: BLE001 - driver boundary: luma raises anything
                self._failed(error)
            if last:
                self._ended.set()
            elif self._failing:
                self._rest()
                drawn_again, refreshed = 0.0, time.monotonic()

    def _draw(self, screen: Screen, elapsed: float) -> float | None:
        """Draw; when it must be drawn again because something moves."""
        if self._display is None:
            self._display = self._make()
        again = self._display.show(screen, elapsed)
        self._busy_since, self._failing = None, False
        self._pause = self._first_pause
        with self._telling:
            self._tell(None)
        self._drawn()
        return None if again is None else time.monotonic() + again

    def _wait(self, again: float | None, fresh: float | None) -> tuple[Screen, float, bool]:
        """Sleep until there is something to draw, and not more often than the rate allows."""
        with self._change:
            while True:
                now = time.monotonic()
                due = self._due(now, again, fresh)
                if due is not None and now >= due:
                    break
                self._change.wait(None if due is None else due - now)
            self._done = self._version
            assert self._screen is not None
            self._tokens -= 1.0
            return self._screen, now - self._since, self._last

    def _due(self, now: float, again: float | None, fresh: float | None) -> float | None:
        """When to draw next; None = when something is shown."""
        if self._screen is None:
            return None
        if self._last:
            return now
        self._tokens = min(float(BURST), self._tokens + (now - self._filled) * RATE)
        self._filled = now
        changed = now if self._done != self._version else None
        due = min((one for one in (changed, again, fresh) if one is not None), default=None)
        if due is None or self._tokens >= 1.0:
            return due
        return max(due, now + (1.0 - self._tokens) / RATE)

    def _failed(self, error: Exception) -> None:
        """Tell, and initialise the display anew after a rest."""
        self._busy_since, self._failing = None, True
        if isinstance(error, ApplianceError):
            problem = Problem(error.short, error.long)
        else:
            problem = Problem("Display problem", f"The display failed ({error!r}).")
            self._abandon()
        if self._told != (problem,):  # once, not at every try
            log.warning("%s", problem.long, exc_info=error)
        with self._telling:
            self._tell(problem)

    def _abandon(self) -> None:
        """After what its driver did not foresee a new one is made."""
        display, self._display = self._display, None
        if display is not None:
            try:
                display.close()
            except Exception:
                log.exception("The display cannot be closed.")

    def _rest(self) -> None:
        """Wait before the next try, however many screens come meanwhile."""
        with self._change:
            self._change.wait_for(lambda: self._last, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


def _page(screen: Screen) -> tuple[object, ...]:
    """What stays the same while only values change, so that a long name scrolls on."""
    return screen.title, screen.text, screen.selected, len(screen.lines)
