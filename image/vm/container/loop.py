"""An event loop beside the tests, which are plain functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
LIMIT = 60.0  # seconds


class Loop:
    """Runs on a thread of its own until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], limit: float = LIMIT) -> T:
        """The result of ``work``. Raises TimeoutError after ``limit`` seconds."""
        return asyncio.run_coroutine_threadsafe(_within(work, limit), self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _within(work: Coroutine[Any, Any, T], limit: float) -> T:
    async with asyncio.timeout(limit):
        return await work
