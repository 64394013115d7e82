"""The monitor of qemu: one JSON object a line, one answer to each order."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Self


class QmpError(Exception):
    """qemu refuses an order."""


class Qmp:
    """An open connection to qemu's monitor."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect to the socket at ``path``. Raises OSError when nobody listens."""
        qmp = cls(*await asyncio.open_unix_connection(path))
        await qmp._reader.readline()  # the greeting
        await qmp.order("qmp_capabilities")
        return qmp

    async def order(self, name: str, **arguments: object) -> Any:
        """What qemu returns. Raises QmpError with its words."""
        message = {"execute": name, "arguments": arguments}
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()
        while True:
            line = await self._reader.readline()
            if not line:
                raise QmpError(f"{name}: qemu has ended")
            answer = json.loads(line)
            if "error" in answer:
                raise QmpError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:  # else an event
                return answer["return"]

    def close(self) -> None:
        """Let go of the monitor."""
        self._writer.close()
