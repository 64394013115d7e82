from __future__ import annotations

import pytest

from appliance.settings_slicing import SlicingSettings
from appliance.slicing.config_text import parse
from appliance.slicing.errors import BadConfiguration, ModelTooLarge
from appliance.slicing.model import Box
from appliance.slicing.plan import Plan, Volume, volume_in
from appliance.slicing.prusa_config import OVERRIDES, ini, plan
from tests.slicing.shapes import prusa

OURS = SlicingSettings()


def planned(settings: SlicingSettings = OURS, **changes: object) -> Plan:
    return plan(parse(prusa(**changes)), settings)


def test_settings_are_kept_as_they_are() -> None:
    found = planned(start_gcode=r"G28\nM109 S[first_layer_temperature_0] ; {if true}x{endif}")
    assert found.settings["start_gcode"].endswith("{if true}x{endif}")
    assert found.settings["fill_density"] == "20%"
    assert "layer_height" in found.given
    assert found.notes == ()


def test_no_program_of_a_configuration_runs() -> None:
    found = planned(post_process="/bin/rm -rf /", output_filename_format="../../x")
    assert not OVERRIDES.keys() & found.settings.keys()
    assert OVERRIDES["post_process"] == ""
    assert found.notes == ("post_process is left out: no programs of a configuration run here.",)
    assert planned(post_process='""').notes == ()


def test_secrets_of_a_print_host_are_not_told() -> None:
    found = planned(print_host="octopi.local", printhost_apikey="SECRET", compatible_printers="x")
    assert not {"print_host", "printhost_apikey", "compatible_printers"} & found.given
    assert "SECRET" not in " ".join(found.notes)


@pytest.mark.parametrize(
    ("changes", "center"),
    [
        ({}, (100, 90)),  # the middle of its bed
        ({"print_center": "50,60.5"}, (50, 60.5)),
        ({"posx": 30, "posy": "-40.5"}, (30, -40.5)),
        ({"posx": 30_000, "posy": -40_500}, (30, -40.5)),
        ({"posx": "left", "posy": 5}, (100, 90)),
        ({"bed_shape": "-100x-100,100x-100,100x100,-100x100"}, (0, 0)),
    ],
)
def test_the_place_of_the_model(changes: dict[str, object], center: tuple[float, float]) -> None:
    assert planned(**changes).center == pytest.approx(center)  # type: ignore[arg-type]


def test_the_bed_of_the_configuration_counts_before_ours() -> None:
    ours = SlicingSettings(bed_width=100, bed_depth=100, bed_height=90)
    assert planned(ours).settings["bed_shape"] == "0x0,200x0,200x180,0x180"
    found = planned(ours, bed_shape="?", max_print_height="")
    assert found.settings["bed_shape"].startswith("0.000x0.000,100.000x0.000")
    assert found.settings["max_print_height"] == "90.000"
    assert found.center == pytest.approx((50, 50))
    assert planned(bed_shape="?").center is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"printer_technology": "SLA"}, "resin"),
        ({"gcode_flavor": "sailfish"}, "sailfish"),
        ({"gcode_flavor": "mach3"}, "mach3"),
    ],
)
def test_other_machines_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BadConfiguration, match=said):
        planned(**changes)  # type: ignore[arg-type]


def test_the_text_of_an_ini() -> None:
    assert ini({"b": "2", "a": "x = y"}) == "a = x = y\nb = 2\n"


def test_volumes() -> None:
    assert volume_in("0x0,200x0,200x180,0x180", "150") == Volume(0, 0, 200, 180, 150)
    assert volume_in("-5x-5,5x-5,0x7.5", "") == Volume(-5, -5, 5, 7.5, 0)
    for wrong in ("", "0x0,5x5", "0x0,5x5,nonsense"):
        assert volume_in(wrong, "1") is None


def test_what_does_not_fit_is_refused() -> None:
    volume = Volume(0, 0, 100, 80, 60)
    fits = Box((0, 0, 0), (100, 80, 60), 12)
    volume.refuse(fits, None)
    volume.refuse(fits, (50, 40))
    for size in ((101, 5, 5), (5, 81, 5), (5, 5, 61)):
        with pytest.raises(ModelTooLarge, match="100 × 80 × 60 mm"):
            volume.refuse(Box((0, 0, 0), size, 12), None)
    with pytest.raises(ModelTooLarge, match=r"12\.0 mm over the edge") as caught:
        volume.refuse(Box((0, 0, 0), (20, 10, 5), 12), (-2, 40))
    assert len(caught.value.short) <= 20
    Volume(0, 0, 100, 80).refuse(Box((0, 0, 0), (5, 5, 999), 12), None)
