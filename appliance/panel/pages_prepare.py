"""The pages that heat and move by hand, while nothing is being printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from msgspec.structs import replace

from appliance.panel.actions import Action, CoolDown, Extrude, Home, Jog, Preheat
from appliance.panel.page import (
    BACK,
    BACK_ITEM,
    Do,
    Item,
    Page,
    Patience,
    Place,
    Then,
    View,
    entry,
    opens,
    refusing,
    saying,
)
from appliance.panel.rules import hot_enough, nozzle, paused, why_no_extrusion, why_no_moves
from appliance.panel.screen import Icon, Keys, Line, Tone
from appliance.panel.state import PanelState
from appliance.panel.words import plain, temperature
from appliance.settings_panel import Material

Axis = Literal["x", "y", "z"]
AXES: Final[tuple[Axis, ...]] = ("x", "y", "z")

JOG_STEPS: Final = (0.1, 1.0, 10.0)  # mm
EXTRUDE_STEPS: Final = (1.0, 10.0)  # mm


def prepare_page(_place: Place, state: PanelState) -> View:
    """What may be done by hand now."""
    extrude = entry(Page.EXTRUDE, "Extrude")
    if paused(state) is not None and why_no_extrusion(state) is None:
        return View(title="Prepare", value=_nozzle(state), items=(extrude, BACK_ITEM))
    if why := why_no_moves(state):
        return refusing(why, "Prepare")
    items = (
        entry(Page.PREHEAT, "Preheat"),
        Item("cool", Line("Cool down"), Do(action=CoolDown())),
        entry(Page.HOMING, "Home"),
        entry(Page.MOVE, "Move"),
        extrude,
        BACK_ITEM,
    )
    return View(title="Prepare", value=_nozzle(state), items=items)


def _nozzle(state: PanelState) -> str:
    heater = nozzle(state)
    return temperature(heater) if heater is not None else ""


def preheat_page(_place: Place, state: PanelState) -> View | None:
    """For one of the materials of the settings."""
    if why_no_moves(state):
        return None
    if not state.materials:
        return saying("Preheat", "No materials", "The settings name none.", icon=Icon.NOZZLE)
    materials = (_material(number, one) for number, one in enumerate(state.materials))
    items = (*materials, BACK_ITEM)
    return View(title="Preheat", value=_nozzle(state), icon=Icon.NOZZLE, items=items)


def _material(number: int, material: Material) -> Item:
    value = f"{material.tool:.0f}/{material.bed:.0f}°"
    do = Do(action=Preheat(material.name), then=Then.BACK)
    return Item(f"material {number}", Line(plain(material.name), value), do)


def homing_page(_place: Place, state: PanelState) -> View | None:
    """All axes, or one."""
    if why_no_moves(state):
        return None
    every = Item("all", Line("All axes"), Do(action=Home()))
    single = (Item(axis, Line(f"{axis.upper()} axis"), Do(action=Home((axis,)))) for axis in AXES)
    return View(title="Home", items=(every, *single, BACK_ITEM))


def move_page(_place: Place, state: PanelState) -> View | None:
    """Which axis?"""
    if why_no_moves(state):
        return None
    items = (
        Item(axis, Line(f"Move {axis.upper()}"), opens(Place(page=Page.JOG, about=axis, step=1)))
        for axis in AXES
    )
    return View(title="Move", items=(*items, BACK_ITEM))


def jog_page(place: Place, state: PanelState) -> View | None:
    """Up and down move, OK changes the step."""
    axis = next((axis for axis in AXES if axis == place.about), None)
    if axis is None or why_no_moves(state):
        return None
    steps = _within(JOG_STEPS, state.moves.longest)
    line = Line("Up +", "down -")
    return _by_steps(place, f"Move {axis.upper()}", line, steps, lambda mm: Jog(axis, mm))


def extrude_page(place: Place, state: PanelState) -> View | None:
    """Up pushes filament, down pulls it back; never through a cold nozzle."""
    if why_no_extrusion(state):
        return None
    if not hot_enough(state):
        return _cold(state)
    steps = _within(EXTRUDE_STEPS, state.moves.longest_extrusion)
    return _by_steps(place, "Extrude", Line("Up in", "down out"), steps, Extrude)


def _cold(state: PanelState) -> View:
    heater = nozzle(state)
    return View(
        title="Too cold",
        value=_nozzle(state) if heater is not None else "?",
        icon=Icon.NOZZLE,
        tone=Tone.ASKING,
        lines=(Line("Heat the nozzle"), Line("Needed", f"{state.moves.extrude_from:.0f}°")),
        keys=Keys(left="Back"),
        ok=BACK,
        patience=Patience.LONG,
    )


def _within(steps: tuple[float, ...], longest: float) -> tuple[float, ...]:
    """The steps that the settings allow; never none."""
    return tuple(step for step in steps if step <= longest) or (longest,)


def _by_steps(
    place: Place, title: str, line: Line, steps: tuple[float, ...], act: Callable[[float], Action]
) -> View:
    """``act`` is asked for at each press and repeat of up, and with minus of down.

    Moves are not counted: the agent drops those that a held key asks for too fast.
    """
    step = steps[place.step % len(steps)]
    other = replace(place, step=(place.step + 1) % len(steps))
    return View(
        title=title,
        value=f"{step:g} mm",
        lines=(line,),
        keys=Keys(left="Back", ok="Step"),
        ok=Do(then=Then.REPLACE, place=other),
        up=Do(action=act(step)),
        down=Do(action=act(-step)),
        patience=Patience.LONG,
    )
