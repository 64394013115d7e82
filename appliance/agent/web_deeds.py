"""Carries out what a person asked for on the local page, or a slicer over the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from appliance.agent.service import Acts
from appliance.errors import JobRefused
from appliance.host.power import Power, PowerAction
from appliance.printer.api import PauseKind, Snapshot, StartJob


class Printer(Protocol):
    """What pauses a print: the printer daemon (PrinterClient)."""

    async def pause(self, kind: PauseKind) -> Snapshot:
        """See PrinterClient.pause."""


class Models(Protocol):
    """What slices and prints: LocalModels."""

    def request(self, model: Path, config: Path | None, name: str) -> None:
        """See LocalModels.request."""


class WebDeeds:
    """Implements web/deeds.py. ``restart`` ends the agent, so that it is started again."""

    def __init__(
        self,
        acts: Acts,
        printer: Printer,
        power: Power,
        restart: Callable[[], None],
        models: Models,
    ) -> None:
        self.view = acts.view
        self.resume = acts.resume
        self.cancel = acts.cancel
        self.clear_plate = acts.clear_plate
        self._acts = acts
        self._printer = printer
        self._power = power
        self._restart = restart
        self._models = models

    async def print_file(self, request: StartJob) -> Snapshot:
        """See Acts.print_file."""
        return await self._acts.print_file(request)

    async def print_model(self, model: Path, config: Path | None, name: str) -> None:
        """See LocalModels.request."""
        self._models.request(model, config, name)

    async def pause(self, kind: PauseKind) -> None:
        """See PrinterClient.pause."""
        await self._printer.pause(kind)

    async def restart_agent(self) -> None:
        """The print goes on meanwhile."""
        self._restart()

    async def restart_device(self) -> None:
        """Raises JobRefused while something is printed, PowerError when it is refused."""
        self._refuse_beside_a_print()
        await self._power.request(PowerAction.REBOOT)

    async def shut_down(self) -> None:
        """Raises JobRefused while something is printed, PowerError when it is refused."""
        self._refuse_beside_a_print()
        await self._power.request(PowerAction.SHUTDOWN)

    def _refuse_beside_a_print(self) -> None:
        snapshot = self._acts.view().snapshot
        job = snapshot.job if snapshot is not None else None
        if job is not None and not job.state.ended:
            raise JobRefused(
                f"{job.name or 'A print'} is not over yet, and the device is needed for it. "
                "Cancel it first, or wait for its end.",
                short="Not while printing",
            )
