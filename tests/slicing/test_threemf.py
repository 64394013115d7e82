from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.slicing.errors import BadModel, ModelTooLarge
from appliance.slicing.threemf import is_zip, look, take_gcode
from tests.slicing.shapes import Triangle, box

PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture"
GCODE = b"G28\nG1 X5 Y5 F3000\nM84\n"


def model(triangles: list[Triangle] | None = None) -> bytes:
    """The XML of a 3MF with one object."""
    corners = [corner for triangle in triangles or box() for corner in triangle]
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in corners)
    faces = "".join(
        f'<triangle v1="{n}" v2="{n + 1}" v3="{n + 2}"/>' for n in range(0, len(corners), 3)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<model unit="millimeter" xml:lang="en-US" '
        'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources>'
        f'<object id="1" type="model"><mesh><vertices>{vertices}</vertices>'
        f"<triangles>{faces}</triangles></mesh></object></resources>"
        '<build><item objectid="1"/></build></model>'
    ).encode()


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return path


def project(path: Path, **more: bytes) -> Path:
    types = (
        b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        b'content-types"><Default Extension="model" ContentType="application/vnd.ms-package.'
        b'3dmanufacturing-3dmodel+xml"/><Default Extension="rels" ContentType="application/'
        b'vnd.openxmlformats-package.relationships+xml"/></Types>'
    )
    rels = (
        b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/'
        b'2006/relationships"><Relationship Target="/3D/3dmodel.model" Id="rel-1" Type="http://'
        b'schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
    )
    files = {"[Content_Types].xml": types, "_rels/.rels": rels, "3D/3dmodel.model": model()}
    return archive(path, {**files, **more})


def test_gcode_is_found_and_taken_out(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.3mf",
        {
            "Metadata/plate_2.gcode": b"G28 ; two\n",
            "Metadata/plate_1.gcode": GCODE,
            "Metadata/plate_1.gcode.md5": b"x",
            "Metadata/plate_1.png": PICTURE,
            "3D/3dmodel.model": b"",
        },
    )
    assert is_zip(path.read_bytes()[:4])
    found = look(path, 1_000_000)
    assert (found.gcode, found.plates) == ("Metadata/plate_1.gcode", 2)
    assert found.thumbnail == PICTURE
    take_gcode(path, found.gcode, tmp_path / "out", 1000)
    assert (tmp_path / "out").read_bytes() == GCODE
    with pytest.raises(ModelTooLarge):
        take_gcode(path, found.gcode, tmp_path / "out", 5)


def test_a_model_is_found_and_prusaslicers_settings(tmp_path: Path) -> None:
    found = look(project(tmp_path / "a.3mf"), 1_000_000)
    assert (found.gcode, found.has_settings, found.thumbnail) == ("", False, None)
    more = {"Metadata/Slic3r_PE.config": b"; layer_height = 0.2\n"}
    assert look(project(tmp_path / "b.3mf", **more), 1_000_000).has_settings


def test_names_in_the_archive_write_nothing(tmp_path: Path) -> None:
    names = ("../../evil.gcode", "/tmp/evil.gcode", "Metadata/../evil.gcode")
    for name in names:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        path = archive(folder / "a.3mf", {name: GCODE})
        found = look(path, 1000)
        take_gcode(path, found.gcode, folder / "out", 1000)
        assert {each.name for each in folder.iterdir()} == {"a.3mf", "out"}
        assert {each.name for each in tmp_path.iterdir()} == {"in"}


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    dense = archive(tmp_path / "dense.3mf", {"3D/3dmodel.model": b"\0" * 30_000_000})
    assert dense.stat().st_size < 100_000
    with pytest.raises(ModelTooLarge, match="30 MB"):
        look(dense, 100_000_000)
    many = archive(tmp_path / "many.3mf", {f"3D/{n}.model": b"x" * 1000 for n in range(100)})
    with pytest.raises(ModelTooLarge):
        look(many, 50_000)
    crowd = archive(tmp_path / "crowd.3mf", {f"{n}": b"" for n in range(2001)})
    with pytest.raises(BadModel, match="2000 files"):
        look(crowd, 50_000)


def test_an_entry_that_lies_about_its_size(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.3mf", {"3D/3dmodel.model": model() + b" " * 5000})
    data = bytearray(path.read_bytes())
    size = (len(model()) + 5000).to_bytes(4, "little")
    assert data.count(size) == 2
    path.write_bytes(bytes(data).replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(BadModel):
        look(path, 1_000_000)


def test_entities_are_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><model/>'
    with pytest.raises(BadModel, match="XML"):
        look(archive(tmp_path / "a.3mf", {"3D/3dmodel.model": bomb}), 1_000_000)


def test_other_archives_and_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="neither a model nor G-code"):
        look(archive(tmp_path / "a.zip", {"readme.txt": b"hello"}), 1_000_000)
    whole = project(tmp_path / "a.3mf").read_bytes()
    for data in (whole[:200], whole[:-30], b"PK\x03\x04", whole[:100] + b"x" * 9 + whole[109:]):
        (tmp_path / "b.3mf").write_bytes(data)
        with pytest.raises(BadModel):
            look(tmp_path / "b.3mf", 1_000_000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_any_damage_is_refused_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(project(tmp_path / "a.3mf").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "b.3mf").write_bytes(bytes(whole))
    try:
        look(tmp_path / "b.3mf", 1_000_000)
    except BadModel as error:
        assert error.long.endswith(".")
