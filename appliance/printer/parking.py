"""The commands with which a print is paused, resumed and made safe; pure functions.

Own moves are made in millimetres with absolute X, Y, Z and a relative extruder, whatever
the file had set (:data:`OWN_MODES`); :func:`restore` brings the file's modes back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from appliance.config import PrinterSettings
from appliance.printer.api import Heater
from appliance.printer.position import MachineState, agreed, reported_position

TRAVEL_FEED = 6000  # mm/min
LIFT_FEED = 600
RETRACT_FEED = 2100
UNLOAD_FEED = 1200
LOAD_FEED = 300
PURGE_FEED = 150
PURGE_LENGTH = 10.0  # mm, after a change of filament
LONGEST_PUSH = 50.0  # mm a command; Marlin refuses long ones (PREVENT_LENGTHY_EXTRUDE)
FIRST_FEED = 1500.0  # mm/min; what Marlin begins with
EXTRUDABLE = 170.0  # °C; Marlin refuses to push colder filament (EXTRUDE_MINTEMP)
CLOSE_ENOUGH = 3.0  # °C

OWN_MODES = ("G90", "M83")


def number(value: float) -> str:
    """A number as firmwares read it: no exponent, no needless zeros."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def remember(state: MachineState, answer: Iterable[str]) -> MachineState:
    """``state`` corrected by the printer's answer to M114, where it gave one."""
    there = reported_position(answer) or {}
    return replace(
        state,
        x=agreed(state.x, there.get("X")),
        y=agreed(state.y, there.get("Y")),
        z=agreed(state.z, there.get("Z")),
        e=agreed(state.e, there.get("E")),
    )


def push(length: float, feed: float) -> Iterator[tuple[float, str]]:
    """Filament forward, or back where ``length`` is negative, in OWN_MODES: (mm, command)."""
    pieces = math.ceil(abs(length) / LONGEST_PUSH)
    for _ in range(pieces):
        piece = length / pieces
        yield piece, f"G1 E{number(piece)} F{feed:g}"


def leave(memory: MachineState, settings: PrinterSettings) -> Iterator[str]:
    """Up, then to the parking place; nothing where the head's place is not certain."""
    if not memory.parkable:
        return
    x, y = settings.park_x + memory.shift[0], settings.park_y + memory.shift[1]
    yield f"G1 Z{number((memory.z or 0) + settings.park_lift)} F{LIFT_FEED}"
    yield f"G1 X{number(x)} Y{number(y)} F{TRAVEL_FEED}"


def come_back(memory: MachineState, settings: PrinterSettings) -> Iterator[str]:
    """Above the place where the print stopped, then down to it."""
    if not memory.parkable:
        return
    yield f"G1 Z{number((memory.z or 0) + settings.park_lift)} F{LIFT_FEED}"
    yield f"G1 X{number(memory.x or 0)} Y{number(memory.y or 0)} F{TRAVEL_FEED}"
    yield f"G1 Z{number(memory.z or 0)} F{LIFT_FEED}"


def heat(memory: MachineState, heaters: Mapping[str, Heater]) -> Iterator[str]:
    """All heaters to their targets at once, then wait for those that are not there yet."""
    hotends = [(tool, target) for tool, target in sorted(memory.hotends.items()) if target > 0]
    if memory.bed > 0:
        yield f"M140 S{number(memory.bed)}"
    for tool, target in hotends:
        yield f"M104 {_of(tool, memory)}S{number(target)}"
    if memory.bed > 0 and not _is_at(heaters.get("bed"), memory.bed):
        yield f"M190 S{number(memory.bed)}"
    if memory.chamber:
        yield f"M191 S{number(memory.chamber)}"
    for tool, target in hotends:
        if not _is_at(heaters.get(f"tool{tool}"), target):
            yield f"M109 {_of(tool, memory)}S{number(target)}"


def heat_hotends(memory: MachineState, *, wait: bool) -> Iterator[str]:
    """Hot ends back to their targets."""
    code = "M109" if wait else "M104"
    for tool, target in sorted(memory.hotends.items()):
        if target > 0:
            yield f"{code} {_of(tool, memory)}S{number(target)}"


def with_targets(memory: MachineState, before: MachineState, after: MachineState) -> MachineState:
    """``memory`` with the targets above 0 that changed between two states."""
    hotends = {t: v for t, v in after.hotends.items() if v > 0 and before.hotends.get(t) != v}
    return replace(
        memory,
        hotends={**memory.hotends, **hotends},
        bed=after.bed if after.bed > 0 and after.bed != before.bed else memory.bed,
        chamber=after.chamber if after.chamber != before.chamber else memory.chamber,
    )


def restore(memory: MachineState) -> Iterator[str]:
    """Extruder position, fans, feed rate, time-out and modes as the file had set them."""
    if memory.e is not None:
        yield f"G92 E{number(memory.e)}"
    for fan, speed in sorted(memory.fans.items()):
        yield _fan(fan, speed)
    yield f"M84 S{number(memory.stepper_timeout)}"
    yield f"G1 F{number(memory.feed or FIRST_FEED)}"
    if memory.inches:
        yield "G20"
    yield "G91" if memory.relative else "G90"
    yield "M83" if memory.e_relative else "M82"


def cool(state: MachineState) -> Iterator[str]:
    """Hot ends and fans off; the bed keeps the print in its place."""
    for tool, target in sorted(state.hotends.items()):
        if target > 0:
            yield f"M104 {_of(tool, state)}S0"
    yield from fans_off(state)


def fans_off(state: MachineState) -> Iterator[str]:
    """Every fan that the print used, and the first in any case."""
    yield from (_fan(fan, 0) for fan in sorted({0, *state.fans}))


def make_safe(
    state: MachineState, tools: Iterable[int], lift: float, *, chamber: bool = False
) -> Iterator[str]:
    """All heaters and fans off, the head up by ``lift`` mm where it is homed, motors off."""
    for tool in sorted({*tools, *state.hotends, state.tool}):
        yield f"M104 {_of(tool, state)}S0"
    yield "M140 S0"
    if chamber or state.chamber is not None:
        yield "M141 S0"
    yield from fans_off(state)
    if lift > 0 and len(state.homed) == 3:
        yield from ("G21",) if state.inches else ()
        yield from ("G91", f"G1 Z{number(lift)} F{LIFT_FEED}", "G90")
    yield "M84"


def _is_at(heater: Heater | None, target: float) -> bool:
    return heater is not None and heater.actual >= target - CLOSE_ENOUGH


def _of(tool: int, state: MachineState) -> str:
    """No T for the only tool there is: not every firmware takes it."""
    return f"T{tool} " if tool or state.tool or len(state.hotends) > 1 else ""


def _fan(fan: int, speed: float) -> str:
    place = f" P{fan}" if fan else ""
    return f"M106{place} S{number(speed)}" if speed > 0 else f"M107{place}"
