"""Moving and heating the printer by hand, from the panel and from the cloud.

Nothing here is done while a print is active, but pushing filament while it is paused. The
snapshot gives the reason in words; that it holds is seen to by the printer daemon itself
(:class:`Moment`), since a print may begin between the look and the move.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from appliance.agent import reach
from appliance.agent.state import AgentState
from appliance.errors import JobRefused, PrinterError
from appliance.printer.api import JobState, LinkState, Moment, Snapshot
from appliance.printer.position import reported_position
from appliance.settings_panel import Material, MoveSettings

log = logging.getLogger(__name__)

WAITING = 2  # moves beside the one under way; a held key asks for more than the head can do
MOTORS_HOLD = 100.0  # seconds; Marlin lets idle motors go after 120 s, and says nothing
AGREEMENT = 0.02  # mm; two reports of the same place, each rounded to two decimals

_COMPLAINTS = (
    (
        re.compile(r"home\b[\sxyz]*first", re.IGNORECASE),
        "Home first",
        "The printer wants to be homed before it is moved.",
    ),
    (
        re.compile(r"cold extrusion prevented", re.IGNORECASE),
        "Nozzle too cold",
        "The printer did not move the filament, because the nozzle is too cold for that.",
    ),
    (
        re.compile(r"too long extrusion prevented", re.IGNORECASE),
        "Too much filament",
        "The printer does not move so much filament at once.",
    ),
    (
        re.compile(r"(?:homing|probing) failed", re.IGNORECASE),
        "Homing failed",
        "The printer could not be homed. Look whether something is in the head's way.",
    ),
)
_RELEASE = re.compile(r"\bM0*(?:18|84)(?!\d)", re.IGNORECASE)
_ERROR = re.compile(r"(?:echo:\s*)?error:\s*(.*)", re.IGNORECASE)


Check = Callable[[], None]


class Printer(Protocol):
    """What moves need of the printer daemon; see PrinterClient."""

    async def run_gcode(self, lines: list[str], when: Moment = Moment.ANY) -> list[str]:
        """Send lines and collect what the printer answers."""

    async def set_temperature(
        self, targets: dict[str, float], when: Moment = Moment.ANY
    ) -> Snapshot:
        """Set heater targets in degrees Celsius, by cloud name."""


def _nothing_against_it() -> None:
    """Whoever asked stands at the printer and sees it."""


class _Homed(msgspec.Struct, frozen=True):
    """Where the head was left after it had been homed here, and on which connection."""

    at: Mapping[str, float]  # mm, the homed axes alone
    life: str
    lines_sent: int
    job: str | None
    moved_at: float  # seconds of the clock


class Moves:
    """Carries out moves one after the other.

    Every method raises JobRefused when the wish does not fit the present state or the
    limits, PrinterError when the printer cannot do it, each with a sentence. ``check`` is
    called when a move's turn has come, and raises what stands against it then.

    **Where the head is.** Before it was homed, a firmware calls the place where it was
    switched on 0, so its answer to M114 says nothing. An axis counts as known from the
    moment when it was homed from here; it is unknown again once a print began, the printer
    was connected anew, a move failed, the motors may have been let go (M114 does not tell),
    or M114 tells another place than the last move led to.
    (Homing by others, a print's or a typed G28, does not count: nobody tells us what
    followed.) Known axes are kept within the build volume; others make small relative moves
    only, as one needs them to free a nozzle.
    """

    def __init__(
        self,
        settings: MoveSettings,
        materials: Sequence[Material],
        printer: Printer,
        state: AgentState,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._materials = {material.name: material for material in materials}
        self._printer = printer
        self._state = state
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._homed: _Homed | None = None

    async def run(self) -> None:
        """Follow the printer, for ever, to forget where the head is once a print moved it."""
        while True:
            seen = self._state.revision.number
            self._remembered(self._state.snapshot)
            await self._state.revision.wait_beyond(seen)

    def typed(self, lines: Sequence[str]) -> None:
        """A person sent these lines past us: the motors may be free now (M18, M84)."""
        if any(_RELEASE.search(line) for line in lines):
            self._homed = None

    async def home(
        self, axes: Sequence[str] = reach.AXES, *, check: Check = _nothing_against_it
    ) -> None:
        """Home ``axes`` ("x", "y", "z"); returns when that is done."""
        commands = reach.home_commands(axes)
        async with self._one_at_a_time():
            known = self._remembered(self._idle())
            check()
            self._homed = None  # until it is done
            answer = await self._run(commands, Moment.IDLE)
            there = _axes_of(reported_position(reversed(answer)))
            self._note({axis: mm for axis, mm in there.items() if axis in {*known, *axes}})

    async def jog(
        self,
        distances: Mapping[str, float],
        *,
        absolute: bool = False,
        speed: float | None = None,
        check: Check = _nothing_against_it,
    ) -> bool:
        """Move the head by ``distances`` (mm by axis), or to these places; ``speed`` in mm/min.

        Returns when the head stands still. A held key asks faster than a head moves: what
        comes while WAITING moves wait already is dropped (False), so that the head stops
        soon after the key was let go.
        """
        if self._turn.locked() and self._waiting >= WAITING:
            log.debug("a move was dropped")
            return False
        async with self._one_at_a_time():
            here = await self._here(self._idle())
            moves = reach.checked_moves(self._settings, distances, here, absolute=absolute)
            check()
            if moves:
                commands = reach.jog_commands(self._settings, moves, speed)
                self._homed = None  # until it is done
                await self._run(commands, Moment.IDLE)
                self._note({axis: mm + moves.get(axis, 0.0) for axis, mm in here.items()})
        return True

    async def extrude(
        self, amount: float, speed: float | None = None, *, check: Check = _nothing_against_it
    ) -> None:
        """Push ``amount`` mm of filament, negative pulls it back; ``speed`` in mm/min.

        Allowed while a print is paused, too. Returns when it is done.
        """
        async with self._one_at_a_time():
            snapshot = self._ready()
            paused = snapshot.job is not None and snapshot.job.state is JobState.PAUSED
            if not paused:
                _refuse_beside_a_print(snapshot)
            commands = reach.extrude_commands(self._settings, amount, speed, paused=paused)
            self._refuse_cold(snapshot)
            check()
            await self._run(commands, Moment.PAUSED if paused else Moment.IDLE)

    async def preheat(self, material: str) -> None:
        """Heat nozzle and bed for a material of the settings; does not wait for it."""
        chosen = self._materials.get(material)
        if chosen is None:
            raise JobRefused(
                f"There is no material {material[:40]!r} in the settings ([[materials]]).",
                short="Unknown material",
            )
        targets = {"tool0": chosen.tool}
        heaters = self._idle().heaters
        if "bed" in heaters or not heaters:
            targets["bed"] = chosen.bed
        await self._printer.set_temperature(targets, Moment.IDLE)

    async def cool_down(self) -> None:
        """All heaters off."""
        heaters = self._idle().heaters or ("tool0", "bed")
        await self._printer.set_temperature(dict.fromkeys(heaters, 0.0), Moment.IDLE)

    # What must hold.

    def _ready(self) -> Snapshot:
        snapshot = self._state.snapshot
        if snapshot is None:
            raise PrinterError(
                "The printer service is not running; wait a moment.", short="Printer service off"
            )
        if snapshot.link is not LinkState.READY:
            problem = snapshot.problem
            raise PrinterError(
                problem.long if problem else "The printer is not connected yet; wait a moment.",
                short=problem.short if problem else "Not connected",
            )
        return snapshot

    def _idle(self) -> Snapshot:
        snapshot = self._ready()
        _refuse_beside_a_print(snapshot)
        return snapshot

    def _refuse_cold(self, snapshot: Snapshot) -> None:
        """Of several nozzles the hottest counts; whether it is the active one, Marlin knows."""
        tools = [h.actual for name, h in snapshot.heaters.items() if name.startswith("tool")]
        least = self._settings.extrude_from
        if not tools or max(tools) < least:
            now = f"{max(tools):.0f} °C" if tools else "not known"
            raise JobRefused(
                f"The nozzle's temperature is {now}; filament is moved from {least:g} °C on. "
                "Preheat first.",
                short="Nozzle too cold",
            )

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        if self._turn.locked() and self._waiting >= WAITING:
            raise JobRefused("The printer is still busy with the moves before.", short="Busy")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()

    # Where the head is.

    async def _here(self, snapshot: Snapshot) -> dict[str, float]:
        """The places of all known axes, as the printer itself tells them now."""
        at = self._remembered(snapshot)
        if not at:
            return {}
        there = _axes_of(reported_position(await self._run(["M114"], Moment.IDLE)))
        if any(abs(there.get(axis, math.inf) - mm) > AGREEMENT for axis, mm in at.items()):
            log.info("the head was moved by others; it must be homed again")
            self._homed = None
            return {}
        return {axis: there[axis] for axis in at}

    def _remembered(self, snapshot: Snapshot | None) -> Mapping[str, float]:
        """Where the known axes were left, if nothing has happened since that moves them."""
        homed = self._homed
        if homed is None:
            return {}
        same = (
            snapshot is not None
            and snapshot.link is LinkState.READY
            and snapshot.life == homed.life
            and snapshot.lines_sent >= homed.lines_sent
            and _job_key(snapshot) in (None, homed.job)
            and self._clock() - homed.moved_at <= MOTORS_HOLD
        )
        if not same:
            self._homed = None
        return homed.at if same else {}

    def _note(self, at: Mapping[str, float]) -> None:
        snapshot = self._state.snapshot
        if snapshot is not None and at:
            self._homed = _Homed(
                at, snapshot.life, snapshot.lines_sent, _job_key(snapshot), self._clock()
            )

    async def _run(self, commands: list[str], when: Moment) -> list[str]:
        answer = await self._printer.run_gcode(commands, when)
        for line in answer:
            if error := _complaint(line):
                raise error
        return answer


def _refuse_beside_a_print(snapshot: Snapshot) -> None:
    job = snapshot.job
    if job is not None and not job.state.ended:
        raise JobRefused(
            f"{job.name or 'A print'} is not over yet. Do this when it has ended.",
            short="Not while printing",
        )


def _job_key(snapshot: Snapshot) -> str | None:
    return snapshot.job.key if snapshot.job is not None else None


def _axes_of(report: Mapping[str, float] | None) -> dict[str, float]:
    return {axis: report[axis.upper()] for axis in reach.AXES} if report else {}


def _complaint(line: str) -> PrinterError | None:
    """What one line of the printer's answer means, when it is a refusal."""
    for pattern, short, long in _COMPLAINTS:
        if pattern.search(line):
            return JobRefused(long, short=short)
    if match := _ERROR.match(line):
        said = "".join(c for c in match[1][:120] if c.isprintable())
        return PrinterError(f"The printer refused: {said}", short="Printer refused")
    return None
