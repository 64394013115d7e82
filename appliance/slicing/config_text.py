"""Which slicer a configuration is for, told by its content, and the settings in it.

Two texts are known: the settings list of the old CuraEngine (up to 15.04; no section header,
``key=value``, G-code in triple quotes over several lines) and the ini file of PrusaSlicer,
Slic3r and their kin. Everything else is refused with what it seems to be.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.slicing.cura_table import CODES, CURA_NAMES, spelled
from appliance.slicing.errors import BadConfiguration

MAX_BYTES = 1024 * 1024  # of a configuration; real ones have 2 to 60 kB
MAX_SETTINGS = 5000
_QUOTES = '"""'
_EXPORT = (
    "Use the settings of PrusaSlicer (File, Export, Export Config): this device slices with "
    "prusa-slicer."
)
_KEY = re.compile(r"[A-Za-z][\w.\[\]-]{0,79}")
_SIGNS = 3  # names that must be known before a text counts as a configuration

# fmt: off
PRUSA_SIGNS = frozenset((
    "layer_height", "first_layer_height", "perimeters", "fill_density", "fill_pattern",
    "nozzle_diameter", "filament_diameter", "temperature", "first_layer_temperature",
    "bed_temperature", "start_gcode", "end_gcode", "gcode_flavor", "bed_shape",
    "perimeter_speed", "infill_speed", "travel_speed", "retract_length", "retract_speed",
    "top_solid_layers", "bottom_solid_layers", "skirts", "support_material",
    "extrusion_multiplier", "extrusion_width", "first_layer_speed",
))
# fmt: on


class Kind(StrEnum):
    """Whose settings they are."""

    CURA = "CuraEngine 15.04 or older"
    PRUSA = "PrusaSlicer or Slic3r"


@dataclass(frozen=True)
class Configuration:
    """The settings of one file: text by name, the last one where a name stands twice.

    Names of Cura are in small letters, as its engine does not distinguish; several lines of
    G-code are divided by newlines.
    """

    kind: Kind
    settings: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read(path: Path) -> Configuration:
    """The configuration in ``path``. Raises BadConfiguration, and OSError when unreadable."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    return parse(data)


def parse(data: bytes) -> Configuration:
    """The configuration in ``data``. Raises BadConfiguration saying what it is instead."""
    if len(data) > MAX_BYTES:
        raise BadConfiguration(
            f"The slicer's configuration is larger than {MAX_BYTES // 1024} kB, so it is none. "
            f"{_EXPORT}"
        )
    if wrong := _recognised(data):
        raise BadConfiguration(f"The slicer's configuration {wrong} {_EXPORT}")
    text = _decoded(data)
    if wrong := _foreign(text):
        raise BadConfiguration(f"The slicer's configuration {wrong} {_EXPORT}")
    return _understood(text)


def _understood(text: str) -> Configuration:
    """Count the names that each of the two slicers would know."""
    names = {line.partition("=")[0].strip() for line in text.splitlines() if "=" in line}
    cura = sum(1 for name in names if name.lower() in CURA_NAMES)
    prusa = len(names & PRUSA_SIGNS)
    if max(cura, prusa) < _SIGNS:
        raise BadConfiguration(
            "The slicer's configuration has no settings that are known, neither of "
            f"PrusaSlicer nor of CuraEngine 15.04. {_EXPORT}"
        )
    if cura >= prusa:
        return Configuration(Kind.CURA, *_bounded(cura_settings(text)))
    return Configuration(Kind.PRUSA, *_bounded(prusa_settings(text)))


def _bounded(
    found: Iterator[tuple[str, str]],
) -> tuple[dict[str, str], tuple[str, ...]]:
    settings: dict[str, str] = {}
    twice: dict[str, None] = {}
    for name, value in found:
        if settings.get(name, value) != value:
            twice[name] = None
        settings[name] = value
        if len(settings) > MAX_SETTINGS:
            raise BadConfiguration(
                f"The slicer's configuration has more than {MAX_SETTINGS} settings, so it is "
                f"none. {_EXPORT}"
            )
    notes = (f"Given twice, the last counts: {', '.join(map(spelled, twice))}.",) if twice else ()
    return settings, notes


def cura_settings(text: str) -> Iterator[tuple[str, str]]:
    """(name in small letters, value) in a settings list. Raises BadConfiguration naming the line.

    As the engine reads it (settings.cpp), and the ways in which others write it: code may begin
    behind the quotes and end before them, and comments may begin with a semicolon.
    """
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        if not (equals and _KEY.fullmatch(name)):
            raise BadConfiguration(
                f"Line {number} of the slicer's configuration is no setting: {line[:40]!r}. "
                f"{_EXPORT}"
            )
        if value.startswith(_QUOTES):
            value = "\n".join(_quoted(value[3:], number, lines))
        elif name.lower() in CODES:
            value = value.replace("\\n", "\n")
        else:
            value = re.split(r"[#;]", value, maxsplit=1)[0].strip()
        yield name.lower(), value


def _quoted(rest: str, began: int, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    """The lines up to the closing quotes."""
    first = True
    while True:
        content, end, _ = rest.partition(_QUOTES)
        if content.strip() or not (first or end):
            yield content.rstrip()
        if end:
            return
        first = False
        try:
            _, rest = next(lines)
        except StopIteration:
            raise BadConfiguration(
                f'The text that begins with """ in line {began} of the slicer\'s configuration '
                "does not end: the file was cut off. Send the job once more."
            ) from None


