"""How long a printer may say nothing before it is asked, and before it is given up."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

SILENCE = 1.0  # seconds without an answer, then a probe
LONGEST_SILENCE = 30.0  # between probes
BUSY_SILENCE = 5.0  # after `busy:`, which comes every 2 s while a command runs
BLOCKED_SILENCE = 15.0  # during a command that blocks, where the firmware has no `busy:`

STALL = 0.02  # seconds between answers after which the RX buffer may have overflowed
DEAF = 60.0  # not a byte from a firmware that reports by itself
DEAF_MOVING = 120.0  # from one that does not
DEAF_BLOCKED = 900.0  # the same, during a command that blocks: a cold bed heats for minutes
MUTE = 1800.0  # bytes come, answers do not

PERSON = frozenset({"M0", "M1", "M125", "M226", "M600"})
"""Commands that may wait for a person: how long nobody knows."""
BLOCKING = (
    PERSON
    | frozenset({"G4", "G28", "G29", "G30", "G33", "G34", "G76", "G425"})
    | frozenset({"M48", "M109", "M190", "M191", "M303", "M400", "M701", "M702"})
)
"""Commands that Marlin works on for long, without a word where HOST_KEEPALIVE is off."""


class Patience:
    """The clocks of silence; all times in seconds, ``now`` monotonic."""

    __slots__ = (
        "_asked_at",
        "_busy",
        "_probes",
        "_slowness",
        "answered_at",
        "for_person",
        "heard_at",
        "keeps",
        "stalled",
    )

    def __init__(self, now: float) -> None:
        self.answered_at = now  # the last `ok`, resend or `busy:`
        self.heard_at = now  # the last line of any kind
        self.keeps = False  # it said `busy:` before: it does so during every long command
        self.for_person = False  # it said that it waits for somebody
        self.stalled = False  # the answers stopped for a while, or a line was refused
        self._asked_at = now  # that, or the last probe
        self._probes = 0
        self._busy = False
        self._slowness = 0.0  # a slowly falling maximum of the time between answers

    def answered(self, now: float, *, waited: bool) -> None:
        """An answer came; ``waited``: for something that was sent before."""
        if waited:
            gap = now - self.answered_at
            if gap > STALL:
                self.stalled = True
            if not self._probes:
                self._slowness = gap if gap > self._slowness else self._slowness * 0.95
        self.answered_at = self._asked_at = now
        self._probes = 0
        self._busy = False

    def sent(self, now: float) -> None:
        """A line went out while nothing else was awaited: the clock starts now."""
        self.answered_at = self._asked_at = now

    def busy(self, now: float) -> None:
        """``busy:`` came: it is alive and has not finished."""
        self.answered_at = self._asked_at = now
        self._probes = 0
        self._busy = self.keeps = True

    def probed(self, now: float) -> None:
        """It was asked."""
        self._asked_at = now
        self._probes += 1

    def action(self, name: str) -> None:
        """``//action:`` tells when it begins and ends to wait for a person."""
        if name in ("paused", "prompt_begin"):
            self.for_person = True
        elif name in ("resumed", "resume", "cancel"):
            self.for_person = False

    def probe_at(self, blocked: bool) -> float:
        """When the silence is long enough for a probe."""
        if self._busy:
            base = BUSY_SILENCE
        elif blocked and not self.keeps:
            base = BLOCKED_SILENCE
        else:
            base = min(max(SILENCE, 1.5 * self._slowness), BUSY_SILENCE)
        # Over hours the probes would fill the history, and nobody hears them.
        longest = max(base, LONGEST_SILENCE, (self._asked_at - self.answered_at) / 16)
        return self._asked_at + min(base * (1 << min(self._probes, 16)), longest)

    def lost(self, now: float, codes: AbstractSet[str], reports: bool) -> bool:
        """Nobody can be there any more.

        ``codes``: what the printer may be working on; ``reports``: the firmware speaks
        without being asked.
        """
        if self.for_person or codes & PERSON:
            return False
        blocked = bool(codes & BLOCKING)
        if now - self.answered_at > MUTE and not blocked:
            return True
        alone = DEAF_BLOCKED if blocked else DEAF_MOVING
        limit = DEAF if reports or self.keeps else alone
        return now - max(self.heard_at, self.answered_at) > limit
