"""A printer without a printer: what a plain Socket.IO client sends to the local cloud."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import socketio
from PIL import Image

from appliance.panel.keys import Key
from appliance.polar.keys import PrinterKey
from appliance.revision import Revision
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.panel_wire import DoorMoved, Finger, FromWatcher, Seen

MAC = "b8:27:eb:71:01:46"


class PlainPrinter:
    """One connection of a stock Socket.IO client; events are queued as they come."""

    def __init__(self, url: str, key: PrinterKey) -> None:
        self.url = url
        self.key = key
        self.serial: str | None = None
        self.closed = asyncio.Event()
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._client = socketio.AsyncClient(reconnection=False)
        self._client.on("*", self._received)
        self._client.on("disconnect", self._disconnected)

    async def _received(self, event: str, payload: Any = None) -> None:
        await self._events.put((event, payload))

    async def _disconnected(self, *_: object) -> None:
        self.closed.set()

    async def connect(self, transports: list[str] | None = None) -> str:
        """Connect; the challenge."""
        await self._client.connect(self.url, transports=transports or ["websocket"])
        welcome = await self.next("welcome")
        return str(welcome["challenge"])

    async def close(self) -> None:
        await self._client.disconnect()

    async def emit(self, event: str, payload: object) -> None:
        await self._client.emit(event, payload)

    async def tell(self, event: str, **fields: object) -> None:
        """Emit with this printer's serial number."""
        await self.emit(event, {"serialNumber": self.serial, **fields})

    async def next(self, event: str) -> Any:
        """The payload of the next message, which must be this event."""
        async with asyncio.timeout(10):
            name, payload = await self._events.get()
        assert name == event, f"{name} {payload}"
        return payload

    async def ask(self, event: str, answer: str, **fields: object) -> Any:
        await self.tell(event, **fields)
        return await self.next(answer)

    async def register(self, **changes: object) -> Any:
        """Register; the answer."""
        fields = {
            "mfg": "test",
            "email": "owner@example.com",
            "pin": "1234",
            "publicKey": self.key.public_pem(),
            "myInfo": {"MAC": MAC},
        }
        await self.emit("register", {k: v for k, v in (fields | changes).items() if v is not None})
        return await self.next("registerResponse")

    async def hello(self, challenge: str, **changes: object) -> Any:
        """Answer the challenge; the answer to that."""
        fields: dict[str, object] = {
            "serialNumber": self.serial,
            "signature": self.key.sign(challenge),
            "MAC": MAC,
            "protocol": "2.0",
            "printerMake": "Ender-3",
            "version": "1.0.0",
            "localIP": "192.0.2.7",
        }
        await self.emit("hello", {k: v for k, v in (fields | changes).items() if v is not None})
        return await self.next("helloResponse")


@pytest.fixture(scope="session")
def printer_key() -> PrinterKey:
    return PrinterKey.generate()


@pytest.fixture(scope="session")
def other_key() -> PrinterKey:
    return PrinterKey.generate()


@pytest.fixture
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions()) as running:
        yield running


@pytest.fixture
async def new_printer(
    cloud: LocalCloud, printer_key: PrinterKey
) -> AsyncIterator[Callable[..., PlainPrinter]]:
    """Makes printers that are closed at the end."""
    made: list[PlainPrinter] = []

    default = cloud

    def make(
        key: PrinterKey = printer_key, serial: str | None = None, cloud: LocalCloud = default
    ) -> PlainPrinter:
        printer = PlainPrinter(cloud.url, key)
        printer.serial = serial
        made.append(printer)
        return printer

    yield make
    for printer in made:
        await printer.close()


@pytest.fixture
async def printer(new_printer: Callable[..., PlainPrinter]) -> PlainPrinter:
    """A registered printer, online."""
    first = new_printer()
    await first.connect()
    serial = (await first.register())["serialNumber"]
    await first.close()
    online = new_printer(serial=serial)
    assert (await online.hello(await online.connect()))["status"] == "SUCCESS"
    return online


class PanelPeer:
    """The worker's end of sim/panel_wire.py, by itself: shows what a test says."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.heard: list[Finger | DoorMoved] = []
        self.reacts = True
        self.hook: Callable[[Finger | DoorMoved], None] = lambda _message: None
        self.revision = Revision()
        self._seen = Seen(png=picture("black"), width=12, height=8, rows=("Ready",))
        self._writers: set[asyncio.StreamWriter] = set()
        self._held: dict[asyncio.StreamWriter, set[Key]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.socket)

    async def stop(self) -> None:
        """As a worker that was killed: the connections break, the socket's file stays."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers.copy():
                writer.close()
            await self._server.wait_closed()
            self.socket.unlink(missing_ok=True)
        self._server = None

    def show(self, **changes: Any) -> None:
        self._seen = msgspec.structs.replace(self._seen, **changes)
        for writer in self._writers:
            self._tell(writer)

    @property
    def watchers(self) -> int:
        return len(self._writers)

    @property
    def seen(self) -> Seen:
        return self._seen

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.revision.wait_beyond(self.revision.number)

    def _tell(self, writer: asyncio.StreamWriter, data: bytes | None = None) -> None:
        writer.write((data or msgspec.json.encode(self._seen)) + b"\n")

    def say_raw(self, data: bytes) -> None:
        for writer in self._writers:
            self._tell(writer, data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._held[writer] = set()
        self._tell(writer)
        self.revision.bump()
        try:
            with contextlib.suppress(ConnectionError):  # the watcher was ended
                while line := await reader.readline():
                    self._hear(writer, msgspec.json.decode(line, type=FromWatcher))
        finally:
            self._writers.discard(writer)
            del self._held[writer]
            self._keys_changed()
            writer.close()
            self.revision.bump()

    def _hear(self, writer: asyncio.StreamWriter, message: Finger | DoorMoved) -> None:
        self.heard.append(message)
        if self.reacts:
            self._obey(writer, message)
            self.hook(message)
        self.revision.bump()

    def _obey(self, writer: asyncio.StreamWriter, message: Finger | DoorMoved) -> None:
        if isinstance(message, DoorMoved):
            self.show(door_open=message.open)
        else:
            held = self._held[writer]
            (held.add if message.down else held.discard)(message.key)
            self._keys_changed()

    def _keys_changed(self) -> None:
        down = set[Key]().union(*self._held.values())
        self.show(keys=tuple(key for key in Key if key in down))


def picture(colour: str, size: tuple[int, int] = (12, 8)) -> bytes:
    """A PNG of one colour."""
    png = io.BytesIO()
    Image.new("RGB", size, colour).save(png, "PNG")
    return png.getvalue()


@pytest.fixture
def panel_socket() -> Iterator[Path]:
    """A short path: Unix sockets allow 107 characters."""
    with tempfile.TemporaryDirectory(prefix="panel-") as folder:
        yield Path(folder) / "panel.sock"


@pytest.fixture
async def panel(panel_socket: Path) -> AsyncIterator[PanelPeer]:
    """A front panel to be watched."""
    peer = PanelPeer(panel_socket)
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
def paint() -> Callable[..., bytes]:
    """Makes PNGs of one colour."""
    return picture
