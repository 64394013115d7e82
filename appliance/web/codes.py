"""The code that a stranger's browser and the panel both show, until a person confirms it.

One at a time: two browsers that ask at once are told apart by whose turn it is. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from appliance.web.limits import Limits

CODE_TIME = 120.0  # seconds until a code is withdrawn
REFUSED_TIME = 60.0  # seconds that somebody who was refused at the panel must not ask
# Codes that nobody confirmed, for one address and for all, in these seconds: one address alone
# keeps the panel for less than half of them.
EACH, TOGETHER, WITHIN = 2, 20, 600.0
WAITING_TIME = 10.0  # seconds in which a browser that waits asks again


class Asking(StrEnum):
    """What became of asking to be let in."""

    SHOWN = "shown"  # the code is on the panel
    BUSY = "busy"  # another browser's code is
    WAIT = "wait"  # asked too often
    REFUSED = "refused"  # at the panel
    GONE = "gone"  # no code is pending: ask again
    ADMITTED = "admitted"


class Answer(msgspec.Struct, frozen=True):
    """The answer to asking. ``seconds``: how long the code stands, or how long to wait."""

    asking: Asking
    code: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class _Waiting:
    owner: str
    origin: str
    until: float


@dataclass
class _Pending:
    code: str
    owner: str
    origin: str
    until: float
    confirmed: bool = False


class Codes:
    """The pending code. ``show`` is told what the panel must show, '' for none.

    ``owner`` stands for a browser (digest of its cookie), ``origin`` for its address; ``now``
    is monotonic seconds.
    """

    def __init__(self, show: Callable[[str], None], random: Callable[[int], bytes]) -> None:
        self._show = show
        self._random = random
        self._pending: _Pending | None = None
        self._last = ""
        self._holder = ("", "")  # owner and origin of the last code
        self._waiting: _Waiting | None = None  # who comes next
        self._refused: tuple[str, str, float] = ("", "", 0.0)  # owner, origin, until
        self._limits = Limits(EACH, TOGETHER, WITHIN)

    def pending(self, now: float) -> str:
        """The code that waits for an OK, or ''."""
        self.tick(now)
        return self._pending.code if self._pending and not self._pending.confirmed else ""

    def ask(self, owner: str, origin: str, now: float) -> Answer:
        """A browser wants in: its pending code, or a new one where it may have one."""
        answer = self.see(owner, origin, now)
        if answer.asking is not Asking.GONE:
            return answer
        self._limits.take(origin, now)
        self._pending = _Pending(self._draw(), owner, origin, now + CODE_TIME)
        self._holder = (owner, origin)
        self._waiting = None
        self._show(self._pending.code)
        return Answer(Asking.SHOWN, self._pending.code, CODE_TIME)

    def see(self, owner: str, origin: str, now: float) -> Answer:
        """What became of it, without asking anew."""
        self.tick(now)
        pending = self._pending
        if pending is None:
            refused_owner, refused_origin, until = self._refused
            if now < until and (owner == refused_owner or origin == refused_origin):
                return Answer(Asking.REFUSED, seconds=until - now)
            wait = self._limits.wait(origin, now)
            if wait > 0:
                return Answer(Asking.WAIT, seconds=wait)
            wait = self._turn_of_another(owner, origin, now)
            return Answer(Asking.BUSY, seconds=wait) if wait > 0 else Answer(Asking.GONE)
        left = pending.until - now
        if pending.owner != owner:
            self._wait_in_line(owner, origin, now)
            return Answer(Asking.BUSY, seconds=left)
        if pending.confirmed:
            return Answer(Asking.ADMITTED)
        return Answer(Asking.SHOWN, pending.code, left)

    def confirm(self, code: str, now: float) -> bool:
        """A person confirmed this code; False when it is not the pending one any more."""
        if not code or self.pending(now) != code or self._pending is None:
            return False
        self._pending.confirmed = True
        self._limits.forgive(self._pending.origin)
        self._show("")
        return True

    def refuse(self, code: str, now: float) -> bool:
        """A person refused this code; False when it is not the pending one any more."""
        if not code or self.pending(now) != code or self._pending is None:
            return False
        self._refused = (self._pending.owner, self._pending.origin, now + REFUSED_TIME)
        self._withdraw()
        return True

    def take(self, owner: str, now: float) -> bool:
        """The browser fetches what was confirmed for it; once."""
        self.tick(now)
        if self._pending is None or self._pending.owner != owner or not self._pending.confirmed:
            return False
        self._pending = None
        return True

    def tick(self, now: float) -> None:
        """Withdraw a code whose time is over."""
        if self._pending is not None and now >= self._pending.until:
            self._withdraw()

    def _wait_in_line(self, owner: str, origin: str, now: float) -> None:
        """The first who waits comes next; one of another address before one of the holder's."""
        first = self._waiting
        holder = self._holder[1]
        free = first is None or now >= first.until or owner == first.owner
        if free or (first is not None and first.origin == holder != origin):
            self._waiting = _Waiting(owner, origin, now + WAITING_TIME)

    def _turn_of_another(self, owner: str, origin: str, now: float) -> float:
        """Seconds in which who had the last code leaves the panel to who waited for it."""
        first = self._waiting
        if first is None or owner == first.owner or self._limits.wait(first.origin, now) > 0:
            return 0.0
        had_it = owner == self._holder[0] or origin == self._holder[1] != first.origin
        return max(0.0, first.until - now) if had_it else 0.0

    def _withdraw(self) -> None:
        shown = self._pending is not None and not self._pending.confirmed
        self._pending = None
        if shown:
            self._show("")

    def _draw(self) -> str:
        """Four digits, never the same twice in a row: an OK that comes late means the old one."""
        while True:
            number = int.from_bytes(self._random(4), "big")
            code = f"{number % 10_000:04d}"
            if code != self._last:
                self._last = code
                return code
