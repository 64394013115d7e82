"""What the session asks of the key, done beside the connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from appliance.cloud.key_tool import Keys
from appliance.errors import ApplianceError
from appliance.polar.actions import Action, CheckPair, Sign
from appliance.polar.key_pair import KeyProblem
from appliance.polar.session import Session

_log = logging.getLogger(__name__)


class KeyWork:
    """One thing at a time: what is asked later makes what was asked before void.

    ``perform`` carries out what follows; ``failed`` gets the reason when nothing can.
    """

    def __init__(
        self,
        keys: Keys,
        session: Session,
        perform: Callable[[list[Action]], Awaitable[None]],
        failed: Callable[[str], Awaitable[None]],
    ) -> None:
        self._keys = keys
        self._session = session
        self._perform = perform
        self._failed = failed
        self._asking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, asked: Sign | CheckPair) -> None:
        """Start doing what the session asks."""
        if self._asking is not None:
            self._asking.cancel()
        task = asyncio.create_task(self._do(asked), name="key work")
        self._asking = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """The connection is gone; see :meth:`ended`."""
        self._asking = None
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Return when nothing is under way any more."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _do(self, asked: Sign | CheckPair) -> None:
        try:
            actions = await self._answered(asked)
            self._asking = None  # a message half sent would be worse than one too many
            await self._perform(actions)
        except ApplianceError as error:
            await self._failed(error.long)
        except Exception:  # noqa: BLE001  # the boundary of a task: the loop tries again
            _log.exception("the key's work failed")
            await self._failed("The printer's key could not be used.")

    async def _answered(self, asked: Sign | CheckPair) -> list[Action]:
        if isinstance(asked, Sign):
            signature = await self._keys.sign(asked.key, asked.challenge)
            return self._session.signed(asked, signature)
        try:
            pair = await self._keys.check(asked.private, asked.public)
        except KeyProblem:
            return self._session.checked(asked, None)
        return self._session.checked(asked, pair)
