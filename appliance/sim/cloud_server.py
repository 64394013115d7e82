"""The local cloud's Status Server: Socket.IO (Engine.IO 4) around :class:`Session`.

Everything a printer sends is handled in order, one message after the other.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import socketio
from aiohttp import web

from appliance.errors import CloudError
from appliance.polar import messages
from appliance.polar.keys import PrinterKey
from appliance.polar.messages import CloudMessage, PauseKind
from appliance.sim.cloud_commands import split_temperatures
from appliance.sim.cloud_records import Direction
from appliance.sim.cloud_session import (
    Hangup,
    Links,
    Reaction,
    Reply,
    Session,
    SlotLimits,
    print_message,
)
from appliance.sim.cloud_state import CloudState

_LOG = logging.getLogger(__name__)

HANGUP_DELAY = 0.05
"""Seconds between a refusing helloResponse and the end of the TCP connection."""


@dataclass
class CloudFaults:
    """What goes wrong on purpose; change it at any time."""

    refuse: bool = False  # new connections get HTTP 503
    silent: bool = False  # connections are accepted, but nothing is ever said
    hello_delay: float = 0.0  # seconds before a hello is answered
    close_on: set[str] = field(default_factory=set)  # these events end the connection at once
    ignore: set[str] = field(default_factory=set)  # these events are not handled
    broken: set[str] = field(default_factory=set)  # these meet a SERVER_ERROR, where there is one


@dataclass
class _Connection:
    sid: str
    session: Session
    links: Links
    request: web.Request
    counted: str | None = None  # the serial number it is counted under


class StatusServer:
    """All connections of printers, and the commands that go to them."""

    def __init__(
        self,
        state: CloudState,
        links: Callable[[str], Links],
        clock: Callable[[], float],
        *,
        limits: SlotLimits,
        ping: tuple[float, float] = (25.0, 20.0),
    ) -> None:
        """``links`` makes the addresses for a base URL; ``ping`` is interval and timeout (s)."""
        self.faults = CloudFaults()
        self._state = state
        self._links = links
        self._clock = clock
        self._limits = limits
        self._connections: dict[str, _Connection] = {}
        self._closing: set[asyncio.Task[None]] = set()
        quiet = _LOG.getChild("wire")
        quiet.setLevel(logging.WARNING)  # below it the library logs whole packets, PIN and all
        self._socket = socketio.AsyncServer(
            logger=quiet,
            engineio_logger=quiet,
            async_mode="aiohttp",
            async_handlers=False,
            always_connect=True,
            ping_interval=ping[0],
            ping_timeout=ping[1],
        )
        self._socket.on("connect", self._connect)
        self._socket.on("disconnect", self._disconnect)
        self._socket.on("*", self._received)

    def attach(self, app: web.Application) -> None:
        """Serve ``/socket.io/`` in ``app``."""
        app.middlewares.append(self._refusing)
        self._socket.attach(app)

    async def close(self) -> None:
        """End every connection."""
        for task in list(self._closing):
            task.cancel()
        self.drop_connections()
        await self._socket.shutdown()

    # Commands to a printer (section 2)

    async def send(self, serial_number: str, message: CloudMessage) -> None:
        """Send a message. Raises CloudError when the printer is not connected."""
        await self._emit(self._connection(serial_number), *messages.encode(message))

    async def send_raw(self, serial_number: str, event: str, payload: object) -> None:
        """Send any event with any JSON, right or wrong."""
        await self._emit(self._connection(serial_number), event, payload)

    async def send_frame(self, serial_number: str, frame: str | bytes) -> None:
        """Send an Engine.IO message that need not be Socket.IO at all."""
        connection = self._connection(serial_number)
        eio_sid = self._socket.manager.eio_sid_from_sid(connection.sid, "/")
        await self._socket.eio.send(eio_sid, frame)

    async def start_print(self, job_id: str) -> None:
        """Send `print` for a queued job, even when the printer is busy."""
        record, _ = self._state.find_job(job_id)
        connection = self._connection(record.serial_number)
        job = self._state.start_job(job_id, self._clock())
        message = print_message(connection.links, record.serial_number, job)
        await self._emit(connection, *messages.encode(message))

    async def pause(self, serial_number: str, kind: PauseKind = PauseKind.PAUSE) -> None:
        """Send `pause` (section 2.11)."""
        await self.send(serial_number, messages.Pause(serial_number=serial_number, type=kind))

    async def command(self, serial_number: str, gcode: str) -> None:
        """Send G-code; its M104 and M140 go first, as one `temperature` (section 2.3)."""
        targets, rest = split_temperatures(gcode)
        if targets:
            await self.temperature(serial_number, targets)
        if rest:
            await self.send(
                serial_number, messages.Command(serial_number=serial_number, command=rest)
            )

    async def temperature(self, serial_number: str, targets: dict[str, float]) -> None:
        """Send `temperature`: °C by heater."""
        message = messages.Temperature(serial_number=serial_number, targets=targets)
        await self.send(serial_number, message)

    async def custom_command(self, serial_number: str, command: str) -> None:
        """Send an entry of the printer's own list. Raises CloudError when it is not in it."""
        known = self._state.printer(serial_number).commands
        if not any(entry.command == command for entry in known):
            raise CloudError(f"The printer never listed a custom command {command!r}.")
        message = messages.CustomCommand(serial_number=serial_number, custom_command=command)
        await self.send(serial_number, message)

    async def delete(self, serial_number: str) -> None:
        """Delete the printer in the cloud; a connected one is told (section 2.6)."""
        self._state.printer(serial_number)
        self._state.delete(serial_number)
        if self._state.lives[serial_number].connected:
            await self.send(serial_number, messages.Delete(serial_number=serial_number))

    def drop_connections(self) -> None:
        """Cut the TCP connection of every printer without a word."""
        for connection in list(self._connections.values()):
            _abort(connection)

    def _connection(self, serial_number: str) -> _Connection:
        for connection in reversed(self._connections.values()):
            if connection.session.serial_number == serial_number:
                return connection
        raise CloudError(f"The printer {serial_number} is not connected.")

    # Socket.IO

    @web.middleware
    async def _refusing(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.faults.refuse and request.path.startswith("/socket.io/"):
            raise web.HTTPServiceUnavailable(text="The Status Server refuses connections.")
        response: web.StreamResponse = await handler(request)
        return response

    async def _connect(self, sid: str, environ: dict[str, Any], _auth: object = None) -> None:
        self._state.connections += 1
        request: web.Request = environ["aiohttp.request"]
        links = self._links(f"{request.scheme}://{request.host}")
        session = Session(self._state, links, secrets.token_urlsafe(24), self._limits)
        connection = _Connection(sid, session, links, request)
        self._connections[sid] = connection
        self._state.touch()
        await self._react(connection, session.opened())

    async def _disconnect(self, sid: str, _reason: object = None) -> None:
        connection = self._connections.pop(sid, None)
        if connection and connection.counted:
            self._state.connected(connection.counted, -1)
        self._state.touch()

    async def _received(self, event: str, sid: str, *arguments: object) -> None:
        connection = self._connections.get(sid)
        if connection is None:
            return
        payload = arguments[0] if arguments else None
        now = self._clock()
        session = connection.session
        if event in self.faults.close_on:
            _abort(connection)
            return
        if event == "hello" and self.faults.hello_delay:
            await asyncio.sleep(self.faults.hello_delay)
        reactions = self._reactions(session, event, payload)
        self._state.note(Direction.FROM_PRINTER, session.serial_number, event, payload, now)
        self._count(connection)
        await self._react(connection, reactions)

    def _reactions(self, session: Session, event: str, payload: object) -> list[Reaction]:
        if event in self.faults.ignore:
            return []
        if event in self.faults.broken:
            return session.server_error(event)
        return session.received(event, payload, self._clock())

    def _count(self, connection: _Connection) -> None:
        serial = connection.session.serial_number
        if serial == connection.counted or connection.sid not in self._connections:
            return
        if connection.counted:
            self._state.connected(connection.counted, -1)
        if serial:
            self._state.connected(serial, 1)
        connection.counted = serial

    async def _react(self, connection: _Connection, reactions: list[Reaction]) -> None:
        for reaction in reactions:
            if isinstance(reaction, Reply):
                await self._emit(connection, *messages.encode(reaction.message))
            elif isinstance(reaction, Hangup):
                self._close_soon(connection)
            else:
                key = await asyncio.to_thread(PrinterKey.generate)
                await self._react(connection, connection.session.keys_made(key))

    async def _emit(self, connection: _Connection, event: str, payload: object) -> None:
        if self.faults.silent:
            return
        serial = connection.session.serial_number
        self._state.note(Direction.TO_PRINTER, serial, event, payload, self._clock())
        await self._socket.emit(event, payload, to=connection.sid)

    def _close_soon(self, connection: _Connection) -> None:
        async def close() -> None:
            await asyncio.sleep(HANGUP_DELAY)
            transport = connection.request.transport
            if transport is not None:
                transport.close()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _abort(connection: _Connection) -> None:
    transport = connection.request.transport
    if transport is not None:
        transport.abort()
    else:
        _LOG.debug("The connection %s had ended already.", connection.sid)
