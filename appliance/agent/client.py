"""What the command line asks of the running daemons, and does itself when they are off."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance import ipc
from appliance.agent.api import AgentView, AllowCode, RegisterAs
from appliance.config import Settings
from appliance.errors import ApplianceError, JobRefused, PrinterError
from appliance.printer import api
from appliance.printer.client import PrinterClient

SHORT_LIMIT = 5.0  # seconds
START_LIMIT = 25.0  # seconds: longer than the agent waits for the printer daemon, asked twice
REGISTER_LIMIT = 120.0  # seconds: connecting may take a few tries

T = TypeVar("T")
Show = Callable[[float, float, str], None]
"""Called with percent, seconds printed and the state's name."""


async def look(settings: Settings) -> tuple[AgentView | None, api.Snapshot | None]:
    """What the agent and the printer daemon say; None for the one that is off."""
    view, snapshot = await asyncio.gather(_agent_view(settings), _snapshot(settings))
    return view, snapshot


async def register(settings: Settings, account: RegisterAs) -> str:
    """Register through the agent, or directly while it is off; returns the serial number."""
    try:
        view = await _ask_agent(settings, "/register", account, limit=REGISTER_LIMIT)
    except ipc.Unreachable:
        from appliance.agent.registration import register_once  # noqa: PLC0415

        return await register_once(settings, account)
    return view.serial_number or ""


async def unregister(settings: Settings) -> None:
    """Take the printer out of the cloud; needs the agent, which is connected."""
    try:
        await _ask_agent(settings, "/unregister", limit=REGISTER_LIMIT)
    except ipc.Unreachable as error:
        raise ApplianceError(
            "The agent is not running; unregistering needs its connection to the cloud. "
            "Start it (systemctl start polar-agent, or polar-appliance up)."
        ) from error


async def cancel(settings: Settings) -> None:
    """End the present print: through the agent, or directly while it is off."""
    try:
        await _ask_agent(settings, "/cancel")
    except ipc.Unreachable:
        async with PrinterClient(settings.printer_socket) as client:
            await client.cancel()


async def resume(settings: Settings, *, without_agent: bool = False) -> None:
    """Go on with the paused print: through the agent, which knows the door.

    While the agent is off directly, with a door only where ``without_agent`` allows it.
    """
    try:
        await _ask_agent(settings, "/resume", limit=START_LIMIT)
    except ipc.NobodyThere:
        _refuse_unread_door(settings, without_agent)
        async with PrinterClient(settings.printer_socket) as client:
            await client.resume()
    except ipc.Unreachable as error:
        raise _silent() from error


async def clear_plate(settings: Settings) -> None:
    """The build plate is empty: said to the agent, which keeps the record of it."""
    try:
        await _ask_agent(settings, "/plate-clear")
    except ipc.Unreachable as error:
        raise ApplianceError(
            "The agent is not running; it keeps in mind whether the build plate is clear. "
            "Start it (systemctl start polar-agent, or polar-appliance up)."
        ) from error


async def allow(settings: Settings, code: str) -> None:
    """Let the browser in that shows ``code``."""
    try:
        await _ask_agent(settings, "/allow", AllowCode(code))
    except ipc.Unreachable as error:
        raise ApplianceError(
            "The agent is not running; its page is not there either. "
            "Start it (systemctl start polar-agent, or polar-appliance up)."
        ) from error


async def print_local(
    settings: Settings, file: Path, show: Show, *, wait: bool, without_agent: bool = False
) -> api.Job | None:
    """Start a local print; with ``wait`` follow it and return how it ended.

    While the agent is off directly, with a door only where ``without_agent`` allows it.
    """
    request = api.StartJob(path=str(file), key=secrets.token_hex(8), name=file.name)
    async with PrinterClient(settings.printer_socket) as client:
        started = await _start(settings, client, request, without_agent=without_agent)
        if not wait:
            return None
        last = started.job
        shown = ""
        async for snapshot in client.snapshots():
            # The agent forgets an ended print as soon as it was reported.
            if snapshot is None:
                raise PrinterError("The printer service ended; see its log.")
            job = snapshot.job
            if job is None or job.key != request.key:
                return last
            last = job
            if (text := f"{job.percent:.0f} {job.state}") != shown:
                show(job.percent, job.print_seconds, job.state.value)
                shown = text
            if job.state.ended:
                return job
    return last


async def _start(
    settings: Settings, client: PrinterClient, request: api.StartJob, *, without_agent: bool
) -> api.Snapshot:
    """Through the agent, which knows door and plate, or directly while it is off."""
    http = ipc.connect(settings.agent_socket)
    try:
        return await ipc.ask(http, ("POST", "/print"), request, api.Snapshot, START_LIMIT)
    except ipc.NobodyThere:
        _refuse_unread_door(settings, without_agent)
        _refuse_full_plate(settings, await client.snapshot())
        return await client.start(request)
    except ipc.Unreachable as error:
        raise _silent() from error
    finally:
        await http.close()


def _refuse_unread_door(settings: Settings, without_agent: bool) -> None:
    """Raises JobRefused where there is a door that nobody looks at while the agent is off."""
    if settings.door.pins() and not without_agent:
        raise JobRefused(
            "The agent is not running, and it alone reads the door's switch. Start it "
            "(systemctl start polar-agent, or polar-appliance up); or look at the door "
            "yourself, and say --without-agent."
        )


def _refuse_full_plate(settings: Settings, snapshot: api.Snapshot) -> None:
    """Raises JobRefused while a print lies on the plate, as far as the disk tells."""
    from appliance.agent.plate import full_on_disk  # noqa: PLC0415

    if settings.plate.confirm and full_on_disk(settings.state_folder, snapshot):
        raise JobRefused(
            "The build plate is not clear, and the agent, which could be told so, is not "
            "running. Take the print off, start the agent (systemctl start polar-agent, or "
            "polar-appliance up), then: polar-appliance plate-clear.",
            short="Clear the plate",
        )


def _silent() -> ApplianceError:
    """Nothing is done past an agent that runs: it may have begun what it was asked for."""
    return ApplianceError(
        "The agent runs, but it did not answer. Whether it did what it was asked for, "
        "polar-appliance status tells; otherwise look at its log (journalctl -u polar-agent)."
    )


async def _agent_view(settings: Settings) -> AgentView | None:
    http = ipc.connect(settings.agent_socket)
    try:
        return await ipc.ask(http, ("GET", "/state"), None, AgentView, SHORT_LIMIT)
    except ipc.Unreachable:
        return None
    finally:
        await http.close()


async def _snapshot(settings: Settings) -> api.Snapshot | None:
    try:
        async with PrinterClient(settings.printer_socket) as client:
            return await client.snapshot()
    except PrinterError:
        return None


async def _ask_agent(
    settings: Settings,
    path: str,
    content: msgspec.Struct | None = None,
    limit: float = SHORT_LIMIT,
) -> AgentView:
    http = ipc.connect(settings.agent_socket)
    try:
        return await ipc.ask(http, ("POST", path), content, AgentView, limit)
    finally:
        await http.close()
