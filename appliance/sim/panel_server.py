"""Lets watchers see and touch the simulated panel over a Unix socket (``panel_wire``)."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from collections import Counter
from pathlib import Path

import msgspec

from appliance.panel.keys import Key
from appliance.sim.panel_front import Front
from appliance.sim.panel_wire import DoorMoved, Finger, FromWatcher, Seen

log = logging.getLogger(__name__)

INTERVAL = 0.1  # seconds between two pictures
TOUCH = 0.05  # seconds: the shortest tap of a finger, and the shortest pause after it
_CLEAR = 2.5  # times the debounce time: surely noticed
_MOST_WAITING = 1 << 20  # bytes for a watcher who does not read; it misses the rest
_LONGEST = 1 << 16


class _Button:
    """A finger takes its time: a click of a mouse becomes a tap that a contact can follow."""

    def __init__(self, front: Front, key: Key, moved: asyncio.Event, touch: float) -> None:
        self._front = front
        self._key = key
        self._moved = moved
        self._touch = touch
        self._wanted: asyncio.Queue[bool] = asyncio.Queue()

    def move(self, *, down: bool) -> None:
        self._wanted.put_nowait(down)

    async def run(self) -> None:
        while True:
            down = await self._wanted.get()
            if down is not (self._key in self._front.keys):
                self._front.press(self._key, down=down)
                self._moved.set()
                await asyncio.sleep(self._touch)


class PanelServer:
    """Shows ``front`` to any number of watchers, and lends each of them its fingers."""

    def __init__(self, front: Front, path: Path) -> None:
        self._front = front
        self._path = path
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved = asyncio.Event()  # a key or the door: told at once
        self._painted = asyncio.Event()  # the display
        self._watchers: dict[asyncio.StreamWriter, Counter[Key]] = {}
        touch = max(TOUCH, _CLEAR * front.hardware.buttons.debounce)
        self._buttons = {key: _Button(front, key, self._moved, touch) for key in Key}
        self._picture = (b"", 0, 0)  # PNG, width, height
        self._rows: tuple[str, ...] = ()

    def drawn(self) -> None:
        """Something was written to the display; from any thread."""
        if self._loop is not None and not self._painted.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has ended, and all with it
                self._loop.call_soon_threadsafe(self._painted.set)

    async def run(self) -> None:
        """Serve for ever."""
        self._loop = asyncio.get_running_loop()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._path, limit=_LONGEST)
        self._painted.set()
        async with server, asyncio.TaskGroup() as group:
            group.create_task(self._tell_moves())
            group.create_task(self._tell_pictures())
            for button in self._buttons.values():
                group.create_task(button.run())

    async def _tell_moves(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            self._tell()

    async def _tell_pictures(self) -> None:
        while True:
            await self._painted.wait()
            self._painted.clear()
            if self._watchers and self._look():
                self._tell()
            await asyncio.sleep(INTERVAL)

    def _look(self) -> bool:
        """Whether the display looks different now."""
        rows, image = self._front.rows(), self._front.picture()
        if image is None:
            return False
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        before = self._rows, self._picture
        self._rows, self._picture = rows, (buffer.getvalue(), image.width, image.height)
        return before != (self._rows, self._picture)

    def _seen(self) -> bytes:
        png, width, height = self._picture
        seen = Seen(
            png=png,
            width=width,
            height=height,
            rows=self._rows,
            door_open=self._front.door_open,
            keys=self._front.keys,
        )
        return msgspec.json.encode(seen) + b"\n"

    def _tell(self) -> None:
        line = self._seen()
        for writer in self._watchers:
            if writer.transport.get_write_buffer_size() < _MOST_WAITING:
                writer.write(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One watcher, until it goes; then its fingers are lifted."""
        held = self._watchers[writer] = Counter()
        decoder: msgspec.json.Decoder[FromWatcher] = msgspec.json.Decoder(FromWatcher)
        try:
            self._look()
            writer.write(self._seen())
            async for line in reader:
                self._take(decoder.decode(line), held)
        except (OSError, ValueError) as error:  # too long a line, or no message of ours
            log.warning("A watcher of the panel is sent away: %s", error)
        finally:
            del self._watchers[writer]
            for key in [key for key, fingers in held.items() if fingers]:
                held[key] = 0
                self._settle(key)
            writer.close()

    def _take(self, message: FromWatcher, held: Counter[Key]) -> None:
        if isinstance(message, DoorMoved):
            self._front.move_door(opened=message.open)
            self._moved.set()
        elif isinstance(message, Finger):
            held[message.key] = int(message.down)
            self._settle(message.key, moved=message.down)

    def _settle(self, key: Key, *, moved: bool = False) -> None:
        """A button is down while any watcher has a finger on it."""
        others = any(held[key] for held in self._watchers.values())
        self._buttons[key].move(down=moved or others)
