from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.slicing.config_text import MAX_BYTES, MAX_SETTINGS, Kind, parse
from appliance.slicing.errors import BadConfiguration
from tests.slicing.shapes import legacy, prusa


def test_both_kinds_are_told_by_their_content() -> None:
    assert parse(legacy()).kind is Kind.CURA
    assert parse(prusa()).kind is Kind.PRUSA


def test_a_list_as_the_engine_reads_it() -> None:
    found = parse(
        b"# comment\n; comment\nlayerThickness=200 # fine\n  INSETCOUNT = 3 ; three\n"
        b'posx=1\nstartCode="""\nG28 ; home # all\n\n  G1 X5\n"""\nendCode=M84\\nM104 S0 ; off\n'
    ).settings
    assert found == {
        "layerthickness": "200",
        "insetcount": "3",
        "posx": "1",
        "startcode": "G28 ; home # all\n\n  G1 X5",
        "endcode": "M84\nM104 S0 ; off",
    }


@pytest.mark.parametrize(
    "code",
    [
        b'startCode = """\nM109 S200\nG28\n"""',
        b'startCode="""M109 S200\nG28"""',
        b'startCode="""M109 S200\r\nG28\r\n""" ',
        b"startCode=M109 S200\\nG28",
    ],
)
def test_ways_to_write_code(code: bytes) -> None:
    found = parse(b"layerThickness=200\nposx=0\nposy=0\n" + code + b"\nendCode=M84\n")
    assert found.settings["startcode"] == "M109 S200\nG28"
    assert found.settings["endcode"] == "M84"


def test_code_that_does_not_end() -> None:
    with pytest.raises(BadConfiguration, match=r"line 4 .*cut off"):
        parse(b'layerThickness=200\nposx=0\nposy=0\nstartCode="""\nG28\n')


def test_an_ini_keeps_its_values_as_they_are() -> None:
    found = parse(prusa(start_gcode=r"G28 ; home # x\nG1 Z[layer_height]")).settings
    assert found["start_gcode"] == r"G28 ; home # x\nG1 Z[layer_height]"
    assert found["fill_density"] == "20%"


def test_a_name_that_stands_twice_is_told() -> None:
    found = parse(legacy() + b"layerThickness=300\nposy=90000\n")
    assert found.settings["layerthickness"] == "300"
    assert found.notes == ("Given twice, the last counts: layerThickness.",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings(encoding: str, end: str) -> None:
    text = "# für dünne Wände\nlayerThickness=200\nposx=1\nposy=2\nstartCode=M117 Größe\n"
    found = parse(text.replace("\n", end).encode(encoding))
    assert found.settings["posy"] == "2"
    assert found.settings["startcode"] == "M117 Größe"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\x00" * 100, "empty"),
        (b"<!DOCTYPE html><html>403 Forbidden</html>", "web page"),
        (b"\n\n<HTML>", "web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', "XML"),
        (b"<profile name='x'>", "Simplify3D"),
        (b'{"version": 2, "layer_height": "0.2"}', "JSON"),
        (b"PK\x03\x04xxxx", "ZIP"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"GCDE\x01\0\0\0", "bgcode"),
        (b"solid x\nfacet normal", "STL"),
        (bytes(range(256)) * 4, "no text"),
        (b"[profile]\nlayer_height = 0.1\nwall_thickness = 0.8\n", "Cura's window"),
        (b"[general]\nversion = 4\n[values]\nlayer_height = 0.1\n", "cura-engine"),
        (b"[print:0.2mm]\nlayer_height = 0.2\n", "bundle"),
        (b"[section]\nlayer_height = 0.2\n", "sections"),
        (b"G28\nG1 X1 Y2\nG1 X1\nG1 X2\nG1 X3 E1\n", "G-code"),
        (b"name = x\nvalue = y\nother = z\n", "no settings that are known"),
        (b"Not Found", "no settings that are known"),
        (prusa() + b"this is no setting\n", "no setting: 'this is"),
        (legacy() + b"nor this\n", "no setting: 'nor this"),
        (b"x" * (MAX_BYTES + 1), "larger than 1024 kB"),
        (legacy() + b"".join(b"a%d=1\n" % n for n in range(MAX_SETTINGS + 1)), "more than 5000"),
    ],
)
def test_what_is_none_is_refused_with_what_it_is(data: bytes, said: str) -> None:
    with pytest.raises(BadConfiguration, match=said) as caught:
        parse(data)
    assert len(caught.value.short) <= 20
    assert "prusa-slicer" in caught.value.long


NAMES = st.sampled_from(
    ["layerThickness", "insetCount", "posx", "printSpeed", "fooBar", "extruderOffset[1].X"]
)
NUMBERS = st.integers(-10_000_000, 10_000_000)
CODE = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters='"'),
    max_size=40,
).map(str.strip)


@given(st.dictionaries(NAMES, NUMBERS), st.lists(CODE, max_size=5))
def test_a_list_is_read_as_it_was_written(numbers: dict[str, int], code: list[str]) -> None:
    head = "filamentDiameter=1750\nmoveSpeed=100\nretractionSpeed=40\n"
    lines = "".join(f"{name}={value}\n" for name, value in numbers.items())
    block = 'startCode="""\n' + "".join(f"{line}\n" for line in code) + '"""\n'
    found = parse((head + lines + block + "insetXSpeed=7\n").encode())
    assert found.settings["insetxspeed"] == "7"
    assert found.settings["startcode"].rstrip("\n") == "\n".join(code).rstrip("\n")
    for name, value in numbers.items():
        assert found.settings[name.lower()] == str(value)


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for text in (data, legacy() + data, prusa() + data):
        try:
            parse(text)
        except BadConfiguration as error:
            assert error.long.endswith(".")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for before in (b"", legacy(), prusa()):
        try:
            found = parse(before + text.encode("utf-8", "replace"))
        except BadConfiguration:
            continue
        assert all("\x00" not in value for value in found.settings.values())
