"""The way of a print to the printer: only through a closed door and onto a clear plate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from appliance.agent.door import Door
from appliance.agent.plate import Plate
from appliance.errors import JobRefused, PrinterError
from appliance.printer import api

PRINTER_PATIENCE = 120.0  # seconds to wait for a printer that is off or away
RETRY_PAUSE = 2.0  # seconds between two tries to hand a print to the printer daemon


class PlateFull(JobRefused):
    """A print was refused because another one lies on the build plate."""

    default_short = "Clear the plate"


class Starter(Protocol):
    """What starts prints: the printer daemon."""

    async def start(self, request: api.StartJob) -> api.Snapshot:
        """See PrinterClient.start."""

    async def snapshot(self) -> api.Snapshot:
        """See PrinterClient.snapshot."""


class Gate:
    """Lets prints through to the printer daemon."""

    def __init__(
        self,
        printer: Starter,
        door: Door,
        plate: Plate,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._printer = printer
        self.door = door
        self.plate = plate

    def refuse_onto_full_plate(self, name: str) -> None:
        """Raises PlateFull while a print lies on the plate."""
        if self.plate.full:
            raise PlateFull(
                f"{name} was not begun: the build plate is not clear. Take the print off, "
                "confirm it (OK at the printer, or polar-appliance plate-clear), "
                "then print again."
            )

    async def start_now(self, request: api.StartJob) -> api.Snapshot:
        """Start a print for a person who waits.

        Raises PlateFull, DoorOpen, and what the printer daemon refuses.
        """
        if self.plate.unheard:
            self.plate.hear(await self._printer.snapshot())
        self.refuse_onto_full_plate(request.name or "The print")
        self.door.refuse("print")
        return await self._printer.start(request)

    async def start(
        self,
        request: api.StartJob,
        canceled: Callable[[], bool],
        say: Callable[[str], None],
    ) -> api.Snapshot | None:
        """Start a print, with patience for an open door and a printer just being switched on.

        None when it was ``canceled`` before the printer took it; ``say`` is given what is
        waited for. Raises PlateFull, DoorOpen, and what the printer daemon refuses.
        """
        give_up = None
        while not canceled():
            try:
                if self.plate.unheard:  # what ended meanwhile may lie on the plate
                    self.plate.hear(await self._printer.snapshot())
                    continue
                if not self._shut():
                    return await self._printer.start(request)
                if taken := await self._taken(request.key):
                    return taken
                self.refuse_onto_full_plate(request.name)
                await self.door.closed(request.name, canceled, say)
                give_up = None
                say("Starting the print")
            except JobRefused:
                raise
            except PrinterError as error:
                if give_up is None:
                    give_up = self._clock() + PRINTER_PATIENCE
                if self._clock() >= give_up:
                    raise
                say(f"Waiting for the printer: {error.long}")
                await asyncio.sleep(RETRY_PAUSE)
        return None

    async def taken(self, key: str, say: Callable[[str], None]) -> api.Snapshot | None:
        """Whether the printer daemon has this print; asks until it answers."""
        while True:
            try:
                return await self._taken(key)
            except PrinterError as error:
                say(f"Waiting for the printer: {error.long}")
                await asyncio.sleep(RETRY_PAUSE)

    def _shut(self) -> bool:
        return self.plate.full or bool(self.door.why_not())

    async def _taken(self, key: str) -> api.Snapshot | None:
        """An agent that was killed before it read the answer finds its print begun."""
        snapshot = await self._printer.snapshot()
        return snapshot if find(snapshot, key) is not None else None


def find(snapshot: api.Snapshot, key: str) -> api.Job | None:
    """The print with this key, the present one or one that ended before it."""
    every = (snapshot.job, *snapshot.unseen)
    return next((one for one in every if one is not None and one.key == key), None)
