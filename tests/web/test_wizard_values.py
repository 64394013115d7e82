"""What the wizard's forms begin with."""

import msgspec

from appliance.config import Settings
from appliance.settings_panel import ButtonSettings, PanelSettings
from appliance.setup import fields
from appliance.setup.fields import time_zones
from appliance.web.wizard_values import KEYS, connected_keys, shown_zones, values_of


def test_what_the_forms_begin_with_is_taken_when_it_is_sent_back() -> None:
    values = values_of(Settings(), ("/dev/ttyUSB0",), address="polar.local", focus=2.0)
    x, y, z = values.size
    sent = {"port": values.port, "baud": values.baud, "printer_make": ""}
    sent |= {"size_x": f"{x:g}", "size_y": f"{y:g}", "size_z": f"{z:g}"}
    assert isinstance(fields.printer(sent, values.ports, ()), fields.PrinterValues)
    sent = {"transform": str(values.transform), "focus": f"{values.focus:g}"}
    assert isinstance(fields.camera(sent), fields.CameraValues)
    assert not isinstance(fields.panel({"display": values.display}), fields.Wrong)
    assert all(not isinstance(fields.time({"time_zone": zone}), fields.Wrong) for zone in ZONES)
    assert values.ports == ("/dev/ttyUSB0",)
    assert values.address == "polar.local"


ZONES = ("Europe/Berlin", "Asia/Calcutta", "America/Argentina/Buenos_Aires", "UTC")


def test_zones_are_named_by_places_as_browsers_name_them() -> None:
    shown = shown_zones(time_zones())
    assert set(ZONES) <= set(shown)
    assert not [zone for zone in shown if zone.startswith(("Etc/", "US/")) or zone == "EST5EDT"]
    assert list(shown) == sorted(shown)


def test_keys_that_are_connected() -> None:
    def keys(**pins: int) -> tuple[str, ...]:
        return connected_keys(Settings(buttons=ButtonSettings(**pins)))  # type: ignore[arg-type]

    assert keys() == ()
    assert keys(ok=5, up=6) == ("up", "ok")
    assert keys(encoder_a=5, encoder_b=6) == ("up", "down")
    assert keys(encoder_a=5, encoder_b=6, encoder_push=13) == ("up", "down", "left", "ok")
    simulated = msgspec.structs.replace(Settings(), panel=PanelSettings(simulated="/run/panel"))
    assert connected_keys(simulated) == KEYS
