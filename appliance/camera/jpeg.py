"""Reading a JPEG's markers without decoding it: is it whole, and how large is the picture?

ISO/IEC 10918-1 annex B. Cheap, and free of Pillow, so that the agent can use it.
"""

from __future__ import annotations

from appliance.errors import CameraError

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
_SOS = 0xDA
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM and RSTn stand alone
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn without DHT, JPG, DAC


def size_of(jpeg: bytes) -> tuple[int, int]:
    """(width, height) in pixels of a JPEG that is whole. Raises CameraError for all else."""
    if not jpeg.rstrip(b"\0").endswith(EOI):  # some cameras pad their frames with zeros
        raise _bad("its end is missing")
    return header_size(jpeg)


def header_size(start: bytes) -> tuple[int, int]:
    """(width, height) from the beginning of a JPEG, up to its first scan. Raises CameraError."""
    if not start.startswith(SOI):
        raise _bad("it does not begin like one")
    size: tuple[int, int] | None = None
    position = 2
    while True:
        marker, position = _marker(start, position)
        if marker in _NO_LENGTH:
            continue
        segment = _segment(start, position)
        if marker in _FRAME_HEADERS:
            size = _frame_size(segment)
        elif marker == _SOS:
            break
        position += 2 + len(segment)
    if size is None:
        raise _bad("it does not say how large it is")
    return size


def _marker(data: bytes, position: int) -> tuple[int, int]:
    if data[position : position + 1] != b"\xff":
        raise _bad("its header is damaged")
    while data[position : position + 1] == b"\xff":  # any number of fill bytes
        position += 1
    if position >= len(data) or data[position] in (0x00, 0xD8, 0xD9):
        raise _bad("its header is damaged")
    return data[position], position + 1


def _segment(data: bytes, position: int) -> bytes:
    length = int.from_bytes(data[position : position + 2], "big")
    segment = data[position + 2 : position + length]
    if length < 2 or len(segment) != length - 2:
        raise _bad("its header is cut off")
    return segment


def _frame_size(segment: bytes) -> tuple[int, int]:
    height = int.from_bytes(segment[1:3], "big")
    width = int.from_bytes(segment[3:5], "big")
    if not width or not height:
        raise _bad("it has no size")
    return width, height


def _bad(why: str) -> CameraError:
    return CameraError(f"The picture is not a whole JPEG: {why}.", short="Bad picture")
