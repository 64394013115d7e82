"""What the wizard's forms begin with, from the settings."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.config import Settings
from appliance.setup.countries import COUNTRIES
from appliance.setup.fields import BAUDS, time_zones
from appliance.web.pages_parts import Values

KEYS = ("up", "down", "left", "right", "ok")  # panel.keys.Key
_ALSO = {"up": "encoder_a", "down": "encoder_a", "left": "encoder_push", "ok": "encoder_push"}
_OLD_NAMES = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")


def values_of(
    settings: Settings,
    ports: Sequence[str] = (),
    *,
    address: str = "",
    focus: float | None = None,
) -> Values:
    """The values in force; ``address`` is the announced name, ``focus`` the lens in dioptres.

    Reads the machine's list of time zones the first time: call it on a thread.
    """
    moves = settings.moves
    return Values(
        countries=tuple(COUNTRIES.items()),
        zones=shown_zones(time_zones()),
        ports=tuple(ports),
        port=settings.printer.port,
        baud=str(settings.printer.baud),
        bauds=tuple(map(str, BAUDS)),
        size=(moves.size_x, moves.size_y, moves.size_z),
        transform=settings.camera.transform,
        focus=focus,
        display=settings.panel.display.value,
        keys=connected_keys(settings),
        address=address,
        has_password=bool(settings.web.password_hash),
    )


def shown_zones(names: Sequence[str]) -> tuple[str, ...]:
    """Those that are named by a place, and UTC."""
    return tuple(
        name for name in names if name == "UTC" or ("/" in name and not name.startswith(_OLD_NAMES))
    )


def connected_keys(settings: Settings) -> tuple[str, ...]:
    """The keys that can be pressed at the device; a knob is turned, pushed, and pushed long."""
    if settings.panel.simulated:
        return KEYS
    pins = settings.buttons.pins()
    return tuple(key for key in KEYS if key in pins or _ALSO.get(key) in pins)
