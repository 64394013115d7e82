from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from appliance.slicing.cache import Cache, Entry, key_of, place
from appliance.slicing.thumbnail import thumbnail_in

PICTURE = b"\x89PNG\r\n\x1a\npicture"


def made(folder: Path, size: int, name: str = "made") -> Path:
    path = folder / name
    path.write_bytes(b"G" * size)
    return path


def entry(size: int) -> Entry:
    return Entry(size=size, seconds=12.5, layers=3, thumbnail=PICTURE, notes=("a note",))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 1000)


def test_what_was_kept_comes_back(tmp_path: Path, cache: Cache) -> None:
    out = tmp_path / "out"
    assert cache.take("a", out) is None
    assert not out.exists()
    cache.keep("a", made(tmp_path, 300), entry(300))
    assert Cache(tmp_path / "cache", 1000).take("a", out) == entry(300)
    assert out.read_bytes() == b"G" * 300
    out.unlink()  # the print is over: the cache keeps its own
    assert cache.take("a", out) == entry(300)


def test_the_least_recently_used_goes_first(tmp_path: Path, cache: Cache) -> None:
    out = tmp_path / "out"
    for number, key in enumerate("abc"):
        cache.keep(key, made(tmp_path, 300, key), entry(300))
        os.utime(tmp_path / "cache" / f"{key}.json", (1000 + number, 1000 + number))
    assert cache.take("a", out) is not None  # used now: b is the oldest
    cache.keep("d", made(tmp_path, 300, "d"), entry(300))
    assert [key for key in "abcd" if cache.take(key, out)] == ["a", "c", "d"]
    kept = sum(path.stat().st_size for path in (tmp_path / "cache").glob("*.gcode"))
    assert kept <= 1000


def test_the_file_is_written_by_nobody_any_more(tmp_path: Path, cache: Cache) -> None:
    source = made(tmp_path, 300)
    cache.keep("a", source, entry(300))
    assert source.stat().st_mode & 0o222 == 0
    assert source.samefile(tmp_path / "cache/a.gcode")  # it costs no room


def test_what_is_too_large_is_not_kept(tmp_path: Path, cache: Cache) -> None:
    cache.keep("a", made(tmp_path, 300), entry(300))
    cache.keep("b", made(tmp_path, 1001, "large"), entry(1001))
    assert cache.take("b", tmp_path / "out") is None
    assert cache.take("a", tmp_path / "out") is not None


@pytest.mark.parametrize("damage", ["short", "record", "gone"])
def test_a_damaged_entry_is_forgotten(tmp_path: Path, cache: Cache, damage: str) -> None:
    source = made(tmp_path, 300)
    cache.keep("a", source, entry(300))
    source.unlink()
    gcode, record = tmp_path / "cache/a.gcode", tmp_path / "cache/a.json"
    if damage == "short":
        gcode.unlink()
        gcode.write_bytes(b"G" * 299)
    elif damage == "record":
        record.write_bytes(b'{"size": ')
    else:
        gcode.unlink()
    assert cache.take("a", tmp_path / "out") is None
    assert not (tmp_path / "out").exists()
    assert not gcode.exists()


def test_what_a_power_cut_left_is_cleared_away(tmp_path: Path, cache: Cache) -> None:
    """The record is written last: without it there is no entry."""
    folder = tmp_path / "cache"
    folder.mkdir()
    made(folder, 900, "x.gcode")
    made(folder, 900, ".y.gcode.part")
    cache.keep("a", made(tmp_path, 300), entry(300))
    assert {path.name for path in folder.iterdir()} == {"a.gcode", "a.json"}


def test_a_disk_that_refuses_costs_only_the_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file stands here")
    Cache(tmp_path / "cache", 1000).keep("a", made(tmp_path, 10), entry(10))
    assert "not kept" in caplog.text


def test_keys_change_with_each_part(tmp_path: Path) -> None:
    one, two = made(tmp_path, 10, "one"), made(tmp_path, 11, "two")
    keys = {
        key_of([one, two], ["x", "y"]),
        key_of([two, one], ["x", "y"]),
        key_of([one], ["x", "y"]),
        key_of([one, two], ["xy", ""]),
        key_of([one, two], ["x", "z"]),
    }
    assert len(keys) == 5
    assert key_of([one], []) == key_of([made(tmp_path, 10, "other")], [])


def test_placing_replaces_and_leaves_nothing(tmp_path: Path) -> None:
    source, target = made(tmp_path, 10), made(tmp_path, 5, "target")
    place(source, target)
    place(source, target)  # the same file under both names
    assert target.read_bytes() == b"G" * 10
    assert {path.name for path in tmp_path.iterdir()} == {"made", "target"}
    with pytest.raises(OSError, match="gone"):
        place(tmp_path / "gone", target)
    assert target.read_bytes() == b"G" * 10


def block(size: str, picture: bytes, end: bytes = b"\n") -> bytes:
    """As PrusaSlicer writes a picture, in lines of 8 characters."""
    code = base64.b64encode(picture)
    lines = [code[n : n + 8] for n in range(0, len(code), 8)]
    whole = [b"thumbnail begin %s %d" % (size.encode(), len(code)), *lines, b"thumbnail end"]
    return b"".join(b"; " + line + end for line in whole)


def test_the_largest_picture_of_a_gcode_file() -> None:
    small, jpeg = PICTURE + b" small", b"\xff\xd8\xffjpeg"
    head = b"; generated\n" + block("16x16", small) + block("220x124", jpeg, b"\r\n") + b"G28\n"
    assert thumbnail_in(head) == jpeg
    broken = b"; thumbnail begin 900x900 24\n; ?!\n; thumbnail end\n"
    assert thumbnail_in(broken + block("800x800", b"no picture") + block("9x9", small)) == small
    assert thumbnail_in(broken) is None
    assert thumbnail_in(b"G28\n") is None
