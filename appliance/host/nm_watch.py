"""Waiting for NetworkManager: its signals, turned into news, states of a device, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from appliance.host.bus import Bus, Signal
from appliance.host.nm_reader import DEVICE, RULES, matters
from appliance.host.nm_states import Attempt

SUPPLICANT = "fi.w1.wpa_supplicant1"
SUPPLICANT_RULE = f"sender='{SUPPLICANT}',interface='{SUPPLICANT}',member='InterfaceAdded'"

T = TypeVar("T")


class NmWatch:
    """Hears the bus for everybody who waits for something of NetworkManager."""

    def __init__(self, bus: Bus) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._waiting: set[asyncio.Event] = set()
        self._attempts: dict[Attempt, tuple[str, asyncio.Event]] = {}
        bus.listen((*RULES, SUPPLICANT_RULE), self._hear)

    def listen(self, changed: Callable[[], None]) -> None:
        """``changed`` is called whenever the network may be another one."""
        self._listeners.append(changed)

    @contextmanager
    def follow(self, device: str, attempt: Attempt) -> Iterator[asyncio.Event]:
        """Feed ``attempt`` with the states of a device; gives an event, set when it is done."""
        over = asyncio.Event()
        self._attempts[attempt] = (device, over)
        try:
            yield over
        finally:
            del self._attempts[attempt]

    async def until(self, check: Callable[[], Awaitable[T | None]], limit: float) -> T | None:
        """Ask now and after every signal until there is an answer; None after ``limit`` s."""
        async with self.news() as news:
            try:
                async with asyncio.timeout(limit):
                    while True:
                        news.clear()
                        if (answer := await check()) is not None:
                            return answer
                        await news.wait()
            except TimeoutError:
                return None

    @asynccontextmanager
    async def news(self) -> AsyncIterator[asyncio.Event]:
        """An event that every signal sets."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def _hear(self, signal: Signal) -> None:
        if signal.interface == SUPPLICANT:
            self._wake()
            return
        if signal.interface == DEVICE and signal.member == "StateChanged":
            for attempt, (device, over) in tuple(self._attempts.items()):
                if device == signal.path and attempt.feed(signal.body[0], signal.body[2]):
                    over.set()
        if matters(signal):
            self._wake()
            for changed in self._listeners:
                changed()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()
