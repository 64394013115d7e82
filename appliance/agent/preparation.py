"""What a cloud job needs before the printer gets it: its files, and slicing."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from appliance.agent.workshop import Seen
from appliance.cloud.partfile import discard
from appliance.polar.choose import NothingToPrint
from appliance.polar.job import Chosen, CloudJob, Phase

if TYPE_CHECKING:
    from appliance.slicing.api import Sliced

log = logging.getLogger(__name__)

Fetch = Callable[[str, Path, Callable[[int, int | None], None]], Awaitable[object]]
"""Download (url, target, on_progress(bytes, total))."""


class Slicer(Protocol):
    """What slices; see Workshop."""

    async def slice(
        self, model: Path, config: Path | None, output: Path, name: str, seen: Seen
    ) -> Sliced:
        """See Workshop.slice."""


class Change(Protocol):
    """Changes the present job's record; ``durable`` for what a restart must find."""

    def __call__(self, *, durable: bool = False, **changes: Any) -> None:
        """See CloudJobs."""


class Preparation:
    """Carries a job from one phase to the next, each of which can be begun again.

    Everything of a job lies in ``spool``, under names that begin with its key.
    """

    def __init__(self, spool: Path, fetch: Fetch, slicer: Slicer) -> None:
        self._spool = spool
        self._fetch = fetch
        self._slicer = slicer

    async def advance(self, job: CloudJob, change: Change) -> None:
        """From the phase of ``job`` to the next, told by ``change``.

        Raises NothingToPrint, what a download raises, and what slicing raises. Cancelled, it
        leaves parts of downloads behind for another time.
        """
        if job.phase is Phase.SLICING:
            await self._slice(job, change)
        elif job.phase is Phase.CONFIGURING:
            await self._get(job.config_url, self._config(job), change)
            change(durable=True, phase=Phase.SLICING, detail="")
        else:
            await self._get_file(job, change)

    def discard(self, job: CloudJob) -> None:
        """Remove everything of ``job``. Raises OSError and StorageError."""
        for path in (self._gcode(job), self._model(job), self._config(job)):
            discard(path)
        self.clean(lambda name: not name.startswith(job.key))

    def clean(self, keep: Callable[[str], bool]) -> None:
        """Remove what earlier lives left behind, but not what ``keep`` says of its name."""
        clean(self._spool, keep)

    async def _get_file(self, job: CloudJob, change: Change) -> None:
        # A record of a version that knew G-code alone names no choice.
        chosen = job.chosen or (Chosen.GCODE if job.gcode_url else None)
        match chosen:
            case None:
                raise NothingToPrint(job.refusal)
            case Chosen.GCODE:
                await self._get(job.gcode_url, self._gcode(job), change)
                _hand_over(job, self._gcode(job), change)
            case Chosen.STL | Chosen.THREEMF:
                url = job.stl_url if chosen is Chosen.STL else job.threemf_url
                await self._get(url, self._model(job), change)
                next_ = Phase.CONFIGURING if job.config_url else Phase.SLICING
                change(durable=True, phase=next_, detail="")

    async def _get(self, url: str, target: Path, change: Change) -> None:
        def show(received: int, total: int | None) -> None:
            amount = f"{100 * received // total} %" if total else f"{received / 1e6:.1f} MB"
            change(detail=f"Downloading {amount}")

        await self._fetch(url, target, show)

    async def _slice(self, job: CloudJob, change: Change) -> None:
        config = self._config(job) if job.config_url else None
        sliced = await self._slicer.slice(
            self._model(job), config, self._gcode(job), job.name, lambda text: change(detail=text)
        )
        for note in sliced.notes:
            log.info("job %s: %s", job.job_id, note)
        _hand_over(
            job,
            sliced.output,
            change,
            estimated_seconds=sliced.seconds,
            filament_mm=sliced.filament_mm,
            layers=sliced.layers,
            notes=sliced.notes,
            picture_path=self._picture(job, sliced.thumbnail),
        )
        for path in (self._model(job), self._config(job)):
            path.unlink(missing_ok=True)  # the print may take days and the disk is small

    def _picture(self, job: CloudJob, content: bytes | None) -> str:
        """Where it is kept; '' without one, and where the disk does not take it."""
        if not content:
            return ""
        path = self._spool / f"{job.key}.picture"
        try:
            path.write_bytes(content)
        except OSError as error:
            log.info("job %s goes without its picture: %s", job.job_id, error)
            return ""
        return str(path)

    def _gcode(self, job: CloudJob) -> Path:
        return self._spool / f"{job.key}.gcode"

    def _model(self, job: CloudJob) -> Path:
        return self._spool / f"{job.key}.model"

    def _config(self, job: CloudJob) -> Path:
        return self._spool / f"{job.key}.config"


def clean(folder: Path, keep: Callable[[str], bool]) -> None:
    """Empty ``folder`` but for what ``keep`` says of its name; hidden ones without their dot.

    Raises OSError.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if keep(path.name.lstrip(".")):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _hand_over(job: CloudJob, gcode: Path, change: Change, **facts: Any) -> None:
    log.info("job %s is ready to be printed", job.job_id)
    detail = "Starting the print"
    change(durable=True, phase=Phase.STARTING, gcode_path=str(gcode), detail=detail, **facts)
