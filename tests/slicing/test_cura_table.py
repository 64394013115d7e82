from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.slicing.cura_docs import inserted
from appliance.slicing.cura_table import ALIASES, CODES, CURA_NAMES, ROWS, TABLE
from appliance.slicing.cura_units import Values

PAGE = Path(__file__).parents[2] / "docs" / "slicing.md"

# The names of settings.cpp of CuraEngine 15.04.6, and nozzleSize of LegacyCura's sliceEngine.py.
_NAMES = """
nozzleSize layerThickness initialLayerThickness filamentDiameter filamentFlow
layer0extrusionWidth extrusionWidth insetCount downSkinCount upSkinCount skirtDistance
skirtLineCount skirtMinLength initialSpeedupLayers initialLayerSpeed printSpeed inset0Speed
insetXSpeed moveSpeed fanFullOnLayerNr sparseInfillLineDistance infillOverlap infillSpeed
infillPattern skinSpeed perimeterBeforeInfill supportType supportAngle supportEverywhere
supportLineDistance supportXYDistance supportZDistance supportExtruder retractionAmount
retractionAmountPrime retractionSpeed retractionAmountExtruderSwitch retractionMinimalDistance
minimalExtrusionBeforeRetraction retractionZHop enableCombing enableOozeShield wipeTowerSize
multiVolumeOverlap objectPosition.X posx objectPosition.Y posy objectSink autoCenter raftMargin
raftLineSpacing raftBaseThickness raftBaseLinewidth raftInterfaceThickness
raftInterfaceLinewidth raftInterfaceLineSpacing raftAirGap raftAirGapLayer0 raftBaseSpeed
raftFanSpeed raftSurfaceThickness raftSurfaceLinewidth raftSurfaceLineSpacing raftSurfaceLayers
raftSurfaceSpeed minimalLayerTime minimalFeedrate coolHeadLift fanSpeedMin fanSpeedMax
fixHorrible spiralizeMode simpleMode gcodeFlavor acceleration max_acceleration[0]
max_acceleration[1] max_acceleration[2] max_acceleration[3] max_xy_jerk max_z_jerk max_e_jerk
startCode endCode preSwitchExtruderCode postSwitchExtruderCode
"""
ENGINE = [*_NAMES.split(), *(f"extruderOffset[{n}].{axis}" for n in range(16) for axis in "XY")]


def test_every_setting_of_the_engine_is_in_the_table() -> None:
    assert {name.lower() for name in ENGINE} - CURA_NAMES == set()


def test_the_table_knows_no_other_settings() -> None:
    assert {row.name for row in TABLE} - set(ENGINE) == set()
    assert len(ROWS) == len(TABLE)
    assert set(ALIASES.values()) <= set(ROWS) | CODES


def test_each_default_is_allowed() -> None:
    for row in TABLE:
        if isinstance(row.default, str):
            assert row.default.lower() in ROWS
        else:
            assert row.low <= row.default <= row.high, row.name


def test_a_setting_without_conversion_says_what_happens_instead() -> None:
    for row in TABLE:
        assert row.how, row.name
        assert row.source, row.name
        assert bool(row.keys) == (row.convert is not None), row.name


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_what_a_row_announces_is_what_it_sets(row: object) -> None:
    """The keys in the documented column are those that the conversion gives."""
    assert row in TABLE
    (found,) = [each for each in TABLE if each is row]
    if found.convert is None:
        return
    numbers = {name: _default(name) for name in ROWS}
    numbers["raftbasethickness"] = numbers["raftinterfacethickness"] = 300.0
    values = Values(numbers)
    announced = set(re.findall(r"[a-z_]{4,}", found.keys.replace("…", "")))
    for key in found.convert(values, values[found.name]):
        assert any(key == name or key.endswith(name) or key.startswith(name)
                   for name in announced), (found.name, key)  # fmt: skip


def _default(name: str) -> float:
    default = ROWS[name].default
    return _default(default.lower()) if isinstance(default, str) else default


def test_the_page_shows_the_table_as_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("layerThickness |") == 1
    assert inserted(text) == text, "run: python -m appliance.slicing.cura_docs docs/slicing.md"