def prusa_settings(text: str) -> Iterator[tuple[str, str]]:
    """(name, value) in an ini file, each on one line. Raises BadConfiguration naming the line."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        name, equals, value = stripped.partition("=")
        if not (equals and _KEY.fullmatch(name.strip())):
            raise BadConfiguration(
                f"Line {number} of the slicer's configuration is no setting: {line[:40]!r}. "
                f"{_EXPORT}"
            )
        yield name.strip(), value.strip()


def _recognised(data: bytes) -> str:
    """What the file is instead, from its first bytes; "" when it may well be text."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:512]
    if not start.strip(b"\x00"):
        return "is empty."
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ""
    lower = start.lower()
    for sign, sentence in _STARTS:
        if lower.startswith(sign):
            return sentence
    return "is no text." if b"\x00" in data or _mostly_binary(data) else ""


def _mostly_binary(data: bytes) -> bool:
    controls = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
    return len(data) - len(data.translate(None, controls)) > 0.02 * len(data)


_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "is a web page, perhaps an error message of the server it came from."),
    (b"<html", "is a web page, perhaps an error message of the server it came from."),
    (b"<?xml", "is XML, such as a profile of Simplify3D (.fff) or an error message."),
    (b"<profile", "is a profile of Simplify3D (.fff)."),
    (b"<", "is XML or a web page."),
    (b"{", "is JSON, such as a profile of OrcaSlicer, Bambu Studio or Cura 5."),
    (b"[{", "is JSON, such as an error message of the server it came from."),
    (b"pk\x03\x04", "is a ZIP archive, such as a 3MF project or a .curaprofile."),
    (b"\x1f\x8b", "is compressed (gzip)."),
    (b"gcde", "is binary G-code (.bgcode)."),
    (b"solid ", "is a model (STL)."),
    (b"\x89png", "is a picture."),
    (b"%pdf", "is a PDF document."),
)

_CURA_PROFILE = "is a profile of Cura's window, not the settings list of its engine."
_SECTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^\[(?:profile|alterations?)(?:_\d+)?\]\s*$", re.M), _CURA_PROFILE),
    (re.compile(r"^\[(?:general|metadata|values)\]\s*$", re.M),
     "is a profile of Cura 2 or newer, whose engine (package cura-engine) cannot be used "
     "without Cura's own definitions."),
    (re.compile(r"^\[(?:print|filament|printer|presets|vendor|settings)(?::[^\]\n]*)?\]", re.M),
     "is a bundle of several profiles."),
    (re.compile(r"^\[[^\]\n]+\]\s*$", re.M), "has sections, which those of PrusaSlicer have not."),
)  # fmt: skip
_GCODE = re.compile(r"^G[0-3] [XYZEF]-?[\d.]", re.M)


def _foreign(text: str) -> str:
    """What the text is instead; "" when it may be one of the two."""
    outside = re.sub(r'""".*?(?:"""|\Z)', "", text, flags=re.S)
    for pattern, sentence in _SECTIONS:
        if pattern.search(outside):
            return sentence
    return "is G-code." if len(_GCODE.findall(outside, 0, 50_000)) > 3 else ""


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")  # Windows editors of old
    # Only these divide lines; str.splitlines() would also take form feeds and the like for ends.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"[\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", " ", text)
