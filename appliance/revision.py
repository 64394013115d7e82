"""A number that grows with every change, and waiting for it: the heart of our snapshots."""

from __future__ import annotations

import asyncio


class Revision:
    """Counts changes. Listeners remember the number they saw and wait for a larger one.

    A change that nobody waits for costs one addition: the printer daemon makes hundreds a
    second while it streams.
    """

    def __init__(self) -> None:
        self.number = 0
        self._waiting: asyncio.Event | None = None

    def bump(self) -> None:
        """Something changed."""
        self.number += 1
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    async def wait_beyond(self, seen: int) -> int:
        """Wait until the number is larger than ``seen``, and return it."""
        while self.number <= seen:
            if self._waiting is None:
                self._waiting = asyncio.Event()
            await self._waiting.wait()
        return self.number
