"""One cloud job from ``print`` to its end, whatever happens in between.

The job's record is on disk before anything is done for it, and each phase can be begun
again: an agent that was killed at any moment carries on from the record, and the cloud
hears of the end exactly as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from appliance.agent.gate import Gate, find
from appliance.agent.preparation import Preparation
from appliance.agent.reports import Reports
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, JobRefused, PrinterError, StorageError
from appliance.host.health import Heart
from appliance.polar.choose import NothingToPrint, choose
from appliance.polar.codes import running_job
from appliance.polar.job import FETCHING, Chosen, CloudJob, Outcome, Phase
from appliance.polar.messages import Print
from appliance.printer import api
from appliance.store import Record

log = logging.getLogger(__name__)

ANNOUNCEMENTS = {Outcome.COMPLETED: 3, Outcome.CANCELED: 3, Outcome.FAILED: 6}
"""Status updates in the final state (section 3.12: "several"); a failure is shown longer."""
SHOWN = 60.0  # seconds for which an end is shown that no cloud is to be told of


class Starter(Protocol):
    """What jobs need of the printer daemon; the gate starts them."""

    async def cancel(self) -> api.Snapshot:
        """See PrinterClient.cancel."""

    async def forget(self, key: str) -> api.Snapshot:
        """See PrinterClient.forget."""


class VideoMaker(Protocol):
    """What jobs need of the time-lapse."""

    async def finish(self, job: CloudJob) -> str:
        """Make the video and put it into the outbox; returns why there is none, or ''."""

    def drop(self) -> None:
        """Forget the frames."""


class CloudJobs:
    """Runs at most one cloud job at a time."""

    def __init__(
        self,
        state: AgentState,
        folder: Path,
        printer: Starter,
        preparation: Preparation,
        video: VideoMaker,
        reports: Reports,
        gate: Gate,
    ) -> None:
        self._state = state
        self._heart = Heart()
        self._record = Record(folder / "job.json", CloudJob)
        self._last = Record(folder / "last-job.json", CloudJob)
        self._printer = printer
        self._preparation = preparation
        self._video = video
        self._reports = reports
        self._gate = gate
        self._step: asyncio.Task[None] | None = None
        self._steps = {
            **dict.fromkeys(FETCHING, self._prepare),
            Phase.STARTING: self._start,
            Phase.PRINTING: self._follow,
            Phase.FINISHING: self._finish,
            Phase.ENDED: self._announce,
        }
        self._state.see_job(self._record.load())  # before any request could push it aside

    def show_life(self, heart: Heart) -> None:
        """Let ``heart`` beat; it rests where a step has limits of its own (download, video)."""
        self._heart = heart

    @property
    def last(self) -> CloudJob | None:
        """The job that ended most recently."""
        return self._last.load()

    async def run(self) -> None:
        """Carry on with the job found on disk, then with each that is requested."""
        self._clean_spool()
        while True:
            while self._state.job is None:
                seen = self._state.revision.number
                self._adopt()
                if self._state.job is None:
                    with self._heart.resting():
                        await self._state.revision.wait_beyond(seen)
            await self._advance(self._state.job)

    def _adopt(self) -> None:
        """Without a record (a damaged card), take over what the printer daemon prints."""
        printed = self._state.snapshot.job if self._state.snapshot else None
        if printed is None or printed.source is not api.Source.CLOUD:
            return
        last = self.last
        if last is not None and last.key == printed.key:
            return  # its end was announced; the printer daemon was away when it was forgotten
        log.warning("took over job %s from the printer service", printed.job_id)
        job = CloudJob(
            job_id=printed.job_id,
            key=printed.key,
            name=printed.name,
            received_at=printed.started_at,
            gcode_path=printed.path,
            phase=Phase.PRINTING,
        )
        self._keep(job, durable=True)

    def request(self, message: Print) -> None:
        """The cloud wants this printed; an open door it waits for, before it begins.

        Raises JobRefused when something else is printing or lies on the build plate.
        """
        present = self._state.job
        if present is not None and present.phase is not Phase.ENDED:
            if present.job_id == message.job_id:
                return  # the cloud repeats itself
            raise JobRefused(
                f"A print of {message.job_name or message.job_id} was refused: "
                f"{present.name or present.job_id} is still printing."
            )
        local = self._state.snapshot.job if self._state.snapshot else None
        if local is not None and not local.state.ended:
            raise JobRefused(f"A print was refused: {local.name} is still printing.")
        if self._state.model is not None:
            raise JobRefused(f"A print was refused: {self._state.model.name} is being sliced.")
        self._gate.refuse_onto_full_plate(message.job_name or message.job_id)
        if present is not None:
            self._owe(present)  # the step that would have done so may be cut off below
            self._archive(present)
        self._keep(_new_job(message), durable=True)
        if self._step is not None:
            self._step.cancel()  # it announced the end of the job before

    async def cancel(self) -> bool:
        """End the present cloud job; False when there is none that runs."""
        job = self._state.job
        if job is None or job.phase in (Phase.FINISHING, Phase.ENDED):
            return False
        self._change(durable=True, cancel_requested=True)
        if job.phase in FETCHING and self._step is not None:
            self._step.cancel()
        return True  # the gate and _follow see to it once the file is there

    async def cancel_any(self) -> None:
        """End the present print, cloud or local. Raises JobRefused when there is none."""
        if not await self.cancel() and not self._state.cancel_model():
            await self._printer.cancel()

    def announced(self) -> None:
        """The cloud was sent one status with the final state of the job."""
        job = self._state.job
        if job is not None and job.phase is Phase.ENDED:
            self._change(announcements=job.announcements + 1)

    async def _advance(self, job: CloudJob) -> None:
        """One phase of ``job``; a request or a cancel may cut it short."""
        self._step = asyncio.create_task(self._steps[job.phase](job))
        try:
            await self._step
        except asyncio.CancelledError:
            if not self._step.cancelled() or _being_cancelled():
                self._step.cancel()
                raise
            self._canceled_between()
        except ApplianceError as error:
            log.warning("job %s: %s", job.job_id, error.long)
            self._end(Outcome.FAILED, error.long)
        except Exception as error:  # boundary: a mistake of ours must not come back at each start
            log.exception("job %s", job.job_id)
            self._end(
                Outcome.FAILED,
                f"The appliance made a mistake ({type(error).__name__}); see its log.",
            )
        finally:
            self._step = None

    def _canceled_between(self) -> None:
        job = self._state.job
        if job is not None and job.cancel_requested and job.phase is not Phase.ENDED:
            self._end(Outcome.CANCELED, "Canceled before the print began.")

    async def _prepare(self, job: CloudJob) -> None:
        """Each file of the job, and slicing."""
        if job.cancel_requested:
            self._canceled_between()
            return
        await self._forget_last()
        with self._heart.resting():  # downloads and the slicer have limits of their own
            await self._preparation.advance(job, self._change)

    async def _forget_last(self) -> None:
        """The printer daemon may still show the print before: it was seen long ago."""
        if (last := self.last) is not None:
            await self._forget(last.key)

    async def _start(self, job: CloudJob) -> None:
        request = api.StartJob(
            path=job.gcode_path,
            key=job.key,
            job_id=job.job_id,
            name=job.name,
            source=api.Source.CLOUD,
        )
        with self._heart.resting():
            snapshot = await self._gate.start(request, self._cancel_wanted, self._say)
            if snapshot is None:  # canceled; but an earlier request may have been taken
                snapshot = await self._gate.taken(job.key, self._say)
        if snapshot is None:
            self._canceled_between()
            return
        self._state.see_snapshot(snapshot)
        if (printed := find(snapshot, job.key)) is not None:
            self._see_progress(printed)  # the time-lapse begins with the estimate known
        self._change(durable=True, phase=Phase.PRINTING, detail="")

    def _cancel_wanted(self) -> bool:
        return self._state.job is None or self._state.job.cancel_requested

    def _say(self, detail: str) -> None:
        self._change(detail=detail)

    async def _follow(self, job: CloudJob) -> None:
        """Watch the printer daemon until the print has ended."""
        while True:
            seen = self._state.revision.number
            snapshot = self._state.snapshot
            if snapshot is not None:
                printed = find(snapshot, job.key)
                if printed is None:
                    self._gate.plate.fill(job.key)  # how far it came nobody knows
                    raise PrinterError(
                        "The printer service lost the print, most likely in a power cut."
                    )
                self._see_progress(printed)
                if printed.state.ended:
                    self._printed(printed)
                    return
                if printed.state is not api.JobState.CANCELING:
                    await self._cancel_if_wanted()
            with self._heart.resting():
                await self._state.revision.wait_beyond(seen)

    async def _cancel_if_wanted(self) -> None:
        """Pass a cancel on; asked again at the next snapshot when the daemon was away."""
        if not self._cancel_wanted():
            return
        try:
            self._state.see_snapshot(await self._printer.cancel())
        except PrinterError as error:
            log.info("the print is not canceled yet: %s", error.long)

    def _see_progress(self, printed: api.Job) -> None:
        """Nothing goes back: the record of a daemon that crashed is older than what we saw."""
        job = self._state.job
        if job is None:
            return
        self._change(
            started_at=printed.started_at,
            print_seconds=max(job.print_seconds, printed.print_seconds),
            filament_mm=printed.filament_mm or job.filament_mm,
            estimated_seconds=printed.estimated_seconds or job.estimated_seconds,
            file_size=printed.file_size,
            bytes_read=max(job.bytes_read, printed.bytes_read),
        )

    def _printed(self, printed: api.Job) -> None:
        self._gate.plate.see(printed)  # before the end is on the disk: it must not be lost
        if printed.state is api.JobState.COMPLETED:
            self._change(durable=True, phase=Phase.FINISHING)
        elif printed.state is api.JobState.CANCELED:
            self._end(Outcome.CANCELED, printed.reason)
        else:
            self._end(Outcome.FAILED, printed.reason or "The print failed.")

    async def _finish(self, job: CloudJob) -> None:
        """The print is done; a video that cannot be made must not hold the job up."""
        try:
            with self._heart.resting():
                note = await self._video.finish(job)
        except ApplianceError as error:
            note = error.long
        except Exception as error:  # boundary: the job ends all the same
            log.exception("time-lapse of job %s", job.job_id)
            note = f"There is no time-lapse: {error!r}"
        if note:
            log.warning("job %s: %s", job.job_id, note)
            self._change(video_note=note)
        self._end(Outcome.COMPLETED, "")

    def _end(self, outcome: Outcome, reason: str) -> None:
        """The outcome stands: nothing is done for the job any more, whatever happens next."""
        job = self._state.job
        if job is None:
            return
        self._change(
            durable=True,
            phase=Phase.ENDED,
            outcome=outcome,
            reason=reason,
            ended_at=time.time(),
            detail="",
        )
        log.info("job %s: %s %s", job.job_id, outcome.value, reason)
        self._discard(job)

    async def _announce(self, job: CloudJob) -> None:
        """Owe the report; leave the final state in place until the cloud has seen it often."""
        self._owe(job)
        began = time.monotonic()
        while True:
            seen = self._state.revision.number
            if self._is_told(time.monotonic() - began):
                break
            with self._heart.resting(), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHOWN):
                    await self._state.revision.wait_beyond(seen)
        await self._forget(job.key)
        self._archive(self._state.job or job)
        _on_disk(job, self._record.clear)
        self._state.see_job(None)

    def _is_told(self, shown: float) -> bool:
        """The end was announced, shown for ``shown`` seconds with nobody to tell, or is past.

        Offline the announcing waits, but not in front of what is printed after it: the
        cloud hears of the end by its report all the same.
        """
        job = self._state.job
        if job is None or job.announcements >= ANNOUNCEMENTS[job.outcome or Outcome.FAILED]:
            return True
        if not self._reports.wanted:
            return shown >= SHOWN
        printed = running_job(self._state.inputs())
        return not self._state.online and printed is not None and printed.key != job.key

    def _owe(self, job: CloudJob) -> None:
        self._reports.owe(
            job.job_id,
            job.key,
            completed=job.outcome is Outcome.COMPLETED,
            print_seconds=job.print_seconds,
            # Before the print that is what the slicer thinks of it, and nothing was used.
            filament_mm=job.filament_mm if job.started_at is not None else None,
        )

    async def _forget(self, key: str) -> None:
        try:
            await self._printer.forget(key)
        except ApplianceError as error:
            log.debug("forgetting the print %s: %s", key, error.long)

    def _archive(self, job: CloudJob) -> None:
        _on_disk(job, lambda: self._last.save(job))
        self._video.drop()
        self._discard(job)

    def _discard(self, job: CloudJob) -> None:
        _on_disk(job, lambda: self._preparation.discard(job))

    def _clean_spool(self) -> None:
        """Remove what earlier lives left behind, but not what the present job needs."""
        keep = self._state.job.key if self._state.job else None
        self._preparation.clean(lambda name: keep is not None and name.startswith(keep))

    def _change(self, *, durable: bool = False, **changes: Any) -> None:
        """Replace fields of the present job, if any; nothing happens when none differs."""
        job = self._state.job
        if job is not None:
            changed = msgspec.structs.replace(job, **changes)
            if changed != job:
                self._keep(changed, durable=durable)

    def _keep(self, job: CloudJob, *, durable: bool = False) -> None:
        """The job is now this; ``durable`` for what must survive a restart of the agent."""
        if durable:
            _on_disk(job, lambda: self._record.save(job))
        self._state.see_job(job)


def _on_disk(job: CloudJob, act: Callable[[], object]) -> None:
    """A full or broken disk must not keep a job from coming to its end."""
    try:
        act()
    except (OSError, StorageError) as error:
        log.error("job %s goes on without a change on the disk: %s", job.job_id, error)


def _new_job(message: Print) -> CloudJob:
    """The record; what cannot be printed ends with its reason, as any job does."""
    job = CloudJob(
        job_id=message.job_id,
        key=secrets.token_hex(8),
        name=message.job_name or message.job_id,
        stl_url=message.stl_file or "",
        received_at=time.time(),
        detail="Downloading",
    )
    try:
        choice = choose(message)
    except NothingToPrint as error:
        return msgspec.structs.replace(job, refusal=error.long)
    field = {Chosen.GCODE: "gcode_url", Chosen.STL: "stl_url", Chosen.THREEMF: "threemf_url"}
    chosen = {"chosen": choice.what, field[choice.what]: choice.url}
    return msgspec.structs.replace(job, config_url=choice.config_url, **chosen)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
