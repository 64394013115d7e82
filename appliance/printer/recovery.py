"""What to do about a refused line: whom to believe, when to go on, when to give up.

The same request comes several times (each line in flight behind a bad one is refused too),
late, or with a mangled number. So nothing is sent until what is in flight has come to rest;
a request that contradicts what was answered before is not obeyed but checked with a probe.
"""

from __future__ import annotations

from enum import Enum, auto

from appliance.printer.handshake import FIRST_LINE
from appliance.printer.stream import Stream

SAME_RESENDS = 10  # of one line in a row: the line cannot get through
WIDE_RESENDS = 3  # from here on the firmware may count differently: offer the neighbours too
STRANGE_RESENDS = 10  # for lines that cannot be sent again
STRANGE_RESTARTS = 3  # of them that ask for the first line, without an error that says the same
WIDE_LINES = 3  # the line before, the line, the line after
LATENCY = 0.05  # seconds that an adapter, a kernel and a firmware may take


class Verdict(Enum):
    """What a request to resend means."""

    REST = auto()  # wait until what is in flight has come to rest, then go on
    RESTARTED = auto()  # the firmware has forgotten all numbers
    ENDLESS = auto()  # the same line again and again
    LOST_COUNT = auto()  # lines that it must have


class Recovery:
    """The state between a refused line and going on; ``settle`` is the time to rest, seconds."""

    __slots__ = (
        "_strange",
        "absorb",
        "asking",
        "doubt",
        "last_line",
        "resent",
        "rest_until",
        "settle",
        "times",
    )

    def __init__(self, baud: int, rx_buffer: int) -> None:
        self.settle = 2 * rx_buffer * 10 / baud + LATENCY
        self.rest_until: float | None = None
        self.doubt = False  # after the rest a probe must tell where to go on
        self.asking = False  # a probe is out, and decides
        self.absorb = False  # the next `ok` belongs to a resend
        self.last_line: int | None = None  # of an error whose resend has not come yet
        self.resent = 0  # the line last sent again
        self.times = 0  # how often in a row
        self._strange = 0

    @property
    def sending(self) -> bool:
        """Lines may go out."""
        return self.rest_until is None and not self.asking

    def proof(self) -> None:
        """A probe was answered: there is no doubt any more."""
        self.asking = self.absorb = False
        self._strange = 0

    def rest(self, now: float) -> None:
        """Send nothing until what is on its way has come."""
        self.rest_until = now + self.settle

    def rested(self, now: float) -> bool:
        """The rest is over; False while it lasts."""
        if self.rest_until is None or now < self.rest_until:
            return False
        self.rest_until = None
        self.absorb = False  # firmwares without an `ok` behind a resend
        return True

    def probed(self) -> None:
        """A probe went out."""
        self.doubt = False
        self.asking = True

    def asked_for(self, number: int, stream: Stream, now: float) -> Verdict:
        """The printer waits for line ``number``; ``stream`` is set to go on from there."""
        confirmed = self.last_line is not None and self.last_line + 1 == number
        number = self._agreed(number, stream)
        # An M105 in its turn is as good as a probe: what refuses it tells the truth.
        asking = self.asking or (stream.awaiting and stream.only_queries_awaited())
        self.asking = False
        self.last_line = None
        verdict = Verdict.REST
        if self.rest_until is not None:
            self.doubt = self.doubt or number != self.resent
        elif not asking and not stream.paced <= number <= stream.sent:
            self.doubt = True
        elif number >= FIRST_LINE and stream.oldest <= number <= stream.sent:
            verdict = self._send_again(number, stream)
        else:
            verdict = self._wonder(number, confirmed)
        self.rest(now)
        return verdict

    def _wonder(self, number: int, confirmed: bool) -> Verdict:
        """A line that cannot be sent again was asked for, even in answer to a probe."""
        self.doubt = True
        self._strange += 1
        if number < FIRST_LINE and (confirmed or self._strange >= STRANGE_RESTARTS):
            return Verdict.RESTARTED
        return Verdict.LOST_COUNT if self._strange >= STRANGE_RESENDS else Verdict.REST

    def _agreed(self, number: int, stream: Stream) -> int:
        """``Last Line: N`` and ``Resend: N+1`` tell the same twice.

        Where they differ one was mangled, or the firmware is off by one in its request.
        """
        if self.last_line is None or self.last_line + 1 == number:
            return number
        expected = self.last_line + 1
        return expected if stream.paced <= expected <= stream.sent else number

    def _send_again(self, number: int, stream: Stream) -> Verdict:
        self.times = self.times + 1 if number == self.resent else 1
        self.resent = number
        if self.times >= SAME_RESENDS:
            return Verdict.ENDLESS
        if self.times < WIDE_RESENDS:
            stream.rewind(number)
        else:
            stream.rewind(max(number - 1, FIRST_LINE, stream.oldest))
            stream.window.lines = WIDE_LINES
        return Verdict.REST
