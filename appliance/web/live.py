"""The live picture: one capture loop for any number of viewers, and none when nobody watches.

**Who may see it.** The Polar Cloud's page embeds ``camUrl`` (section 3.6) from its own origin
for members on the same network, so neither our session cookie (SameSite=Strict) nor a header
can be asked of that request. The address itself is therefore the permission: it carries a
random key of 128 bits that the device made and that only the cloud (over TLS) and confirmed
browsers are told. Whoever knows it sees the picture and can do nothing else; whoever does not
gets what any stranger gets. The page itself uses its session. Making a new key shuts out
those who know the old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from appliance.errors import ApplianceError, CameraError
from appliance.revision import Revision

log = logging.getLogger(__name__)

INTERVAL: Final = 0.7  # seconds between two pictures, whoever watches
PATIENCE: Final = 15.0  # seconds without a picture after which streams are ended
SLOW: Final = 10.0  # seconds that a viewer may take for one picture
VIEWERS: Final = 8
BOUNDARY: Final = "picture"

Picture = Callable[[], Awaitable[bytes]]
"""Takes one upright JPEG. Raises CameraError."""


class TooManyViewers(ApplianceError):
    """Everybody watches."""

    default_short = "Too many viewers"


class Live:
    """Shares the camera. ``interval``, ``patience`` and ``slow`` are seconds."""

    def __init__(
        self,
        picture: Picture,
        *,
        interval: float = INTERVAL,
        patience: float = PATIENCE,
        slow: float = SLOW,
    ) -> None:
        self._picture = picture
        self._interval = interval
        self._patience = patience
        self._slow = slow
        self._viewers = 0
        self._show: _Show | None = None

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return self._viewers

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """The newest picture again and again; ends when the camera gives none any more.

        A viewer that is slow misses pictures. Raises CameraError before the first one,
        TooManyViewers at once. Close it (``aclosing``) to stop watching.
        """
        if self._viewers >= VIEWERS:
            raise TooManyViewers("Too many browsers show the camera already. Close one of them.")
        if self._show is None or self._show.over:
            self._show = _Show(self._picture, self._interval, self._patience)
        show = self._show
        self._viewers += 1
        try:
            async for jpeg in show.watch():
                yield jpeg
        finally:
            self._viewers -= 1
            show.viewers -= 1
            if not show.viewers:
                show.end()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer with ``multipart/x-mixed-replace``."""
        async with contextlib.aclosing(self.frames()) as frames:
            try:
                first = await anext(frames)
            except (CameraError, TooManyViewers) as error:
                return _no_picture(error)
            except StopAsyncIteration:
                return _no_picture(CameraError("The camera gives no picture now."))
            response = web.StreamResponse(headers=_HEADERS)
            response.headers["Content-Type"] = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
            response.force_close()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError, TimeoutError):  # the viewer went, or sleeps
                await self._send(response, first)
                async for jpeg in frames:
                    await self._send(response, jpeg)
                await response.write(f"--{BOUNDARY}--\r\n".encode())
            return response

    async def snapshot(self, _request: web.Request) -> web.Response:
        """Answer with one picture: that of the viewers where somebody watches, else a new one."""
        try:
            latest = self._show.latest if self._show is not None else None
            jpeg = latest if latest is not None else await self._picture()
        except CameraError as error:
            return _no_picture(error)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=_HEADERS)

    def close(self) -> None:
        """End every stream."""
        if self._show is not None:
            self._show.end()

    async def _send(self, response: web.StreamResponse, jpeg: bytes) -> None:
        head = (
            f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        ).encode()
        async with asyncio.timeout(self._slow):
            await response.write(head + jpeg + b"\r\n")


class _Show:
    """One capture loop, from its first viewer to its last, or to the camera's failure."""

    def __init__(self, picture: Picture, interval: float, patience: float) -> None:
        self._picture = picture
        self._interval = interval
        self._patience = patience
        self._news = Revision()
        self._fault: CameraError | None = None
        self.latest: bytes | None = None
        self.over = False
        self.viewers = 0
        self._task = asyncio.create_task(self._run(), name="live picture")

    async def watch(self) -> AsyncIterator[bytes]:
        self.viewers += 1
        seen = 0
        while not self.over:
            if self._news.number > seen and self.latest is not None:
                seen = self._news.number
                yield self.latest
            await self._news.wait_beyond(seen)
        if not seen and self._fault is not None:
            raise self._fault

    def end(self) -> None:
        self._task.cancel()
        self.over, self.latest = True, None
        self._news.bump()

    async def _run(self) -> None:
        try:
            await self._capture()
        except Exception:  # boundary of this task: viewers see their stream end
            log.exception("the live picture")
        finally:
            self.over, self.latest = True, None
            self._news.bump()

    async def _capture(self) -> None:
        """Take pictures until the camera has failed for too long."""
        clock = asyncio.get_running_loop().time
        good_at = clock()
        while True:
            begun = clock()
            try:
                self.latest = await self._picture()
                good_at = clock()
                self._news.bump()
            except CameraError as error:
                self._fault = error
                if self.latest is None or clock() - good_at >= self._patience:
                    log.info("the live picture ends: %s", error.long)
                    return
            await asyncio.sleep(max(0.0, self._interval - (clock() - begun)))


_HEADERS = {
    "Cache-Control": "no-store",
    # The cloud's page embeds the picture from its own origin; only the picture.
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def _no_picture(error: ApplianceError) -> web.Response:
    return web.Response(status=503, text=error.long, headers=_HEADERS)
