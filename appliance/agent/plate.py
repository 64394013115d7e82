"""The build plate: full when a print lies on it, until a person says that it is clear.

Kept on the disk, so that neither a power cut nor a restart makes a full plate look empty.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from appliance.agent.queue import QueueEmpty
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, StorageError
from appliance.polar.codes import door_open, running_job
from appliance.polar.job import Phase
from appliance.printer.api import INTERRUPTED, Job, JobState, LinkState, Snapshot
from appliance.settings_panel import PlateSettings
from appliance.store import Record

log = logging.getLogger(__name__)

SOMETHING = 4096  # bytes of a file after which something was printed, where no layer is known
NEXT_LIMIT = 900.0  # seconds after the clearing; later on nobody expects a print to begin
REMEMBERED = 40  # keys of prints; the printer daemon shows 21 ended ones at most

PrintNext = Callable[[], Awaitable[object]]


class PlateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the build plate."""

    full: bool = False
    prints: tuple[str, ...] = ()  # keys of those that filled it, the last ones
    next_wanted: bool = False  # it was cleared, and the cloud not yet asked for the next print
    cleared_at: float = 0.0  # Unix seconds


class Plate:
    """Knows whether the plate is clear. ``print_next`` asks the cloud for its next job."""

    def __init__(
        self,
        folder: Path,
        settings: PlateSettings,
        state: AgentState,
        print_next: PrintNext,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._record = Record(folder / "plate.json", PlateRecord)
        self._settings = settings
        self._state = state
        self._print_next = print_next
        self._clock = clock
        self._wall = wall
        self._wished_at: float | None = None  # by the clock; None = in an earlier life
        self._began = clock()
        self._now = self._load()
        self._state.see_plate(self._now.full)

    def _load(self) -> PlateRecord:
        """Without the question after each print the plate is nobody's business."""
        if not self._settings.confirm:
            return PlateRecord()
        try:
            kept = self._record.load() or PlateRecord()
        except StorageError as error:
            log.error("the record of the build plate: %s", error.long)
            return PlateRecord()
        wanted = kept.next_wanted and self._settings.print_next
        return msgspec.structs.replace(kept, next_wanted=wanted)

    @property
    def unheard(self) -> bool:
        """The printer daemon has not said yet what it printed."""
        return self._state.snapshot is None

    def hear(self, snapshot: Snapshot) -> None:
        """The printer daemon says this."""
        self._state.see_snapshot(snapshot)

    @property
    def full(self) -> bool:
        """A print lies on it, as far as is known at this moment."""
        self._look()
        return self._now.full

    def see(self, printed: Job) -> None:
        """This print is as far as it says; once it has ended it may lie on the plate.

        The same print never fills the plate twice.
        """
        if printed.state.ended and lies_on_plate(printed):
            self.fill(printed.key)

    def fill(self, key: str) -> None:
        """The print with this key lies on the plate, unless it was taken off before."""
        if not self._settings.confirm or key in self._now.prints:
            return
        prints = (*self._now.prints, key)[-REMEMBERED:]
        self._keep(PlateRecord(full=True, prints=prints))
        log.info("the build plate is to be cleared")

    async def clear(self) -> None:
        """A person says that the plate is clear; where it was full the next print may follow."""
        self._look()
        if not self._now.full:
            log.info("the build plate was clear already")
            return
        self._wished_at = self._clock()
        cleared = PlateRecord(
            prints=self._now.prints,
            next_wanted=self._settings.print_next,
            cleared_at=self._wall(),
        )
        self._keep(cleared)
        log.info("the build plate is clear")
        self._state.see_notice("The build plate is clear.")

    async def run(self) -> None:
        """Look at every print that ends, and ask for the next one when it is time; for ever."""
        while True:
            seen = self._state.revision.number
            self._look()
            if self._now.next_wanted:
                await self._follow_up()
            await self._state.revision.wait_beyond(seen)

    def _look(self) -> None:
        """Whatever the printer daemon shows as ended was printed, whoever started it."""
        snapshot = self._state.snapshot
        every = (*snapshot.unseen, snapshot.job) if snapshot is not None else ()
        for job in every:
            if job is not None:
                self.see(job)

    async def _follow_up(self) -> None:
        """Ask for the next print, once; not before the last one's end was told to the cloud."""
        if self._taken() or self._too_late():
            self._keep(msgspec.structs.replace(self._now, next_wanted=False))
        elif self._ready():
            # Kept before asking: a print too few is better than one too many.
            self._keep(msgspec.structs.replace(self._now, next_wanted=False))
            await self._ask()

    def _too_late(self) -> bool:
        """The clearing is long past. The wall's clock counts only where no other one does."""
        if self._wished_at is not None:
            return self._clock() - self._wished_at > NEXT_LIMIT
        age = abs(self._wall() - self._now.cleared_at)  # it may have been set back
        return max(age, self._clock() - self._began) > NEXT_LIMIT

    def _taken(self) -> bool:
        """Another print has begun by itself."""
        job = self._state.job
        begun = job is not None and job.phase not in (Phase.FINISHING, Phase.ENDED)
        return begun or running_job(self._state.inputs()) is not None

    def _ready(self) -> bool:
        snapshot = self._state.snapshot
        connected = snapshot is not None and snapshot.link is LinkState.READY
        free = self._state.job is None and not door_open(self._state.inputs())
        return self._state.online and connected and free

    async def _ask(self) -> None:
        try:
            await self._print_next()
        except QueueEmpty:
            log.info("no job waits to be printed next")
        except ApplianceError as error:
            log.warning("the next print: %s", error.long)
            self._state.see_notice(error.long)
        except Exception:  # boundary: the plate must be watched all the same
            log.exception("the next print")

    def _keep(self, record: PlateRecord) -> None:
        """A disk that takes nothing leaves the plate right until the next power cut."""
        self._now = record
        try:
            self._record.save(record)
        except StorageError as error:
            log.error("the build plate's state is kept in memory alone: %s", error.long)
        if self._state.plate_full != record.full:
            self._state.see_plate(record.full)


def lies_on_plate(printed: Job) -> bool:
    """Whether a print that ended left something on the plate; in doubt it did."""
    if printed.state is JobState.COMPLETED or printed.reason == INTERRUPTED:
        return True  # how far an interrupted one came nobody noted
    if printed.layer is not None:
        return printed.layer >= 1
    return printed.layers is None and printed.bytes_read > min(SOMETHING, printed.file_size / 2)


def full_on_disk(folder: Path, snapshot: Snapshot) -> bool:
    """Whether a print lies on the plate, as far as can be told while the agent is off.

    Raises StorageError when the record cannot be read.
    """
    kept = Record(folder / "plate.json", PlateRecord).load() or PlateRecord()
    ended = (job for job in (*snapshot.unseen, snapshot.job) if job is not None)
    return kept.full or any(
        job.state.ended and job.key not in kept.prints and lies_on_plate(job) for job in ended
    )
