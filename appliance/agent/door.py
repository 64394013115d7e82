"""The printer's door: what must not start while it is open, and what opening it does.

What counts is the stable reading of the switch (panel/door.py). A door that nobody knows of
blocks nothing; a switch that is about to be read is waited for, for a moment. A switch that
is lost closes no door: what was open when it was last read stays so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Protocol

from appliance.agent.state import AgentState
from appliance.errors import JobRefused, PrinterError
from appliance.polar.codes import OPEN, door_open, running_job
from appliance.printer.api import Job, JobState, PauseKind, Snapshot
from appliance.settings_panel import DoorPolicy, DoorSettings

log = logging.getLogger(__name__)

_NOT_READ = "The door's switch was not read yet. Try again in a moment."
_LOST = (
    "The door was open when its switch was last read, and now it cannot be read. "
    "See to the switch (polar-appliance doctor); a restart of the agent forgets the door."
)
READING_TIME = 10.0  # seconds that the panel worker may take to start on a small board
RETRY_PAUSE = 1.0  # seconds between two tries to pause a print, or to go on with it

_MOVING = (JobState.PRINTING, JobState.RESUMING)
_HELD = (JobState.PAUSING, JobState.PAUSED)


class DoorOpen(JobRefused):
    """Something was refused because the door is open."""

    default_short = "Door is open"


class Pausing(Protocol):
    """What the door needs of the printer daemon."""

    async def pause(self, kind: PauseKind) -> Snapshot:
        """See PrinterClient.pause."""

    async def resume(self) -> Snapshot:
        """See PrinterClient.resume."""


def _unsaid(_detail: str) -> None:
    """Nobody needs to know what is waited for."""


class Door:
    """Watches the door for the print's sake; the one way to resume a print.

    ``has_ok`` tells whether there is a key to confirm with at the device; where there is
    none, a resume that was asked for while the door was open happens when it is closed.
    ``reading_time`` is how long (seconds) a connected switch may take to be read.
    """

    def __init__(
        self,
        settings: DoorSettings,
        state: AgentState,
        printer: Pausing,
        *,
        has_ok: bool,
        clock: Callable[[], float] = time.monotonic,
        reading_time: float = READING_TIME,
    ) -> None:
        self._settings = settings
        self._state = state
        self._printer = printer
        self._has_ok = has_ok
        self._clock = clock
        self._reading_time = reading_time if settings.pins() else 0.0
        self._unknown_since = clock()
        self._left_open = False  # it was open when the switch was last read
        self._told = ""  # key of the print for which this opening was reported
        self._asks_for = ""  # key of the print that the door paused
        self._wish = ""  # key of the print that shall go on once the door is closed

    # --- what is known ----------------------------------------------------------------------

    def see(self, value: int | None) -> None:
        """The switch says this (section 3.12), stable; None when it cannot be read."""
        if value == self._state.door:
            return
        if value is None:
            self._unknown_since = self._clock()
        else:
            self._left_open = value in OPEN
        log.info("door: %s", "not known" if value is None else value)
        self._state.see_door(value)

    @property
    def is_open(self) -> bool:
        """It is known to be open."""
        return door_open(self._state.inputs())

    @property
    def _is_lost_open(self) -> bool:
        return self._left_open and self._state.door is None

    @property
    def _reading_left(self) -> float:
        """Seconds for which the switch may still be waited for; 0 when it was read."""
        if self._state.door is not None:
            return 0.0
        return max(0.0, self._unknown_since + self._reading_time - self._clock())

    def why_not(self, then: str = "print") -> str:
        """A sentence why nothing can be begun now, else ''; ``then`` is what was wanted."""
        if self.is_open:
            return f"The door is open. Close it, then {then}."
        if self._reading_left:
            return _NOT_READ
        return _LOST if self._is_lost_open else ""

    def refuse(self, then: str) -> None:
        """Raises DoorOpen while :meth:`why_not` has a reason."""
        if reason := self.why_not(then):
            raise DoorOpen(reason)

    async def closed(
        self, name: str, unless: Callable[[], bool], say: Callable[[str], None] = _unsaid
    ) -> None:
        """Wait until the print ``name`` may start, or ``unless`` is true.

        ``say`` is given what is waited for where the door's state does not tell. Raises
        DoorOpen when the door stays open for longer than the settings allow.
        """
        while (left := self._reading_left) and not unless():
            await self._change(left)
        patience = self._settings.patience
        try:
            async with asyncio.timeout(patience):
                while (self.is_open or self._is_lost_open) and not unless():
                    say(f"Waiting for the door: {_LOST}" if self._is_lost_open else "")
                    await self._state.revision.wait_beyond(self._state.revision.number)
        except TimeoutError:
            raise DoorOpen(
                f"{name} was not printed: the door stayed open for {_duration(patience)}. "
                "Close the door, then print it again."
            ) from None

    async def _change(self, limit: float) -> None:
        """Wait for the next change of anything, ``limit`` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._state.revision.wait_beyond(self._state.revision.number)

    # --- going on -----------------------------------------------------------------------------

    async def resume(self) -> None:
        """Go on with the paused print, for panel, cloud and command line alike.

        Raises DoorOpen while the door is open or not read, and whatever the printer daemon
        refuses.
        """
        job = running_job(self._state.inputs())
        nothing = self._state.snapshot is not None and job is None  # the daemon says it better
        reason = "" if nothing else self.why_not("resume")
        if not reason:
            self._state.see_snapshot(await self._printer.resume())
            return
        waits = job is not None and job.state in _HELD and self.is_open and not self._has_ok
        self._wish = job.key if job is not None and waits else ""
        if waits:
            reason = "The door is open. The print goes on when it is closed."
        raise DoorOpen(reason)

    # --- the watch ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what the settings say about an opened door, for ever."""
        while True:
            seen = self._state.revision.number
            if await self._settle():
                await self._state.revision.wait_beyond(seen)
            else:
                await asyncio.sleep(RETRY_PAUSE)

    async def _settle(self) -> bool:
        """Bring door and print into agreement; False when that must be tried again."""
        if self._state.snapshot is None:
            return True  # the daemon is away: what it prints is the same when it is back
        job = running_job(self._state.inputs())
        self._forget_past(job)
        if job is None:
            return True
        if self.is_open:
            return await self._opened(job) if job.state in _MOVING else True
        self._told = ""
        if self._wish == job.key and job.state is JobState.PAUSED and self._state.door is not None:
            return await self._go_on(job)
        return True

    def _forget_past(self, job: Job | None) -> None:
        """What waited for a print ends with it, or when anybody resumed it."""
        held = job.key if job is not None and job.state in _HELD else ""
        if self._asks_for != held:
            self._asks_for = ""
        if self._state.door_asks != bool(self._asks_for):
            self._state.see_door_asks(bool(self._asks_for))
        if self._wish != held:
            self._wish = ""

    async def _opened(self, job: Job) -> bool:
        """The door is open and the head moves."""
        name = job.name or "a print"
        if self._settings.while_printing is DoorPolicy.PAUSE:
            return await self._pause(job)
        if self._settings.while_printing is DoorPolicy.REPORT and self._told != job.key:
            self._told = job.key
            log.warning("the door was opened while %s is printed", name)
            self._state.see_notice(f"The door was opened while {name} is being printed.")
        return True

    async def _pause(self, job: Job) -> bool:
        name = job.name or "the print"
        try:
            snapshot = await self._printer.pause(PauseKind.PAUSE)
        except JobRefused as error:  # it is ending, or being paused just now
            log.info("the door did not pause %s: %s", name, error.long)
            return False
        except PrinterError as error:
            log.warning("the door did not pause %s: %s", name, error.long)
            if self._told != job.key:
                self._told = job.key
                self._state.see_notice(
                    f"The door was opened, and {name} could not be paused: {error.long}"
                )
            return False
        self._asks_for = job.key
        self._state.see_snapshot(snapshot)
        self._state.see_door_asks(True)
        how = "press OK or resume it" if self._has_ok else "resume it"
        self._state.see_notice(
            f"The door was opened, so {name} was paused. Close the door, then {how}."
        )
        return True

    async def _go_on(self, job: Job) -> bool:
        try:
            snapshot = await self._printer.resume()
        except JobRefused as error:
            self._wish = ""
            self._state.see_notice(error.long)
        except PrinterError as error:
            log.warning("%s does not go on yet: %s", job.name, error.long)
            return False
        else:
            log.info("the door is closed: %s goes on", job.name)
            self._state.see_snapshot(snapshot)
        return True


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
