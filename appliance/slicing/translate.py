"""A legacy CuraEngine settings list becomes settings of PrusaSlicer, by the one table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from appliance.settings_slicing import SlicingSettings
from appliance.slicing import gcode_text
from appliance.slicing.config_text import Configuration
from appliance.slicing.cura_table import ALIASES, CODES, ROWS, TABLE, TAGS
from appliance.slicing.cura_units import Values, parse_number
from appliance.slicing.errors import BadConfiguration
from appliance.slicing.model import Box
from appliance.slicing.plan import Plan, Volume, bed_keys, configured

VERSION = 1  # of this translation: a change makes old entries of the cache useless
_MARGIN = 100.0  # mm around a model on a bed whose size nobody told
_FIXED = {
    # The engine does none of this, PrusaSlicer would by default.
    "printer_technology": "FFF",
    "perimeter_generator": "classic",
    "overhangs": "0",
    "thick_bridges": "0",
    "thin_walls": "0",
    "gap_fill_enabled": "1",
    "extra_perimeters": "0",
    "solid_infill_below_area": "0",
    "support_material_interface_layers": "0",
    "support_material_bottom_interface_layers": "0",
    "dont_support_bridges": "0",
    "retract_layer_change": "0",
    "wipe": "0",
    "skirt_height": "1",
    "fill_angle": "45",
    "elefant_foot_compensation": "0",
    "use_relative_e_distances": "0",
    "machine_limits_usage": "time_estimate_only",
}
_OWN_START = "M109 S210\nG21\nG90\nG28\nG1 Z15 F300\nG92 E0\nG1 F200 E5\nG92 E0"
_OWN_END = "M104 S0\nM140 S0\nG91\nG1 E-1 F300\nG1 Z0.5 E-5 F9000\nG90\nG28 X0 Y0\nM84"
_OTHER_MACHINES = {2: "MakerBot", 3: "Bits from Bytes", 4: "Mach3"}
_ULTIGCODE = 1


def translate(
    configuration: Configuration,
    model: Box | None,
    settings: SlicingSettings,
    now: time.struct_time,
) -> Plan:
    """The plan for a legacy list. Raises BadConfiguration naming the setting."""
    given = {ALIASES.get(name, name): text for name, text in configuration.settings.items()}
    numbers = dict(_numbers(given))
    values = Values(_completed(numbers))
    _refuse_other_machines(values)
    keys = dict(_FIXED)
    for row in TABLE:
        if row.convert is not None:
            keys.update(row.convert(values, values[row.name]))
    words = {name: text for name, text in given.items() if name in TAGS}
    codes, code_notes = _codes(given, values, words, now)
    center = _center(values, model)
    volume = configured(settings)
    keys.update(_bed(volume, center, model, settings))
    keys.update(codes)
    notes = (*configuration.notes, *code_notes, *_notes(given, numbers))
    return Plan(keys, center, volume, notes)


def _numbers(given: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """The engine's settings that the list gives, each within what it can be."""
    for name, text in given.items():
        row = ROWS.get(name)
        if row is None or not text:
            continue
        value = parse_number(row.name, text)
        if not row.low <= value <= row.high:
            raise BadConfiguration(
                f"The slicer's configuration says {row.name}={text[:20]}, outside of "
                f"{row.low:g} to {row.high:g} {row.unit}. Correct the slicing settings in the "
                "Polar Cloud."
            )
        yield name, value


def _completed(numbers: Mapping[str, float]) -> dict[str, float]:
    """With the engine's own default for what is not given."""

    def value(name: str) -> float:
        default = ROWS[name].default
        if name in numbers:
            return numbers[name]
        return value(default.lower()) if isinstance(default, str) else default

    return {name: value(name) for name in ROWS}


def _refuse_other_machines(values: Values) -> None:
    machine = _OTHER_MACHINES.get(round(values["gcodeFlavor"]))
    if machine is not None:
        raise BadConfiguration(
            f"The slicer's configuration is for a {machine} machine (gcodeFlavor "
            f"{values['gcodeFlavor']:g}), and this printer speaks Marlin. Choose RepRap in the "
            "printer's slicing settings.",
            short="Not for this printer",
        )


