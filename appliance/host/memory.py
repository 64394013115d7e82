"""Giving memory back to the system.

Starting up (imports, keys, TLS) leaves freed memory inside the process, which glibc keeps for
later; a daemon that then idles for days never needs it. On a board with 512 MB it counts.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging

log = logging.getLogger(__name__)

SETTLED = 5.0  # seconds after the start: connections are up by then
INTERVAL = 3600.0  # seconds; a print leaves something behind too


async def keep_small() -> None:
    """Give freed memory back soon after the start and then every hour, for ever."""
    pause = SETTLED
    while True:
        await asyncio.sleep(pause)
        give_back()
        pause = INTERVAL


def give_back() -> None:
    """Collect garbage and trim the heap (glibc's malloc_trim; other C libraries have none)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        log.debug("this C library cannot trim its heap")
