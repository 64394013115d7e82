"""Socket.IO over one WebSocket, in both wire generations, found out by itself.

Today's servers speak Engine.IO 4; the protocol document's socket.io 1.4.6 speaks Engine.IO 3.
They differ in two ways that matter here:

* Who opens the namespace. A server of generation 3 does it by itself and says ``40`` right
  after its open packet; a client that also asks gets it opened twice, and then every event
  twice. A server of generation 4 says nothing until the client's ``40``, and answers it with
  ``40{"sid":…}``.
* Who pings. In generation 4 the server does; in generation 3 the client must, or the server
  hangs up.

So: an open packet that names ``maxPayload`` is generation 4, one followed by ``40`` is
generation 3, and when neither comes within ``NAMESPACE_GRACE`` generation 4 is assumed. Should
a bare ``40`` come after all, :class:`WrongGeneration` is raised and the caller opens a new
connection with the generation given. The client always asks for ``EIO=4``: servers of
generation 3 do not look at it, and one of generation 4 may refuse anything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Annotated, Any

import aiohttp
import engineio
import msgspec
import socketio
from engineio import packet as engine_packet
from socketio import packet as socket_packet

from appliance.errors import CloudError

MAX_MESSAGE = 1_000_000  # bytes; the longest message of the protocol is some 10 kB
NAMESPACE_GRACE = 1.0  # s; a generation 3 server sends `40` in one breath with its open packet
WRITE_TIMEOUT = 10.0  # s; a peer that takes nothing for so long is frozen
CLOSING_TIMEOUT = 2.0  # s; for the other side's half of the WebSocket closing

_TEXT = aiohttp.WSMsgType.TEXT
_BINARY = aiohttp.WSMsgType.BINARY

_log = logging.getLogger(__name__)
# The library's own log: event names only, but a line for each status. Warnings are enough.
_library_log = logging.getLogger(f"{__name__}.library")
_library_log.setLevel(logging.WARNING)

EventHandler = Callable[[str, object], Awaitable[None]]
Milliseconds = Annotated[int, msgspec.Meta(gt=0, le=3_600_000)]


class Generation(IntEnum):
    """The Engine.IO protocol number of a server."""

    THREE = 3
    FOUR = 4


class WrongGeneration(CloudError):
    """The server turned out to be of generation 3 after it was taken for 4."""


class _OpenPacket(msgspec.Struct, frozen=True):
    sid: str
    pingInterval: Milliseconds
    pingTimeout: Milliseconds
    maxPayload: int | None = None


class _Engine(engineio.AsyncClient):  # type: ignore[misc]  # the library has no types
    """Engine.IO over one WebSocket; used for one connection."""

    generation: Generation | None = None
    _first: aiohttp.WSMessage | None = None

    async def _connect_websocket(self, url: str, headers: dict[str, str], path: str) -> bool:
        self.ws = await self.http.ws_connect(
            self._get_engineio_url(url, path, "websocket"),
            headers=headers,
            max_msg_size=MAX_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSING_TIMEOUT),
        )
        opening = _read_open_packet(await self.ws.receive())
        self.sid = opening.sid
        self.ping_interval = opening.pingInterval / 1000
        self.ping_timeout = opening.pingTimeout / 1000
        self.generation = self.generation or await self._find_generation(opening)
        self.state = "connected"
        await self.handlers["connect"]()
        return True

    async def _find_generation(self, opening: _OpenPacket) -> Generation:
        if opening.maxPayload is not None:
            return Generation.FOUR
        try:
            async with asyncio.timeout(NAMESPACE_GRACE):
                self._first = await self.ws.receive()
        except TimeoutError:
            return Generation.FOUR
        # The other thing that can come first is the ping of a hasty generation 4 server.
        return Generation.THREE if self._first.data == "40" else Generation.FOUR

    async def run(self) -> None:
        """Read until the connection ends; raises CloudError saying why it did."""
        pinging = asyncio.create_task(self._ping()) if self.generation == 3 else None
        try:
            if self._first is not None:
                await self._receive(self._first)
            while True:
                await self._receive(await self._next_message())
        except CloudError:
            raise
        except Exception as error:  # a task's boundary: one connection may end by it, not the agent
            _log.exception("the connection broke in an unexpected way")
            raise CloudError(f"The connection to the Polar Cloud broke: {error!r}.") from error
        finally:
            self.state = "disconnected"
            if pinging is not None:
                pinging.cancel()

    async def _next_message(self) -> aiohttp.WSMessage:
        # Whoever pings, in each interval something must come: a ping, or the answer to ours.
        try:
            async with asyncio.timeout(self.ping_interval + self.ping_timeout):
                message: aiohttp.WSMessage = await self.ws.receive()
                return message
        except TimeoutError:
            raise CloudError(
                "The Polar Cloud has fallen silent; the network may be down.", short="Cloud silent"
            ) from None

    async def _receive(self, message: aiohttp.WSMessage) -> None:
        if message.type == _BINARY:
            _log.warning("ignored a binary message of %d bytes", len(message.data))
            return
        if message.type != _TEXT:
            raise CloudError(self._why_closed(message), short="Cloud hung up")
        try:
            received = engine_packet.Packet(encoded_packet=message.data)
        except (ValueError, RecursionError) as error:
            _log.warning("ignored a packet that cannot be read: %s", error)
            return
        await self._receive_packet(received)

    def _why_closed(self, message: aiohttp.WSMessage) -> str:
        if self.ws.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            return f"The Polar Cloud sent a message of more than {MAX_MESSAGE} bytes: refused."
        if message.type == aiohttp.WSMsgType.ERROR:
            return f"The connection to the Polar Cloud broke: {message.data}."
        if self.ws.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE:
            return "The connection to the Polar Cloud was cut off."
        return f"The Polar Cloud closed the connection (code {self.ws.close_code})."

    async def _receive_packet(self, received: Any) -> None:
        match received.packet_type:
            case engine_packet.MESSAGE if not received.binary:
                await self.handlers["message"](received.data)
            case engine_packet.PING:
                await self._send_packet(engine_packet.Packet(engine_packet.PONG, received.data))
            case engine_packet.CLOSE:
                raise CloudError("The Polar Cloud ended the session.", short="Cloud hung up")
            case engine_packet.PONG | engine_packet.NOOP:
                pass
            case other:
                _log.warning("ignored a packet of type %s", other)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self.ping_interval)
            try:
                await self._send_packet(engine_packet.Packet(engine_packet.PING))
            except CloudError as error:
                _log.info("no ping: %s", error)  # the reader finds the silence
                return

    async def _send_packet(self, sending: Any) -> None:
        if self.state != "connected":
            raise CloudError("There is no connection to the Polar Cloud.", short="Offline")
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self.ws.send_str(sending.encode())
        except TimeoutError:
            raise CloudError("The Polar Cloud takes no data.", short="Cloud silent") from None
        except (OSError, aiohttp.ClientError) as error:
            raise CloudError(f"Sending to the Polar Cloud failed: {error}.") from error

    async def disconnect(self, abort: bool = False, reason: str | None = None) -> None:
        """Close the WebSocket; returns within a few seconds whatever the peer does."""
        self.state = "disconnected"
        if self.ws is not None:
            try:
                async with asyncio.timeout(CLOSING_TIMEOUT):
                    await self.ws.close()
            except (TimeoutError, OSError, aiohttp.ClientError) as error:
                _log.debug("closed without a farewell: %r", error)


class Transport(socketio.AsyncClient):  # type: ignore[misc]  # the library has no types
    """A Socket.IO client for one connection; events go to ``on_event``, in order, one at a time.

    While ``on_event`` runs nothing more is read, pings included.
    """

    def __init__(self, http: aiohttp.ClientSession, on_event: EventHandler) -> None:
        super().__init__(
            reconnection=False,
            handle_sigint=False,
            logger=_library_log,
            engineio_logger=_library_log,
            http_session=http,
        )
        self._on_event = on_event
        self._opened = asyncio.Event()

    def _engineio_client_class(self) -> type[_Engine]:
        return _Engine

    async def start(self, url: str, generation: Generation | None = None) -> asyncio.Task[None]:
        """Open the connection; the task returned ends with a CloudError when it is lost.

        Raises CloudError, WrongGeneration or aiohttp.ClientError; sets no time limit of its own.
        """
        self.eio.generation = generation
        await self.connect(url, transports=["websocket"], namespaces=["/"], wait=False)
        reading = asyncio.create_task(self.eio.run(), name="cloud reader")
        opened = asyncio.create_task(self._opened.wait())
        try:
            await asyncio.wait({reading, opened}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        except BaseException:
            reading.cancel()
            raise
        finally:
            opened.cancel()
        return reading

    @property
    def generation(self) -> Generation | None:
        """What the server speaks; None before it is known."""
        generation: Generation | None = self.eio.generation
        return generation

    async def _handle_eio_connect(self) -> None:
        self.sid = self.eio.sid
        if self.eio.generation is Generation.FOUR:
            await super()._handle_eio_connect()

    async def _handle_eio_message(self, data: object) -> None:
        try:
            received = self.packet_class(encoded_packet=data)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            _log.warning("ignored a message that cannot be read: %s", error)
            return
        await self._handle_packet(received)

    async def _handle_packet(self, received: Any) -> None:
        match received.packet_type:
            case socket_packet.CONNECT:
                await self._handle_connect(received.namespace, received.data)
            case socket_packet.CONNECT_ERROR if not self._opened.is_set():
                raise CloudError(
                    f"The Polar Cloud refused the connection: {received.data}.",
                    short="Cloud refused us",
                )
            case socket_packet.DISCONNECT:
                raise CloudError("The Polar Cloud ended the session.", short="Cloud hung up")
            case socket_packet.EVENT if _is_event(received.data):
                await self._handle_event(received.namespace, received.id, received.data)
            case other:
                _log.warning("ignored a message of type %s", other)

    async def _handle_connect(self, namespace: str | None, data: object) -> None:
        if self.eio.generation is Generation.FOUR and not isinstance(data, dict):
            raise WrongGeneration("The Polar Cloud's server is older than it seemed.")
        await super()._handle_connect(namespace, data if isinstance(data, dict) else None)
        self._opened.set()

    async def _trigger_event(self, event: str, namespace: str, *args: object) -> None:
        # Not the library's: it would swallow the cancellation of a waiting handler.
        if event not in self.reserved_events:
            await self._on_event(event, args[0] if args else None)


def _is_event(data: object) -> bool:
    return isinstance(data, list) and bool(data) and isinstance(data[0], str)


def _read_open_packet(message: aiohttp.WSMessage) -> _OpenPacket:
    try:
        if message.type != _TEXT or not message.data.startswith("0"):
            raise ValueError("no open packet")
        return msgspec.json.decode(message.data[1:], type=_OpenPacket)
    except ValueError as error:  # msgspec's errors are ValueErrors too
        raise CloudError(
            "The server took the connection but does not speak Socket.IO, so it is no Status"
            f" Server ({error}). Check cloud.url in the settings.",
            short="Not a Polar Cloud",
        ) from None
