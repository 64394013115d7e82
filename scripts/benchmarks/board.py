"""A virtual Marlin as a process of its own, and its parent's side of it.

The child answers each line on its standard input with a :class:`Report` on its standard
output, and ends when that input does.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from appliance.sim.faults import Faults
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.ports import PtyPort
from appliance.sim.printer import PrinterLoop, hurry
from benchmarks.model import SEGMENT, SEGMENT_BYTES

ANSWER_LIMIT = 30.0  # seconds


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of board; times in seconds."""

    link: str
    baud: int
    turnaround: float = 0.001
    speed: float = 1e6  # moves take no time: the wire is the limit
    fault_every: int = 0
    seed: int = 1


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the board saw of the file's segments."""

    segments: int  # executed
    digest: str  # SHA-256 over them, in the order of execution
    first: float  # when the first was executed, seconds of the board's wire
    last: float
    last_seen: float  # when bytes of a segment last left the host, monotonic seconds
    dropped_bytes: int
    refused: int
    resets: int
    faults: dict[str, int]


class _WatchedPort(PtyPort):
    """Remembers when bytes of the file last left the host."""

    last_seen = 0.0

    def read(self) -> bytes:
        """What the host wrote."""
        data = super().read()
        if data and SEGMENT_BYTES.search(data):
            self.last_seen = time.monotonic()
        return data


class _Child:
    def __init__(self, setting: Setting) -> None:
        faults = Faults(setting.seed, setting.fault_every) if setting.fault_every else None
        options = MarlinOptions(
            baud=setting.baud,
            turnaround=setting.turnaround,
            speed=setting.speed,
            boot_time=0.1,
            keep_executed=0,
        )
        self._marlin = VirtualMarlin(options, faults)
        self._marlin.on_executed = self._executed
        self._port = _WatchedPort(Path(setting.link))
        self._loop = PrinterLoop(self._marlin, self._port, reset_on_open=True)
        self._digest = sha256()
        self._segments = 0
        self._first = self._last = 0.0

    def _executed(self, command: str, now: float) -> None:
        if SEGMENT.fullmatch(command):
            self._first = self._first if self._segments else now
            self._last = now
            self._segments += 1
            self._digest.update(command.encode() + b"\n")

    def _report(self, marlin: VirtualMarlin, _now: float) -> Report:
        faults = marlin.faults.struck if marlin.faults else {}
        return Report(
            segments=self._segments,
            digest=self._digest.hexdigest(),
            first=self._first,
            last=self._last,
            last_seen=self._port.last_seen,
            dropped_bytes=marlin.dropped_bytes,
            refused=marlin.errors,
            resets=marlin.resets,
            faults={kind.value: count for kind, count in faults.items()},
        )

    def run(self) -> None:
        threading.Thread(target=self._answer, daemon=True).start()
        hurry()
        self._loop.run()
        self._loop.close()

    def _answer(self) -> None:
        for _ in sys.stdin:
            report = self._loop.order(self._report).result()
            sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
            sys.stdout.buffer.flush()
        self._loop.stop()


class Board:
    """The parent's side."""

    def __init__(self, setting: Setting, process: asyncio.subprocess.Process) -> None:
        self.setting = setting
        self._process = process

    async def report(self) -> Report:
        """What it has seen so far."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"\n")
        async with asyncio.timeout(ANSWER_LIMIT):
            return msgspec.json.decode(await self._process.stdout.readline(), type=Report)


@asynccontextmanager
async def board(setting: Setting) -> AsyncIterator[Board]:
    """A board on ``setting.link`` for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.board", msgspec.json.encode(setting).decode()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        one = Board(setting, process)
        await one.report()  # it is there
        yield one
    finally:
        if process.stdin:
            process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    _Child(msgspec.json.decode(sys.argv[1], type=Setting)).run()
