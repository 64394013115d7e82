"""Whether the printer may be hot, over restarts and power cuts.

Heaters stay on when the process that set them dies; whoever connects next switches them off.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from appliance.errors import StorageError
from appliance.printer.api import Heater, Problem
from appliance.printer.problems import HEATERS_UNKNOWN
from appliance.store import Record

log = logging.getLogger(__name__)


class HeatMemory:
    """Keeps whether the printer last reported a target above 0; writes only when that changes."""

    def __init__(self, record: Record[bool]) -> None:
        self._record = record
        self._hot = self._load()
        self.left_hot = self._hot
        """An earlier life of the daemon ended with a heater on; cleared by who switched it off."""

    def gone(self, problem: Problem) -> Problem:
        """``problem`` of a printer that is away, and what that means for its heaters."""
        if not self._hot:
            return problem
        return Problem(problem.short, f"{problem.long} {HEATERS_UNKNOWN}")

    def see(self, heaters: Mapping[str, Heater]) -> None:
        """The printer reported ``heaters``."""
        hot = any(heater.target > 0 for heater in heaters.values())
        if hot is not self._hot:
            self._hot = hot
            try:
                self._record.save(hot)
            except StorageError as error:
                log.error("whether the printer is hot is not kept: %s", error.long)

    def _load(self) -> bool:
        try:
            return self._record.load() or False
        except StorageError as error:
            log.error("whether the printer was left hot is not known: %s", error.long)
            return True
