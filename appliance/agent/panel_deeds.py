"""Carries out what a person asked for at the front panel."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from appliance.agent.commands import Doers
from appliance.agent.plate import Plate
from appliance.errors import ApplianceError, JobRefused
from appliance.host.power import Power, PowerAction
from appliance.panel import actions
from appliance.panel.screen import Line, Screen, Tone
from appliance.printer.api import Problem
from appliance.printer.client import PrinterClient, PrinterUnreachable
from appliance.setup.api import SetupDesk, Step
from appliance.setup.fields import OTHER


class NoSetupYet(ApplianceError):
    """The setup cannot be begun from the panel."""

    default_short = "Set up by file"


class SetupRefused(ApplianceError):
    """What was entered at the panel was not taken."""

    default_short = "Not taken"


class CodeGone(ApplianceError):
    """The browser's code is not the pending one any more."""

    default_short = "Code is too old"


class Doorkeeper(Protocol):
    """Who lets browsers in (web.access.Access)."""

    def confirm(self, code: str) -> bool:
        """False when the code is not the pending one."""

    def refuse(self, code: str) -> bool:
        """False when the code is not the pending one."""


Deed = Callable[[Any], Awaitable[object]]


class PanelDeeds:
    """One deed for each action; what it raises is told to the person.

    Without ``setup`` there is no wizard to be opened, without ``access`` nobody to let in.
    """

    def __init__(
        self,
        doers: Doers,
        plate: Plate,
        power: Power,
        unregister: Callable[[], Awaitable[None]],
        *,
        setup: SetupDesk | None = None,
        access: Doorkeeper | None = None,
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
            **_browser_deeds(access),
            **_setup_deeds(setup),
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


def _browser_deeds(access: Doorkeeper | None) -> Mapping[type, Deed]:
    async def confirm(action: actions.ConfirmCode) -> None:
        if access is None or not access.confirm(action.code):
            raise CodeGone("This code is too old. Ask again in the browser.")

    async def refuse(action: actions.RefuseCode) -> None:
        if access is not None:
            access.refuse(action.code)  # one that is too old lets nobody in either

    return {actions.ConfirmCode: confirm, actions.RefuseCode: refuse}


def _setup_deeds(setup: SetupDesk | None) -> Mapping[type, Deed]:
    if setup is None:
        kinds = (
            actions.SetupMode,
            actions.ScanWifi,
            actions.JoinWifi,
            actions.RegisterAccount,
            actions.LeaveSetup,
        )
        return {kind: lambda _: _no_setup() for kind in kinds}
    return {
        actions.SetupMode: lambda _: setup.open_setup(),
        actions.ScanWifi: lambda _: setup.scan(),
        actions.JoinWifi: lambda action: _submit(setup, Step.NETWORK, _wifi_fields(action)),
        actions.RegisterAccount: lambda action: _submit(
            setup, Step.CLOUD, {"email": action.email, "pin": action.pin}
        ),
        actions.LeaveSetup: lambda _: _leave(setup),
    }


def _wifi_fields(action: actions.JoinWifi) -> dict[str, str]:
    """As the wizard's form sends them (setup/fields.py)."""
    fields = {"country": action.country, "password": action.password}
    if action.hidden:
        return fields | {"ssid": OTHER, OTHER: action.ssid.decode()}
    return fields | {"ssid": action.ssid.hex()}


async def _submit(setup: SetupDesk, step: Step, fields: Mapping[str, str]) -> None:
    wrong = await setup.submit(step, fields)
    if wrong:
        raise SetupRefused(" ".join(dict.fromkeys(wrong.values())))


async def _leave(setup: SetupDesk) -> None:
    """The first setup ends with its last step's answer, a later one without any."""
    if setup.view().record.finished:
        await setup.close_setup()
    else:
        await _submit(setup, Step.DONE, {})


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
    actions.ConfirmCode: Problem("Browser is in", "The browser with this code was let in."),
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
