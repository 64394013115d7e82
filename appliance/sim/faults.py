"""What goes wrong on a serial line and in a firmware, by seed or by schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class FaultKind(StrEnum):
    """One way in which a line, or the answer to it, goes wrong."""

    FLIP_LINE = "flip-line"  # a bit of the host's line flips
    DROP_LINE_BYTE = "drop-line-byte"  # a byte of the host's line is lost
    LOST_OK = "lost-ok"  # the next `ok` never reaches the host
    MANGLED_OK = "mangled-ok"  # a bit of the next `ok` flips
    DOUBLED_OK = "doubled-ok"  # the next `ok` comes twice
    DROP_OK_BYTE = "drop-ok-byte"  # a byte of the next `ok` is lost
    LATE_OK = "late-ok"  # the next `ok` comes `seconds` late
    SILENCE = "silence"  # the firmware stands still for `seconds`, its receive buffer fills
    RESET = "reset"  # the board starts anew
    HALT = "halt"  # kill(): silent until a reset


ON_THE_LINE = frozenset({FaultKind.FLIP_LINE, FaultKind.DROP_LINE_BYTE})
ON_THE_OK = frozenset(
    {
        FaultKind.LOST_OK,
        FaultKind.MANGLED_OK,
        FaultKind.DOUBLED_OK,
        FaultKind.DROP_OK_BYTE,
        FaultKind.LATE_OK,
    }
)
SURVIVABLE = (*sorted(ON_THE_LINE), *sorted(ON_THE_OK), FaultKind.SILENCE)
"""What a print must come through unharmed; a reset or a halt ends it."""


@dataclass(frozen=True)
class Fault:
    """``kind`` strikes at the host's ``line``-th line, counted from 1 as bytes came in."""

    kind: FaultKind
    line: int
    seconds: float = 1.0  # of SILENCE and LATE_OK


class Faults:
    """Decides which line is struck by what: ``schedule``, and one in every ``every`` lines.

    Of each ``every`` lines one is chosen by ``seed``, with a kind from ``kinds``; 0 is none.
    """

    def __init__(
        self,
        seed: int = 0,
        every: int = 0,
        kinds: Iterable[FaultKind] = SURVIVABLE,
        schedule: Iterable[Fault] = (),
        *,
        seconds: float = 1.0,
    ) -> None:
        self.lines = 0
        self.struck: Counter[FaultKind] = Counter()
        self._random = Random(seed)
        self._every = every
        self._kinds = tuple(kinds)
        self._seconds = seconds
        self._schedule = {fault.line: fault for fault in schedule}
        self._chosen = self._choose(0)

    def _choose(self, after: int) -> int:
        """The line, of the ``every`` lines after ``after``, that is struck; 0 = none."""
        return after + self._random.randint(1, self._every) if self._every else 0

    def add(self, kind: FaultKind, seconds: float = 1.0) -> None:
        """Strike the next line that arrives (a test's or a person's button)."""
        line = self.lines + 1
        while line in self._schedule:
            line += 1
        self._schedule[line] = Fault(kind, line, seconds)

    def next_line(self) -> Fault | None:
        """Called once for each line of the host's; the fault that strikes it."""
        self.lines += 1
        fault = self._schedule.pop(self.lines, None)
        if self._every:
            if fault is None and self.lines == self._chosen:
                fault = Fault(self._random.choice(self._kinds), self.lines, self._seconds)
            if self.lines % self._every == 0:
                self._chosen = self._choose(self.lines)
        if fault:
            self.struck[fault.kind] += 1
        return fault

    def flip(self, data: bytes) -> bytes:
        """``data`` with one bit flipped."""
        place = self._random.randrange(len(data))
        struck = bytearray(data)
        struck[place] ^= 1 << self._random.randrange(8)
        return bytes(struck)

    def drop(self, data: bytes) -> bytes:
        """``data`` without one of its bytes."""
        place = self._random.randrange(len(data))
        return data[:place] + data[place + 1 :]

    def strike_line(self, kind: FaultKind, line: bytes) -> bytes:
        """The host's line as it arrives, of a kind in :data:`ON_THE_LINE`."""
        return self.flip(line) if kind is FaultKind.FLIP_LINE else self.drop(line)

    def strike_ok(self, kind: FaultKind, ok: bytes) -> bytes:
        """The answer as it arrives at the host, of a kind in :data:`ON_THE_OK`."""
        match kind:
            case FaultKind.LOST_OK:
                return b""
            case FaultKind.MANGLED_OK:
                return self.flip(ok)
            case FaultKind.DROP_OK_BYTE:
                return self.drop(ok)
            case FaultKind.DOUBLED_OK:
                return ok + ok
            case _:
                return ok
