"""The numbered stream of lines to a Marlin: what was sent, what was answered, what is certain.

Every line has a permanent number from one growing sequence. Four marks move along it::

    acked <= ...  paced  <= cursor <= next

``next`` is the number of the line that comes in next, ``cursor`` the next one for the wire (a
resend takes it back), ``paced`` the next one to be answered (an estimate: `ok` carries no
number and may be lost or doubled), ``acked`` the next one to be reported (never goes back).
``proven`` is the last line that a truth of the firmware shows to be accepted.
"""

from __future__ import annotations

from collections import deque
from functools import reduce
from operator import xor

from appliance.errors import PrinterError
from appliance.printer.window import Window

MAX_LINE = 95
"""Characters of a line with number and checksum: MAX_CMD_SIZE 96 with its terminator."""
HISTORY = 2048
"""Lines kept for a resend; far more than can be in flight."""
BACKLOG = 1024  # lines that may wait for the window
QUERY = "M105"
"""What a probe asks: harmless, and its answer cannot be mistaken for another's."""

_STALE = 24  # lines: an M105 so far behind the answered ones has lost its answer
_STRAYS = 4  # lines that may be counted as answered though the printer still works on them
_DRIFT = 3  # lines by which counted answers may have run ahead


class LineTooLong(PrinterError, ValueError):
    """A command that would not fit Marlin's line buffer."""

    default_short = "Line too long"


def frame(number: int, command: str) -> bytes:
    """``N<number> <command>*<xor checksum>`` and a line feed.

    Raises LineTooLong, and ValueError for a command that is not one line.
    """
    if not command or not command.isprintable():
        raise ValueError(f"Not one printable line of G-code: {command!r}")
    body = f"N{number} {command}".encode()
    line = b"%b*%d\n" % (body, reduce(xor, body))
    if len(line) > MAX_LINE + 1:
        raise LineTooLong(
            f"The command {command[:40]!r}… is {len(line) - 1} characters long with its line "
            f"number and checksum; the printer takes {MAX_LINE}. Shorten it in the file."
        )
    return line


def frame_length(number: int, command: str) -> int:
    """An upper bound of the bytes of :func:`frame`."""
    size = len(command) if command.isascii() else len(command.encode())
    return len(str(number)) + size + 7


