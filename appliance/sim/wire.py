"""One direction of a serial line in virtual time: 10 bits a byte, one byte after the other."""

from __future__ import annotations

from collections import deque
from math import inf

BITS_PER_BYTE = 10
_ROUNDING = 1e-6  # of a byte, so that a float's last digit never hides a byte that has arrived


class Wire:
    """Bytes offered at one end reach the other at ``max(offered, wire free) + 10 / baud`` each.

    ``baud`` 0 is a wire that takes no time. What was offered stays in pieces that end at a line
    feed, so that whoever waits for lines wakes once for each. Times are seconds.
    """

    def __init__(self, baud: int) -> None:
        self.byte_time = BITS_PER_BYTE / baud if baud else 0.0
        self.free_at = -inf
        self.bytes_carried = 0
        self._pieces: deque[tuple[float, bytes]] = deque()  # (when its first bit starts, bytes)

    def offer(self, data: bytes, now: float) -> None:
        """Put ``data`` on the wire, behind what is on it already."""
        self.bytes_carried += len(data)
        if data.find(b"\n", 0, len(data) - 1) < 0:
            self._add(data, now)
        else:
            for piece in data.splitlines(keepends=True):
                self._add(piece, now)

    def _add(self, piece: bytes, now: float) -> None:
        if piece:
            start = self.free_at if self.free_at > now else now
            self.free_at = start + len(piece) * self.byte_time
            self._pieces.append((start, piece))

    @property
    def next_arrival(self) -> float:
        """When the first piece will have arrived whole; infinity when the wire is empty."""
        if not self._pieces:
            return inf
        start, piece = self._pieces[0]
        return start + len(piece) * self.byte_time

    def take_piece(self) -> bytes:
        """The first piece, at the time that :attr:`next_arrival` told."""
        return self._pieces.popleft()[1]

    def take(self, now: float) -> bytes:
        """Every byte that has arrived by ``now``, also of a piece that is still coming."""
        taken = bytearray()
        while self._pieces:
            start, piece = self._pieces[0]
            if start + (len(piece) - _ROUNDING) * self.byte_time <= now:
                taken += piece
                self._pieces.popleft()
                continue
            if start >= now:
                break
            count = int((now - start) / self.byte_time + _ROUNDING)
            if count > 0:
                taken += piece[:count]
                self._pieces[0] = (start + count * self.byte_time, piece[count:])
            break
        return bytes(taken)

    def clear(self, now: float) -> None:
        """Forget what has not arrived: the sender was reset, or the cable pulled."""
        self._pieces.clear()
        self.free_at = now
