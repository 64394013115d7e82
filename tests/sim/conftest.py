"""A printer without a printer: what a plain Socket.IO client sends to the local cloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import socketio

from appliance.polar.keys import PrinterKey
from appliance.sim.cloud import CloudOptions, LocalCloud

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
