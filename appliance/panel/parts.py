"""Lines that several screens share, made of the panel's state. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.panel import words
from appliance.panel.face import OpenMenu, Soft
from appliance.panel.screen import Icon, Line
from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import PREPARING
from appliance.printer.api import Heater, JobState

NO_TIME: Final = "Waits for time"
MENU: Final = Soft("Menu", OpenMenu())

_NARROW: Final = 13  # cells of the smallest display beside a line's icon and a gap
_LONGEST_IP: Final = 14  # with an icon in front of it, 16 columns hold no more


def door_open(state: PanelState) -> bool:
    """0 and 2 of section 3.12; a door that nobody knows of does not count as open."""
    return state.door in (0, 2)


def waits_for_door(state: PanelState) -> bool:
    """A job begins as soon as the door is closed."""
    preparing = state.job is not None and state.job.phase in PREPARING
    return door_open(state) and (preparing or bool(state.waiting_for_door))


def door_asks(state: PanelState) -> bool:
    """The print that the door paused stands still, or is about to with the door still open."""
    if not state.door_asks or state.status not in _HELD:
        return False
    job = state.printed
    return door_open(state) or job is None or job.state is JobState.PAUSED


def temperature_lines(state: PanelState) -> Iterator[Line]:
    """Nozzle and bed in one line, since they are read together; then what else is heated."""
    heaters = dict(state.snapshot.heaters) if state.snapshot is not None else {}
    nozzle, bed = heaters.pop("tool0", None), heaters.pop("bed", None)
    if nozzle is not None:
        yield _nozzle_line(nozzle, bed)
    elif bed is not None:
        yield Line("Bed", words.temperature(bed), Icon.BED)
    for name, heater in sorted(heaters.items()):
        icon = Icon.CHAMBER if name == "chamber" else Icon.NOZZLE
        yield Line(_heater_name(name), words.temperature(heater), icon)


def heating(state: PanelState) -> bool:
    """A heater is colder than it should be."""
    heaters = state.snapshot.heaters.values() if state.snapshot is not None else ()
    return any(one.actual < one.target and not words.is_at_target(one) for one in heaters)


def network_line(state: PanelState) -> Line:
    """The address for the local page, or that there is none."""
    address = words.plain(state.ip)
    if not address:
        return Line("No network", icon=Icon.OFFLINE)
    return Line(address, icon=Icon.NETWORK if len(address) <= _LONGEST_IP else None)


def address(state: PanelState) -> str:
    """Where a browser finds the device: its address, with the port where it is not the usual."""
    network = state.setup.facts.network if state.setup is not None else None
    ip = words.plain((network.ip if network is not None else "") or state.ip)
    return f"{ip}:{state.port}" if ip and state.port != 80 else ip


def cloud_lines(state: PanelState) -> Iterator[Line]:
    """Online, or since when not and when it is tried again."""
    cloud = state.cloud
    if cloud.online:
        yield Line("Cloud online", icon=Icon.CLOUD)
        return
    if cloud.no_time:
        yield Line(NO_TIME, icon=Icon.CLOCK)
        return
    yield from offline_lines(state)
    if cloud.offline_since is None:
        yield Line("Cloud connects", icon=Icon.OFFLINE)
        return
    when = words.clock(cloud.next_try, state.now) if cloud.next_try is not None else "now"
    yield Line("Next try", when)


def offline_lines(state: PanelState) -> Iterator[Line]:
    """A line about the cloud where it is away for some time, else nothing."""
    since = state.cloud.offline_since
    if since is not None and not state.cloud.online:
        yield Line("Offline at", words.clock(since, state.now))


def _nozzle_line(nozzle: Heater, bed: Heater | None) -> Line:
    text = words.temperature(nozzle)
    if bed is None:
        return Line("Nozzle", text, Icon.NOZZLE)
    degrees = words.temperature(bed)
    value = f"Bed {degrees}"
    return Line(text, value if len(text) + len(value) <= _NARROW else degrees, Icon.NOZZLE)


def _heater_name(name: str) -> str:
    """The words for a heater's cloud name: tool1 is the second nozzle."""
    if name == "chamber":
        return "Chamber"
    number = name.removeprefix("tool")
    return f"Nozzle {int(number) + 1}" if number in _NUMBERS else words.plain(name) or "Heater"


_HELD: Final = (
    StatusCode.PAUSED,
    StatusCode.COLD_PAUSE,
    StatusCode.CHANGING_FILAMENT,
    StatusCode.DOOR_OPEN,
)
_NUMBERS: Final = frozenset("123456789")
