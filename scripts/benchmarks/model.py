"""The file that is printed: small segments, about 28 bytes a line before number and checksum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from appliance.sim.receiver import numbered

SEGMENT = re.compile(r"G1 X\d{3}\.\d{3} Y\d{3}\.\d{3} E\.\d{5}")
SEGMENT_BYTES = re.compile(SEGMENT.pattern.encode())


def segments(count: int) -> Iterator[str]:
    """``count`` moves of 28 bytes, no two neighbours alike."""
    for index in range(count):
        x, y = 100 + index % 97, 100 + index % 89
        yield f"G1 X{x}.{index % 1000:03d} Y{y}.{index // 1000 % 1000:03d} E.{index % 100000:05d}"


def text(count: int) -> str:
    """A whole file of ``count`` segments."""
    return "".join(f"{line}\n" for line in segments(count))


def digest(count: int) -> str:
    """What the board must have executed: SHA-256 over the segments in order."""
    whole = sha256()
    for line in segments(count):
        whole.update(line.encode() + b"\n")
    return whole.hexdigest()


def wire_seconds(count: int, baud: int) -> float:
    """What segments 2 to ``count`` take on the wire with number, checksum and line feed.

    A host that needs more bytes for the same lines is measured against this limit too.
    """
    frames = [len(numbered(number, line)) for number, line in enumerate(segments(count), 1)]
    return sum(frames[1:]) * 10 / baud
