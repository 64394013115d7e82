"""Conversions of legacy settings that are more than a change of unit."""

from __future__ import annotations

import math

from appliance.slicing.cura_units import ALL_LAYERS, Settings, Values, number

_AUTOMATIC_GRID = 4  # widths between two lines from which infillPattern 0 draws a grid


def first_layer_height(values: Values, value: float) -> Settings:
    """Every layer of PrusaSlicer's has this height but the first."""
    return {"first_layer_height": number(value / 1000)}


def widths(values: Values, _: float) -> Settings:
    """All lines but those of the first layer; see Values.width."""
    names = (
        "extrusion_width",
        "perimeter_extrusion_width",
        "external_perimeter_extrusion_width",
        "infill_extrusion_width",
        "solid_infill_extrusion_width",
        "top_infill_extrusion_width",
        "support_material_extrusion_width",
    )
    return dict.fromkeys(names, number(values.width()))


def first_layer_width(values: Values, _: float) -> Settings:
    """The same with the first layer's height."""
    width = values.width("layer0extrusionWidth", "initialLayerThickness")
    return {"first_layer_extrusion_width": number(width)}


def nozzle(values: Values, _: float) -> Settings:
    """PrusaSlicer refuses layers that are higher than the nozzle is wide."""
    return {"nozzle_diameter": number(values.nozzle)}


def walls(values: Values, value: float) -> Settings:
    """A vase and outlines have one wall."""
    return {"perimeters": "1" if values.hollow else number(value)}


def bottom(values: Values, value: float) -> Settings:
    """LegacyCura writes 10000 for a solid model."""
    if values["simpleMode"]:
        return {"bottom_solid_layers": "0"}
    return {"bottom_solid_layers": number(min(value, ALL_LAYERS))}


def top(values: Values, value: float) -> Settings:
    """A vase has no top."""
    return {"top_solid_layers": "0" if values.hollow else number(min(value, ALL_LAYERS))}


def infill(values: Values, value: float) -> Settings:
    """Lines of extrusionWidth at this distance fill so many percent."""
    if values.hollow or (value <= 0 and not values.solid):
        return {"fill_density": "0%"}
    density = 100.0 if values.solid else 100 * values["extrusionWidth"] / value
    return {"fill_density": f"{number(density)}%"}


def pattern(values: Values, value: float) -> Settings:
    """infill.cpp; a solid model must have a pattern that can be solid."""
    names = {1: "grid", 2: "rectilinear", 3: "concentric"}
    name = names.get(round(value), "rectilinear")
    wide = values["sparseInfillLineDistance"] > _AUTOMATIC_GRID * values["extrusionWidth"]
    if round(value) == 0 and wide:
        name = "grid"
    return {"fill_pattern": "rectilinear" if values.solid else name}


def skirt_or_brim(values: Values, value: float) -> Settings:
    """skirt.cpp: no distance makes a brim, around holes too."""
    lines = values["skirtLineCount"]
    if value > 0 or lines == 0 or values.raft:
        return {
            "skirts": number(0 if values.raft else lines),
            "skirt_distance": number(max(value, 0) / 1000),
            "brim_type": "no_brim",
            "brim_width": "0",
        }
    width = lines * values.mm("layer0extrusionWidth")
    return {
        "skirts": "0",
        "brim_type": "outer_and_inner",
        "brim_width": number(width),
        "brim_separation": "0",
    }


def skirt_length(values: Values, value: float) -> Settings:
    """The engine counts the way of the head, PrusaSlicer the filament for it."""
    if values["skirtDistance"] <= 0 or values.raft:
        return {"min_skirt_length": "0"}
    area = math.pi * (values.mm("filamentDiameter") / 2) ** 2
    line = values.mm("layer0extrusionWidth") * values.mm("initialLayerThickness")
    return {"min_skirt_length": number(value / 1000 * line / area)}


def skin_speed(values: Values, value: float) -> Settings:
    """Bridges and gaps have no speed of their own in the engine."""
    names = ("solid_infill_speed", "top_solid_infill_speed", "bridge_speed", "gap_fill_speed")
    return dict.fromkeys(names, number(value))


def support_angle(values: Values, value: float) -> Settings:
    """support.cpp counts from the vertical, PrusaSlicer from the bed; -1 is no support."""
    if value < 0 or values["spiralizeMode"]:
        return {"support_material": "0"}
    threshold = min(max(90 - value, 1), 90)  # 0 would let PrusaSlicer choose
    return {
        "support_material": "1",
        "support_material_auto": "1",
        "support_material_threshold": number(round(threshold)),
    }