def _center(values: Values, model: Box | None) -> tuple[float, float] | None:
    """Where the middle of the model comes, mm (optimizedModel.h).

    None where the model's own origin counts, and only the slicer knows its size (3MF).
    """
    x, y = values.mm("posx"), values.mm("posy")
    if round(values["autoCenter"]) == 1:
        return x, y
    if model is None:
        return None
    middle = model.middle
    return middle[0] + x, middle[1] + y


def _bed(
    volume: Volume | None,
    center: tuple[float, float] | None,
    model: Box | None,
    settings: SlicingSettings,
) -> dict[str, str]:
    """The list tells no bed: ours by the settings, or one that surely holds the model."""
    if volume is not None:
        return bed_keys(volume, round_=settings.bed_shape == "circle")
    x, y = center or (0.0, 0.0)
    width, depth, _ = model.size if model else (_MARGIN * 4, _MARGIN * 4, 0.0)
    wide, deep = width / 2 + _MARGIN, depth / 2 + _MARGIN
    return bed_keys(Volume(x - wide, y - deep, x + wide, y + deep))


def _codes(
    given: Mapping[str, str], values: Values, words: Mapping[str, str], now: time.struct_time
) -> tuple[dict[str, str], list[str]]:
    """Start and end code, and what a person should know of them."""
    notes = []
    start, end = given.get("startcode"), given.get("endcode")
    if round(values["gcodeFlavor"]) == _ULTIGCODE:
        start = end = ""  # its printers do this themselves (fffProcessor.h)
        notes.append("UltiGCode: the printer's firmware must heat and home by itself.")
    if start is None:
        own = _OWN_START if "print_temperature" not in words else _OWN_START.partition("\n")[2]
        start = gcode_text.heating("", words) + own
        notes.append(
            "The configuration has no startCode: the nozzle heats (to 210 °C where no "
            "temperature is given) and the printer homes, as with the engine's own."
        )
    else:
        start = gcode_text.heating(start, words) + start
        if start and not gcode_text.heats(start):
            notes.append("The configuration's startCode does not heat the nozzle.")
    if end is None:
        end = _OWN_END
        notes.append("The configuration has no endCode: heaters and motors are turned off.")
    start, end = (gcode_text.fill(text, values, words, now) for text in (start, end))
    return {
        "start_gcode": gcode_text.literal(start),
        "end_gcode": gcode_text.literal(end),
        **gcode_text.temperatures(start),
    }, notes


def _notes(given: Mapping[str, str], numbers: Mapping[str, float]) -> Iterator[str]:
    """Nothing is dropped without a word."""
    unknown = [n for n in given if n not in ROWS and n not in CODES and n not in TAGS]
    if unknown:
        yield f"Not understood, left out: {', '.join(sorted(unknown))}."
    empty = [ROWS[name].name for name, text in given.items() if name in ROWS and not text]
    if empty:
        yield f"Without a value, left at the engine's own: {', '.join(empty)}."
    for row in TABLE:
        value = numbers.get(row.name.lower())
        if value is not None and row.convert is None and value not in row.harmless:
            yield f"{row.name}={value:g} has no counterpart in PrusaSlicer: {row.how}."
    if int(numbers.get("fixhorrible", 0)) & 16:
        yield "fixHorrible: PrusaSlicer cannot keep open faces open."
    switch = [n for n in ("preswitchextrudercode", "postswitchextrudercode") if given.get(n)]
    if switch:
        yield f"{', '.join(switch)}: one STL is printed with one extruder."
    if "filamentdiameter" not in numbers:
        yield "No filamentDiameter is given: the engine's own, 2.89 mm, is used."
    if not {"posx", "posy"} <= numbers.keys():
        yield "No posx and posy are given: the engine's own, 102.5 mm, are used."
