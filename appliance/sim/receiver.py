"""Marlin's serial side: the receive ring, lines, numbers, checksums (its ``queue.cpp``)."""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import NamedTuple

_NUMBER = re.compile(r"[ \t]*([+-]?\d+)")
_LINE_NUMBER = re.compile(r" *N-?\d* *")
_SPECIAL = re.compile(rb"[;\x08\\]")

LINE_NUMBER_ERROR = "Line Number is not Last Line Number+1, Last Line: "
CHECKSUM_ERROR = "checksum mismatch, Last Line: "
NO_CHECKSUM_ERROR = "No Checksum with line number, Last Line: "


class Command(NamedTuple):
    """A line that was accepted."""

    raw: str  # as it stands in the command queue
    body: str  # without number and checksum


class LineError(NamedTuple):
    """A line that was refused, with the text that follows ``Error:``."""

    text: str


def numbered(number: int, body: str) -> bytes:
    """A line as a host sends it: number, checksum, line feed."""
    line = f"N{number} {body}".encode("latin-1")
    return b"%s*%d\n" % (line, reduce(xor, line, 0))


def _integer(text: str) -> int:
    """C's ``strtol``: the number in front, 0 when there is none."""
    match = _NUMBER.match(text)
    return int(match[1]) if match else 0


def body_of(raw: str) -> str:
    """The G-code of a raw line: what stands between its number and its checksum."""
    match = _LINE_NUMBER.match(raw)
    body = raw[match.end() :] if match else raw
    star = body.find("*")
    return (body if star < 0 else body[:star]).strip(" ")


class Receiver:
    """Bytes in, commands and refusals out; keeps the last line number.

    ``ring_size`` bytes are kept while nobody reads, what comes beyond them is dropped without
    a word, as a full ring does on the board.
    """

    def __init__(self, ring_size: int = 127, max_command: int = 96) -> None:
        self.ring_size = ring_size
        self.last_number = 0
        self.dropped_bytes = 0
        self._ring = bytearray()
        self._line = bytearray()
        self._limit = max_command - 1  # one byte is C's terminator

    def __len__(self) -> int:
        return len(self._ring)

    def store(self, data: bytes) -> None:
        """Bytes that arrive while the firmware does not read."""
        room = self.ring_size - len(self._ring)
        self._ring += data[:room]
        self.dropped_bytes += max(0, len(data) - room)

    def pass_through(self, data: bytes) -> None:
        """Bytes that arrive while the firmware reads each as it comes."""
        self._ring += data

    def flush(self) -> bytes:
        """Throw away what was received and not read yet; says what that was."""
        flushed = bytes(self._ring)
        self._ring.clear()
        self._line.clear()
        return flushed

    def reset(self) -> None:
        """The board starts anew."""
        self.flush()
        self.last_number = 0

    def read(self) -> Command | LineError | None:
        """Read up to the next line that needs an action; None when the ring is empty."""
        while self._ring:
            end = self._ring.find(b"\n")
            if end < 0:
                self._line += self._ring
                self._ring.clear()
                return None
            self._line += self._ring[:end]
            del self._ring[: end + 1]
            raw = self._clean(bytes(self._line))
            self._line.clear()
            if raw and (result := self._check(raw)):
                return result
        return None

    def _clean(self, line: bytes) -> str:
        """Without comment, cut at the length that a command may have."""
        if _SPECIAL.search(line):
            line = self._clean_slowly(line)
        return line[: self._limit].decode("latin-1")

    def _clean_slowly(self, line: bytes) -> bytes:
        """Byte by byte: ``;`` begins a comment, a backslash guards, a backspace erases."""
        kept = bytearray()
        escaped = False
        for byte in line:
            if not escaped and byte == ord("\\"):
                escaped = True
                continue
            if not escaped and byte == ord(";"):
                break
            if byte == ord("\b"):
                del kept[-1:]
            else:
                kept.append(byte)
            escaped = False
            if len(kept) >= self._limit:
                break
        return bytes(kept)

    def _check(self, raw: str) -> Command | LineError | None:
        """None: the line is swallowed without an answer."""
        command = raw.lstrip(" ")
        if not command.startswith("N"):
            return Command(raw, body_of(raw))
        place = 0
        sets_number = "M110" in command
        if sets_number:
            place = max(0, command.find("N", 4))  # the second N wins
        number = _integer(command[place + 1 :])
        if not sets_number and number != self.last_number + 1:
            if self.last_number - 1 <= number <= self.last_number:
                return None
            return self._refuse(LINE_NUMBER_ERROR)
        star = command.rfind("*")
        if star < 0:
            return self._refuse(NO_CHECKSUM_ERROR)
        if reduce(xor, command[:star].encode("latin-1"), 0) != _integer(command[star + 1 :]):
            return self._refuse(CHECKSUM_ERROR)
        self.last_number = number
        return Command(raw, body_of(raw))

    def _refuse(self, text: str) -> LineError:
        return LineError(f"{text}{self.last_number}")
