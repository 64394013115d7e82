"""Levels of the door's switches -> the value of ``door`` in the status (section 3.12). Pure."""

from __future__ import annotations

from appliance.panel.steady import Steady
from appliance.printer.api import Problem
from appliance.settings_panel import DoorSettings

RESTLESS = 5.0  # seconds without a stable level: a loose contact, not a moving door


class DoorFilter:
    """0 open, 1 closed, 2 open and locked, 3 closed and locked; times are monotonic seconds.

    Each switch is debounced by itself, so that a lock whose contact is loose does not hide
    that the door was opened. A switch that never comes to rest keeps its last stable value.
    """

    def __init__(self, settings: DoorSettings, *, lock: bool) -> None:
        self._settings = settings
        self._open = Steady(settings.stable)
        self._locked = Steady(settings.stable) if lock else None
        self._now = 0.0
        self.value: int | None = None  # None until the door's switch was stable once

    @property
    def problem(self) -> Problem | None:
        """A switch that never comes to rest."""
        if not self._restless():
            return None
        return Problem(
            "Door switch loose",
            f"A switch of the door (pin {self._settings.pin}) never stays the same for door.stable "
            f"= {self._settings.stable:g} s. Its last stable value is kept. Check its cable, or "
            "raise door.stable.",
        )

    def see(self, *, opened: bool, locked: bool, now: float) -> int | None:
        """The levels at ``now``; the new value, or None when it did not change."""
        value = self.tick(now)
        self._open.see(opened, now)
        if self._locked:
            self._locked.see(locked, now)
        later = self.tick(now)  # for a stable time of 0 s
        return value if later is None else later

    def tick(self, now: float) -> int | None:
        """Time went by; the new value, or None when it did not change."""
        self._now = max(now, self._now)
        switches = [one for one in (self._open, self._locked) if one]
        for switch in switches:
            switch.tick(now)
        if self._open.value is None or self._waits_for_lock():
            return None
        locked = self._locked is not None and self._locked.value is True
        value = (0 if self._open.value else 1) + (2 if locked else 0)
        if value == self.value:
            return None
        self.value = value
        return value

    def next_tick(self) -> float | None:
        """When :meth:`tick` has to be called at the latest."""
        due = self._open.due, self._locked.due if self._locked else None
        return min((time for time in due if time is not None), default=None)

    def _waits_for_lock(self) -> bool:
        """At the start both switches are waited for, unless the lock's is loose."""
        if self._locked is None or self._locked.value is not None:
            return False
        return not self._restless()

    def _restless(self) -> bool:
        switches = (self._open, self._locked)
        begins = [one.restless_since for one in switches if one and one.restless_since is not None]
        return any(self._now - begin >= RESTLESS for begin in begins)
