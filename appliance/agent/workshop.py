"""The one slicer of this device, for the cloud's jobs and the local page's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.agent.state import AgentState
from appliance.errors import JobRefused
from appliance.polar.codes import running_job
from appliance.settings_slicing import SlicingSettings

if TYPE_CHECKING:
    from appliance.slicing.api import Sliced, Slicing

log = logging.getLogger(__name__)

Seen = Callable[[str], None]
"""Told how far it is, for a person: "34 %: Generating perimeters"."""


class Workshop:
    """Slices one model at a time, and never beside a print.

    What slices is loaded with the first model: most agents never meet one. ``make`` makes it.
    """

    def __init__(
        self,
        state: AgentState,
        settings: SlicingSettings,
        cache: Path,
        make: Callable[[SlicingSettings, Path], Slicing] | None = None,
    ) -> None:
        self._state = state
        self._settings = settings
        self._cache = cache
        self._make = make or _slicer
        self._slicer: Slicing | None = None

    async def slice(
        self, model: Path, config: Path | None, output: Path, name: str, seen: Seen
    ) -> Sliced:
        """Make ``output`` of ``model``; see appliance.slicing.api.Request.

        Raises SlicingError, StorageError, and JobRefused when a print is under way or begins:
        the child would take memory and the disk away from it. Nothing is left behind then, nor
        when this is cancelled.
        """
        self._refuse_beside_a_print()
        work = asyncio.create_task(self._slice(model, config, output, name, seen))
        print_begins = asyncio.create_task(self._wait_for_print())
        both: tuple[asyncio.Task[object], ...] = (work, print_begins)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        self._refuse_beside_a_print()
        raise JobRefused("A print began while the model was being sliced. Print it again.")

    async def _slice(
        self, model: Path, config: Path | None, output: Path, name: str, seen: Seen
    ) -> Sliced:
        from appliance.slicing.api import Progress, Request  # noqa: PLC0415 - see the class

        def tell(progress: Progress) -> None:
            seen(f"{progress.percent:.0f} %: {progress.stage}")

        if self._slicer is None:
            self._slicer = self._make(self._settings, self._cache)
        sliced = await self._slicer.slice(Request(model, config, output, name), tell)
        log.info("sliced %s%s", name, ", as it was before" if sliced.cached else "")
        return sliced

    def _refuse_beside_a_print(self) -> None:
        printed = running_job(self._state.inputs())
        if printed is not None:
            raise JobRefused(
                f"{printed.name or 'A print'} is being printed, and nothing is sliced beside a "
                "print. Print the model again when it is over.",
                short="Not while printing",
            )

    async def _wait_for_print(self) -> None:
        while running_job(self._state.inputs()) is None:
            await self._state.revision.wait_beyond(self._state.revision.number)


def _slicer(settings: SlicingSettings, cache: Path) -> Slicing:
    from appliance.slicing.cache import Cache  # noqa: PLC0415 - see Workshop
    from appliance.slicing.slicer import Slicer  # noqa: PLC0415

    return Slicer(settings, Cache(cache, settings.cache_size) if settings.cache_size else None)
