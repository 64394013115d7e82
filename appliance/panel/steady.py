"""A contact's level that counts only once it stayed the same for a time. Pure."""

from __future__ import annotations


class Steady:
    """Debounces one contact; times are monotonic seconds that never run backwards."""

    def __init__(self, stable: float) -> None:
        self._stable = stable
        self.value: bool | None = None  # what counts; None until the first level was stable
        self.raw: bool | None = None  # what was seen last
        self.since = 0.0  # when ``raw`` became so
        self.due: float | None = None  # when ``raw`` begins to count; None while it does
        self.restless_since: float | None = None  # it was never stable since then

    def accept(self, level: bool, now: float) -> None:
        """Take ``level`` for granted: it counts at once."""
        self.value = self.raw = level
        self.since, self.due, self.restless_since = now, None, None

    def see(self, level: bool, now: float) -> None:
        """The contact has this level now; seeing the same again changes nothing."""
        if level is not self.raw:
            self.raw, self.since, self.due = level, now, now + self._stable
            if self.restless_since is None:
                self.restless_since = now

    def tick(self, now: float) -> bool:
        """Whether ``value`` changed because the level is stable by now."""
        if self.due is None or now < self.due:
            return False
        self.due = self.restless_since = None
        changed = self.value is not self.raw
        self.value = self.raw
        return changed
