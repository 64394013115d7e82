"""What is shown while the menu is closed, and what the keys do there. Pure.

The screens themselves stand in screens_print (a job), screens_front (door, plate, problem,
error), screens_setup and screens_rest; here the right one is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from appliance.panel import parts, rules, screens_front, screens_print, screens_rest, screens_setup
from appliance.panel.actions import Action
from appliance.panel.face import Face, Front, OpenMenu, ReadProblem
from appliance.panel.keys import KeyStroke, Stroke
from appliance.panel.screen import Screen
from appliance.panel.screens_front import problem_screen
from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import Phase

__all__ = [
    "Front",
    "OpenMenu",
    "ReadProblem",
    "front",
    "home_action",
    "home_screen",
    "problem_screen",
]


def home_screen(state: PanelState) -> Screen:
    """The screen of the closed menu, with what stands in front of everything."""
    return _face(state).screen


def home_action(state: PanelState, stroke: KeyStroke) -> Action | OpenMenu | ReadProblem | None:
    """What a key does on :func:`home_screen`; None = nothing. Holds and repeats do nothing."""
    return _face(state).deeds.get(stroke.key) if stroke.stroke is Stroke.PRESS else None


def front(state: PanelState) -> Front | None:
    """What stands in front now, also of an open menu, unless the person went past it.

    Going past is ``home_action`` giving ``OpenMenu(past=…)``: that front stays behind the
    menu from then on, until another one comes or it comes anew.
    """
    if state.problem is not None:
        return Front.PROBLEM
    if state.code:
        return Front.CODE
    if _is_about_door(state):
        return Front.DOOR
    return Front.PLATE if screens_front.asks_for_plate(state) else None


def _face(state: PanelState) -> Face:
    if state.problem is not None:
        return screens_front.problem(state.problem)
    if state.code:
        return screens_setup.code(state)
    if _is_about_door(state):
        return screens_front.door(state)
    return _at_start(state) or _by_status(state)


def _at_start(state: PanelState) -> Face | None:
    """Before everything is ready to print, and while nothing prints."""
    if state.starting and state.status in _AT_REST:
        return screens_rest.starting(state)
    if state.setup is not None and _may_set_up(state):
        return screens_setup.setup(state, state.setup)
    if state.cloud.serial_number is None and state.status in _AT_REST:
        return screens_rest.setup(state)
    return None


def _by_status(state: PanelState) -> Face:
    if screens_front.asks_for_plate(state):
        return screens_front.plate(state)
    return _BY_STATUS[state.status](state)


def _may_set_up(state: PanelState) -> bool:
    """Nothing prints, and no hands are needed at the printer before."""
    resting = state.status in _AT_REST or state.status is StatusCode.ERROR
    if state.job is not None and state.job.phase is not Phase.ENDED:
        return False  # also while the service that prints it is away
    return resting and not rules.busy(state) and not screens_front.asks_for_plate(state)


def _is_about_door(state: PanelState) -> bool:
    return parts.door_asks(state) or state.status is StatusCode.DOOR_OPEN


_AT_REST: Final = (StatusCode.READY, StatusCode.DISCONNECTED)
_BY_STATUS: Final[Mapping[StatusCode, Callable[[PanelState], Face]]] = MappingProxyType(
    {
        StatusCode.READY: screens_rest.idle,
        StatusCode.SERIAL: screens_print.printing,
        StatusCode.PREPARING: screens_print.preparing,
        StatusCode.PRINTING: screens_print.printing,
        StatusCode.PAUSED: screens_print.paused,
        StatusCode.POSTPROCESSING: screens_print.finishing,
        StatusCode.CANCELING: screens_print.canceling,
        StatusCode.COMPLETE: screens_print.complete,
        StatusCode.UPDATING: screens_rest.updating,
        StatusCode.COLD_PAUSE: screens_print.paused,
        StatusCode.CHANGING_FILAMENT: screens_print.paused,
        StatusCode.TCPIP: screens_print.from_network,
        StatusCode.ERROR: screens_front.error,
        StatusCode.DISCONNECTED: screens_rest.disconnected,
        StatusCode.DOOR_OPEN: screens_front.door,
        StatusCode.CLEAR_PLATE: screens_front.plate,
    }
)
