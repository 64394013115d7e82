"""A cloud whose part the test plays: no sockets, no waiting, a clock of its own."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from appliance.cloud.client import CloudClient, Connection, Timing
from appliance.cloud.key_tool import Keys
from appliance.cloud.reconnect import Backoff
from appliance.errors import CloudError
from appliance.polar import messages
from appliance.polar.actions import (
    Action,
    Close,
    Send,
)
from appliance.polar.keys import PrinterKey, verify
from appliance.polar.session import HelloFacts, Session
from tests.polar.signing import KeysHere

PATIENCE = 20.0  # s
SERIAL = "P3D12345"
KEY = PrinterKey.generate()
STATUS = messages.Status(serial_number=SERIAL, status=0)


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, PATIENCE)


class ScriptedConnection:
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[tuple[str, object] | CloudError | None] = asyncio.Queue()
        self._sent: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.broken = False

    async def __aiter__(self) -> AsyncIterator[tuple[str, object]]:
        while (item := await self._inbox.get()) is not None:
            if isinstance(item, CloudError):
                raise item
            yield item

    async def emit(self, event: str, payload: object) -> None:
        await asyncio.sleep(0)
        if self.broken or self.closed.is_set():
            raise CloudError("It cannot be sent.")
        self._sent.put_nowait((event, payload))

    async def close(self) -> None:
        self.closed.set()
        self._inbox.put_nowait(None)

    def say(self, event: str, payload: object) -> None:
        self._inbox.put_nowait((event, payload))

    def lose(self, reason: str = "The line went dead.") -> None:
        self._inbox.put_nowait(CloudError(reason))

    async def heard(self, event: str | None) -> Any:
        """The payload of the next message, which must be this one; its name for None."""
        name, payload = await soon(self._sent.get())
        assert event in (name, None)
        return name if event is None else payload

    def unheard(self) -> list[str]:
        return [self._sent.get_nowait()[0] for _ in range(self._sent.qsize())]

    async def greet(self, status: str = "SUCCESS", serial_number: str = SERIAL) -> None:
        """Play the server's part up to its helloResponse."""
        self.say("welcome", {"challenge": "c" * 8})
        hello = await self.heard("hello")
        assert hello["serialNumber"] == serial_number
        assert verify(KEY.public_pem(), "c" * 8, hello["signature"])
        self.say("helloResponse", {"status": status, "message": ""})
        if status == "SUCCESS":
            await self.heard("capabilities")


class Cloud:
    """What is behind the opener: connections, or the failures that come first."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.opened: list[ScriptedConnection] = []
        self._new: asyncio.Queue[ScriptedConnection] = asyncio.Queue()

    async def open(self) -> Connection:
        assert all(connection.closed.is_set() for connection in self.opened), "two at once"
        if self.failures:
            raise CloudError(self.failures.pop(0))
        connection = ScriptedConnection()
        self.opened.append(connection)
        self._new.put_nowait(connection)
        return connection

    async def connection(self) -> ScriptedConnection:
        connection: ScriptedConnection = await soon(self._new.get())
        return connection


class Clock:
    """Time passes only while the loop sleeps, or when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()
        self.wake.set()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.asleep.set()
        await asyncio.sleep(0)
        await self.wake.wait()
        self.now += seconds

    def timing(self, hello: float) -> Timing:
        return Timing(
            monotonic=lambda: self.now, wall=lambda: 1.7e9 + self.now, sleep=self.sleep, hello=hello
        )


class Ceiling(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Rig:
    def __init__(self, serial_number: str | None, hello: float) -> None:
        self.cloud = Cloud()
        self.clock = Clock()
        self.actions: list[Action] = []
        self.session = Session(KEY.pair(), serial_number, HelloFacts(mfg="test", mac="00:11"))
        self.client = CloudClient(
            self.cloud.open,
            self.session,
            self.actions.append,
            keys=KeysHere(),
            backoff=Backoff(Ceiling()),
            timing=self.clock.timing(hello),
        )

    def use(self, keys: Keys) -> None:
        """These from now on, before anything was asked."""
        self.client._key_work._keys = keys

    def news(self, kind: type[Action]) -> list[Action]:
        return [action for action in self.actions if isinstance(action, kind)]

    async def go_online(self) -> ScriptedConnection:
        connection = await self.cloud.connection()
        await connection.greet()
        await soon(self.client.wait_online())
        return connection


@asynccontextmanager
async def running(
    serial_number: str | None = SERIAL, *failures: str, hello: float = PATIENCE
) -> AsyncIterator[Rig]:
    rig = Rig(serial_number, hello)
    rig.cloud.failures.extend(failures)
    task = asyncio.create_task(rig.client.run())
    try:
        yield rig
        assert not task.done(), "the loop must never end"
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert all(connection.closed.is_set() for connection in rig.cloud.opened)
    assert not rig.news(Send)
    assert not rig.news(Close)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # turns of the loop, not time
        await asyncio.sleep(0)
