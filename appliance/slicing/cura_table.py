"""Every setting of the legacy CuraEngine (15.04.6) and what it is in PrusaSlicer.

The one table: the translation runs on it, and docs/slicing.md shows it. Sources: the engine's
settings.cpp for names, units and defaults; LegacyCura's sliceEngine.py for how it computes
them; the engine's file named with a row for what it does with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.slicing import cura_rules as rules
from appliance.slicing.cura_units import Convert, Settings, Values, millimetres, percent, same

MICRO, SPEED, SWITCH, COUNT = "µm", "mm/s", "0/1", "count"


@dataclass(frozen=True)
class Row:
    """One setting of the engine.

    ``convert`` is None where PrusaSlicer has nothing like it: then ``harmless`` are the values
    with which nothing is lost, and ``how`` says what happens instead. ``default`` is the
    engine's own, or the name of the setting that stands in.
    """

    name: str
    unit: str
    default: float | str
    keys: str  # of PrusaSlicer, divided by spaces
    how: str
    source: str
    convert: Convert | None = None
    low: float = 0
    high: float = 1_000_000
    harmless: tuple[float, ...] = (0,)


def _none(_: Values, __: float) -> Settings:
    """Used by another row's conversion, or by the placing of the model."""
    return {}


_L, _C = "sliceEngine.py", "settings.cpp"
_F, _S, _G = "fffProcessor.h", "support.cpp", "gcodeExport.cpp"
_ONE = "one STL is printed with one extruder"
_WIDTHS = (
    "extrusion_width, perimeter_…, external_perimeter_…, infill_…, solid_infill_…, "
    "top_infill_…, support_material_extrusion_width"
)

