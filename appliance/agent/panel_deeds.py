"""Carries out what a person asked for at the front panel."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from appliance.agent.commands import Doers
from appliance.agent.plate import Plate
from appliance.errors import ApplianceError, JobRefused
from appliance.host.power import Power, PowerAction
from appliance.panel import actions
from appliance.panel.screen import Line, Screen, Tone
from appliance.printer.api import Problem
from appliance.printer.client import PrinterClient, PrinterUnreachable


class NoSetupYet(ApplianceError):
    """The setup cannot be begun from the panel."""

    default_short = "Set up by file"


Deed = Callable[[Any], Awaitable[object]]


class PanelDeeds:
    """One deed for each action; what it raises is told to the person."""

    def __init__(
        self,
        doers: Doers,
        plate: Plate,
        power: Power,
        unregister: Callable[[], Awaitable[None]],
    ) -> None:
        printer, moves = doers.printer, doers.moves
        self._deeds: Mapping[type, Deed] = {
            actions.Pause: lambda action: printer.pause(action.kind),
            actions.Resume: lambda _: doers.door.resume(),
            actions.Cancel: lambda _: doers.jobs.cancel_any(),
            actions.LoadQueue: lambda action: doers.queue.load(action.skip),
            actions.PrintQueued: lambda action: doers.queue.print_next(action.job_id),
            actions.PlateCleared: lambda _: plate.clear(),
            actions.Preheat: lambda action: moves.preheat(action.material),
            actions.CoolDown: lambda _: moves.cool_down(),
            actions.Home: lambda action: moves.home(action.axes),
            actions.Jog: lambda action: moves.jog({action.axis: action.distance}),
            actions.Extrude: lambda action: moves.extrude(action.amount),
            actions.ConnectPrinter: lambda _: printer.connect(),
            actions.Unregister: lambda _: unregister(),
            actions.RestartDevice: lambda _: _power(power, PowerAction.REBOOT, printer),
            actions.ShutDown: lambda _: _power(power, PowerAction.SHUTDOWN, printer),
            actions.SetupMode: lambda _: _no_setup(),
        }

    async def do(self, action: actions.Action) -> None:
        """Carry out ``action``. Raises ApplianceError with the words for the person."""
        await self._deeds[type(action)](action)


async def _power(power: Power, action: PowerAction, printer: PrinterClient) -> None:
    """Not while a print is under way; what was shown last may be older than that."""
    with contextlib.suppress(PrinterUnreachable):  # then it prints nothing
        job = (await printer.snapshot()).job
        if job is not None and not job.state.ended:
            raise JobRefused("A print is not over yet. Wait for its end, or cancel it first.")
    await power.request(action)


async def _no_setup() -> None:
    raise NoSetupYet(
        "This version is set up by the file polar-appliance.toml on the card's boot partition, "
        "or with: polar-appliance register."
    )


DONE: Mapping[type, Problem] = {
    actions.Preheat: Problem("Heating", "The printer is heating. Cool down switches it off."),
    actions.CoolDown: Problem("Heaters are off", "The printer is cooling down. It may be hot."),
    actions.Home: Problem("Homed", "The head is at its home position."),
    actions.ConnectPrinter: Problem("Looking for it", "The printer is being looked for."),
    actions.Unregister: Problem("Unregistered", "This printer left the Polar Cloud."),
}
"""What is said when a deed is done that shows nothing by itself."""

LAST_WORDS: Mapping[type, Screen] = {
    actions.ShutDown: Screen(
        title="Shutting down",
        tone=Tone.WORKING,
        lines=(Line("Wait 10 seconds"), Line("then unplug it")),
        farewell=True,
    ),
    actions.RestartDevice: Screen(
        title="Restarting",
        tone=Tone.WORKING,
        lines=(Line("Takes a minute"),),
        farewell=True,
    ),
}
"""What stays on the display when the device goes off."""
