"""Reads a G-code file command by command, lazily and in bounded memory.

What is sent is what Marlin would have kept of the line: comments, line numbers and
checksums of the file are left out, since the wire has its own. Characters that firmwares
take out of a line before they check its checksum (``\\``, and ``( )`` where comments in
parentheses are compiled in) must not be sent at all: they would be asked for again forever.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from appliance.errors import ApplianceError

BLOCK = 64 * 1024  # bytes read at once
COMMAND_LIMIT = 80  # characters; with number and checksum below Marlin's MAX_CMD_SIZE of 96
_LINE_LIMIT = 4096  # bytes of a line before its comment

_PLAIN = re.compile(rb"[GMT][0-9][0-9A-Z .+-]*").match
_NUMBERED = re.compile(r"[Nn]\s*\d+\s*")
_CHECKSUM = re.compile(r"\s*\*\s*\d*\s*$")
_PARENTHESES = re.compile(r"\([^)]*\)?|[)*\\]")
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_LAYER = re.compile(rb";\s*(?:LAYER:\s*(-?\d+)|(LAYER_CHANGE|CHANGE_LAYER)\s*$|layer (\d+), ?Z)")
_TEXT = re.compile(r"M(?:117|118|486|16|928|23|28|30|32|550|587|588)(?!\d)")
_REPLACED = str.maketrans(
    {"(": "[", ")": "]", "*": "x", ";": ",", "\\": None, "\x08": None, "ß": "ss"}
)


class GcodeError(ApplianceError):
    """A print file holds something that cannot be printed."""

    default_short = "Bad print file"


class Line(NamedTuple):
    """One command of the file; an empty command only says how far the reading has come."""

    command: str  # printable ASCII, at most COMMAND_LIMIT characters
    end: int  # offset in the file after this line
    number: int  # of the line in the file, from 1
    layer: int | None  # the layer that is being printed, from 1; None before the first mark


class Reader:
    """The commands of ``file`` in order; iterate it once.

    Raises GcodeError naming the line for a line that no Marlin can take, and OSError when
    the file cannot be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._layer: int | None = None
        self._first_mark: int | None = None

    def __iter__(self) -> Iterator[Line]:
        number = end = 0
        for skipped, lines in _blocks(self._file):
            end += skipped
            for raw in lines:
                number += 1
                end += len(raw) + 1
                match = _PLAIN(raw)
                if match is not None and raw[match.end() : match.end() + 1] in b";":
                    command = match[0].decode("ascii").rstrip()
                    if len(command) <= COMMAND_LIMIT:
                        yield Line(command, end, number, self._layer)
                        continue
                if raw[:1] == b";":
                    self._comment(raw)
                elif raw and (command := clean(raw, number)):
                    yield Line(command, end, number, self._layer)
            yield Line("", end, number, self._layer)

    def _comment(self, raw: bytes) -> None:
        """Follow the layer marks of Cura, PrusaSlicer and its kin, and Simplify3D."""
        match = _LAYER.match(raw)
        if match is None:
            return
        cura, change, simplify = match.groups()
        if change:
            self._layer = (self._layer or 0) + 1
        elif simplify:
            self._layer = int(simplify)
        else:  # Cura counts from 0, or from below for a raft
            if self._first_mark is None:
                self._first_mark = int(cura)
            self._layer = int(cura) - self._first_mark + 1


def is_layer_mark(comment: bytes) -> bool:
    """Whether this line of a file, a comment, begins a layer."""
    return _LAYER.match(comment) is not None


def is_text(command: str) -> bool:
    """Whether this command carries words for people, such as M117."""
    return _TEXT.match(command) is not None


def clean(raw: bytes, number: int = 0) -> str:
    """The command in one line of a file, "" when there is none.

    Raises GcodeError naming line ``number`` when it is no text or too long to be sent.
    """
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff").partition(";")[0]
    text = _CONTROL.sub(" ", text.replace("\x00", "")).strip()
    numbered = _NUMBERED.match(text)
    if numbered:
        text = text[numbered.end() :]
    if not text or text[0] == "%":  # % begins and ends a program in other dialects
        return ""
    if is_text(text):
        return _as_text(_CHECKSUM.sub("", text) if numbered else text)
    text = _PARENTHESES.sub("", _CHECKSUM.sub("", text)).strip()
    return _checked(text, number)


def _as_text(text: str) -> str:
    """A command that carries words: what cannot be sent is replaced, what is too long is cut."""
    text = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in text if not unicodedata.combining(c))
    kept = kept.translate(_REPLACED)  # last: a wide parenthesis has become a plain one
    return kept.encode("ascii", "replace").decode("ascii")[:COMMAND_LIMIT].rstrip()


def _checked(text: str, number: int) -> str:
    if not (text.isascii() and text.isprintable()):
        if _as_text(text)[:1] in {"G", "T", "N"}:  # also where the letter itself is a wide one
            raise GcodeError(
                f"Line {number} of the print file is damaged: {text[:30]!a}. "
                "Slice the model again and send the file once more."
            )
        text = _as_text(text)
    if len(text) > COMMAND_LIMIT:
        raise GcodeError(
            f"Line {number} of the print file is {len(text)} characters long; a printer takes "
            f"{COMMAND_LIMIT}. Slice the model again, or shorten that line."
        )
    return text


def _blocks(file: BinaryIO) -> Iterator[tuple[int, list[bytes]]]:
    """Lines without their ends, block by block, after the count of bytes left out before them.

    Lines end with LF, CRLF or CR. A comment longer than a block is cut short.
    """
    rest = b""
    left_out = 0
    while block := file.read(BLOCK):
        if b"\r" in block:
            if block[-1:] == b"\r":
                block += file.read(1)  # CR and LF stay together
            block = block.replace(b"\r\n", b" \n").replace(b"\r", b"\n")
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        yield left_out, lines
        left_out = 0
        if len(rest) > _LINE_LIMIT:
            kept = _shortened(rest)
            left_out = len(rest) - len(kept)
            rest = kept
    if rest:
        yield left_out - 1, [rest]  # less one: no line end follows the last line


def _shortened(rest: bytes) -> bytes:
    comment = rest.find(b";", 0, _LINE_LIMIT)
    if comment < 0:
        raise GcodeError(
            f"The print file has a line of more than {_LINE_LIMIT} characters, so it is no "
            "G-code. Slice the model and send the G-code file."
        )
    return rest[: comment + 1]
