"""The table of docs/slicing.md: ``python -m appliance.slicing.cura_docs docs/slicing.md``."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.slicing.cura_table import TABLE, Row

BEGIN, END = "<!-- table: made by appliance/slicing/cura_docs.py -->", "<!-- end of the table -->"


def markdown() -> str:
    """The one table, for people; the offsets of further extruders in one row."""
    lines = [
        "| legacy setting | unit | engine's default | PrusaSlicer | conversion | source |",
        "|---|---|---|---|---|---|",
    ]
    for row in TABLE:
        if not _is_further_offset(row):
            lines.append(_line(row, row.name))
    offsets = [row for row in TABLE if _is_further_offset(row)]
    lines.append(_line(offsets[0], f"{offsets[0].name} to {offsets[-1].name}"))
    lines += [
        "| startCode, startGcode | G-code | home, 210 °C | start_gcode | placeholders filled | "
        "profile.py |",
        "| endCode, endGcode | G-code | all off | end_gcode | placeholders filled | profile.py |",
        "| preSwitchExtruderCode, postSwitchExtruderCode | G-code | none | – | one STL is printed "
        "with one extruder | gcodeExport.cpp |",
    ]
    return "\n".join(lines)


def _is_further_offset(row: Row) -> bool:
    return row.name.startswith("extruderOffset") and not row.name.startswith("extruderOffset[0]")


def _line(row: Row, name: str) -> str:
    default = row.default if isinstance(row.default, str) else f"{row.default:.10g}"
    return f"| {name} | {row.unit} | {default} | {row.keys or '–'} | {row.how} | {row.source} |"


def inserted(text: str) -> str:
    """``text`` with the table between the two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(inserted(page.read_text(encoding="utf-8")), encoding="utf-8")
