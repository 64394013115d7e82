"""Tells before a print whether a file is G-code at all, and if not, what it is instead."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from appliance.gcode.policy import left_out
from appliance.gcode.reader import GcodeError, Reader

_LOOKED_AT = 256 * 1024  # bytes whose every line is checked
_SEARCHED = 8 * 1024 * 1024  # bytes in which the first command must stand
_COMMAND = re.compile(r"[GMT]\s*\d", re.IGNORECASE).match
_PRINTED_BINARY = 0.05  # part of control characters above which no text is meant
_CONTROL = bytes(set(range(1, 32)) - set(b"\t\n\r\f\x1a\x1b"))

_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"GCDE", "is binary G-code (.bgcode). Export it as plain G-code (.gcode): the slicer's "
     "printer settings have a switch for binary G-code"),
    (b"PK\x03\x04", "is a ZIP archive, such as a 3MF project. Slice it and send the G-code file"),
    (b"\x1f\x8b", "is compressed (gzip). Unpack it and send the G-code file"),
    (b"%PDF", "is a PDF document. Send the G-code file"),
    (b"\x89PNG", "is a picture. Send the G-code file"),
    (b"\xff\xd8\xff", "is a picture. Send the G-code file"),
    (b"\x7fELF", "is a program. Send the G-code file"),
    (b"\xff\xfe", "is text in UTF-16. Save it as plain text (ASCII or UTF-8)"),
    (b"\xfe\xff", "is text in UTF-16. Save it as plain text (ASCII or UTF-8)"),
    (b"<", "is a web page or an XML document, perhaps an error message of the server that it "
     "came from. Send the G-code file"),
    (b"{", "is a JSON document, perhaps an error message of the server that it came from. "
     "Send the G-code file"),
)  # fmt: skip
_STL = "is a model (STL). Slice it and send the G-code file"


class NotGcode(GcodeError):
    """The file to be printed is no G-code."""

    default_short = "Not a G-code file"


def check_gcode(path: Path) -> None:
    """Raise NotGcode with a sentence for a person when ``path`` holds no G-code.

    Raises GcodeError when one of its first lines cannot be printed, OSError when it cannot
    be read. Takes milliseconds for a good file; a thread is the place for it all the same.
    """
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT)
        size = os.fstat(file.fileno()).st_size
        wrong = _recognised(head, size)
        if wrong:
            raise NotGcode(f"The file to be printed {wrong}.")
        file.seek(0)
        if not _has_commands(file):
            raise NotGcode("The file to be printed holds no G-code commands. Send another file.")


def _recognised(head: bytes, size: int) -> str:
    """What the file is instead of G-code; "" when it may well be G-code."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n\x00")[:512]
    if not start:
        return "is empty. Send it once more"
    for magic, sentence in _KINDS:
        if head.startswith(magic) or start.startswith(magic):
            return sentence
    if start[:5].lower() == b"solid" and b"facet" in head:
        return _STL
    if len(head) >= 84 and 84 + 50 * int.from_bytes(head[80:84], "little") == size:
        return _STL
    controls = len(head) - len(head.translate(None, _CONTROL))
    if controls > _PRINTED_BINARY * len(head):
        return "is no text, so it is no G-code. Send the G-code file"
    return ""


def _has_commands(file: io.BufferedReader) -> bool:
    found = False
    for line in Reader(file):
        if line.command:
            left_out(line.command, line.number)
            found = found or _COMMAND(line.command) is not None
        if line.end > (_LOOKED_AT if found else _SEARCHED):
            break
    return found
