"""How long to wait before the next try: full jitter, 1 s rising to 60 s.

Polar's own staff found growing delays of many minutes far too slow (a printer that is back
should be seen at once), and a cloud that comes back must not be met by all printers in the
same second: each delay is drawn evenly from zero to a ceiling that doubles.
"""

from __future__ import annotations

import random

FIRST_CEILING = 1.0  # seconds
LAST_CEILING = 60.0


class Backoff:
    """The delays between tries. Pure: the random source is handed in, nothing sleeps here."""

    def __init__(
        self,
        source: random.Random,
        *,
        first: float = FIRST_CEILING,
        longest: float = LAST_CEILING,
    ) -> None:
        if not 0 < first <= longest:
            raise ValueError("a back-off needs 0 < first <= longest")
        self._source = source
        self._first = first
        self._longest = longest
        self._ceiling = first

    @property
    def ceiling(self) -> float:
        """The longest that the next delay can be, in seconds."""
        return self._ceiling

    def next_delay(self) -> float:
        """Seconds to wait before the next try; the ceiling of the one after it doubles."""
        delay = self._source.uniform(0.0, self._ceiling)
        self._ceiling = min(self._longest, self._ceiling * 2)
        return delay

    def reset(self) -> None:
        """Begin again at the first ceiling: call it once a connection proved good."""
        self._ceiling = self._first
