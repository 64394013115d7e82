"""The planner: moves that wait in a ring of blocks and take the time that they take."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

Position = tuple[float, float, float, float]
"""X, Y, Z, E in millimetres."""

ORIGIN: Position = (0.0, 0.0, 0.0, 0.0)


class Block(NamedTuple):
    """One planned move."""

    start: float
    finish: float
    origin: Position
    target: Position


class Planner:
    """A ring of ``size`` blocks, one of which is always empty, as in Marlin.

    Moves run one after the other at their own constant speed; acceleration is left out.
    """

    def __init__(self, size: int = 16, speed: float = 1.0) -> None:
        self.capacity = size - 1
        self.speed = speed
        self.rest: Position = ORIGIN  # where the head stands when no block is left
        self.idle_at = 0.0
        self._blocks: deque[Block] = deque()

    def _forget_done(self, now: float) -> None:
        blocks = self._blocks
        while blocks and blocks[0].finish <= now:
            self.rest = blocks.popleft().target

    def moves_free(self, now: float) -> int:
        """How many more moves fit (the ``P`` of ADVANCED_OK)."""
        self._forget_done(now)
        return self.capacity - len(self._blocks)

    def room_at(self, now: float) -> float:
        """When a move fits in: ``now``, or when the oldest block ends."""
        self._forget_done(now)
        return now if len(self._blocks) < self.capacity else self._blocks[0].finish

    def add(self, origin: Position, target: Position, seconds: float, now: float) -> None:
        """Plan a move that takes ``seconds`` at normal speed."""
        self._forget_done(now)
        blocks = self._blocks
        start = blocks[-1].finish if blocks else now
        self.idle_at = start + seconds / self.speed
        blocks.append(Block(start, self.idle_at, origin, target))

    def position(self, now: float) -> Position:
        """Where the head is at ``now``, on the way of a move too."""
        self._forget_done(now)
        if not self._blocks:
            return self.rest
        block = self._blocks[0]
        share = max(0.0, (now - block.start) / (block.finish - block.start))
        x, y, z, e = (a + (b - a) * share for a, b in zip(block.origin, block.target, strict=True))
        return (x, y, z, e)

    def stop(self, now: float) -> Position:
        """Drop every move at once (M410, a kill); says where the head stopped."""
        self.rest = self.position(now)
        self._blocks.clear()
        self.idle_at = now
        return self.rest

    def relocate(self, position: Position) -> None:
        """Call the place where the head rests ``position`` (homing, G92)."""
        if not self._blocks:
            self.rest = position
