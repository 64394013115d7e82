import gzip
import io
import struct
import zipfile
from pathlib import Path

import pytest

from appliance.errors import SHORT_LENGTH
from appliance.gcode.check import NotGcode, check_gcode
from appliance.gcode.reader import GcodeError

DATA = Path(__file__).parent / "data"


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("3D/3dmodel.model", "<model/>")
    return out.getvalue()


def _binary_stl() -> bytes:
    return b"G1 in its name".ljust(80) + struct.pack("<I", 2) + bytes(100)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "is a web page"),
        (b"\n\n<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
        (b'{"error": "no such file"}', "is a JSON document"),
        (b"solid cube\nfacet normal 0 0 0\nouter loop\nendloop", "is a model"),
        (_binary_stl(), "is a model"),
        (_zip(), "is a ZIP archive"),
        (gzip.compress(b"G28\n", mtime=0), "is compressed"),
        (b"GCDE\x01\x00\x00\x00", "is binary G-code"),
        ("G28\nG1 X1\n".encode("utf-16"), "is text in UTF-16"),
        (bytes(range(256)) * 50, "is no text"),
        (b"Dear printer,\nplease print a vase.\n", "holds no G-code commands"),
        (b"; comment\n" * 1000, "holds no G-code commands"),
    ],
)
def test_what_is_no_gcode_is_refused_with_a_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "print.gcode"
    path.write_bytes(content)
    with pytest.raises(NotGcode, match=said) as caught:
        check_gcode(path)
    assert caught.value.long.endswith(".")
    assert len(caught.value.short) <= SHORT_LENGTH


@pytest.mark.parametrize(
    "content",
    [
        b"M104 S0",
        b"\xef\xbb\xbf; \xff comment\r\ng28\r\n",
        b"%\nO1000 (name)\nN10 G28\n%\n",
        b"START_PRINT BED=60\nG1 X1\n",
        b"; thumbnail begin 300x300\n" + b"; iVBORw0KGgo\n" * 50_000 + b"G28\n",
        b"\x00\x00G28\n",
        b"solid_infill_start\nG1 X1\n",
    ],
)
def test_odd_but_valid_files_are_taken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "print.gcode"
    path.write_bytes(content)
    check_gcode(path)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.gcode")), ids=lambda path: path.name)
def test_files_of_slicers_are_taken(path: Path) -> None:
    check_gcode(path)


def test_an_unprintable_line_near_the_beginning_is_told_before_the_print(tmp_path: Path) -> None:
    path = tmp_path / "print.gcode"
    path.write_bytes(b"G28\n" * 200 + b"M28 steal.gco\n")
    with pytest.raises(GcodeError, match=r"Line 201 .* M28"):
        check_gcode(path)
