"""Follows the printer daemon."""

from __future__ import annotations

from appliance.agent.state import AgentState
from appliance.printer.client import PrinterClient


class PrinterWatch:
    """Brings every snapshot of the printer daemon into the agent's state."""

    def __init__(self, printer: PrinterClient, state: AgentState) -> None:
        self._printer = printer
        self._state = state

    async def run(self) -> None:
        """Follow for ever, across restarts of the printer daemon."""
        async for snapshot in self._printer.snapshots():
            self._state.see_snapshot(snapshot)
