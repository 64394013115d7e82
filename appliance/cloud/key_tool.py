"""The printer's key in use: a worker process for each single thing, which ends at once.

Rarely is a key needed (a challenge for each connection), and the library for it would stay
in the agent's memory for ever.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from appliance.errors import ApplianceError
from appliance.host import child
from appliance.polar.key_pair import (
    Answer,
    Check,
    KeyPair,
    KeyProblem,
    Make,
    Problem,
    Read,
    Request,
    Signature,
    SignWith,
)

TIME_LIMIT = 60.0  # s; a Raspberry Pi Zero 2 needs some for a new key, far less for the rest
_NICE = 5  # the printer daemon comes first
_MEMORY = 256 << 20  # bytes of address space
_MAX_REMARK = 200  # characters

T = TypeVar("T", KeyPair, Signature)


class KeyToolFailed(ApplianceError):
    """The worker did not answer; of the key this says nothing."""

    default_short = "Key worker failed"


class Keys(Protocol):
    """What the line to the cloud needs of a key; see KeyTool."""

    async def sign(self, key: KeyPair, challenge: str) -> str:
        """The signature, base64. Raises ApplianceError."""

    async def check(self, private: str, public: str) -> KeyPair:
        """The pair. Raises KeyProblem when it is none, ApplianceError when nobody knows."""


def worker_command() -> list[str]:
    """Not -OO as the daemons: an installation has no such files ready, and speed counts."""
    return child.limited(
        [sys.executable, "-m", "appliance.polar.key_worker"], nice=_NICE, memory=_MEMORY
    )


class KeyTool:
    """Asks a worker, one at a time. Everything raises KeyToolFailed when it does not answer."""

    def __init__(self, command: Sequence[str] = (), limit: float = TIME_LIMIT) -> None:
        """``limit`` in seconds for each answer; ``command`` stands in for the worker."""
        self._command = list(command) or worker_command()
        self._limit = limit
        self._alone = asyncio.Lock()

    async def make(self) -> KeyPair:
        """A new key; takes some seconds on a small computer."""
        return await self._ask(Make(), KeyPair)

    async def read(self, private: str) -> KeyPair:
        """The pair that a private key in PEM belongs to. Raises KeyProblem."""
        return await self._ask(Read(private), KeyPair)

    async def check(self, private: str, public: str) -> KeyPair:
        """The pair of these halves, PEM. Raises KeyProblem when they do not fit."""
        return await self._ask(Check(private, public), KeyPair)

    async def sign(self, key: KeyPair, challenge: str) -> str:
        """The signature of a challenge, base64, for ``hello``. Raises KeyProblem."""
        return (await self._ask(SignWith(key.private, challenge), Signature)).text

    async def _ask(self, request: Request, kind: type[T]) -> T:
        async with self._alone:
            try:
                async with asyncio.timeout(self._limit):
                    answer = await self._run(msgspec.json.encode(request))
            except TimeoutError:
                raise KeyToolFailed(
                    f"The printer's key could not be used within {self._limit:g} s."
                ) from None
        if isinstance(answer, Problem):
            raise KeyProblem(answer.text)
        if not isinstance(answer, kind):
            raise KeyToolFailed("The key worker answered what it was not asked.")
        return answer

    async def _run(self, request: bytes) -> Answer:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await child.start(self._command, stdin=pipe, stdout=pipe)
        except OSError as error:
            raise KeyToolFailed(f"The key worker cannot be started ({error}).") from error
        try:
            said, remarks = await process.communicate(request)
        finally:
            await child.kill_group(process)
        if process.returncode != 0:
            remark = remarks.decode(errors="replace").strip().rpartition("\n")[2][:_MAX_REMARK]
            raise KeyToolFailed(f"The key worker ended with code {process.returncode}: {remark}")
        try:
            answer: Answer = msgspec.json.decode(said, type=Answer)
        except msgspec.DecodeError:
            raise KeyToolFailed("The key worker's answer cannot be read.") from None
        return answer
