"""Connections are few and must say something soon: slow clients do not use up the device."""

from __future__ import annotations

import asyncio

from aiohttp import web

MOST = 64  # connections at once
HEAD_TIME = 15.0  # seconds until the first request's head is there


class Connections:
    """Makes a protocol for each connection, as ``loop.create_server`` wants it."""

    def __init__(self, server: web.Server, most: int = MOST, head_time: float = HEAD_TIME) -> None:
        self._server = server
        self._most = most
        self._head_time = head_time
        self._waiting: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

    def __call__(self) -> asyncio.BaseProtocol:
        """A protocol for one more connection."""
        if len(self._server.connections) >= self._most:
            return _Full()
        protocol = self._server()
        loop = asyncio.get_running_loop()
        self._waiting[protocol] = loop.call_later(self._head_time, self._too_slow, protocol)
        return protocol

    def begun(self, protocol: asyncio.BaseProtocol) -> None:
        """A whole request's head arrived on this connection."""
        timer = self._waiting.pop(protocol, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Wait for nobody any more."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _too_slow(self, protocol: web.RequestHandler) -> None:
        self._waiting.pop(protocol, None)
        protocol.force_close()


class _Full(asyncio.Protocol):
    """For a connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
            b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        transport.close()