def support_type(values: Values, value: float) -> Settings:
    """A grid has an outline around it (fffProcessor.h)."""
    grid = round(value) == 0
    return {
        "support_material_style": "grid",
        "support_material_pattern": "rectilinear-grid" if grid else "rectilinear",
        "support_material_with_sheath": "1" if grid else "0",
    }


def support_spacing(values: Values, value: float) -> Settings:
    """From line to line in the engine, the gap between two lines in PrusaSlicer."""
    if value <= 0:
        return {"support_material_spacing": "100"}  # outlines alone
    gap = max(value - values["extrusionWidth"], 0)
    return {"support_material_spacing": number(gap / 1000)}


def support_everywhere(values: Values, value: float) -> Settings:
    """The other way round."""
    return {"support_material_buildplate_only": "0" if value > 0 else "1"}


def combing(values: Values, value: float) -> Settings:
    """0 retracts for every move; 1 and 2 stay inside, where nothing is retracted."""
    inside = "1" if value > 0 else "0"
    return {"avoid_crossing_perimeters": inside, "only_retract_when_crossing_perimeters": inside}


def order(values: Values, value: float) -> Settings:
    """The other way round."""
    return {"infill_first": "0" if value > 0 else "1"}


def fan(values: Values, value: float) -> Settings:
    """The usual speed; 0 is off."""
    return {"min_fan_speed": number(value), "fan_always_on": "1" if value > 0 else "0"}


def full_fan(values: Values, value: float) -> Settings:
    """Layer n (from 0) gets n/value of the speed, as in fffProcessor.h."""
    layer = max(round(value), 0)
    return {
        "disable_fan_first_layers": "1" if layer else "0",
        "full_fan_speed_layer": str(layer + 1 if layer else 0),
    }


def layer_time(values: Values, value: float) -> Settings:
    """The engine's fan is fully on when it had to print half as fast: here, as soon as slower."""
    return {
        "cooling": "1",
        "slowdown_below_layer_time": number(round(value)),
        "fan_below_layer_time": number(round(value)),
    }


def vase(values: Values, value: float) -> Settings:
    """One spiral above the bottom."""
    return {"spiral_vase": "1" if value > 0 else "0"}


def raft(values: Values, value: float) -> Settings:
    """Base, interface and surface; how thick each is PrusaSlicer decides."""
    if not values.raft:
        return {"raft_layers": "0"}
    return {"raft_layers": number(2 + max(values["raftSurfaceLayers"], 0))}


def raft_density(values: Values, value: float) -> Settings:
    """Lines of raftBaseLinewidth at this distance fill so many percent."""
    if not values.raft or value <= 0:
        return {}
    density = min(max(100 * values["raftBaseLinewidth"] / value, 10), 100)
    return {"raft_first_layer_density": f"{number(density)}%"}


def raft_margin(values: Values, value: float) -> Settings:
    """Around the model."""
    if not values.raft:
        return {}
    return {"raft_expansion": number(value / 1000), "raft_first_layer_expansion": "0"}


def raft_gap(values: Values, value: float) -> Settings:
    """Between the raft and the first layer."""
    return {"raft_contact_distance": number(value / 1000)} if values.raft else {}


def horrible(values: Values, value: float) -> Settings:
    """Bit 2 fills what is enclosed; PrusaSlicer repairs by itself what bits 1 and 4 repair."""
    return {"slicing_mode": "close_holes" if int(value) & 2 else "regular"}


def flavor(values: Values, value: float) -> Settings:
    """1 and 5 count E in mm³ and leave retracting to the firmware; 2 to 4 are refused."""
    volumetric = "1" if round(value) in (1, 5) else "0"
    return {
        "gcode_flavor": "marlin",
        "use_volumetric_e": volumetric,
        "use_firmware_retraction": volumetric,
    }


def offset(values: Values, _: float) -> Settings:
    """The head's first nozzle; both engines take it off the way."""
    x, y = values.mm("extruderOffset[0].X"), values.mm("extruderOffset[0].Y")
    return {"extruder_offset": f"{number(x)}x{number(y)}"}


def acceleration(values: Values, value: float) -> Settings:
    """For the estimate of time alone, as in the engine (timeEstimate.cpp)."""
    names = ("extruding", "retracting", "travel")
    return {f"machine_max_acceleration_{name}": number(value / 1000) for name in names}


def flow(values: Values, value: float) -> Settings:
    """Percent to a factor; E in mm³ has none (gcodeExport.cpp)."""
    counted = round(values["gcodeFlavor"]) not in (1, 5)
    return {"extrusion_multiplier": number(value / 100 if counted else 1)}
