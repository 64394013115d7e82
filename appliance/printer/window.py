"""How much may be in flight to a printer: bytes for its receive buffer, lines for its nerves."""

from __future__ import annotations

RX_BUFFER = 127
"""Bytes that Marlin's receive ring of 128 holds."""

_SLOW_START = 4  # answers for one more line, below the width that was last refused
_SEARCH = 64  # answers for one more line, above it


class Window:
    """Limits of what is sent and not yet answered.

    It starts at one line and widens by one while no resend comes. A resend puts it back to
    one; half of the width that was refused is then reached quickly, more only slowly.
    """

    __slots__ = ("_answers", "_threshold", "capacity", "lines")

    def __init__(self, capacity: int = RX_BUFFER) -> None:
        self.capacity = capacity  # bytes
        self.lines = 1
        self._threshold = capacity
        self._answers = 0

    def allows(self, length: int, lines_in_flight: int, bytes_in_flight: int) -> bool:
        """A line of ``length`` bytes may go out beside what is in flight."""
        if lines_in_flight == 0:
            return True
        return lines_in_flight < self.lines and bytes_in_flight + length <= self.capacity

    def answered(self, lines_left: int) -> None:
        """A line was answered, ``lines_left`` are still in flight.

        Only a width that was made use of is evidence that a larger one may be tried.
        """
        if lines_left + 1 < self.lines:
            return
        self._answers += 1
        if self._answers >= (_SLOW_START if self.lines < self._threshold else _SEARCH):
            self._answers = 0
            self.lines += 1

    def refused(self) -> None:
        """A resend came: begin again with one line."""
        if self.lines > 1:
            self._threshold = max(1, self.lines // 2)
        self.lines = 1
        self._answers = 0
