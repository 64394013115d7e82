"""A file server that answers as it is told, and a download against it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from appliance.cloud.downloads import Downloaded, DownloadRules, download
from appliance.cloud.partfile import part_path

CONTENT = bytes(range(256)) * 400  # 102,400 bytes, no two places of it alike modulo 256
TAG = '"v1"'

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


class Request:
    """What a client asked for, read from the bare wire."""

    def __init__(self, head: bytes, server: Server, reader: asyncio.StreamReader) -> None:
        self._server = server
        self._reader = reader
        lines = head.decode().split("\r\n")
        self.path = lines[0].split(" ")[1]
        pairs = (line.partition(":") for line in lines[1:] if line)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    async def until(self, done: int) -> None:
        """Wait until the client has ``done`` bytes of the file, or has hung up."""
        gone = asyncio.ensure_future(self._reader.read())
        while self._server.done < done and not gone.done():
            self._server.moved.clear()
            moved = asyncio.ensure_future(self._server.moved.wait())
            await asyncio.wait({moved, gone}, return_when=asyncio.FIRST_COMPLETED)
            moved.cancel()
        gone.cancel()

    @property
    def start(self) -> int | None:
        wanted = self.headers.get("range")
        return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else None


class Server:
    """A web server that does exactly as told, one answer per request, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.url = ""
        self.done = 0
        self.moved = asyncio.Event()

    def progress(self, done: int, _total: int | None) -> None:
        """What the client's on_progress tells."""
        self.done = done
        self.moved.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = Request(await reader.readuntil(b"\r\n\r\n"), self, reader)
            self.requests.append(request)
            self.done = 0
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await answer(request, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up, as several tests make it do
        finally:
            writer.close()


def head(status: str, **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(content: bytes = CONTENT, cut: int | None = None, **headers: object) -> Answer:
    """200 with the file, broken off once ``cut`` bytes have arrived."""
    named = {
        name: value
        for name, value in ({"Content_Length": len(content), "ETag": TAG} | headers).items()
        if value is not None
    }

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head("200 OK", **named) + content[:cut])
        if cut and "Content_Encoding" not in named:
            await request.until(min(cut, len(content)))

    return answer


def ranged(content: bytes = CONTENT, cut: int | None = None, tag: str = TAG) -> Answer:
    """A server that knows Range and If-Range as RFC 9110 says; ``cut`` bytes of each answer."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        start = request.start
        if start is None or request.headers.get("if-range", tag) != tag:
            await whole(content, cut, ETag=tag)(request, writer)
        elif start >= len(content):
            writer.write(head("416 No", Content_Range=f"bytes */{len(content)}", Content_Length=0))
        else:
            rest = content[start:]
            where = f"bytes {start}-{len(content) - 1}/{len(content)}"
            writer.write(
                head("206 Part", Content_Length=len(rest), Content_Range=where, ETag=tag)
                + rest[:cut]
            )
            if cut:
                await request.until(start + min(cut, len(rest)))

    return answer


def says(status: str, body: bytes = b"", **headers: object) -> Answer:
    async def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(status, Content_Length=len(body), **headers) + body)

    return answer


class Bench:
    """A server, a target, a clock that only sleeping moves, and a disk of any size."""

    def __init__(self, folder: Path, http: aiohttp.ClientSession, server: Server) -> None:
        self.server = server
        self.target = folder / "spool" / "job.gcode"
        self.http = http
        self.now = 0.0
        self.naps: list[float] = []
        self.free = 10_000_000
        self.progress: list[tuple[int, int | None]] = []
        self.rules = DownloadRules(
            stall=20.0, give_up=600.0, clock=lambda: self.now, sleep=self.sleep, free=self.space
        )

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def note(self, done: int, total: int | None) -> None:
        self.progress.append((done, total))
        self.server.progress(done, total)

    def space(self, folder: Path) -> int:
        part = part_path(self.target)
        return self.free - (part.stat().st_size if part.exists() else 0)

    async def fetch(self, *answers: Answer, **more: Any) -> Downloaded:
        self.server.answers = list(answers)
        arguments: dict[str, Any] = {
            "url": self.server.url + "/job.gcode?X-Amz-Signature=5ec4e7",
            "target": self.target,
            "limit": 1_000_000,
            "reserve": 0,
            "on_progress": self.note,
            "rules": self.rules,
        }
        return await download(self.http, **(arguments | more))

    @property
    def starts(self) -> list[int | None]:
        return [request.start for request in self.server.requests]

    def leftovers(self) -> list[str]:
        folder = self.target.parent
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
