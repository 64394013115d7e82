"""The G-code in a configuration: placeholders filled, and said so that PrusaSlicer keeps it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from appliance.slicing.cura_units import Values, number, parse_number
from appliance.slicing.errors import BadConfiguration

_TAG = re.compile(r"(.?)\{([A-Za-z_][\w.]*)\}")
_PER_MINUTE = frozenset(
    ("print_speed", "retraction_speed", "travel_speed", "bottom_layer_speed",
     "cool_min_feedrate", "max_z_speed", "infill_speed", "inset0_speed", "insetx_speed")
)  # fmt: skip
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TEMPERATURE = r"^\s*M(?:{})\b[^;\n]*?[SR]\s*(\d+(?:\.\d*)?)"
_HEATS = re.compile(r"^\s*M1(?:04|09)\b", re.MULTILINE)
_WARMS = re.compile(r"^\s*M1(?:40|90)\b", re.MULTILINE)
_OTHER_NAMES = {"bed_temperature": "print_bed_temperature"}


def fill(text: str, values: Values, words: Mapping[str, str], now: time.struct_time) -> str:
    """``text`` with LegacyCura's placeholders filled (its profile.py, replaceTagMatch).

    ``words`` are settings of the list that are none of the engine's, such as
    ``print_temperature``. A speed behind F is written per minute. Raises BadConfiguration for
    one that nobody knows in a line that would be printed; in a comment it stays as it is.
    """
    known = _known(values)
    lines = (_fill_line(line, known, words, now) for line in text.split("\n"))
    return "\n".join(lines)


def _fill_line(
    line: str, known: Mapping[str, float], words: Mapping[str, str], now: time.struct_time
) -> str:
    comment = line.find(";") if ";" in line else len(line)

    def replaced(match: re.Match[str]) -> str:
        before, tag = match[1], match[2].lower()
        value = _text(tag, before, known, words, now)
        if value is not None:
            return before + value
        if match.start() >= comment or line.lstrip().startswith(("M117", "(")):
            return f"{before}?{tag}?"
        raise BadConfiguration(
            f"The start or end code of the configuration asks for {{{tag}}}, which the "
            "configuration does not tell. Write the number into the code, or leave the line out.",
        )

    return _TAG.sub(replaced, line)


def _text(
    tag: str,
    before: str,
    known: Mapping[str, float],
    words: Mapping[str, str],
    now: time.struct_time,
) -> str | None:
    when = {
        "time": time.strftime("%H:%M:%S", now),
        "date": time.strftime("%d-%m-%Y", now),
        "day": _DAYS[now.tm_wday],
    }
    if tag in when:
        return when[tag]
    value = known.get(tag)
    other = _OTHER_NAMES.get(tag, tag)
    for name in (tag, other, *(old for old, new in _OTHER_NAMES.items() if new == tag)):
        if name in words:
            value = parse_number(name, words[name])
            break
    if value is None:
        return None
    return number(value * 60 if before == "F" and tag in _PER_MINUTE else value)


def _known(values: Values) -> dict[str, float]:
    """What LegacyCura's window would call it, from the engine's settings."""
    distance = values["sparseInfillLineDistance"]
    return {
        "layer_height": values.mm("layerThickness"),
        "bottom_thickness": values.mm("initialLayerThickness"),
        "wall_thickness": values.mm("extrusionWidth") * values["insetCount"],
        "nozzle_size": values.nozzle,
        "filament_diameter": values.mm("filamentDiameter"),
        "filament_flow": values["filamentFlow"],
        "fill_density": 100 * values["extrusionWidth"] / distance if distance > 0 else 0,
        "print_speed": values["printSpeed"],
        "travel_speed": values["moveSpeed"],
        "max_z_speed": values["moveSpeed"],
        "bottom_layer_speed": values["initialLayerSpeed"],
        "infill_speed": values["infillSpeed"],
        "inset0_speed": values["inset0Speed"],
        "insetx_speed": values["insetXSpeed"],
        "cool_min_feedrate": values["minimalFeedrate"],
        "cool_min_layer_time": values["minimalLayerTime"],
        "fan_speed": values["fanSpeedMin"],
        "fan_speed_max": values["fanSpeedMax"],
        "retraction_amount": values.mm("retractionAmount"),
        "retraction_speed": values["retractionSpeed"],
        "retraction_hop": values.mm("retractionZHop"),
    }


def heating(text: str, words: Mapping[str, str]) -> str:
    """Lines to be put before a start code that heats nothing, when the list tells how warm.

    As in LegacyCura's getAlterationFileContents; "" when the code heats by itself.
    """
    lines = []
    bed = words.get("print_bed_temperature") or words.get("bed_temperature")
    if bed and not _WARMS.search(text) and parse_number("bed_temperature", bed) > 0:
        lines.append(f"M190 S{number(parse_number('bed_temperature', bed))}")
    tool = words.get("print_temperature")
    if tool and not _HEATS.search(text) and parse_number("print_temperature", tool) > 0:
        lines.append(f"M109 S{number(parse_number('print_temperature', tool))}")
    return "".join(f"{line}\n" for line in lines)


def heats(text: str) -> bool:
    """Whether this code sets the temperature of the nozzle."""
    return _HEATS.search(text) is not None


def temperatures(text: str) -> dict[str, str]:
    """PrusaSlicer's temperatures for a start code: the last ones that it sets, °C, else 0.

    PrusaSlicer reads the code, adds no heating of its own to one that heats, and in the second
    layer sets its own numbers where they differ: 0 would turn the bed off.
    """
    tool = re.findall(_TEMPERATURE.format("104|109"), text, re.MULTILINE)
    bed = re.findall(_TEMPERATURE.format("140|190"), text, re.MULTILINE)
    warm, hot = (str(round(float(found[-1]))) if found else "0" for found in (bed, tool))
    return {
        "temperature": hot,
        "first_layer_temperature": hot,
        "bed_temperature": warm,
        "first_layer_bed_temperature": warm,
    }


def literal(text: str) -> str:
    """``text`` for an ini value, with everything kept that PrusaSlicer's templates would read.

    Measured with 2.5.0 and 2.9.2: braces open an expression, and one can be a text.
    """
    kept = re.sub(r"[\[{]", lambda match: f'{{"{match[0]}"}}', text)
    return kept.replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")
