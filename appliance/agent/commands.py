"""What the agent does for each command of the cloud (protocol section 2).

A handler must not hold up the connection: what takes time runs as a task of its own. A
refusal never ends anything; it becomes a notice that a person can see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from appliance.agent.custom import CustomCommands
from appliance.agent.door import Door
from appliance.agent.jobs import CloudJobs
from appliance.agent.moves import Moves
from appliance.agent.queue import Queue, refusal
from appliance.agent.reach import AXES
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, JobRefused
from appliance.polar import messages
from appliance.printer.api import EMERGENCY
from appliance.printer.client import PrinterClient

log = logging.getLogger(__name__)

PATIENT = (
    messages.Command,
    messages.CustomCommand,
    messages.JogPrinter,
    messages.Temperature,
)
WAITING_LIMIT = 20  # commands of these kinds at a time; print, pause and cancel always get in
ANSWER_LENGTH = 60_000  # characters of a commandResponse; longer ones are refused

Send = Callable[[messages.PrinterMessage], Awaitable[None]]


class SerialNumber(Protocol):
    """Gives the serial number of the present identity."""

    def __call__(self) -> str | None:
        """The serial number, None while unregistered."""


@dataclass(frozen=True)
class Doers:
    """Those who carry out what the cloud asks for."""

    jobs: CloudJobs
    printer: PrinterClient
    custom: CustomCommands
    door: Door
    moves: Moves
    queue: Queue


class Commands:
    """Carries out what the cloud asks for, each command in its own task."""

    def __init__(
        self,
        state: AgentState,
        doers: Doers,
        send: Send,
        serial_number: SerialNumber,
    ) -> None:
        self._state = state
        self._jobs = doers.jobs
        self._printer = doers.printer
        self._custom = doers.custom
        self._door = doers.door
        self._moves = doers.moves
        self._queue = doers.queue
        self._send = send
        self._serial_number = serial_number
        self._tasks: set[asyncio.Task[None]] = set()
        self._gcode_turn = asyncio.Lock()
        self._handlers: Mapping[type, Callable[[Any], Awaitable[object]]] = {
            messages.Print: self._print,
            messages.Cancel: lambda _: self._jobs.cancel_any(),
            messages.Pause: lambda message: self._printer.pause(message.type),
            messages.Resume: lambda _: self._door.resume(),
            messages.ConnectPrinter: lambda _: self._printer.connect(),
            messages.Temperature: lambda message: self._printer.set_temperature(message.targets),
            messages.Command: self._command,
            messages.CustomCommand: self._custom_command,
            messages.SendNextPrintResponse: self._no_next_print,
            messages.Update: self._update,
            messages.JogPrinter: self._jog,
        }

    def handle(self, message: messages.CloudMessage) -> None:
        """Begin to carry out ``message``; answers that others asked for are passed over."""
        handler = self._handlers.get(type(message))
        if handler is None:
            return
        if isinstance(message, PATIENT) and len(self._tasks) >= WAITING_LIMIT:
            self._state.see_notice("Too many commands wait for the printer; one was refused.")
            return
        task = asyncio.create_task(self._guarded(handler, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop what is still under way."""
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(
        self, handler: Callable[[Any], Awaitable[object]], message: messages.CloudMessage
    ) -> None:
        event = messages.event_name(type(message))
        try:
            await handler(message)
        except ApplianceError as error:
            log.warning("%s: %s", event, error.long)
            self._state.see_notice(error.long)
        except Exception:  # the boundary of one command: the device goes on
            log.exception("%s failed", event)

    async def _print(self, message: messages.Print) -> None:
        try:
            self._jobs.request(message)
        except ApplianceError as error:
            self._queue.print_refused(message, error)
            raise
        self._queue.print_came(message)

    async def _command(self, message: messages.Command) -> None:
        """Section 2.3: lines of G-code; what the printer says goes back (section 3.2)."""
        lines = [line for line in message.command.split("\n") if line.strip()]
        if all(line.split()[0].upper() in EMERGENCY for line in lines):
            answer = await self._ask(lines)  # must not stand behind a heater
        else:
            async with self._gcode_turn:  # answers in the order of the questions
                answer = await self._ask(lines)
        serial_number = self._serial_number()
        if serial_number is not None:
            response = "\n".join(answer)[:ANSWER_LENGTH]
            await self._send(
                messages.CommandResponse(serial_number=serial_number, response=response)
            )

    async def _custom_command(self, message: messages.CustomCommand) -> None:
        try:
            await self._custom.run(message.custom_command)
        finally:
            self._moves.typed(self._custom.lines(message.custom_command))

    async def _ask(self, lines: list[str]) -> list[str]:
        try:
            return await self._printer.run_gcode(lines)
        except ApplianceError as error:
            return [error.long]
        finally:
            self._moves.typed(lines)

    async def _no_next_print(self, message: messages.SendNextPrintResponse) -> None:
        """One that nobody waits for any more; see Queue.print_next."""
        self._state.see_notice(refusal(message).long)

    async def _jog(self, message: messages.JogPrinter) -> None:
        """Field notes; without axes ``home`` means all of them.

        Not with a door that is open or unknown: hands may be inside, and nobody at the cloud
        sees them.
        """
        self._let_in()
        wish = message.jog_printer
        match wish.command:
            case messages.JogKind.JOG:
                named = {"x": wish.x, "y": wish.y, "z": wish.z}
                distances = {axis: mm for axis, mm in named.items() if mm is not None}
                await self._moves.jog(
                    distances, absolute=bool(wish.absolute), speed=wish.speed, check=self._let_in
                )
            case messages.JogKind.HOME:
                await self._moves.home(wish.axes or AXES, check=self._let_in)
            case messages.JogKind.EXTRUDE:
                if wish.amount is None:
                    raise JobRefused("The cloud did not say how much filament to move.")
                await self._moves.extrude(wish.amount, wish.speed, check=self._let_in)

    def _let_in(self) -> None:
        """It may take minutes until it is a move's turn; the door is looked at again then."""
        self._door.refuse("move the printer")

    async def _update(self, _message: messages.Update) -> None:
        self._state.see_notice(
            "The cloud asked for an update. This version is updated by writing a new SD card."
        )