TABLE: tuple[Row, ...] = (
    # --- lines and layers
    Row("layerThickness", MICRO, 100, "layer_height", "÷ 1000", _L,
        millimetres("layer_height"), 10, 5000),
    Row("initialLayerThickness", MICRO, 300, "first_layer_height", "÷ 1000", _L,
        rules.first_layer_height, 10, 5000),
    Row("nozzleSize", MICRO, 0, "nozzle_diameter",
        "÷ 1000; else extrusionWidth; at least a layer's height", _L, rules.nozzle, 0, 10_000),
    Row("extrusionWidth", MICRO, 400, _WIDTHS,
        "÷ 1000, + (1 − π/4) × layer height: PrusaSlicer's lines have round edges", _L,
        rules.widths, 50, 10_000),
    Row("layer0extrusionWidth", MICRO, "extrusionWidth", "first_layer_extrusion_width",
        "as extrusionWidth, with initialLayerThickness", _L, rules.first_layer_width, 50, 10_000),
    Row("filamentDiameter", MICRO, 2890, "filament_diameter", "÷ 1000", _L,
        millimetres("filament_diameter"), 500, 10_000),
    Row("filamentFlow", "%", 100, "extrusion_multiplier", "÷ 100; 1 when E counts mm³", _G,
        rules.flow, 1, 1000),
    Row("insetCount", COUNT, 2, "perimeters", "the same; 1 for a vase", _F, rules.walls, 0, 1000),
    Row("downSkinCount", COUNT, 6, "bottom_solid_layers", "the same, at most 1000", _L,
        rules.bottom),
    Row("upSkinCount", COUNT, 6, "top_solid_layers", "the same, at most 1000; 0 for a vase", _L,
        rules.top),
    # --- infill
    Row("sparseInfillLineDistance", MICRO, 2000, "fill_density",
        "extrusionWidth ÷ this; −1 is 0 %; 100 % up to extrusionWidth or with 1000 and more "
        "solid layers", _L, rules.infill, -1),
    Row("infillPattern", "0 to 3", 0, "fill_pattern",
        "0: grid when the lines are more than 4 widths apart, else rectilinear; 1: grid; "
        "2: rectilinear; 3: concentric", "infill.cpp", rules.pattern, 0, 3),
    Row("infillOverlap", "%", 15, "infill_overlap", "the same", _L, percent("infill_overlap"),
        0, 100),
    Row("perimeterBeforeInfill", SWITCH, 0, "infill_first", "the other way round", _F,
        rules.order),
    # --- speeds
    Row("printSpeed", SPEED, 50, "support_material_speed", "the same (skirt and support)", _F,
        same("support_material_speed"), 0.1, 2000),
    Row("inset0Speed", SPEED, "printSpeed", "external_perimeter_speed, small_perimeter_speed",
        "the same", _L, same("external_perimeter_speed", "small_perimeter_speed"), 0.1, 2000),
    Row("insetXSpeed", SPEED, "printSpeed", "perimeter_speed", "the same", _L,
        same("perimeter_speed"), 0.1, 2000),
    Row("infillSpeed", SPEED, "printSpeed", "infill_speed", "the same", _L,
        same("infill_speed"), 0.1, 2000),
    Row("skinSpeed", SPEED, "printSpeed",
        "solid_infill_speed, top_solid_infill_speed, bridge_speed, gap_fill_speed", "the same",
        _L, rules.skin_speed, 0.1, 2000),
    Row("moveSpeed", SPEED, 150, "travel_speed", "the same", _L, same("travel_speed"), 0.1, 2000),
    Row("initialLayerSpeed", SPEED, 20, "first_layer_speed", "the same", _F,
        same("first_layer_speed"), 0.1, 2000),
    Row("initialSpeedupLayers", COUNT, 4, "", "PrusaSlicer slows the first layer alone", _F,
        None, harmless=(0, 1)),
    # --- cooling
    Row("minimalLayerTime", "s", 5, "slowdown_below_layer_time, fan_below_layer_time, cooling",
        "the same", _F, rules.layer_time, 0, 3600),
    Row("minimalFeedrate", SPEED, 10, "min_print_speed", "the same", _F,
        same("min_print_speed"), 0, 2000),
    Row("coolHeadLift", SWITCH, 0, "", "the head stays and prints more slowly", _F),
    Row("fanSpeedMin", "%", 100, "min_fan_speed, fan_always_on", "the same; 0 is off", _F,
        rules.fan, 0, 100),
    Row("fanSpeedMax", "%", 100, "max_fan_speed, bridge_fan_speed", "the same", _F,
        same("max_fan_speed", "bridge_fan_speed"), 0, 100),
    Row("fanFullOnLayerNr", "layer", 2, "full_fan_speed_layer, disable_fan_first_layers",
        "+ 1: PrusaSlicer counts from 1, and the first layer has none", _F, rules.full_fan, -1000),
    # --- retraction and travel
    Row("retractionAmount", MICRO, 4500, "retract_length", "÷ 1000", _G,
        millimetres("retract_length"), 0, 100_000),
    Row("retractionSpeed", SPEED, 45, "retract_speed", "the same", _G, same("retract_speed"),
        0.1, 2000),
    Row("retractionMinimalDistance", MICRO, 1500, "retract_before_travel", "÷ 1000", _F,
        millimetres("retract_before_travel")),
    Row("retractionZHop", MICRO, 0, "retract_lift", "÷ 1000", _G, millimetres("retract_lift")),
    Row("retractionAmountPrime", MICRO, 0, "retract_restart_extra", "÷ 1000", _G,
        millimetres("retract_restart_extra"), -100_000),
    Row("retractionAmountExtruderSwitch", MICRO, 14500, "retract_length_toolchange", "÷ 1000",
        _G, millimetres("retract_length_toolchange")),
    Row("minimalExtrusionBeforeRetraction", MICRO, 100, "",
        "PrusaSlicer retracts however little was printed", _G),
    Row("enableCombing", "0 to 2", 1,
        "avoid_crossing_perimeters, only_retract_when_crossing_perimeters",
        "0: off; 1 and 2: on", _F, rules.combing, 0, 2),
    # --- skirt and brim
    Row("skirtDistance", MICRO, 6000, "skirt_distance, skirts, brim_type, brim_width",
        "÷ 1000; 0: a brim of skirtLineCount × layer0extrusionWidth", "skirt.cpp",
        rules.skirt_or_brim),
    Row("skirtLineCount", COUNT, 1, "skirts, brim_width", "see skirtDistance", "skirt.cpp", _none,
        0, 1000),
    Row("skirtMinLength", MICRO, 0, "min_skirt_length",
        "as filament: × layer0extrusionWidth × initialLayerThickness ÷ the filament's area",
        "skirt.cpp", rules.skirt_length, 0, 10_000_000),
    # --- support
    Row("supportAngle", "°", -1, "support_material, support_material_threshold",
        "90 − this: PrusaSlicer counts from the bed; −1 is no support", _S, rules.support_angle,
        -1, 90),
    Row("supportEverywhere", SWITCH, 0, "support_material_buildplate_only",
        "the other way round", _S, rules.support_everywhere),
    Row("supportType", "0 or 1", 0,
        "support_material_pattern, support_material_with_sheath, support_material_style",
        "0: rectilinear-grid with a sheath; 1: rectilinear", _F, rules.support_type, 0, 1),
    Row("supportLineDistance", MICRO, 2000, "support_material_spacing",
        "÷ 1000, less extrusionWidth: PrusaSlicer counts the gap", _F, rules.support_spacing,
        -1),
    Row("supportXYDistance", MICRO, 700, "support_material_xy_spacing", "÷ 1000", _S,
        millimetres("support_material_xy_spacing")),
    Row("supportZDistance", MICRO, 150, "support_material_contact_distance", "÷ 1000", _S,
        millimetres("support_material_contact_distance")),
    Row("supportExtruder", "number", -1, "", _ONE, _F, None, -1, harmless=(-1, 0)),
    # --- raft
    Row("raftBaseThickness", MICRO, 0, "raft_layers",
        "with raftInterfaceThickness: 2 + raftSurfaceLayers; the heights are PrusaSlicer's", _F,
        rules.raft),
    Row("raftInterfaceThickness", MICRO, 0, "raft_layers", "see raftBaseThickness", _F, _none),
    Row("raftSurfaceLayers", COUNT, 0, "raft_layers", "see raftBaseThickness", _F, _none, 0, 100),
    Row("raftMargin", MICRO, 5000, "raft_expansion, raft_first_layer_expansion", "÷ 1000",
        "raft.cpp", rules.raft_margin),
    Row("raftLineSpacing", MICRO, 1000, "raft_first_layer_density", "raftBaseLinewidth ÷ this",
        _F, rules.raft_density),
    Row("raftBaseLinewidth", MICRO, 0, "raft_first_layer_density", "see raftLineSpacing", _F,
        _none),
    Row("raftAirGapLayer0", MICRO, 0, "raft_contact_distance", "÷ 1000", _F, rules.raft_gap),
    Row("raftAirGap", MICRO, 0, "", "PrusaSlicer lowers the layers above the first", _F),
    Row("raftInterfaceLinewidth", MICRO, 0, "", "PrusaSlicer's own", _F),
    Row("raftInterfaceLineSpacing", MICRO, 0, "", "PrusaSlicer's own", _F),
    Row("raftSurfaceThickness", MICRO, 0, "", "PrusaSlicer's own", _F),
    Row("raftSurfaceLinewidth", MICRO, 0, "", "PrusaSlicer's own", _F),
    Row("raftSurfaceLineSpacing", MICRO, 0, "", "PrusaSlicer's own", _F),
    Row("raftBaseSpeed", SPEED, 0, "", "first_layer_speed", _F),
    Row("raftSurfaceSpeed", SPEED, 0, "", "support_material_speed", _F),
    Row("raftFanSpeed", "%", 0, "", "as on other layers", _F),
    # --- the model
    Row("posx", MICRO, 102_500, "(--center)", "÷ 1000; also objectPosition.X",
        "optimizedModel.h", _none, -10_000_000, 10_000_000),
    Row("posy", MICRO, 102_500, "(--center)", "÷ 1000; also objectPosition.Y",
        "optimizedModel.h", _none, -10_000_000, 10_000_000),
    Row("autoCenter", "0 to 2", 1, "(--center)",
        "1: the model's middle at posx, posy; 0 and 2: its own origin", "optimizedModel.h",
        _none, 0, 2),
    Row("objectSink", MICRO, 0, "", "PrusaSlicer prints the model from its lowest point", _F,
        None, -1_000_000),
    Row("fixHorrible", "bits", 0, "slicing_mode",
        "bit 2: close_holes; PrusaSlicer repairs by itself what bits 1, 4 and 8 repair; "
        "bit 16 (keep open faces) has no counterpart", _F, rules.horrible, 0, 255),
    Row("spiralizeMode", SWITCH, 0, "spiral_vase",
        "the same; with one perimeter, no infill, no top", _F, rules.vase),
    Row("simpleMode", SWITCH, 0, "perimeters, top_solid_layers, bottom_solid_layers, fill_density",
        "one perimeter and nothing inside", _F, _none),
    # --- the machine
    Row("gcodeFlavor", "0 to 5", 0, "gcode_flavor, use_volumetric_e, use_firmware_retraction",
        "0: marlin; 1 and 5: with E in mm³ and G10/G11; 2, 3, 4 (MakerBot, BFB, Mach3): refused",
        "settings.h", rules.flavor, 0, 5),
    Row("extruderOffset[0].X", MICRO, 0, "extruder_offset", "÷ 1000", _G, rules.offset,
        -1_000_000),
    Row("extruderOffset[0].Y", MICRO, 0, "extruder_offset", "÷ 1000", _G, _none, -1_000_000),
    Row("acceleration", "µm/s²", 3_000_000,
        "machine_max_acceleration_extruding, …_retracting, …_travel",
        "÷ 1000, for the estimate of time alone", "timeEstimate.cpp", rules.acceleration,
        1, 1e9),
    Row("max_acceleration[0]", "µm/s²", 9_000_000, "machine_max_acceleration_x", "÷ 1000",
        "timeEstimate.cpp", millimetres("machine_max_acceleration_x"), 1, 1e9),
    Row("max_acceleration[1]", "µm/s²", 9_000_000, "machine_max_acceleration_y", "÷ 1000",
        "timeEstimate.cpp", millimetres("machine_max_acceleration_y"), 1, 1e9),
    Row("max_acceleration[2]", "µm/s²", 100_000, "machine_max_acceleration_z", "÷ 1000",
        "timeEstimate.cpp", millimetres("machine_max_acceleration_z"), 1, 1e9),
    Row("max_acceleration[3]", "µm/s²", 10_000_000, "machine_max_acceleration_e", "÷ 1000",
        "timeEstimate.cpp", millimetres("machine_max_acceleration_e"), 1, 1e9),
    Row("max_xy_jerk", "µm/s", 20_000, "machine_max_jerk_x, machine_max_jerk_y", "÷ 1000",
        "timeEstimate.cpp", millimetres("machine_max_jerk_x", "machine_max_jerk_y"), 0, 1e9),
    Row("max_z_jerk", "µm/s", 400, "machine_max_jerk_z", "÷ 1000", "timeEstimate.cpp",
        millimetres("machine_max_jerk_z"), 0, 1e9),
    Row("max_e_jerk", "µm/s", 5000, "machine_max_jerk_e", "÷ 1000", "timeEstimate.cpp",
        millimetres("machine_max_jerk_e"), 0, 1e9),
    # --- several extruders
    Row("multiVolumeOverlap", MICRO, 0, "", _ONE, _F),
    Row("enableOozeShield", SWITCH, 0, "", _ONE, _F),
    Row("wipeTowerSize", MICRO, 0, "", _ONE, _F),
    *(
        Row(f"extruderOffset[{n}].{axis}", MICRO, 0, "", _ONE, _G, None, -1_000_000)
        for n in range(1, 16)
        for axis in "XY"
    ),
)  # fmt: skip

ROWS = {row.name.lower(): row for row in TABLE}

CODES = frozenset(("startcode", "endcode", "preswitchextrudercode", "postswitchextrudercode"))
"""G-code, in small letters: start_gcode, end_gcode, and two for a change of extruder."""

ALIASES = {
    "objectposition.x": "posx",
    "objectposition.y": "posy",
    "fanonlayernr": "fanfullonlayernr",  # up to 14.03
    "startgcode": "startcode",
    "endgcode": "endcode",
}

TAGS = frozenset(
    ("print_temperature", "print_temperature2", "print_bed_temperature", "bed_temperature")
)
"""Names of LegacyCura's profile that a list may carry for its start code; no engine settings."""

CURA_NAMES = frozenset(ROWS) | CODES | frozenset(ALIASES)


def spelled(name: str) -> str:
    """As the engine spells this name of ours in small letters; others as they are."""
    row = ROWS.get(name)
    return row.name if row else name
