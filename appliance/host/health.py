"""Whether the parts that must turn do turn: heartbeats, and which of them is late. No I/O.

A loop beats whenever it comes round, whether or not what it tries succeeds, and rests before
it waits for what may never come (a printer, a cloud, a print). So a long idle is healthy, and
a step that hangs between two beats is not, though the event loop still turns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Late:
    """A part that should have beaten: its name, and the seconds since its last beat."""

    name: str
    seconds: float


class Heart:
    """The beats of one part. Made without arguments nobody listens to it: nothing is late.

    ``limit``: seconds that the longest step of the part may take when all is well.
    """

    def __init__(
        self,
        name: str = "",
        limit: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._limit = limit
        self._clock = clock
        self._beat_at = clock()
        self._due_at = self._beat_at + limit

    def beat(self, after: float = 0.0) -> None:
        """The part turns. ``after``: seconds that it is going to wait, beyond its limit."""
        self._beat_at = self._clock()
        self._due_at = self._beat_at + after + self._limit

    def rest(self) -> None:
        """The part waits for what may never come: nothing is due before its next beat."""
        self._due_at = math.inf

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Rest inside of the block, beat after it."""
        self.rest()
        try:
            yield
        finally:
            self.beat()

    def late(self, now: float) -> Late | None:
        """How late the part is; None while it is in time."""
        return Late(self.name, now - self._beat_at) if now > self._due_at else None

    def forgive(self, seconds: float) -> None:
        """The whole process stood still for so long, and this part with it."""
        self._due_at += seconds


class Health:
    """All hearts of a process. :meth:`part` is for its composition root."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hearts: list[Heart] = []
        self._look_due = math.inf

    def part(self, name: str, limit: float) -> Heart:
        """A heart for the part called ``name``; being made counts as its first beat."""
        heart = Heart(name, limit, self._clock)
        self._hearts.append(heart)
        return heart

    def look(self, pause: float) -> tuple[Late, ...]:
        """The parts that are late; to be called every ``pause`` seconds.

        A look that comes late itself was held up (a card that stalls, a starved processor),
        and all parts with it: they are given that time. Else the first look after a stall
        would find every part late that is about to go on.
        """
        now = self._clock()
        held_up = max(0.0, now - self._look_due)
        self._look_due = now + pause
        if held_up:
            for heart in self._hearts:
                heart.forgive(held_up)
        found = (heart.late(now) for heart in self._hearts)
        return tuple(one for one in found if one is not None)
