from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import EncoderError
from appliance.timelapse.mp4 import Track, read_track


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def movie(*, handler: bytes = b"vide", version: int = 0) -> bytes:
    times = (0, 0, 0, 0, 1200, 2400) if version else (0, 0, 1200, 2400)
    entry = box(b"avc1", bytes(24), (640).to_bytes(2, "big"), (360).to_bytes(2, "big"), bytes(50))
    table = box(
        b"stbl",
        box(b"stsd", words(0, 1), entry),
        box(b"stts", words(0, 2, 20, 100, 4, 50)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", bytes([version, 0, 0, 0]), words(*times), bytes(8)),
        box(b"hdlr", words(0, 0), handler, bytes(12)),
        box(b"minf", table),
    )
    moov = box(b"moov", box(b"mvhd", bytes(100)), box(b"trak", media))
    large = (1).to_bytes(4, "big") + b"mdat" + (16 + 5).to_bytes(8, "big") + b"12345"
    return box(b"ftyp", b"isom") + large + moov


@pytest.mark.parametrize("version", [0, 1])
def test_the_track_is_read(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(movie(version=version))
    assert read_track(path) == Track("avc1", 24, (20 * 100 + 4 * 50) / 1200, 640, 360)


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(movie(handler=b"soun"))
    with pytest.raises(EncoderError, match="no pictures"):
        read_track(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mp4") / "a.mp4"


@given(cut=st.integers(0, len(movie()) - 1))
def test_a_file_cut_off_anywhere_is_an_encoder_error(file: Path, cut: int) -> None:
    file.write_bytes(movie()[:cut])
    with pytest.raises(EncoderError):
        read_track(file)


@given(place=st.integers(0, len(movie()) - 1), value=st.integers(0, 255))
def test_a_damaged_file_never_raises_anything_else(file: Path, place: int, value: int) -> None:
    data = bytearray(movie())
    data[place] = value
    file.write_bytes(data)
    try:
        assert isinstance(read_track(file), Track)
    except EncoderError as error:
        assert error.long


def test_a_missing_file_is_an_encoder_error(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="cannot be read"):
        read_track(tmp_path / "none.mp4")
