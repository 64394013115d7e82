"""Lines from a Marlin, made typed answers.

The direction from the printer has no checksum, so every pattern is forgiving: words may be
joined by a mangled line feed, and a flipped bit must never raise.
"""

from __future__ import annotations

import re

import msgspec

from appliance.printer.api import Heater


class Ok(msgspec.Struct, frozen=True):
    """``ok``: a command left the queue. ``number`` with ADVANCED_OK, heaters for M105."""

    number: int | None = None
    heaters: dict[str, Heater] | None = None
    text: str = ""  # what stood behind it, when it is worth showing
    joined: bool = False  # another `ok` without text stood in front: a line feed was hurt


class LineError(msgspec.Struct, frozen=True):
    """A line was refused; ``last_line`` is the last one that was accepted."""

    last_line: int


class ResendRequest(msgspec.Struct, frozen=True):
    """``Resend: N`` or ``rs N``: the line that the printer waits for."""

    number: int


class Report(msgspec.Struct, frozen=True):
    """A temperature report that is not an answer."""

    heaters: dict[str, Heater]


class BusyNotice(msgspec.Struct, frozen=True):
    """``busy:``."""

    text: str


class Action(msgspec.Struct, frozen=True):
    """``//action:``."""

    name: str
    argument: str


class Started(msgspec.Struct, frozen=True):
    """The ``start`` banner."""


class Waiting(msgspec.Struct, frozen=True):
    """Repetier's ``wait``: alive, nothing to do."""


class Fatal(msgspec.Struct, frozen=True):
    """The firmware stopped; a sentence for a person."""

    reason: str


class Other(msgspec.Struct, frozen=True):
    """Any other text."""

    text: str


Answer = (
    Ok
    | LineError
    | ResendRequest
    | Report
    | BusyNotice
    | Action
    | Started
    | Waiting
    | Fatal
    | Other
)

_TEMPERATURE = re.compile(r"(?<![\w@])(T\d*|B|C):\s*(-?\d+(?:\.\d+)?)(?:\s*/\s*(-?\d+(?:\.\d+)?))?")
_REPORT = re.compile(r"(T\d*|B|C):\s*-?\d")
_EXACT_OK = re.compile(r"ok N(\d+)(?: P\d+)?(?: B\d+)?$")
_PLAIN_OK = re.compile(r"ok(?: P\d+)?(?: B\d+)?$")
_TWO_OKS = re.compile(r"ok.?(ok.*)", re.DOTALL)
# A number that something but space follows has lost digits to noise.
_LAST_LINE = re.compile(r"last line: ?(\d+)(?=\s|$)", re.IGNORECASE)
_RESEND = re.compile(r"(?:\bresend|^\W*rs\b)[:\s]*N?\s*(\d+)(?=\s|$)", re.IGNORECASE)
_BUSY = re.compile(r"(?:echo: ?)?busy: ?(.*)", re.IGNORECASE)
_ACTION = re.compile(r"// ?action: ?([^\s:]+)[\s:]*(.*)")
_START = re.compile(r"[^a-z]{0,3}start$")  # a reset makes a byte or two of noise in front
_FIELD = re.compile(r"\b([A-Z][A-Z0-9_]+):")
_CAPABILITY = re.compile(r"Cap: ?([A-Z0-9_]+): ?([01])$", re.IGNORECASE)
_ERROR = re.compile(r"!!|(?:error|fatal)(?![\w.-])")
_HALTED = re.compile(r"^(?!echo|//).*(?:kill\(\) called|printer halted)")
_HOTTEST = 1500.0  # °C; more is a mangled digit

_FATAL = (
    ("runaway", "it saw a heater run away from its target"),
    ("heating failed", "a heater did not get warm"),
    ("maxtemp", "a temperature sensor read too much"),
    ("max temp", "a temperature sensor read too much"),
    ("mintemp", "a temperature sensor read too little"),
    ("min temp", "a temperature sensor read too little"),
    ("kill() called", "its firmware was halted"),
    ("printer halted", "its firmware was halted"),
    ("system stopped", "its firmware was stopped"),
    ("stopped due to errors", "its firmware was stopped"),
    ("emergency stop", "an emergency stop was asked for"),
)


