"""Lines of G-code from people (cloud, panel, command line), sent between those of a print."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from appliance.errors import PrinterError
from appliance.gcode.policy import harm, word
from appliance.gcode.reader import COMMAND_LIMIT, GcodeError, clean, is_text
from appliance.printer.api import EMERGENCY, Heater

LINES_LIMIT = 200

SAFE = ("M104 S0", "M140 S0", "M107", "M84")
"""What makes a printer safe that no print is using: heaters, fan and motors off."""

_HEATER_COMMANDS = {"bed": "M140 S{:g}", "chamber": "M141 S{:g}"}


class Sender(Protocol):
    """Where lines come from: people's console, and the print."""

    def peek(self, now: float) -> str | None:
        """The next line to send, None when there is nothing now."""

    def sent(self, number: int, now: float) -> None:
        """The peeked line went out as line ``number``."""

    def acknowledged(self, number: int, answer: tuple[str, ...], now: float) -> None:
        """The printer answered it."""


class BadGcode(PrinterError):
    """A line that cannot be sent to a printer."""

    default_short = "Bad G-code"


@dataclass
class _Errand:
    """Some lines of one person, what was answered so far, and who waits for it."""

    lines: deque[str]
    outstanding: int = 0
    answer: list[str] = field(default_factory=list)
    done: asyncio.Future[list[str]] | None = None


class Console:
    """A queue of lines beside the print; each errand ends with all the answers it got."""

    def __init__(self) -> None:
        self._waiting: deque[_Errand] = deque()
        self._sent: dict[int, _Errand] = {}

    def submit(self, lines: Sequence[str]) -> asyncio.Future[list[str]]:
        """Send ``lines`` as soon as there is room; the future gets the printer's answers.

        Raises BadGcode when one of them is not one printable line.
        """
        errand = _Errand(deque(checked(lines)))
        errand.done = asyncio.get_running_loop().create_future()
        if errand.lines:
            self._waiting.append(errand)
        else:
            errand.done.set_result([])
        return errand.done

    def post(self, lines: Sequence[str]) -> None:
        """Send ``lines`` as soon as there is room; nobody waits for the answers."""
        self._waiting.append(_Errand(deque(checked(lines))))

    @property
    def busy(self) -> bool:
        """Something is still to be sent or answered."""
        return bool(self._waiting or self._sent)

    def peek(self, now: float) -> str | None:
        """The next line, if any."""
        while self._waiting and not self._waiting[0].lines:
            self._waiting.popleft()
        return self._waiting[0].lines[0] if self._waiting else None

    def sent(self, number: int, now: float) -> None:
        """The peeked line went out as line ``number``."""
        errand = self._waiting[0]
        errand.lines.popleft()
        errand.outstanding += 1
        self._sent[number] = errand

    def acknowledged(self, number: int, answer: tuple[str, ...], now: float) -> None:
        """The printer answered line ``number``."""
        errand = self._sent.pop(number)
        errand.outstanding -= 1
        errand.answer.extend(answer)
        if errand.done and not errand.done.done() and not (errand.lines or errand.outstanding):
            errand.done.set_result(errand.answer)

    def abandon(self, reason: str) -> None:
        """The printer is gone: whoever waits is told so."""
        for errand in {id(e): e for e in (*self._waiting, *self._sent.values())}.values():
            if errand.done and not errand.done.done():
                errand.done.set_exception(PrinterError(reason))
        self._waiting.clear()
        self._sent.clear()


def checked(lines: Sequence[str]) -> list[str]:
    """What a firmware would keep of the lines, without empty ones; as for a print file.

    Raises BadGcode naming the wrong one.
    """
    if len(lines) > LINES_LIMIT:
        raise BadGcode(f"{len(lines)} lines at once are too many; send at most {LINES_LIMIT}.")
    kept = (_cleaned(raw, position) for position, raw in enumerate(lines, 1))
    return [line for line in kept if line]


def _cleaned(raw: str, position: int) -> str:
    line = raw.partition(";")[0].replace("\t", " ").strip(" \r\n")
    # A line feed would make one command of two; outside of texts nothing may be guessed.
    if any(c < " " or c == "\x7f" for c in line) or not (line.isascii() or is_text(line)):
        raise BadGcode(
            f"Line {position} has control or non-ASCII characters. "
            "Send plain G-code such as M105, one command a line."
        )
    try:
        return clean(line.encode("utf-8", "replace"), position)
    except GcodeError:
        raise BadGcode(f"Line {position} is longer than {COMMAND_LIMIT} characters.") from None


def refuse_beside_a_print(lines: Sequence[str]) -> None:
    """Raise BadGcode when one of a person's lines would break the print that is running.

    What must pass at any time passes: an emergency stop, the end of a wait, an answer to a
    question (M112, M410, M108, M876).
    """
    for line in checked(lines):
        code = word(line)
        why = "" if code in EMERGENCY else harm(line)
        if why:
            raise BadGcode(
                f"{code} {why}, which would break the running print. "
                "Send it when the print is over, or cancel the print first.",
                short="Not while printing",
            )


def further_off(heaters: Iterable[str]) -> list[str]:
    """What SAFE leaves on of these heaters (cloud names): any tool may be the one in use."""
    tools = sorted(name for name in heaters if name.startswith("tool"))
    further = [f"M104 {name.replace('tool', 'T')} S0" for name in tools if len(tools) > 1]
    return [*further, *(["M141 S0"] if "chamber" in heaters else [])]


def heater_commands(
    targets: dict[str, float], present: dict[str, Heater], limits: dict[str, float]
) -> list[str]:
    """G-code for targets in degrees Celsius by cloud name (M104, M140, M141).

    ``limits`` holds the highest target for "tool", "bed" and "chamber". Raises BadGcode for
    a heater that the printer does not have and for a target outside its limits.
    """
    return [_heater_command(name, target, present, limits) for name, target in targets.items()]


def _heater_command(
    name: str, target: float, present: dict[str, Heater], limits: dict[str, float]
) -> str:
    kind = "tool" if name.startswith("tool") else name
    if kind not in limits or (present and name not in present):
        known = ", ".join(sorted(present)) or "none yet"
        raise BadGcode(f"This printer has no heater {name!r}. It has: {known}.")
    if not 0 <= target <= limits[kind]:
        raise BadGcode(f"{name}: {target:g} °C is outside 0 to {limits[kind]:g} °C (settings).")
    if kind != "tool":
        return _HEATER_COMMANDS[kind].format(target)
    number = name.removeprefix("tool")
    if not number.isdecimal():
        raise BadGcode(f"This printer has no heater {name!r}.")
    return f"M104 T{int(number)} S{target:g}"
