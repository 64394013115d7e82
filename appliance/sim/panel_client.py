"""A watcher of the simulated front panel: sees its display, presses its buttons, moves its door.

The panel is the worker's side of ``sim/panel_wire.py``; it comes and goes with the agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from appliance.errors import ApplianceError
from appliance.panel.keys import Key
from appliance.revision import Revision
from appliance.sim.panel_wire import DoorMoved, Finger, FromWatcher, Seen, ToWatcher

log = logging.getLogger(__name__)

RETRY_PAUSE = 0.2  # seconds; the socket is there as soon as the worker runs
PATIENCE = 10.0  # seconds that a key waits for a panel that is just being started
LONGEST_MESSAGE = 4 << 20  # bytes; a large colour picture in base64 has some 100 kB

T = TypeVar("T")


class PanelAway(ApplianceError):
    """Nothing answers on the simulated panel's socket, or it does not react."""

    default_short = "No front panel"


class PanelWatcher:
    """One watcher; connects again for ever. Use as an async context manager.

    Every key that it holds is lifted when it ends.
    """

    def __init__(self, socket: Path) -> None:
        self.seen: Seen | None = None  # None while the panel is not there
        self._socket = socket
        self._revision = Revision()
        self._writer: asyncio.StreamWriter | None = None
        self._held: set[Key] = set()
        self._decoder = msgspec.json.Decoder(ToWatcher)
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="panel watcher")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for key in self._held.copy():
            self._tell(Finger(key, down=False))
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})

    # What is seen

    async def changed(self) -> Seen | None:
        """What is seen after the next change; None when the panel has gone."""
        await self._revision.wait_beyond(self._revision.number)
        return self.seen

    async def changes(self) -> AsyncIterator[Seen | None]:
        """What is seen now, then the newest after every change, for ever."""
        while True:
            number = self._revision.number
            yield self.seen
            await self._revision.wait_beyond(number)

    async def wait_for(self, condition: Callable[[Seen], T], timeout: float = PATIENCE) -> T:
        """The first true answer of ``condition``, asked at every change.

        Raises TimeoutError that tells what was seen last.
        """
        try:
            async with asyncio.timeout(timeout):
                async for seen in self.changes():
                    if seen is not None and (answer := condition(seen)):
                        return answer
        except TimeoutError:
            raise TimeoutError(
                f"Not within {timeout:g} s. The front panel: {self.words()}"
            ) from None
        raise AssertionError("the changes never end")

    async def gone(self, timeout: float = PATIENCE) -> None:
        """Return once the panel is not there; it comes again by itself. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            async for seen in self.changes():
                if seen is None:
                    return

    def words(self) -> str:
        """What is seen, for people and logs."""
        if self.seen is None:
            return "it is not there"
        rows = " / ".join(row.strip() for row in self.seen.rows)
        return rows or f"a picture of {self.seen.width} x {self.seen.height}"

    # What a person does

    async def press(self, key: Key) -> None:
        """Press and let go, each for as long as the panel needs to notice. Raises PanelAway."""
        await self.down(key)
        await self.up(key)

    async def hold(self, key: Key, seconds: float) -> None:
        """Press, keep it down for so long, and let go. Raises PanelAway."""
        await self.down(key)
        await asyncio.sleep(seconds)
        await self.up(key)

    async def down(self, key: Key) -> None:
        """Put a finger on the button; returns once the panel shows it. Raises PanelAway."""
        await self._touch(key, down=True)

    async def up(self, key: Key) -> None:
        """Lift it; returns once the panel shows that. Raises PanelAway."""
        await self._touch(key, down=False)

    async def door(self, open: bool) -> None:
        """Open or close the door; returns once its switch shows it. Raises PanelAway."""
        await self._until(DoorMoved(open), lambda seen: seen.door_open is open)

    def send(self, message: FromWatcher) -> None:
        """Say it without waiting for anything; lost while the panel is not there."""
        if isinstance(message, Finger):
            (self._held.add if message.down else self._held.discard)(message.key)
        self._tell(message)

    async def _touch(self, key: Key, *, down: bool) -> None:
        await self._until(Finger(key, down), lambda seen: (key in seen.keys) is down)

    async def _until(self, message: FromWatcher, shown: Callable[[Seen], bool]) -> None:
        try:
            await self.wait_for(lambda _seen: True)
            self.send(message)
            await self.wait_for(shown)
        except TimeoutError:
            raise PanelAway(
                f"The simulated front panel on {self._socket} did not react to {message}. "
                "Does the agent run with panel.simulated set to this path?"
            ) from None

    def _tell(self, message: FromWatcher) -> None:
        if self._writer is not None:
            self._writer.write(msgspec.json.encode(message) + b"\n")

    # The connection

    async def _watch(self) -> None:
        while True:
            try:
                await self._follow()
            except (OSError, asyncio.LimitOverrunError, msgspec.DecodeError) as error:
                log.debug("simulated panel: %s", error)
            except asyncio.IncompleteReadError:
                log.debug("The simulated panel has gone.")
            self._see(None)
            await asyncio.sleep(RETRY_PAUSE)

    async def _follow(self) -> None:
        """One connection, until it ends."""
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=LONGEST_MESSAGE)
        self._held.clear()  # a panel that was started anew has no finger on it
        self._writer = writer
        try:
            while True:
                self._see(self._decoder.decode(await reader.readuntil()))
        finally:
            self._writer = None
            writer.close()

    def _see(self, seen: Seen | None) -> None:
        if seen != self.seen:
            self.seen = seen
            self._revision.bump()
