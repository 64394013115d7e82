"""Questions to the cloud and their answers, which carry no mark of what they answer.

So one question for each type of answer is under way at a time, and others wait their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from appliance.errors import CloudError
from appliance.polar import messages

T = TypeVar("T")


class Questions:
    """Who waits for which answer. Pure but for the waiting itself."""

    def __init__(self) -> None:
        self._turns: dict[type, asyncio.Lock] = {}
        self._waiting: dict[type, tuple[asyncio.Future[Any], Callable[[Any], bool]]] = {}
        self._echoes_asked = 0
        self._echoes_heard = 0

    def turn(self, answer: type) -> asyncio.Lock:
        """To be held while a question for this type of answer is under way."""
        return self._turns.setdefault(answer, asyncio.Lock())

    @asynccontextmanager
    async def waiting(
        self, answer: type[T], fits: Callable[[T], bool]
    ) -> AsyncIterator[asyncio.Future[T]]:
        """Within the context, the first ``answer`` that ``fits`` goes to the future."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = (future, fits)
        try:
            yield future
        finally:
            del self._waiting[answer]
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen, whether or not somebody waited for it

    def sent(self, message: messages.PrinterMessage) -> None:
        """This message went out."""
        if isinstance(message, messages.Capabilities):
            self._echoes_asked += 1

    def next_echo(self) -> Callable[[messages.CapabilitiesResponse], bool]:
        """What fits the answer to the next ``capabilities``, and to none sent before it.

        The session asks too, at the start of each connection; answers come in order.
        """
        number = self._echoes_asked + 1
        return lambda _: self._echoes_heard >= number

    def answered(self, message: messages.CloudMessage) -> bool:
        """Whether this message was waited for."""
        if isinstance(message, messages.CapabilitiesResponse):
            self._echoes_heard += 1
        future, fits = self._waiting.get(type(message), (None, None))
        if future is None or fits is None or future.done() or not fits(message):
            return False
        future.set_result(message)
        return True

    def lost(self) -> None:
        """The connection is gone, and with it every answer."""
        self._echoes_asked = self._echoes_heard = 0
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(
                    CloudError("The connection was lost before the Polar Cloud answered.")
                )
