"""A root shell in the emulated machine, over a port that only the tests' own card has."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PATIENCE = 120.0  # seconds for one command on a busy machine


class GuestError(AssertionError):
    """A command in the machine failed."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    output: str  # of both stdout and stderr


class Shell:
    """Commands, one after another; several callers wait for each other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._one_at_a_time = asyncio.Lock()
        self._greeted = False

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect to qemu's end of the port, before the machine has opened its own."""
        return cls(*await asyncio.open_unix_connection(path, limit=64 * 1024 * 1024))

    async def hello(self) -> None:
        """Until the shell runs. Raises GuestError when the machine has ended."""
        while not self._greeted:
            line = await self._reader.readline()
            if not line:
                raise GuestError("the machine ended before its shell was there")
            self._greeted = line == b"hello\n"

    async def ask(self, command: str, patience: float = PATIENCE) -> Done:
        """Carry ``command`` out with bash, within ``patience`` seconds."""
        async with self._one_at_a_time, asyncio.timeout(patience):
            number = next(self._numbers)
            self._writer.write(b"%d %s\n" % (number, base64.b64encode(command.encode())))
            await self._writer.drain()
            while True:
                line = await self._reader.readline()
                if not line:
                    raise GuestError(f"the machine ended during: {command}")
                answered, _, rest = line.decode().partition(" ")
                if answered == str(number):
                    break
        code, _, output = rest.strip().partition(" ")
        return Done(int(code), base64.b64decode(output).decode(errors="replace"))

    async def run(self, command: str, patience: float = PATIENCE) -> str:
        """What ``command`` prints, without its last line feed. Raises GuestError when it fails."""
        done = await self.ask(command, patience)
        if done.code:
            raise GuestError(f"{command!r} ended with {done.code}: {done.output}")
        return done.output.rstrip("\n")

    async def wait(self, condition: str, limit: float) -> None:
        """Until the shell condition holds in the machine. Raises GuestError after ``limit`` s."""
        loop = (
            f"until {condition}; do [ $SECONDS -lt {int(limit)} ] || exit 9; sleep 0.5; done "
            ">/dev/null 2>&1"
        )
        done = await self.ask(loop, limit + PATIENCE)
        if done.code:
            raise GuestError(f"not within {limit} s: {condition}")

    def close(self) -> None:
        """Let go of the port."""
        with contextlib.suppress(OSError):
            self._writer.close()
