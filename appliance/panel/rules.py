"""What a person may do at the panel at this moment; the agent has the last word on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import PREPARING, CloudJob, LocalModel
from appliance.printer.api import Heater, Job, JobState, LinkState, PauseKind, Problem


def preparing(state: PanelState) -> CloudJob | LocalModel | None:
    """What is not with the printer yet: a cloud job, or a model of the local page."""
    job = state.job
    return job if job is not None and job.phase in PREPARING else state.model


def busy(state: PanelState) -> bool:
    """A print is active, in whatever state, or about to begin."""
    return state.printed is not None or preparing(state) is not None


def paused(state: PanelState) -> Job | None:
    """The print that is paused and at rest."""
    job = state.printed
    return job if job is not None and job.state is JobState.PAUSED else None


def changing_filament(job: Job) -> bool:
    """The head is parked for it, or on its way there."""
    return job.pause is PauseKind.FILAMENT and job.state in (JobState.PAUSING, JobState.PAUSED)


def connected(state: PanelState) -> bool:
    """The printer answers."""
    return state.snapshot is not None and state.snapshot.link is LinkState.READY


def nozzle(state: PanelState) -> Heater | None:
    """The first nozzle, None where the printer did not name one yet."""
    heaters = state.snapshot.heaters if state.snapshot is not None else {}
    tools = sorted(name for name in heaters if name.startswith("tool"))
    return heaters[tools[0]] if tools else None


def hot_enough(state: PanelState) -> bool:
    """The nozzle can push filament."""
    heater = nozzle(state)
    return heater is not None and heater.actual >= state.moves.extrude_from


def why_no_moves(state: PanelState) -> Problem | None:
    """Why nothing may be moved or heated by hand now, None when it may."""
    return _ACTIVE if busy(state) else why_not_connected(state)


def why_no_extrusion(state: PanelState) -> Problem | None:
    """The same for filament, which may also be moved while the print is paused."""
    return why_not_connected(state) if paused(state) is not None else why_no_moves(state)


def why_not_connected(state: PanelState) -> Problem | None:
    """None when the printer answers."""
    return None if connected(state) else _NO_PRINTER


def why_no_print(state: PanelState) -> Problem | None:
    """Why no new print may begin now, None when it may.

    An open door is no reason: the print waits until it is closed.
    """
    if busy(state):
        return _ACTIVE
    return _NO_PRINT.get(state.status) or why_not_connected(state)


def why_no_power_off(state: PanelState) -> Problem | None:
    """Why the device must not be switched off now, None when it may."""
    return _ENDS_PRINT if state.printed is not None else None


_ACTIVE: Final = Problem(
    "Print is active", "Not while a print is active. Wait for its end, or cancel it."
)
_ENDS_PRINT: Final = Problem(
    "Print is active", "That would end the print. Wait for its end, or cancel it first."
)
_NO_PRINTER: Final = Problem(
    "No printer", "The printer does not answer. Check its power and its USB cable."
)
_NO_PRINT: Final[Mapping[StatusCode, Problem]] = {
    StatusCode.POSTPROCESSING: Problem(
        "Video is made", "The video of the last print is still being made. Try again soon."
    ),
    StatusCode.CANCELING: Problem(
        "Still canceling", "The last print is still being canceled. Try again soon."
    ),
    StatusCode.COMPLETE: Problem(
        "Just completed", "The last print has just ended. Clear the plate, then try again."
    ),
    StatusCode.UPDATING: Problem(
        "Updating", "The appliance is being updated. Try again when that is done."
    ),
    StatusCode.CLEAR_PLATE: Problem(
        "Clear the plate", "The last print lies on the plate. Clear it and say so first."
    ),
}
