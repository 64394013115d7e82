"""Models that a person sends to the device's own page: sliced, then printed as any local file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.agent.gate import Gate
from appliance.agent.jobs import Starter
from appliance.agent.preparation import Slicer, clean
from appliance.agent.reports import Reports
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, JobRefused, PrinterError, StorageError
from appliance.polar.codes import preparing, running_job
from appliance.polar.job import LocalModel
from appliance.printer import api
from appliance.store import Record

if TYPE_CHECKING:
    from appliance.slicing.api import Sliced

log = logging.getLogger(__name__)


class LocalModels:
    """At most one at a time. Its record is on the disk, so that a restart begins it anew."""

    def __init__(
        self,
        state: AgentState,
        folder: Path,
        printer: Starter,
        slicer: Slicer,
        gate: Gate,
        reports: Reports,
    ) -> None:
        self._state = state
        self._record = Record(folder / "model.json", LocalModel)
        self._made = folder / "sliced"  # what is made; the printer daemon keeps its own hold of it
        self._printer = printer
        self._slicer = slicer
        self._gate = gate
        self._reports = reports
        self._state.see_model(self._record.load())

    def request(self, model: Path, config: Path | None, name: str) -> None:
        """Slice and print ``model``. Raises JobRefused when it could not be printed now.

        Raises StorageError when the wish cannot be kept on the disk.
        """
        self._refuse_beside_another()
        self._gate.refuse_onto_full_plate(name)
        self._gate.door.refuse("print")
        wish = LocalModel(
            key=secrets.token_hex(8),
            name=name,
            path=str(model),
            config=None if config is None else str(config),
        )
        self._record.save(wish)
        self._state.see_model(wish)

    async def run(self) -> None:
        """Carry out what is wished for, for ever."""
        _on_disk(lambda: clean(self._made, lambda _: False))
        known = self._state.model  # an earlier life may have brought it to the printer
        while True:
            while (model := self._state.model) is None:
                await self._state.revision.wait_beyond(self._state.revision.number)
            await self._carry_out(model, begun=known is not None)
            known = None

    async def _carry_out(self, model: LocalModel, *, begun: bool) -> None:
        """Until it is printed, or there is a reason that a person sees."""
        try:
            await self._print(model, begun=begun)
        except ApplianceError as error:
            self._give_up(model, error.long)
        except Exception as error:  # boundary: a mistake of ours must not come back at each start
            log.exception("slicing %s for the local page", model.name)
            what = type(error).__name__
            self._give_up(model, f"The appliance made a mistake ({what}); see its log.")
        _on_disk(self._record.clear)
        self._state.see_model(None)
        _on_disk(lambda: clean(self._made, lambda _: False))

    def _give_up(self, model: LocalModel, reason: str) -> None:
        log.warning("%s is not printed: %s", model.name, reason)
        self._state.see_notice(reason if model.name in reason else f"{model.name}: {reason}")
        self._reports.owe(
            api.LOCAL_JOB_ID, model.key, completed=False, print_seconds=0.0, filament_mm=None
        )

    async def _print(self, model: LocalModel, *, begun: bool) -> None:
        """``begun`` when the printer daemon must be asked first whether it prints it already."""
        snapshot = await self._gate.taken(model.key, self._say) if begun else None
        if snapshot is None:
            request = api.StartJob(
                path=str(await self._sliced(model)),
                key=model.key,
                name=model.name,
                source=api.Source.NETWORK,
            )
            snapshot = await self._gate.start(request, self._canceled, self._say)
        if snapshot is None:  # canceled; but an earlier request may have been taken
            snapshot = await self._gate.taken(model.key, self._say)
        if snapshot is None:
            raise _canceled(model)
        self._state.see_snapshot(snapshot)
        if self._canceled():
            await self._cancel_print()

    async def _sliced(self, model: LocalModel) -> Path:
        """The G-code. Raises JobRefused when it is canceled meanwhile; that ends it at once."""
        self._made.mkdir(parents=True, exist_ok=True)
        work = asyncio.create_task(self._slice(model))
        cancel = asyncio.create_task(self._cancel_wanted())
        both: tuple[asyncio.Task[object], ...] = (work, cancel)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._canceled():
                raise _canceled(model)
            sliced = work.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        for note in sliced.notes:
            log.info("%s: %s", model.name, note)
        return sliced.output

    async def _slice(self, model: LocalModel) -> Sliced:
        """A 3MF with its own settings, where it has any; all others with those kept here."""
        from appliance.slicing.errors import BadConfiguration  # noqa: PLC0415 - see Workshop

        path, output = Path(model.path), self._made.absolute() / f"{model.key}.gcode"
        config = None if model.config is None else Path(model.config)
        if config is not None and path.suffix.lower() == ".3mf":
            with contextlib.suppress(BadConfiguration):
                return await self._slicer.slice(path, None, output, model.name, self._say)
        return await self._slicer.slice(path, config, output, model.name, self._say)

    async def _cancel_print(self) -> None:
        """It is a print already, whose end LocalJobs reports."""
        try:
            self._state.see_snapshot(await self._printer.cancel())
        except PrinterError as error:
            self._state.see_notice(error.long)

    def _canceled(self) -> bool:
        return self._state.model is None or self._state.model.cancel_requested

    def _say(self, detail: str) -> None:
        model = self._state.model
        if model is not None and model.detail != detail:
            self._state.see_model(msgspec.structs.replace(model, detail=detail))

    async def _cancel_wanted(self) -> None:
        while not self._canceled():
            await self._state.revision.wait_beyond(self._state.revision.number)

    def _refuse_beside_another(self) -> None:
        if self._state.model is not None:
            raise JobRefused(f"{self._state.model.name} is being sliced. Cancel it first.")
        job = self._state.job
        if job is not None and preparing(job):
            raise JobRefused(f"{job.name} of the Polar Cloud is about to begin. Cancel it first.")
        printed = running_job(self._state.inputs())
        if printed is not None:
            raise JobRefused(f"{printed.name} is still printing.")


def _canceled(model: LocalModel) -> JobRefused:
    return JobRefused(f"The print of {model.name} was canceled before it began.")


def _on_disk(act: Callable[[], object]) -> None:
    """A full or broken disk must not take the agent down."""
    try:
        act()
    except (OSError, StorageError) as error:
        log.error("after slicing for the local page: %s", error)