class Stream:
    """The lines from number ``first`` on, and the window through which they leave."""

    __slots__ = (
        "_floor",
        "_forgotten",
        "_last_query",
        "_lines",
        "_own",
        "_queries",
        "_strays",
        "_written",
        "acked",
        "bytes_in_flight",
        "cursor",
        "last_wanted",
        "next",
        "paced",
        "pending",
        "proven",
        "resends",
        "window",
        "written_lines",
    )

    def __init__(self, window: Window, first: int) -> None:
        self.window = window
        self.next = self.cursor = self.paced = self.acked = first
        self.proven = first - 1
        self.last_wanted = first - 1  # the last line that the owner sent
        self.pending: deque[int] = deque()  # M105s on the wire whose answer has not come
        self.bytes_in_flight = 0
        self.resends = 0
        self.written_lines = 0
        self._written = first  # the line after the last that was ever on the wire
        self._last_query = first
        self._forgotten = first  # answers to M105s before it may be missing
        self._floor = first  # lines below it are in the printer's queue, not in its RX buffer
        self._lines: dict[int, bytes] = {}
        self._own: set[int] = set()
        self._strays: deque[int] = deque()
        self._queries: set[int] = set()

    @property
    def oldest(self) -> int:
        """The first number that can be sent again."""
        return max(0, self.next - len(self._lines))

    @property
    def awaiting(self) -> bool:
        """Something on the wire has not been answered."""
        return self.paced < self.cursor

    @property
    def idle(self) -> bool:
        """All was sent, and answered as far as counting tells."""
        return self.paced == self.next

    @property
    def lines_in_flight(self) -> int:
        """Lines that may still be in the printer's receive buffer."""
        return self.cursor - max(self.paced, self._floor)

    @property
    def unsure(self) -> int:
        """Lines since the last M105."""
        return self.next - self._last_query

    def code(self, number: int) -> str:
        """The first word of a line, such as ``G28``; "" where the line is forgotten."""
        words = self._lines.get(number, b"").split(b"*", 1)[0].split(None, 2)
        return words[1].decode("ascii", "replace").upper() if len(words) > 1 else ""

    def unproven_codes(self) -> set[str]:
        """The first words of the lines that the printer may be working on.

        Strays may have answered some of them already, so it is not only those awaited.
        """
        first = max(self.proven + 1, self.paced - _STRAYS)
        return {self.code(number) for number in range(first, self.cursor)}

    def add(self, command: str, *, own: bool = False) -> int:
        """Give ``command`` its number; ``own`` lines are not reported to the owner."""
        number = self.next
        if number - self.cursor >= BACKLOG:
            raise PrinterError("Too many lines wait for the printer. Ask for room before sending.")
        self._lines[number] = frame(number, command)
        self._forget(number - HISTORY)
        if own:
            self._own.add(number)
        else:
            self.last_wanted = number
        if command.startswith(QUERY):
            self._queries.add(number)
            self._last_query = number
        self.next = number + 1
        return number

    def _forget(self, number: int) -> None:
        self._lines.pop(number, None)
        self._own.discard(number)
        self._queries.discard(number)

    def fits(self, length: int) -> bool:
        """A fresh line of ``length`` bytes would leave at once."""
        return self.cursor == self.next and self.window.allows(
            length, self.lines_in_flight, self.bytes_in_flight
        )

    def pump(self, out: bytearray) -> bool:
        """Append to ``out`` what the window lets go; tells whether that was anything."""
        start = self.cursor
        while self.cursor < self.next:
            line = self._lines[self.cursor]
            if not self.window.allows(len(line), self.lines_in_flight, self.bytes_in_flight):
                break
            self._write(self.cursor, out)
            self.cursor += 1
        return self.cursor > start

    def _write(self, number: int, out: bytearray) -> None:
        line = self._lines[number]
        out += line
        self.bytes_in_flight += len(line)
        self.written_lines += 1
        if number in self._queries:
            self.pending.append(number)
        if number < self._written:
            self.resends += 1
        else:
            self._written = number + 1

    def probe(self, out: bytearray) -> None:
        """Ask past the window, with a fresh number.

        The line feed in front ends a line that lost its own. While lines are being sent
        again no fresh number would be accepted; then one that never can be is used, and is
        not given to it: the refusal says where to go on.
        """
        out += b"\n"
        if self.cursor < self.next:
            out += frame(self.next + BACKLOG, QUERY)
            return
        number = self.add(QUERY, own=True)
        self._write(number, out)
        self.cursor = self.next

    def probe_fits(self, taken: int) -> bool:
        """A probe cannot overflow the RX buffer, of which ``taken`` lines have left it."""
        first = max(self.paced, self._floor)
        left = sum(len(self._lines[n]) for n in range(first, min(first + taken, self.cursor)))
        length = frame_length(self.next, QUERY) + 1
        return self.bytes_in_flight - left + length <= self.window.capacity

    def only_queries_awaited(self) -> bool:
        """Nothing but our own M105s is unanswered."""
        return all(n in self._queries and n in self._own for n in range(self.paced, self.cursor))

    # Answers

    def answered(self) -> bool:
        """Count one ``ok``; False when none was awaited."""
        number = self.paced
        if number >= self.cursor:
            return False
        self.paced = number + 1
        if number >= self._floor:
            self.bytes_in_flight -= len(self._lines[number])
            self.window.answered(self.cursor - self.paced)
        return True

    def expect_stray(self) -> None:
        """An unnumbered line was written: its ``ok`` comes at this place."""
        self._strays.append(self.cursor)

    def is_stray(self) -> bool:
        """The ``ok`` that came belongs to an unnumbered line."""
        while self._strays and self._strays[0] < self.paced:
            self._strays.popleft()
        if self._strays and self._strays[0] == self.paced:
            self._strays.popleft()
            return True
        return False

    def answered_through(self, number: int) -> None:
        """Every line up to ``number`` was answered."""
        while self.paced <= number and self.answered():
            pass

    @property
    def sent(self) -> int:
        """The number after the last one that was ever on the wire."""
        return self._written

    def query_answered(self, *, exact: bool = False) -> int | None:
        """An ``ok T:`` came: it proves the oldest M105 that awaits one, and all before it.

        Where an answer was lost that claims too little, never too much. Returns the number of
        the M105; None when that was counted long ago. ``exact``: other
        answers carry numbers, so what is older than those was surely answered.
        """
        stale = self.paced if exact else self.paced - _STALE
        while self.pending and self.pending[0] < stale:
            self.pending.popleft()
        if not self.pending:
            return None
        number = self.pending.popleft()
        self.proven = max(self.proven, number)
        if number >= self.paced:
            self.answered_through(number)
        elif self.paced - number > _DRIFT or number < self._forgotten:
            return None
        elif number + 1 >= self._floor:
            self._take_back(number + 1)
        return number

    def owners_query(self) -> int | None:
        """The owner's oldest M105 that awaits its answer and is not reported yet."""
        return next((n for n in self.pending if n >= self.acked and n not in self._own), None)

    def query_reported(self) -> None:
        """The oldest M105 was answered by a report that is not part of an ``ok``."""
        self.proven = max(self.proven, self.pending.popleft())

    def _take_back(self, number: int) -> None:
        """Stray answers were counted: ``number`` is the next one to be answered."""
        for later in range(number, self.paced):
            self.bytes_in_flight += len(self._lines[later])
        self.paced = number

    def take_acknowledged(self) -> int | None:
        """The next line of the owner's that was answered and not reported yet."""
        while self.acked < self.paced:
            number = self.acked
            self.acked = number + 1
            if number not in self._own:
                return number
        return None

    def forget_awaited(self) -> None:
        """Count everything on the wire as answered; proves nothing."""
        while self.answered():
            pass
        self._forgotten = self.cursor

    def rewind(self, number: int) -> None:
        """Send again from ``number`` on; what was in flight has vanished.

        Lines before it were accepted, but those in the printer's queue are still to be
        answered: they stay awaited without counting against the window.
        """
        self.cursor = self._floor = number
        self.paced = min(self.paced, number)
        self.proven = min(self.proven, number - 1)
        self.pending = deque(query for query in self.pending if query < number)
        self.bytes_in_flight = 0
        self._strays.clear()
        self.window.refused()
