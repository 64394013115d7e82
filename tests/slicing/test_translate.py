from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.settings_slicing import SlicingSettings
from appliance.slicing.config_text import parse
from appliance.slicing.cura_table import ROWS, TABLE
from appliance.slicing.errors import BadConfiguration
from appliance.slicing.gcode_text import literal
from appliance.slicing.model import Box
from appliance.slicing.plan import Plan
from appliance.slicing.translate import translate
from tests.slicing.shapes import legacy

NOW = time.struct_time((2026, 11, 22, 9, 5, 7, 6, 326, 0))  # a Sunday
BOX = Box((0.0, 0.0, 0.0), (20.0, 10.0, 5.0), 12)
OURS = SlicingSettings()


def plan(text: str = "", settings: SlicingSettings = OURS, **changes: Any) -> Plan:
    return translate(parse(legacy(text, **changes)), BOX, settings, NOW)


def without(name: str) -> bytes:
    return re.sub(rb"^" + name.encode() + rb"\s*=.*\n", b"", legacy(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"layerThickness": 150}, {"layer_height": "0.15"}),
        ({"initialLayerThickness": 250}, {"first_layer_height": "0.25"}),
        ({"nozzleSize": 600}, {"nozzle_diameter": "0.6"}),
        ({"nozzleSize": 0, "extrusionWidth": 500}, {"nozzle_diameter": "0.5"}),
        ({"nozzleSize": 200}, {"nozzle_diameter": "0.3"}),  # the first layer is 0.3 high
        ({"extrusionWidth": 400}, {"perimeter_extrusion_width": "0.44292"}),
        ({"layer0extrusionWidth": 600}, {"first_layer_extrusion_width": "0.66438"}),
        ({"filamentDiameter": 2850}, {"filament_diameter": "2.85"}),
        ({"filamentFlow": 92}, {"extrusion_multiplier": "0.92"}),
        ({"insetCount": 5}, {"perimeters": "5"}),
        ({"downSkinCount": 3, "upSkinCount": 7},
         {"bottom_solid_layers": "3", "top_solid_layers": "7"}),
        ({"downSkinCount": 10000, "upSkinCount": 10000},
         {"fill_density": "100%", "fill_pattern": "rectilinear", "top_solid_layers": "1000"}),
        ({"sparseInfillLineDistance": 4000}, {"fill_density": "10%", "fill_pattern": "grid"}),
        ({"sparseInfillLineDistance": 1600},
         {"fill_density": "25%", "fill_pattern": "rectilinear"}),
        ({"sparseInfillLineDistance": -1}, {"fill_density": "0%"}),
        ({"sparseInfillLineDistance": 400, "infillPattern": 1},
         {"fill_density": "100%", "fill_pattern": "rectilinear"}),
        ({"infillPattern": 1}, {"fill_pattern": "grid"}),
        ({"infillPattern": 2}, {"fill_pattern": "rectilinear"}),
        ({"infillPattern": 3}, {"fill_pattern": "concentric"}),
        ({"infillOverlap": 22}, {"infill_overlap": "22%"}),
        ({"perimeterBeforeInfill": 1}, {"infill_first": "0"}),
        ({"perimeterBeforeInfill": 0}, {"infill_first": "1"}),
        ({"printSpeed": 55}, {"perimeter_speed": "55", "infill_speed": "55",
                              "solid_infill_speed": "55", "external_perimeter_speed": "55"}),
        ({"inset0Speed": 21, "insetXSpeed": 22, "infillSpeed": 23, "skinSpeed": 24},
         {"external_perimeter_speed": "21", "perimeter_speed": "22", "infill_speed": "23",
          "top_solid_infill_speed": "24", "bridge_speed": "24"}),
        ({"minimalLayerTime": 12, "minimalFeedrate": 7},
         {"slowdown_below_layer_time": "12", "min_print_speed": "7"}),
        ({"fanSpeedMin": 0, "fanSpeedMax": 0}, {"fan_always_on": "0", "max_fan_speed": "0"}),
        ({"fanSpeedMin": 40}, {"fan_always_on": "1", "min_fan_speed": "40"}),
        ({"fanFullOnLayerNr": 4},
         {"full_fan_speed_layer": "5", "disable_fan_first_layers": "1"}),
        ({"fanFullOnLayerNr": 0},
         {"full_fan_speed_layer": "0", "disable_fan_first_layers": "0"}),
        ({"retractionAmount": 4500}, {"retract_length": "4.5"}),
        ({"retractionMinimalDistance": 1500}, {"retract_before_travel": "1.5"}),
        ({"retractionZHop": 75}, {"retract_lift": "0.075"}),
        ({"enableCombing": 0}, {"only_retract_when_crossing_perimeters": "0"}),
        ({"enableCombing": 2}, {"avoid_crossing_perimeters": "1"}),
        ({"skirtDistance": 0, "skirtLineCount": 10},
         {"brim_width": "5", "skirts": "0", "brim_type": "outer_and_inner"}),
        ({"skirtDistance": 3000, "skirtLineCount": 2},
         {"brim_type": "no_brim", "skirts": "2", "skirt_distance": "3"}),
        ({"skirtMinLength": 150000}, {"min_skirt_length": "9.35441"}),
        ({"supportAngle": -1}, {"support_material": "0"}),
        ({"supportAngle": 60, "supportEverywhere": 0},
         {"support_material": "1", "support_material_threshold": "30",
          "support_material_buildplate_only": "1"}),
        ({"supportAngle": 90}, {"support_material_threshold": "1"}),
        ({"supportAngle": 0}, {"support_material_threshold": "90"}),
        ({"supportType": 0}, {"support_material_pattern": "rectilinear-grid"}),
        ({"supportType": 1, "supportLineDistance": 2667},
         {"support_material_pattern": "rectilinear", "support_material_spacing": "2.267"}),
        ({"raftBaseThickness": 300, "raftInterfaceThickness": 270, "raftSurfaceLayers": 2,
          "raftMargin": 5000, "raftBaseLinewidth": 1000, "raftLineSpacing": 3000,
          "raftAirGapLayer0": 220, "skirtDistance": 0, "skirtLineCount": 0},
         {"raft_layers": "4", "raft_expansion": "5", "raft_contact_distance": "0.22",
          "raft_first_layer_density": "33.33333%", "skirts": "0"}),
        ({"raftBaseThickness": 300}, {"raft_layers": "0"}),
        ({"fixHorrible": 3}, {"slicing_mode": "close_holes"}),
        ({"fixHorrible": 1}, {"slicing_mode": "regular"}),
        ({"spiralizeMode": 1},
         {"spiral_vase": "1", "perimeters": "1", "fill_density": "0%", "top_solid_layers": "0"}),
        ({"simpleMode": 1}, {"bottom_solid_layers": "0", "perimeters": "1"}),
        ({"gcodeFlavor": 0}, {"gcode_flavor": "marlin", "use_volumetric_e": "0"}),
        ({"gcodeFlavor": 5, "filamentFlow": 90},
         {"use_volumetric_e": "1", "use_firmware_retraction": "1", "extrusion_multiplier": "1"}),
        ({"gcodeFlavor": 1}, {"start_gcode": "", "end_gcode": ""}),
        ({"extruderOffset[0].X": 1500}, {"extruder_offset": "1.5x0"}),
        ({"acceleration": 2_000_000}, {"machine_max_acceleration_extruding": "2000"}),
        ({"max_xy_jerk": 15_000}, {"machine_max_jerk_y": "15"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_each_setting_becomes_prusaslicers(
    changes: dict[str, Any], expected: dict[str, str]
) -> None:
    settings = plan(**changes).settings
    assert {name: settings[name] for name in expected} == expected


def test_names_are_read_whatever_their_letters() -> None:
    found = translate(parse(legacy() + b"LAYERTHICKNESS=150\n"), BOX, OURS, NOW)
    assert found.settings["layer_height"] == "0.15"


def test_the_older_names_are_known() -> None:
    names: dict[str, Any] = {"objectPosition.X": 5000, "objectPosition.Y": 6000}
    found = plan(**names, fanOnLayerNr=9)
    assert found.center == pytest.approx((5, 6))
    assert found.settings["full_fan_speed_layer"] == "10"


def test_the_place_of_the_model() -> None:
    assert plan(posx=70_000, posy=-12_500).center == pytest.approx((70, -12.5))
    assert plan(posx=0, posy=0, autoCenter=0).center == pytest.approx((10, 5))
    assert plan(posx=1000, posy=0, autoCenter=2).center == pytest.approx((11, 5))


def test_a_3mf_whose_size_nobody_knows_is_placed_where_it_can_be() -> None:
    config = parse(legacy(posx=70_000, posy=60_000))
    assert translate(config, None, OURS, NOW).center == pytest.approx((70, 60))
    assert translate(parse(legacy(autoCenter=0)), None, OURS, NOW).center is None


def test_the_bed_is_ours_or_holds_the_model() -> None:
    ours = SlicingSettings(bed_width=200, bed_depth=180, bed_height=150, bed_origin="center")
    found = plan(settings=ours)
    assert found.settings["bed_shape"].startswith("-100.000x-90.000,100.000x-90.000")
    assert found.settings["max_print_height"] == "150.000"
    assert found.volume is not None
    unknown = plan(posx=500_000, posy=0)
    assert unknown.volume is None
    assert unknown.settings["bed_shape"] == (
        "390.000x-105.000,610.000x-105.000,610.000x105.000,390.000x105.000"
    )
    circle = plan(settings=SlicingSettings(bed_width=200, bed_depth=200, bed_shape="circle"))
    assert circle.settings["bed_shape"].count("x") == 72


def test_temperatures_of_the_start_code_are_prusaslicers_too() -> None:
    """It would turn the bed off in the second layer if it did not know."""
    found = plan('startCode="""\nM140 S50\nM109 S150\nG28\nM190 S62.5 ; S99\nM109 R207\n"""')
    assert found.settings["bed_temperature"] == "62"
    assert found.settings["first_layer_bed_temperature"] == "62"
    assert found.settings["temperature"] == "207"
    assert plan('startCode="""\nM104 S200\n"""').settings["bed_temperature"] == "0"


def test_placeholders_are_filled() -> None:
    found = plan(
        'startCode="""\n;{day} {date} {time} {print_time} {profile_string}\n'
        "M109 S{print_temperature}\nM190 S{bed_temperature}\nM140 S{print_bed_temperature}\n"
        "G1 Z15 F{travel_speed}\nG1 E{retraction_amount} F{retraction_speed}\n"
        'M200 D{filament_diameter} ; {layer_height}{layer_height} {travel_speed}\n"""\n'
        "print_temperature=215\nprint_bed_temperature=55"
    )
    assert found.settings["start_gcode"] == literal(
        ";Sun 22-11-2026 09:05:07 ?print_time? ?profile_string?\nM109 S215\nM190 S55\nM140 S55\n"
        "G1 Z15 F7200\nG1 E1.5 F1800\nM200 D1.75 ; 0.20.2 120"
    )
    assert not any("print_temperature" in note for note in found.notes)


def test_a_placeholder_in_a_command_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadConfiguration, match=r"\{print_temperature\}"):
        plan('startCode="""\nM109 S{print_temperature}\n"""')
    assert (
        "?print_temperature?"
        in plan(
            'startCode="""\n;M109 S{print_temperature}\nM117 {print_temperature}\n"""'
        ).settings["start_gcode"]
    )


def test_what_prusaslicer_would_read_as_a_template_is_kept() -> None:
    found = plan('startCode="""\nG28 ; [layer_height] {1+1} \\ "x"\n"""')
    assert found.settings["start_gcode"] == (r'G28 ; {"["}layer_height] {"{"}1+1} \\ "x"')


def test_heating_is_put_before_a_start_code_that_does_not_heat() -> None:
    found = plan('startCode="""\nG28\n"""\nprint_temperature=200\nprint_bed_temperature=60')
    assert found.settings["start_gcode"] == r"M190 S60\nM109 S200\nG28"
    hot = plan('startCode="""\nM109 S190\nG28\n"""\nprint_temperature=200')
    assert hot.settings["start_gcode"] == r"M109 S190\nG28"


def test_without_start_and_end_code_it_heats_homes_and_turns_off() -> None:
    found = plan("nothing=1")
    assert found.settings["start_gcode"].startswith(r"M109 S210\nG21")
    assert "M104 S0" in found.settings["end_gcode"]
    assert "M140 S0" in found.settings["end_gcode"]
    assert sum("startCode" in note or "endCode" in note for note in found.notes) == 2
    warm = plan("print_bed_temperature=60")
    assert warm.settings["start_gcode"].startswith(r"M190 S60\nM109 S210")
    hot = plan("print_temperature=190")
    assert hot.settings["start_gcode"].startswith(r"M109 S190\nG21")


def test_nothing_is_dropped_without_a_word() -> None:
    found = plan(
        fooBar=1, coolHeadLift=1, initialSpeedupLayers=4, wipeTowerSize=0, fixHorrible=17,
        retractionZHop="", printSpeed=50,
    )  # fmt: skip
    notes = "\n".join(found.notes)
    assert "left out: foobar" in notes
    assert "coolHeadLift=1" in notes
    assert "initialSpeedupLayers=4" in notes
    assert "open faces" in notes
    assert "wipeTowerSize" not in notes  # off, so nothing is lost
    assert "engine's own: retractionZHop" in notes


def test_what_matters_and_is_not_given_is_told() -> None:
    found = translate(parse(without("filamentDiameter")), BOX, OURS, NOW)
    assert found.settings["filament_diameter"] == "2.89"
    assert any("2.89" in note for note in found.notes)
    found = translate(parse(without("posx")), BOX, OURS, NOW)
    assert found.center == pytest.approx((102.5, 90))
    assert any("102.5" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layerThickness": 0}, "layerThickness=0"),
        ({"layerThickness": "thin"}, "layerThickness='thin'"),
        ({"layerThickness": "nan"}, "nan"),
        ({"printSpeed": -5}, "printSpeed=-5"),
        ({"filamentDiameter": 1.75}, "filamentDiameter=1.75"),
        ({"insetCount": "1e99"}, "insetCount=1e99"),
        ({"gcodeFlavor": 2}, "MakerBot"),
        ({"gcodeFlavor": 9}, "gcodeFlavor=9"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfiguration, match=re.escape(said)):
        plan(**changes)


VALUES = st.sampled_from([row.name for row in TABLE]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.floats(ROWS[name.lower()].low, ROWS[name.lower()].high).map(round),
    )
)


@given(st.dictionaries(st.sampled_from([row.name for row in TABLE]), st.integers(0, 300)),
       st.lists(VALUES, max_size=10))  # fmt: skip
def test_any_numbers_make_settings_or_are_refused(
    some: dict[str, int], more: list[tuple[str, int]]
) -> None:
    try:
        both: dict[str, Any] = {**some, **dict(more)}
        settings = plan(**both).settings
    except BadConfiguration:
        return
    for name, value in settings.items():
        assert re.fullmatch(r"[a-z_0-9]+", name)
        assert "\n" not in value
        if name not in ("start_gcode", "end_gcode"):
            assert re.fullmatch(r"-?[\w.,%x-]*", value), (name, value)
            assert "e+" not in value
            assert "nan" not in value


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=60))
def test_any_code_stays_on_one_line(code: str) -> None:
    text = literal(code + "\n" + code)
    assert "\n" not in text
    assert re.sub(r'\{"[\[{]"\}', "", text).count("[") == 0