def parse(raw: bytes) -> Answer | None:
    """The meaning of one line without its line feed; None when it is empty."""
    line = raw.decode("utf-8", "replace").strip("\0\r\n\t ")
    if not line:
        return None
    if line.startswith("ok"):
        return _ok(line)
    if _REPORT.match(line):
        return Report(heaters_in(line))
    if match := _BUSY.match(line):
        return BusyNotice(match[1])
    if line.startswith("//"):
        match = _ACTION.match(line)
        return Action(match[1], match[2]) if match else Other(line)
    return _rare(line)


def _rare(line: str) -> Answer:
    if match := _LAST_LINE.search(line):
        return LineError(int(match[1][:9]))
    if match := _RESEND.search(line):
        return ResendRequest(int(match[1][:9]))
    if reason := _fatal(line):
        return Fatal(reason)
    return _word(line)


def _word(line: str) -> Answer:
    if line == "wait":
        return Waiting()
    if _START.match(line):
        return Started()
    if len(line) <= 2 and (line[0] == "o" or line[-1] == "k"):
        return Ok()  # one bit or byte of it was hurt on the way
    return Other(line)


def _ok(line: str) -> Ok:
    if match := _EXACT_OK.match(line):
        return Ok(int(match[1][:9]))
    if _PLAIN_OK.match(line):
        return Ok()
    if match := _TWO_OKS.match(line):
        second = _ok(match[1])
        return Ok(second.number, second.heaters, second.text, joined=True)
    text = line[2:].strip()
    if _REPORT.match(text):
        return Ok(None, heaters_in(text), text)
    return Ok(None, None, "" if text.isdigit() else text)  # some say the number: `ok 57`


def _fatal(line: str) -> str:
    """Why the printer stopped; "" for all that only mentions such words, as a file name may."""
    lowered = line.lower()
    if not (_ERROR.match(lowered) or _HALTED.search(lowered)):
        return ""
    cause = next((why for key, why in _FATAL if key in lowered), "")
    if not cause:
        if not lowered.startswith(("!!", "fatal")):
            return ""
        cause = "its firmware met a fatal error"
    said = line.removeprefix("!!").strip()
    return (
        f"The printer stopped itself: {cause} (it says “{said}”). Its heaters cannot be trusted. "
        "Switch it off, find the cause, then switch it on again."
    )


def heaters_in(text: str) -> dict[str, Heater]:
    """The heaters of a temperature report, by cloud name.

    ``T`` is the active tool: it counts as tool0 where no tool has a number.
    """
    heaters: dict[str, Heater] = {}
    active: Heater | None = None
    for name, actual, target in _TEMPERATURE.findall(text):
        heater = Heater(float(actual), float(target or 0.0))
        if abs(heater.actual) > _HOTTEST or abs(heater.target) > _HOTTEST:
            continue
        if name == "T":
            active = heater
        elif name[0] == "T":
            heaters[f"tool{int(name[1:4])}"] = heater
        else:
            heaters["bed" if name == "B" else "chamber"] = heater
    if active is not None and "tool0" not in heaters:
        heaters = {"tool0": active, **heaters}
    return heaters


def firmware_fields(line: str) -> dict[str, str]:
    """The ``NAME:value`` pairs of M115's first line; values may hold spaces."""
    marks = list(_FIELD.finditer(line))
    ends = [mark.start() for mark in marks[1:]] + [len(line)]
    return {mark[1]: line[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def capability(line: str) -> tuple[str, bool] | None:
    """The name and value of a ``Cap:NAME:1`` line."""
    match = _CAPABILITY.match(line)
    return (match[1].upper(), match[2] == "1") if match else None
