"""What an MP4 says of its picture track (ISO/IEC 14496-12): frames, seconds, codec, size.

Enough to check a video that was just made, without starting another program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from appliance.errors import EncoderError

_HEADER = 8
_MAX_MOOV = 16 * 1024 * 1024  # bytes; that of 360 frames has a few thousand


@dataclass(frozen=True)
class Track:
    """The video track."""

    codec: str  # "avc1" is H.264
    frames: int
    seconds: float
    width: int
    height: int


def read_track(path: Path) -> Track:
    """The first video track of ``path``. Raises EncoderError when there is none to be read."""
    try:
        with path.open("rb") as file:
            moov = _moov(file)
        for kind, trak in _boxes(moov):
            if kind == b"trak" and (track := _track(trak)):
                return track
    except (OSError, ValueError, IndexError) as error:
        raise EncoderError(f"The video that was made cannot be read ({error}).") from error
    raise EncoderError("The video that was made holds no pictures.")


def _moov(file: BinaryIO) -> bytes:
    while True:
        header = file.read(_HEADER)
        if len(header) < _HEADER:
            raise ValueError("it has no index")
        size, kind = int.from_bytes(header[:4], "big"), header[4:]
        taken = _HEADER
        if size == 1:
            size, taken = int.from_bytes(file.read(8), "big"), 16
        if size < taken:
            raise ValueError("a box in it has a wrong length")
        if kind == b"moov":
            if size > _MAX_MOOV:
                raise ValueError("its index is too large")
            return file.read(size - taken)
        file.seek(size - taken, 1)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + _HEADER <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size < _HEADER or position + size > len(data):
            raise ValueError("a box in it has a wrong length")
        yield data[position + 4 : position + 8], data[position + _HEADER : position + size]
        position += size


def _find(data: bytes, *path: bytes) -> bytes:
    for wanted in path:
        for kind, body in _boxes(data):
            if kind == wanted:
                data = body
                break
        else:
            raise ValueError(f"its {wanted.decode()} box is missing")
    return data


def _track(trak: bytes) -> Track | None:
    if _find(trak, b"mdia", b"hdlr")[8:12] != b"vide":
        return None
    table = _find(trak, b"mdia", b"minf", b"stbl")
    # stsd: version and flags, count, then the entry: size, codec, 24 bytes, width, height
    entry = _find(table, b"stsd")[8:]
    frames, ticks = _samples(_find(table, b"stts"))
    return Track(
        codec=entry[4:8].decode("ascii", "replace"),
        frames=frames,
        seconds=ticks / _timescale(_find(trak, b"mdia", b"mdhd")),
        width=int.from_bytes(entry[32:34], "big"),
        height=int.from_bytes(entry[34:36], "big"),
    )


def _samples(stts: bytes) -> tuple[int, int]:
    """(frames, their duration in ticks)."""
    frames = ticks = 0
    for entry in range(int.from_bytes(stts[4:8], "big")):
        start = 8 + 8 * entry
        if start + 8 > len(stts):
            raise ValueError("its stts box is cut off")
        count = int.from_bytes(stts[start : start + 4], "big")
        frames += count
        ticks += count * int.from_bytes(stts[start + 4 : start + 8], "big")
    return frames, ticks


def _timescale(mdhd: bytes) -> int:
    start = 20 if mdhd[0] == 1 else 12  # version 1 has times of 8 bytes
    scale = int.from_bytes(mdhd[start : start + 4], "big")
    if not scale:
        raise ValueError("it has no time scale")
    return scale
