"""A PrusaSlicer or Slic3r ini file becomes the plan of a run: what is safe of it, as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.settings_slicing import SlicingSettings
from appliance.slicing.config_text import Configuration
from appliance.slicing.errors import BadConfiguration
from appliance.slicing.plan import Plan, Volume, bed_keys, configured, volume_in

OVERRIDES = {
    "post_process": "",  # programs that would run on this device; a 3MF may name some, too
    "binary_gcode": "0",
    "output_filename_format": "",
}
"""What is laid over every configuration, ours and the one inside a 3MF."""

_LEFT_OUT = frozenset(
    (*OVERRIDES, "bed_custom_model", "bed_custom_texture", "posx", "posy", "print_center")
)
_UNREPORTED = re.compile(
    # What PrusaSlicer never writes into its G-code, and the names of its presets.
    r"print_?host\w*|compatible_\w+|inherits\w*|\w*settings_id|physical_printer\w*|"
    r"preset_names?|default_(?:print|filament|material)_profile|threads|thumbnails\w*|"
    # What older versions had and this one has under another name or no more.
    r"bed_size|duplicate_\w+|external_fill_pattern|solid_fill_pattern|seal_position|"
    r"(?:top|bottom)_infill_pattern|max_volumetric_extrusion_rate_slope\w*|g0|"
    r"support_material_tool|perimeters_extruder|infill_only_where_needed|standby_temperature|"
    r"wipe_tower_(?:x|y|rotation_angle)|wiping_volumes_extruders|clip_multipart_objects|"
    r"\w*_gcode_substitutions|octoprint_\w+|acceleration|adjust_overhang_flow|start_perimeters_\w+"
)
_FOREIGN_FLAVORS = ("makerware", "sailfish", "mach3", "machinekit", "no-extrusion", "teacup")
_METRE = 1000.0  # mm: no bed is that wide, so the number is in micrometres


def plan(configuration: Configuration, settings: SlicingSettings) -> Plan:
    """The plan for an ini file. Raises BadConfiguration for one of another kind of printer."""
    given = configuration.settings
    _refuse_other_machines(given)
    keys = {name: value for name, value in given.items() if name not in _LEFT_OUT}
    notes = list(configuration.notes)
    if given.get("post_process", "").strip(' "'):
        notes.append("post_process is left out: no programs of a configuration run here.")
    own = volume_in(given.get("bed_shape", ""), given.get("max_print_height", ""))
    volume = own
    if own is None and (volume := configured(settings)) is not None:
        keys.update(bed_keys(volume, round_=settings.bed_shape == "circle"))
    center = _center(given) or (_middle(volume) if volume else None)
    reported = frozenset(name for name in keys if not _UNREPORTED.fullmatch(name))
    return Plan(keys, center, volume, tuple(notes), reported)


def _middle(volume: Volume) -> tuple[float, float]:
    return (volume.left + volume.right) / 2, (volume.front + volume.back) / 2


def _refuse_other_machines(given: Mapping[str, str]) -> None:
    if given.get("printer_technology", "FFF").upper() not in ("FFF", ""):
        raise BadConfiguration(
            "The slicer's configuration is for a resin printer (SLA). Choose a configuration "
            "for this printer.",
            short="Not for this printer",
        )
    flavor = given.get("gcode_flavor", "").strip('"')
    if flavor in _FOREIGN_FLAVORS:
        raise BadConfiguration(
            f"The slicer's configuration makes G-code for {flavor}, and this printer speaks "
            "Marlin. Set gcode_flavor to marlin.",
            short="Not for this printer",
        )


def _center(given: Mapping[str, str]) -> tuple[float, float] | None:
    """posx and posy (mm, or µm as the legacy list), or Slic3r's print_center (mm)."""
    texts = [given.get("posx", ""), given.get("posy", "")]
    if not all(texts):
        texts = given.get("print_center", "").split(",")
    if len(texts) != 2:
        return None
    try:
        x, y = (float(text) for text in texts)
    except ValueError:
        return None
    if max(abs(x), abs(y)) >= _METRE:
        x, y = x / 1000, y / 1000
    return x, y


def ini(settings: Mapping[str, str]) -> str:
    """The text of an ini file."""
    return "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
