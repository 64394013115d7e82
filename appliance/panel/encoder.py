"""A rotary encoder's two contacts -> its detents. Pure."""

from __future__ import annotations

from appliance.panel.keys import Key

REST = 0.2  # seconds without a change: the knob lies in a detent
_FULL, _HALF = 4, 2  # transitions between two detents; both kinds are sold
# Rests two transitions apart speak for the second kind, four apart for the first.
_LEARNED, _UNLEARNED, _MOST = 5, 2, 8
# (a, b) in the order of a clockwise turn, from rest with both contacts open and pulled up.
_ORDER = {(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}


class Quadrature:
    """Counts transitions from detent to detent, clockwise being DOWN.

    A bouncing contact goes one transition to and fro, which never is a whole detent. Whether
    a detent has four transitions or two is learned from where the knob comes to rest; until
    then a step of the second kind counts only at that rest. A transition that was missed is
    taken to go on in the direction of the one before.
    """

    def __init__(self) -> None:
        self._levels: int | None = None  # index in the clockwise order
        self._position = 0  # transitions
        self._detent = 0  # position of the last detent
        self._rested = 0  # position of the last rest
        self._direction = 0
        self._evidence = 0
        self._size = _FULL
        self._due: float | None = None

    def begin(self, a: bool, b: bool) -> None:
        """The levels at the start: the knob lies in a detent."""
        self._levels = _ORDER[a, b]
        self._detent = self._rested = self._position
        self._due = None

    def edge(self, a: bool, b: bool, now: float) -> list[Key]:
        """The contacts have these levels now (monotonic seconds); the steps that this makes."""
        if self._levels is None:
            self.begin(a, b)
            return []
        moved = (_ORDER[a, b] - self._levels) % 4
        if not moved:
            return []
        steps = self.tick(now)  # a rest that ended unseen
        self._levels = _ORDER[a, b]
        self._move({1: 1, 2: 2 * self._direction, 3: -1}[moved])
        self._due = now + REST
        return steps + self._whole_steps()

    def tick(self, now: float) -> list[Key]:
        """Time went by; the step that counts because the knob came to rest."""
        if self._due is None or now < self._due:
            return []
        self._due = None
        off = self._position - self._detent
        self._detent = self._position
        self._learn()
        return [_key(off)] if abs(off) >= 2 else []

    def next_tick(self) -> float | None:
        """When :meth:`tick` has to be called at the latest."""
        return self._due

    def _move(self, transitions: int) -> None:
        if transitions:
            self._position += transitions
            self._direction = 1 if transitions > 0 else -1

    def _whole_steps(self) -> list[Key]:
        steps = []
        while abs(off := self._position - self._detent) >= self._size:
            self._detent += self._size if off > 0 else -self._size
            steps.append(_key(off))
        return steps

    def _learn(self) -> None:
        moved, self._rested = abs(self._position - self._rested), self._position
        if moved % 4 == 2:
            self._evidence = min(self._evidence + 2, _MOST)
        elif moved and moved % 4 == 0:
            self._evidence = max(self._evidence - 1, 0)
        if self._evidence >= _LEARNED:
            self._size = _HALF
        elif self._evidence <= _UNLEARNED:
            self._size = _FULL


def _key(direction: int) -> Key:
    return Key.DOWN if direction > 0 else Key.UP
