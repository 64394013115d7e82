"""The wizard's test of a printer: it homes, and warms the nozzle a little."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from appliance.agent.state import AgentState
from appliance.errors import JobRefused, PrinterError
from appliance.printer.api import Heater, Moment, Snapshot

log = logging.getLogger(__name__)

WARM = 40.0  # °C that are harmless to touch and well above a room
HOT = 60.0  # °C from which on a nozzle is not warmed for a test
NEAR = 1.0  # °C below the target that count as reached
RISE = 5.0  # °C above a nozzle that is warm already
WARM_LIMIT = 120.0  # seconds; a nozzle gets there in 10 to 30
OFF_LIMIT = 10.0  # seconds for the command that switches the heater off
NOZZLE = "tool0"


class Homer(Protocol):
    """What homes the printer (Moves)."""

    async def home(self) -> None:
        """Home all axes; returns when that is done. Raises PrinterError."""


class Heating(Protocol):
    """What heats it (PrinterClient)."""

    async def set_temperature(
        self, targets: dict[str, float], when: Moment = Moment.ANY
    ) -> Snapshot:
        """Set heater targets in degrees Celsius, by cloud name."""


class PrinterTest:
    """Runs the test; what the printer says is read from the agent's state."""

    def __init__(
        self, homer: Homer, printer: Heating, state: AgentState, limit: float = WARM_LIMIT
    ) -> None:
        self._homer = homer
        self._printer = printer
        self._state = state
        self._limit = limit

    async def run(self) -> str:
        """Home, warm the nozzle, switch it off again; returns what was seen, as a sentence.

        Raises JobRefused while a print is there, PrinterError with what is wrong.
        """
        self._refuse_beside_a_print()
        await self._homer.home()
        before = self._nozzle()
        if before is None:
            raise PrinterError(
                "The printer was homed, but tells no temperature of its nozzle. "
                "Check the thermistor's plug.",
                short="No temperature",
            )
        if before.actual > HOT:
            await self._heater_off()
            return f"The printer was homed. Its nozzle is at {before.actual:.0f} °C already."
        target = max(WARM, before.actual + RISE)
        try:
            await self._printer.set_temperature({NOZZLE: target}, Moment.IDLE)
            reached = await self._reached(target)
        finally:
            await self._heater_off()
        return (
            f"The printer was homed, and its nozzle went from {before.actual:.0f} to "
            f"{reached:.0f} °C. It is switched off again."
        )

    async def _reached(self, target: float) -> float:
        try:
            async with asyncio.timeout(self._limit):
                while True:
                    seen = self._state.revision.number
                    self._refuse_beside_a_print()
                    nozzle = self._nozzle()
                    if nozzle is not None and nozzle.actual >= target - NEAR:
                        return nozzle.actual
                    await self._state.revision.wait_beyond(seen)
        except TimeoutError:
            nozzle = self._nozzle()
            stays = f"{nozzle.actual:.0f} °C" if nozzle else "no temperature"
            raise PrinterError(
                f"The printer was homed, but its nozzle did not get to {target:.0f} °C within "
                f"{self._limit:.0f} s (it tells {stays}). Check heater and thermistor.",
                short="Nozzle stays cold",
            ) from None

    async def _heater_off(self) -> None:
        """Also when the test is broken off; a print that began by now has its own targets."""
        try:
            async with asyncio.timeout(OFF_LIMIT):
                await self._printer.set_temperature({NOZZLE: 0.0}, Moment.IDLE)
        except JobRefused as error:
            log.info("the nozzle's heater is left to the print: %s", error.long)
        except (PrinterError, TimeoutError) as error:
            log.error("the nozzle's heater was not switched off: %s", error)

    def _nozzle(self) -> Heater | None:
        snapshot = self._state.snapshot
        if snapshot is None:
            raise PrinterError(
                "The printer service ended during the test. Wait a moment and test again.",
                short="Printer service off",
            )
        return snapshot.heaters.get(NOZZLE)

    def _refuse_beside_a_print(self) -> None:
        snapshot = self._state.snapshot
        job = snapshot.job if snapshot else None
        if job is not None and not job.state.ended:
            raise JobRefused(
                f"{job.name or 'A print'} is not over yet. Test the printer when it has ended.",
                short="Not while printing",
            )
