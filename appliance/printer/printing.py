"""The printer daemon's print: begun from a request, kept on record, forgotten when seen.

Wraps the sans-IO :class:`PrintJob` with what it does not know: the file system, threads,
and what remains of a print when the daemon or the connection goes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from appliance.config import PrinterSettings
from appliance.errors import JobRefused, PrinterError, StorageError
from appliance.gcode.check import check_gcode
from appliance.gcode.facts import GcodeFacts, first_reading, stated_facts
from appliance.printer import api
from appliance.printer.job import PrintJob
from appliance.printer.protocol import Marlin
from appliance.store import Record

log = logging.getLogger(__name__)

UNSEEN = 20  # prints; an agent that is away for longer has other troubles
READING_PAUSE = 0.02  # seconds of rest after each block of a first reading: lines go first


class FileUnreadable(StorageError):
    """The file to be printed cannot be opened."""

    default_short = "File unreadable"


class _Prepared(msgspec.Struct):
    request: api.StartJob
    file: BinaryIO
    facts: GcodeFacts


class Printing:
    """At most one print, and the memory of the last one. Times are monotonic seconds."""

    def __init__(self, settings: PrinterSettings, record: Record[api.Job]) -> None:
        self.left_hot = False  # a print ended without a chance to switch the heaters off
        self._settings = settings
        self._record = record
        self._job: PrintJob | None = None
        self._past = self._interrupted(_recorded(record))
        self._prepared: _Prepared | None = None
        self._preparing = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._closed = threading.Event()  # tells a first reading to give up
        self._kept: api.JobState | None = None  # the state that the record has
        self._forgotten = ""
        self._unseen: tuple[api.Job, ...] = ()

    # --- the beginning --------------------------------------------------------------------

    def is_known(self, key: str) -> bool:
        """The print with this key was begun already."""
        known = (self.view(time.monotonic()), *self._unseen)
        return any(one is not None and one.key == key for one in known)

    async def prepare(self, request: api.StartJob) -> None:
        """Open and look at the file. Raises JobRefused, and what is wrong with the file."""
        async with self._preparing:
            self._refuse_second(request)
            file, facts = await asyncio.to_thread(_open, Path(request.path))
            if self._prepared is not None:
                self._prepared.file.close()
            self._prepared = _Prepared(request, file, facts)

    def begin(self, key: str, marlin: Marlin, now: float) -> None:
        """Begin the print that was prepared for ``key``. Raises JobRefused."""
        prepared = self._prepared
        if self.is_known(key):
            return  # the same request twice at the same moment
        if prepared is None or prepared.request.key != key:
            raise JobRefused("Another print was started at the same moment.")
        self._refuse_second(prepared.request)
        self._prepared = None
        if (past := self.view(now)) is not None:
            self._unseen = (*self._unseen, past)[-UNSEEN:]
        self._close()
        self._job = PrintJob(
            prepared.request,
            prepared.file,
            self._settings,
            firmware=marlin.firmware,
            started_at=time.time(),
            now=now,
        )
        self._job.facts = prepared.facts
        self._job.settled = lambda: marlin.quiet
        self._past = None
        self._keep(now)
        if not prepared.facts.complete:
            self._reading = asyncio.create_task(self._read_first(self._job, prepared))

    def _refuse_second(self, request: api.StartJob) -> None:
        job = self._job
        if job is not None and not job.done and not self.is_known(request.key):
            view = job.view(time.monotonic())
            if view.state.ended:
                raise PrinterError("The printer is still being made safe after the last print.")
            raise JobRefused(f"{view.name or 'A print'} is {view.state.value}. Wait for its end.")

    async def _read_first(self, job: PrintJob, prepared: _Prepared) -> None:
        """Learn from the file itself what its slicer did not say."""
        try:
            job.facts = await asyncio.to_thread(
                _read, prepared.request.path, prepared.facts, self._closed
            )
        except _GivenUp:
            log.debug("the first reading was given up")
        except OSError as error:
            log.warning("the first reading of the file failed: %s", error)

    # --- lines, as a Sender -----------------------------------------------------------------

    def peek(self, now: float) -> str | None:
        """The next line of the print."""
        return self._job.peek(now) if self._job is not None else None

    def sent(self, number: int, now: float) -> None:
        """The peeked line went out."""
        if self._job is not None:
            self._job.sent(number, now)

    def acknowledged(self, number: int, answer: tuple[str, ...], now: float) -> None:
        """The printer answered line ``number``."""
        if self._job is not None:
            self._job.acknowledged(number, answer, now)

    def note_command(self, command: str) -> None:
        """A person's line went out beside the print."""
        if self._job is not None:
            self._job.note_command(command)

    def note_printer(self, heaters: Mapping[str, api.Heater], resends: int) -> None:
        """What the printer reports, for the print's own decisions and its view."""
        if self._job is not None:
            self._job.heaters = heaters
            self._job.resends = resends

    def refuse_unless(self, when: api.Moment) -> None:
        """Raise JobRefused when a person's command may not go out at this moment."""
        if when is api.Moment.IDLE and self.busy:
            raise JobRefused(
                "A print is not over yet. Do this when it has ended.", short="Not while printing"
            )
        if when is api.Moment.PAUSED and not (self._job is not None and self._job.parked):
            raise JobRefused(
                "This is possible while a print is paused by the appliance, and none is now.",
                short="Not paused",
            )

    # --- state ------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """A print has not ended."""
        return self._job is not None and not self._job.state.ended

    @property
    def busy(self) -> bool:
        """A print has not ended, or what makes the printer safe is still going out."""
        return self._job is not None and not self._job.done

    @property
    def job_id(self) -> str:
        """Of the print that has not ended, or is being made safe; '' for none."""
        return self._job.job_id if self._job is not None and not self._job.done else ""

    @property
    def stopping(self) -> bool:
        """A print was canceled or has failed, and the printer is not safe yet."""
        return self._job is not None and self._job.stopping

    @property
    def waits(self) -> bool:
        """A line of the print may be waiting for heat or for a person (M109, M600)."""
        return self._job is not None and self._job.waits

    @property
    def waits_for_person(self) -> bool:
        """The firmware itself waits for a person, and not for heat."""
        return self._job is not None and self._job.waits_for_person

    @property
    def unseen(self) -> tuple[api.Job, ...]:
        """Prints that ended before the present one and that nobody has forgotten."""
        return self._unseen

    def view(self, now: float) -> api.Job | None:
        """The present print or the last one."""
        if self._job is not None:
            self._job.see_clock(time.time(), now)
        view = self._job.view(now) if self._job is not None else self._past
        return None if view is not None and view.key == self._forgotten else view

    def keep_record(self, now: float) -> None:
        """Write the record when the state has changed since."""
        job = self._job
        if job is not None and job.state is not self._kept:
            self._keep(now)

    # --- what people want ---------------------------------------------------------------------

    def pause(self, kind: api.PauseKind, now: float) -> None:
        """See PrintJob.pause."""
        self._running_job().pause(kind, now)

    def resume(self, now: float) -> None:
        """See PrintJob.resume."""
        self._running_job().resume(now)

    def cancel(self, now: float) -> None:
        """See PrintJob.cancel."""
        self._running_job().cancel(now)

    def fail(self, reason: str, now: float) -> None:
        """The print cannot go on; the printer is made safe."""
        if self.running:
            self._running_job().fail(reason, now)

    def lost(self, reason: str, now: float) -> None:
        """The connection is gone, and what the printer does with it nobody knows."""
        if self._job is not None and not self._job.done:
            self.left_hot = True
            self._job.lost(reason, now)
            self.keep_record(now)

    def note_waiting(self) -> None:
        """The firmware says that it waits for a person."""
        if self._job is not None:
            self._job.note_waiting()

    def note_firmware_pause(self, now: float) -> None:
        """The firmware waits by itself."""
        if self._job is not None:
            self._job.note_firmware_pause(now)

    def note_firmware_resume(self, now: float) -> None:
        """The firmware goes on by itself."""
        if self._job is not None:
            self._job.note_firmware_resume(now)

    def forget(self, key: str) -> None:
        """The end of the print with this key was seen."""
        self._unseen = tuple(one for one in self._unseen if one.key != key)
        view = self.view(time.monotonic())
        if view is not None and view.key == key and view.state.ended:
            self._forgotten = key
            try:
                self._record.clear()
            except StorageError as error:
                log.error("the print is forgotten in memory alone: %s", error.long)

    def close(self) -> None:
        """At the end of the daemon: let go of the files; a first reading gives up."""
        self._closed.set()
        if self._job is not None:
            self._job.close()
        if self._prepared is not None:
            self._prepared.file.close()

    # --- record ---------------------------------------------------------------------------------

    def _running_job(self) -> PrintJob:
        if self._job is None or self._job.state.ended:
            raise JobRefused("Nothing is being printed.")
        return self._job

    def _keep(self, now: float) -> None:
        view = self.view(now)
        if view is None:
            return
        self._kept = view.state
        words = (view.name, view.job_id, view.state, view.reason)
        log.info("print %s (job %s): %s %s", *words, extra={"job_id": view.job_id})
        try:
            self._record.save(view)
        except StorageError as error:
            log.error("the print goes on without a record: %s", error.long)

    def _close(self) -> None:
        self._closed.set()
        self._closed = threading.Event()
        if self._job is not None:
            self._job.close()
            self._job = None

    def _interrupted(self, job: api.Job | None) -> api.Job | None:
        """The record of a print that this daemon's last life did not end, as failed."""
        # One that failed may have done so with the cable pulled out.
        self.left_hot = job is not None and job.state is not api.JobState.COMPLETED
        if job is None or job.state.ended:
            return job
        failed = msgspec.structs.replace(
            job,
            state=api.JobState.FAILED,
            reason=api.INTERRUPTED,
            ended_at=time.time(),
            pause=None,
        )
        try:
            self._record.save(failed)
        except StorageError as error:
            log.error("the end of the last print is kept in memory alone: %s", error.long)
        return failed


def _recorded(record: Record[api.Job]) -> api.Job | None:
    """The last print on record; a card that cannot be read must not keep the daemon down."""
    try:
        return record.load()
    except StorageError as error:
        log.error("the record of the last print: %s", error.long)
        return None


def _open(path: Path) -> tuple[BinaryIO, GcodeFacts]:
    """The open file and what it says of itself. Raises what is wrong with it."""
    if path.exists() and not path.is_file():
        # Opening a pipe would wait for ever.
        raise FileUnreadable(f"{path} is not a file. Name a G-code file.")
    try:
        check_gcode(path)
        file = path.open("rb")
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)  # read ahead of the print
        facts = stated_facts(file)
    except OSError as error:
        raise FileUnreadable(
            f"{path} cannot be read ({error.strerror}). "
            "It must be a file that the printer service may read."
        ) from error
    file.seek(0)
    return file, facts


class _GivenUp(Exception):  # a signal between two functions here, no error
    pass


def _read(path: str, facts: GcodeFacts, closed: threading.Event) -> GcodeFacts:
    def rest() -> None:
        if closed.wait(READING_PAUSE):
            raise _GivenUp

    with Path(path).open("rb") as file:
        return first_reading(file, facts, rest)
