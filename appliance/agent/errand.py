"""Something that takes a while and that a page waits for: begun once, and seen in the view."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from appliance.errors import ApplianceError
from appliance.setup.api import Errand, Progress

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[str]]
"""Does it, and returns a sentence. Raises ApplianceError, :class:`FieldError` where it can."""


class FieldError(ApplianceError):
    """It failed because of one input; ``field`` is the key of the form."""

    def __init__(self, field: str, long: str, *, short: str | None = None) -> None:
        super().__init__(long, short=short)
        self.field = field


class Errands:
    """One errand of a kind at a time; ``changed`` is called whenever its state is another."""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self.view = Errand()
        self._name = name
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """One is under way."""
        return self.view.progress is Progress.RUNNING

    def begin(self, work: Work, text: str) -> bool:
        """Begin it, saying ``text`` meanwhile; False when one is under way already."""
        if self.running:
            return False
        self._see(Errand(Progress.RUNNING, text))
        self._task = asyncio.create_task(self._run(work), name=self._name)
        return True

    async def close(self) -> None:
        """Break off what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, work: Work) -> None:
        try:
            self._see(Errand(Progress.DONE, await work()))
        except FieldError as error:
            log.info("%s: %s", self._name, error.long)
            self._see(Errand(Progress.FAILED, error.long, error.field))
        except ApplianceError as error:
            log.info("%s: %s", self._name, error.long)
            self._see(Errand(Progress.FAILED, error.long))
        except Exception:  # boundary of one errand: the agent goes on
            log.exception("%s", self._name)
            self._see(Errand(Progress.FAILED, "The appliance made a mistake; its log tells more."))

    def _see(self, errand: Errand) -> None:
        self.view = errand
        self._changed()
