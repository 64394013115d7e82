"""Work on a thread that a cancelled task can end, and that never outlives it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Abandoned(Exception):
    """Raised inside the thread: nobody waits for its result any more."""


class Worker:
    """Runs functions on threads for one task.

    A cancelled :meth:`run` waits for the thread, which hears of it at its next
    :meth:`checkpoint`: so what it writes is finished or cleared away before anybody looks.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()

    def checkpoint(self) -> None:
        """To be called often on the thread. Raises Abandoned."""
        if self._stop.is_set():
            raise Abandoned

    async def run(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of ``act``."""
        work = asyncio.ensure_future(asyncio.to_thread(act, *args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait((work,))
            if not work.cancelled():
                work.exception()  # seen: it is not worth a word any more
            raise
