"""The pipe between the agent and its camera worker: numbered, length-prefixed frames.

Header, big-endian: ``PC`` | kind (1 byte) | number (4) | length of the body (4). An answer
carries the number of its request, so that one which comes too late is known for what it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from appliance.errors import CameraError

MAGIC = b"PC"
MAX_BODY = 32 * 1024 * 1024  # bytes; a 4096 × 4096 JPEG at good quality is far smaller
_HEADER = struct.Struct("!2sBII")


class Kind(IntEnum):
    """What a frame holds."""

    READY = 1  # worker, number 0: the camera is open; the body is the driver's name
    CAPTURE = 2  # agent: a Scene as JSON
    PICTURE = 3  # worker: an upright JPEG
    FAILURE = 4  # worker: a sentence, UTF-8


class FramingError(CameraError):
    """What came through the pipe is not a frame; the stream cannot be read any further."""


@dataclass(frozen=True)
class Frame:
    """One message in either direction."""

    kind: Kind
    number: int
    body: bytes = b""


def encode(frame: Frame) -> bytes:
    """The bytes of ``frame`` on the pipe."""
    return _HEADER.pack(MAGIC, frame.kind, frame.number, len(frame.body)) + frame.body


class Decoder:
    """Bytes in, frames out, however the pipe cuts them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes. Raises FramingError."""
        self._buffer += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if not MAGIC.startswith(self._buffer[: len(MAGIC)]):
            raise FramingError("The camera worker sent something that is not a frame.")
        if len(self._buffer) < _HEADER.size:
            return None
        _, kind, number, length = _HEADER.unpack_from(self._buffer)
        if kind not in set(Kind) or length > MAX_BODY:
            raise FramingError(f"The camera worker sent a frame of kind {kind}, {length} bytes.")
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return Frame(Kind(kind), number, body)
