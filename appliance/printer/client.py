"""The printer daemon as its clients see it: the agent and the command line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import msgspec

from appliance import ipc
from appliance.errors import PrinterError
from appliance.printer import api

log = logging.getLogger(__name__)

RETRY_PAUSE = 0.5  # seconds; the daemon is back about 2 s after a restart
ANSWER_LIMIT = 10.0  # seconds for everything but G-code, which may heat or home
GCODE_LIMIT = 330.0  # a little more than the daemon's own limit

T = TypeVar("T")


class PrinterUnreachable(PrinterError):
    """The printer daemon does not answer on its socket."""

    default_short = "Printer service off"


class PrinterClient:
    """Typed requests to the printer daemon. Use as an async context manager.

    Every command raises JobRefused when it does not fit the present state, PrinterError
    when the printer cannot do it and PrinterUnreachable when the daemon does not answer.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._http = ipc.connect(socket)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def snapshot(self) -> api.Snapshot:
        """The present state."""
        return await self._ask("GET", "/snapshot", None, api.Snapshot)

    async def snapshots(self) -> AsyncIterator[api.Snapshot | None]:
        """The state now and after every change, for ever; None while the daemon is away."""
        while True:
            try:
                async with self._http.ws_connect("/events", max_msg_size=1 << 20) as stream:
                    async for message in stream:
                        if message.type is not aiohttp.WSMsgType.BINARY:
                            break  # the line broke in the middle of a message
                        yield msgspec.json.decode(message.data, type=api.Snapshot)
            except (aiohttp.ClientError, OSError) as error:
                log.debug("printer service: %s", error)
            yield None
            await asyncio.sleep(RETRY_PAUSE)

    async def start(self, request: api.StartJob) -> api.Snapshot:
        """Start a print; see StartJob."""
        return await self._ask("POST", "/job", request, api.Snapshot)

    async def pause(self, kind: api.PauseKind = api.PauseKind.PAUSE) -> api.Snapshot:
        """Stop feeding at once, then park."""
        return await self._ask("POST", "/job/pause", api.PauseJob(kind), api.Snapshot)

    async def resume(self) -> api.Snapshot:
        """Go back to where the print stopped and go on."""
        return await self._ask("POST", "/job/resume", None, api.Snapshot)

    async def cancel(self) -> api.Snapshot:
        """End the print: nothing more of the file is sent, heaters and motors go off."""
        return await self._ask("POST", "/job/cancel", None, api.Snapshot)

    async def forget(self, key: str) -> api.Snapshot:
        """The ended job with this key was seen."""
        return await self._ask("POST", "/job/forget", api.ForgetJob(key), api.Snapshot)

    async def set_temperature(
        self, targets: dict[str, float], when: api.Moment = api.Moment.ANY
    ) -> api.Snapshot:
        """Set heater targets in degrees Celsius, by cloud name."""
        request = api.SetTemperature(targets, when)
        return await self._ask("POST", "/temperature", request, api.Snapshot)

    async def run_gcode(self, lines: list[str], when: api.Moment = api.Moment.ANY) -> list[str]:
        """Send lines and collect what the printer answers."""
        request = api.RunGcode(lines, when)
        return (await self._ask("POST", "/gcode", request, api.GcodeAnswer, GCODE_LIMIT)).answer

    async def connect(self) -> api.Snapshot:
        """Look for the printer now; resets one that has halted."""
        return await self._ask("POST", "/connect", None, api.Snapshot)

    async def restart(self) -> api.Snapshot:
        """Let the daemon read its settings anew, as soon as no print is there."""
        return await self._ask("POST", "/restart", None, api.Snapshot)

    async def _ask(
        self,
        method: str,
        path: str,
        body: msgspec.Struct | None,
        answer: type[T],
        limit: float = ANSWER_LIMIT,
    ) -> T:
        try:
            return await ipc.ask(self._http, (method, path), body, answer, limit)
        except ipc.Unreachable as error:
            raise PrinterUnreachable(
                f"The printer service does not answer on {self._socket}. "
                "Is it running? (systemctl status polar-printer, or polar-appliance up)"
            ) from error
