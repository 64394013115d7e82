"""Real Status Servers (Node, npm's socket.io) and a network that can be cut, for the tests."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

FOLDER = Path(__file__).parent.parent / "peers"
VERSIONS = ("v1", "v2", "v4")
PATIENCE = 20.0  # s; for what takes milliseconds on an idle machine

Line = dict[str, Any]


class StatusServer:
    """A `node server.js`; everything it says is kept in `lines`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._heard = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())
        self.lines: list[Line] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._heard:
                self.lines.append(json.loads(line))
                self._heard.notify_all()

    async def heard(self, condition: Callable[[Line], object], count: int = 1) -> Line:
        """The `count`-th line that fulfils the condition, as soon as it is there."""

        def matching() -> list[Line]:
            return [line for line in self.lines if condition(line)]

        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(lambda: len(matching()) >= count)
            return matching()[count - 1]

    async def heard_event(self, event: str, count: int = 1) -> Any:
        line = await self.heard(lambda line: line.get("event") == event, count)
        return line["payload"]

    def order(self, **order: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def report(self) -> Line:
        count = sum("report" in line for line in self.lines)
        self.order(report=True)
        report: Line = (await self.heard(lambda line: "report" in line, count + 1))["report"]
        return report

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def status_server(version: str, **options: object) -> AsyncIterator[StatusServer]:
    """A server that listens; options are those of server.js, with underscores."""
    if not (FOLDER / "node_modules").is_dir():
        raise RuntimeError(
            "The Status Servers of the tests are not installed: run `npm ci --prefix tests/peers`."
        )
    arguments = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    process = await asyncio.create_subprocess_exec(
        "node",
        str(FOLDER / "server.js"),
        f"--version={version}",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=16_000_000,
    )
    server = StatusServer(process)
    try:
        server.port = (await server.heard(lambda line: "listening" in line))["listening"]
        yield server
    finally:
        await server.kill()


class Network:
    """A TCP proxy that can be stalled, cut and restored."""

    def __init__(self, port_behind: int) -> None:
        self._port_behind = port_behind
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def restore(self) -> None:
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def stall(self) -> None:
        """Connections stay, new ones are taken, and nothing passes."""
        self._flowing.clear()

    def cut(self) -> None:
        """Connections break, new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._flowing.set()

    async def ended(self) -> None:
        """After a cut, wait for the last of the connections."""
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            await self._flowing.wait()
            behind = await asyncio.open_connection("127.0.0.1", self._port_behind)
            self._writers.add(behind[1])
            await asyncio.gather(self._pump(reader, behind[1]), self._pump(behind[0], writer))
        except OSError:
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        else:
            writer.close()


@asynccontextmanager
async def network(port_behind: int) -> AsyncIterator[Network]:
    between = Network(port_behind)
    await between.restore()
    try:
        yield between
    finally:
        between.cut()
        await between.ended()
