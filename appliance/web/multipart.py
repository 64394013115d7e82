"""Reads ``multipart/form-data`` as it comes in, in bounded memory. Sans-IO: bytes in, events out.

RFC 7578 and RFC 2046 section 5.1. The body of a file is handed on in pieces and never
collected; a form that was cut anywhere is told from one that is whole (:attr:`Form.complete`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from appliance.errors import ApplianceError

HEADER_LIMIT: Final = 8 * 1024  # bytes of one part's header
PARTS: Final = 32  # of one form

_BOUNDARY = re.compile(r";\s*boundary=(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;]*))", re.DOTALL)
_ESCAPED = re.compile(r"\\([\"\\])")
_BROWSER = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))  # what browsers write instead of these


class FormError(ApplianceError):
    """What was sent is no form, or was cut."""

    default_short = "Upload is damaged"


@dataclass(frozen=True)
class PartBegan:
    """A field called ``name`` begins; ``filename`` is None for one that is no file."""

    name: str
    filename: str | None


@dataclass(frozen=True)
class Data:
    """A piece of the present part's body."""

    content: bytes


@dataclass(frozen=True)
class PartEnded:
    """The present part is whole."""


Event = PartBegan | Data | PartEnded


class _State(Enum):
    PREAMBLE = auto()
    HEADER = auto()
    BODY = auto()
    END = auto()


class Form:
    """One form, sent with this Content-Type. Raises FormError when it is none."""

    def __init__(self, content_type: str) -> None:
        match = _BOUNDARY.search(content_type)
        if not content_type.lower().startswith("multipart/form-data") or match is None:
            raise FormError("What was sent is no form with a file in it. Send it once more.")
        boundary = (match[1] or match[2]).encode("utf-8", "surrogateescape")
        self._mark = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # as if a line had ended before the first boundary
        self._state = _State.PREAMBLE
        self._parts = 0

    @property
    def complete(self) -> bool:
        """The last boundary was seen: nothing is missing."""
        return self._state is _State.END

    def feed(self, data: bytes) -> list[Event]:
        """What these bytes complete. Raises FormError."""
        self._buffer += data
        return list(self._events())

    def _events(self) -> Iterator[Event]:
        while True:
            state = self._state
            match state:
                case _State.PREAMBLE | _State.BODY:
                    yield from self._body()
                    if self._state is not _State.HEADER:
                        return
                case _State.HEADER:
                    header = self._header()
                    if header is None:
                        return
                    yield header
                case _State.END:  # an epilogue is nobody's business
                    self._buffer.clear()
                    return

    def _body(self) -> Iterator[Event]:
        """Everything up to the next boundary, as far as it is there."""
        inside = self._state is _State.BODY
        at = self._buffer.find(self._mark)
        size = at if at >= 0 else max(0, len(self._buffer) - len(self._mark) + 1)
        if size:
            if inside:
                yield Data(bytes(self._buffer[:size]))
            del self._buffer[:size]
        if at >= 0 and self._pass_boundary() and inside:
            yield PartEnded()

    def _pass_boundary(self) -> bool:
        """Go beyond the boundary at the buffer's beginning; False while it is not whole."""
        rest = bytes(self._buffer[len(self._mark) : len(self._mark) + 64]).lstrip(b" \t")
        if len(rest) < 2:
            if len(self._buffer) >= len(self._mark) + 64:
                raise FormError("The form that was sent is damaged. Send it once more.")
            return False
        if rest.startswith(b"--"):
            self._state = _State.END
            self._buffer.clear()
            return True
        if not rest.startswith(b"\r\n"):
            raise FormError("The form that was sent is damaged. Send it once more.")
        self._state = _State.HEADER
        # The line end stays: with it an empty header ends like any other.
        del self._buffer[: self._buffer.index(b"\r\n", len(self._mark))]
        return True

    def _header(self) -> PartBegan | None:
        end = self._buffer.find(b"\r\n\r\n", 0, HEADER_LIMIT)
        if end < 0:
            if len(self._buffer) >= HEADER_LIMIT:
                raise FormError("The form that was sent has a header that is too long.")
            return None
        self._parts += 1
        if self._parts > PARTS:
            raise FormError("The form that was sent has too many fields.")
        header = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + 4]
        self._state = _State.BODY
        return _part(header)


def _part(header: str) -> PartBegan:
    for line in header.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return _disposition(value)
    return PartBegan("", None)


def _disposition(value: str) -> PartBegan:
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        quoted, plain = match[2], match[3]
        text = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain.strip()
        found.setdefault(match[1].lower(), text)
    return PartBegan(found.get("name", ""), _filename(found))


def _filename(found: dict[str, str]) -> str | None:
    if (extended := found.get("filename*")) is not None:  # RFC 5987: charset'language'text
        return unquote(extended.rsplit("'", 1)[-1], "utf-8", "replace")
    name = found.get("filename")
    if name is not None:
        for written, meant in _BROWSER:
            name = name.replace(written, meant)
    return name
