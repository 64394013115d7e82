from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.slicing.errors import (
    BadConfiguration,
    BadModel,
    ModelTooLarge,
    NotEnoughMemory,
    SlicingError,
)
from appliance.slicing.prusa import Output, arguments, config_keys, not_understood, reason

OLD = """\
[2026-11-22 15:14:22.332305] [0x00007f4f33d6dd80] [trace]   Initializing StaticPrintConfigs
The following configuration values were substituted when loading " << file << ":
\tkey = "fill_pattern"\t loaded = "lightningbolt\tsubstituted = "stars"
10 => Processing triangulated mesh
20 => Generating perimeters
70 => Infilling layers
30 => Preparing infill
88 => Generating skirt and brim
90 => Exporting G-code to /a/b/.out.gcode.slicing/out.gcode
Slicing result exported to /a/b/out.gcode
"""
NEW = """\
10 => Processing triangulated mesh
20 => Generating perimeters
30 => Preparing infill
45 => Making infill
65 => Searching support spots
69 => Alert if supports needed
print warning: Detected print stability issues:

model.stl
Low bed adhesion

Consider enabling supports.
Also consider enabling brim.
89 => Calculating overhanging perimeters
88 => Generating skirt and brim
90 => Exporting G-code to o.gcode
Slicing result exported to o.gcode
"""


def heard(text: str) -> tuple[Output, list[tuple[float, str]]]:
    output = Output()
    steps = []
    for line in text.splitlines():
        if output.feed(line):
            steps.append((output.percent, output.stage))
    return output, steps


def test_progress_of_the_older_version() -> None:
    output, steps = heard(OLD)
    assert [percent for percent, _ in steps] == [10, 20, 70, 70, 88, 90]
    assert steps[-1][1] == "Exporting G-code"
    assert output.lines == []
    assert output.notes() == (
        "fill_pattern = lightningbolt is not known to this PrusaSlicer: stars is used.",
    )


def test_progress_of_the_newer_version() -> None:
    output, steps = heard(NEW)
    assert [percent for percent, _ in steps] == [10, 20, 30, 45, 65, 69, 89, 89, 90]
    assert output.notes() == (
        "PrusaSlicer: Detected print stability issues: Low bed adhesion Consider enabling "
        "supports. Also consider enabling brim.",
    )


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("terminate called after throwing an instance of 'Slic3r::RuntimeError'\n"
         "  what():  Objects could not fit on the bed", ModelTooLarge, "does not fit"),
        ("All objects are outside of the print volume.", ModelTooLarge, "does not fit"),
        ("[2026-11-22 15:15:20.684628] [0x00007f07164c5d80] [error]   stl_open_count_facets: "
         "The file g.stl has the wrong size.\n/x/model.stl: Loading of a model file failed.",
         BadModel, "cannot read"),
        ('Error while reading config file "/x/config.ini": <unspecified file>(1): no',
         BadConfiguration, "config.ini"),
        ("Layer height can't be greater than nozzle diameter", BadConfiguration, "nozzle"),
        ("error: cannot export G-code for an FFF configuration", BadConfiguration, "resin"),
        ("There is an object with no extrusions in the first layer.", BadModel, "too thin"),
        ("std::bad_alloc", NotEnoughMemory, ""),
        ("something new", SlicingError, "something new."),
        ("", SlicingError, "gave no reason"),
    ],
)  # fmt: skip
def test_reasons(text: str, kind: type[SlicingError], said: str) -> None:
    error = reason(heard(text)[0])
    assert type(error) is kind
    assert said in error.long
    assert "/x/" not in error.long
    assert len(error.short) <= 20


def test_the_command_line() -> None:
    configs = [Path("/w/config.ini"), Path("/w/ours.ini")]
    words = arguments(Path("/w/model.stl"), configs, Path("/w/out"), Path("/w/d"), (5, -6.25))
    assert words == [
        "prusa-slicer", "--export-gcode", "--datadir", "/w/d", "--load", "/w/config.ini",
        "--load", "/w/ours.ini", "--dont-arrange", "--center=5.000,-6.250",
        "--output", "/w/out", "/w/model.stl",
    ]  # fmt: skip
    free = arguments(Path("m"), [], Path("o"), Path("d"), None)
    assert not {"--dont-arrange", "--center"} & set(free)
    kept = arguments(Path("m"), [], Path("o"), Path("d"), None, arrange=False)
    assert "--dont-arrange" in kept


def test_settings_that_it_did_not_know() -> None:
    tail = b"; a = 1\nG1 X1\n; prusaslicer_config = begin\n; a = 1\n; b_c = \n; d = 0\n; end"
    known = config_keys(tail)
    assert known >= {"b_c", "d"}
    assert not_understood(frozenset(("d", "zz", "yy")), known) == (
        "Not known to this PrusaSlicer, left out: yy, zz."
    )
    assert not_understood(frozenset(("d",)), known) == ""
    assert not_understood(frozenset(("d",)), config_keys(b"M84\n")) == ""


@given(st.lists(st.text(max_size=60), max_size=80))
def test_any_words_are_borne(lines: list[str]) -> None:
    output = Output()
    last = 0.0
    for line in lines:
        output.feed(line)
        assert last <= output.percent <= 100
        last = output.percent
    assert len(output.lines) <= 40
    assert reason(output).long
