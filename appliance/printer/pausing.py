"""What happens between a pause and its resume: parking, cooling, unloading, coming back.

One :class:`Pause` lives from the moment the printer stands still until it stands there
again. Its scripts may be broken off between any two commands and another begun: moves are
absolute, and the filament that was pulled back is counted piece by piece as it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from appliance.config import PrinterSettings
from appliance.printer import parking
from appliance.printer.api import Heater, PauseKind
from appliance.printer.position import MachineState, Tracker
from appliance.printer.script import Script


class Pause:
    """One interruption of a print; ``heaters`` tells the present temperatures."""

    def __init__(
        self,
        memory: MachineState,
        tracker: Tracker,
        settings: PrinterSettings,
        heaters: Callable[[], Mapping[str, Heater]],
    ) -> None:
        self.memory = memory
        self._tracker = tracker
        self._settings = settings
        self._heaters = heaters
        self._withdrawn = 0.0  # mm of filament pulled back
        self._cooled = False  # hot ends were switched off
        self.lifted = False  # the head is off the print

    def note_targets(self, before: MachineState, after: MachineState) -> None:
        """Somebody changed temperatures: those above 0 are the ones to go on with."""
        self.memory = parking.with_targets(self.memory, before, after)

    def park(self) -> Script:
        """Retract, lift, go to the parking place."""
        yield from self._own_modes()
        yield from self._withdraw(self._settings.park_retract, parking.RETRACT_FEED)
        yield from parking.leave(self.memory, self._settings)
        self.lifted = self.memory.parkable
        yield "M84 S0"  # idle motors would be switched off after a while, and the place lost

    def settle(self, kind: PauseKind) -> Script:
        """Bring the parked printer into the state that ``kind`` asks for."""
        if kind is PauseKind.COLD:
            self._cooled = True
            yield from parking.cool(self._tracker.state())
            return
        if self._cooled:
            yield from parking.heat_hotends(self.memory, wait=kind is PauseKind.FILAMENT)
            self._cooled = False
        if kind is PauseKind.FILAMENT:
            yield None  # soft enough only when it is hot
            yield from self._own_modes()
            length = self._settings.park_retract + self._settings.unload_length
            yield from self._withdraw(length, parking.UNLOAD_FEED)

    def go_back(self) -> Script:
        """Heat, load, return, and leave everything as the file had set it."""
        memory = self.memory
        yield from parking.heat(memory, self._heaters())
        self._cooled = False
        if self._tracker.state().tool != memory.tool:
            yield f"T{memory.tool}"
        yield from self._own_modes()
        if self._withdrawn > self._settings.park_retract:
            yield from self._load()
        self.lifted = False
        yield from parking.come_back(memory, self._settings)
        yield from self._push(self._withdrawn, parking.RETRACT_FEED)
        yield from parking.restore(memory)
        yield None

    def _load(self) -> Script:
        """Push new filament in and a little through the nozzle, at the parking place."""
        yield from self._push(self._withdrawn, parking.LOAD_FEED)
        for _, command in parking.push(parking.PURGE_LENGTH, parking.PURGE_FEED):
            yield command
        yield from self._push(-self._settings.park_retract, parking.RETRACT_FEED)

    def _withdraw(self, length: float, feed: float) -> Script:
        """Pull the filament back until ``length`` mm are withdrawn, if it is soft enough."""
        if self._hot and self._withdrawn < length:
            yield from self._push(self._withdrawn - length, feed)

    def _push(self, length: float, feed: float) -> Script:
        for piece, command in parking.push(length, feed):
            yield command
            self._withdrawn -= piece

    def _own_modes(self) -> Iterable[str]:
        return ("G21", *parking.OWN_MODES) if self._tracker.state().inches else parking.OWN_MODES

    @property
    def _hot(self) -> bool:
        """The nozzle can push filament, as far as is known."""
        tool = self.memory.tool
        heater = self._heaters().get(f"tool{tool}")
        if heater is not None:
            return heater.actual >= parking.EXTRUDABLE
        return not self._cooled and self.memory.hotends.get(tool, 0.0) >= parking.EXTRUDABLE
