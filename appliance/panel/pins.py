"""Buttons, encoder and door switch on GPIO pins, through gpiozero on an injected pin factory.

gpiozero calls back from threads of its own; levels cross into the event loop through a
bounded queue, so that a contact that makes edges without end (a motor's cable next to it)
costs neither memory nor the loop. Edges can be lost: every level is read regularly, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from appliance.errors import ApplianceError
from appliance.panel.buttons import Contact, KeyFilter
from appliance.panel.door import DoorFilter
from appliance.panel.gpio import GpioError
from appliance.panel.keys import KeyStroke
from appliance.panel.wire import DoorSeen, Hardware, Health, Stroked, Up
from appliance.printer.api import Problem

log = logging.getLogger(__name__)

POLL = 0.5  # seconds between two readings of all levels
RETRY = 10.0  # seconds until a pin that cannot be used is tried again
_MOST_EDGES = 256  # waiting for the loop; older ones are dropped, the levels are read again

Factory = Callable[[], Any]  # makes a gpiozero pin factory; raises ApplianceError
_Changed = Callable[["Line", bool], None]


class Line:
    """One pin of the settings, open or with a fault."""

    def __init__(self, key: str, pin: int, pull: str) -> None:
        self.key = key  # of the setting: "buttons.ok"
        self.pin = pin
        self.high: bool | None = None  # the level that was last handed on; None while closed
        self.fault: Problem | None = None
        part, _, name = key.partition(".")
        self.part = part  # ``buttons`` or ``door``
        self.contact = Contact(name) if part == "buttons" and name in set(Contact) else None
        self._pull = pull
        self._device: Any = None

    def open(self, factory: Any, changed: _Changed) -> None:
        """Watch the pin; on trouble there is a ``fault`` afterwards."""
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - not for the agent

        pull_up = {"up": True, "down": False}.get(self._pull)
        how: dict[str, Any] = {"active_state": True} if pull_up is None else {}
        try:
            self._device = DigitalInputDevice(self.pin, pull_up=pull_up, pin_factory=factory, **how)
            active_high = self._pull != "up"
            self._device.when_activated = lambda: changed(self, active_high)
            self._device.when_deactivated = lambda: changed(self, not active_high)
            self.high, self.fault = self.read(), None
        except Exception as error:  # noqa: BLE001 - driver boundary: backends raise anything
            self._fail(error)

    def read(self) -> bool:
        """The present level; raises whatever the backend does."""
        return bool(self._device.value) is not (self._pull == "up")

    def poll(self) -> bool | None:
        """The present level, or None when the pin is closed or fails now."""
        if self._device is None:
            return None
        try:
            return self.read()
        except Exception as error:  # noqa: BLE001 - driver boundary: backends raise anything
            self._fail(error)
            return None

    def close(self) -> None:
        """Let go of the pin."""
        device, self._device, self.high = self._device, None, None
        if device is not None:
            try:
                device.close()
            except Exception:
                log.exception("Pin %d (%s) cannot be released.", self.pin, self.key)

    def _fail(self, error: Exception) -> None:
        self.close()
        problem = Problem(
            f"Pin {self.pin}: {self.key.rpartition('.')[2]}"[:20],
            f"{self.key}: GPIO pin {self.pin} cannot be used ({type(error).__name__}: {error}). "
            "Check that no other program or display uses it, and that its pull fits the pin.",
        )
        if problem != self.fault:  # once, not at every try
            log.warning("%s", problem.long, exc_info=error)
        self.fault = problem


class Pins:
    """Watches the pins of the settings and sends what they mean."""

    def __init__(
        self,
        hardware: Hardware,
        send: Callable[[Up], None],
        factory: Factory,
        *,
        poll: float = POLL,
        retry: float = RETRY,
    ) -> None:
        buttons, door = hardware.buttons, hardware.door
        self._hardware = hardware
        self._send = send
        self._make_factory = factory
        self._poll_interval, self._retry_interval = poll, retry
        self._factory: Any = None
        self._said = ""  # why there is none
        self.lines = {
            key: Line(key, pin, pull)
            for part, pins, pull in (
                ("buttons", buttons.pins(), buttons.pull),
                ("door", door.pins(), door.pull),
            )
            for name, pin in pins.items()
            for key in (f"{part}.{name}",)
        }
        self._keys = KeyFilter(buttons)
        self._door: DoorFilter | None = None  # while its switch can be read
        self._told_door: int | None = None
        self._told: dict[str, Problem | None] = {}
        self._edges: deque[tuple[Line, bool, float]] = deque(maxlen=_MOST_EDGES)
        self._wake = asyncio.Event()
        self._called = False  # the loop was asked to wake up
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def busy(self) -> bool:
        """A key is down or moves, or an edge waits to be looked at."""
        return bool(self._edges) or self._keys.busy

    async def run(self) -> None:
        """Watch for ever; a pin that fails is tried again and stops no other."""
        if not self.lines:
            await asyncio.Event().wait()
        self._loop = asyncio.get_running_loop()
        polled = tried = time.monotonic()
        self._open()
        try:
            while True:
                await self._sleep_until(self._next(polled + self._poll_interval))
                self._drain()
                now = time.monotonic()
                if now >= polled + self._poll_interval:
                    polled = now
                    self._poll()
                if now >= tried + self._retry_interval:
                    tried = now
                    self._open()
                self._tick(now)
                self._tell()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of all pins."""
        for line in self.lines.values():
            line.close()

    async def _sleep_until(self, when: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, when - time.monotonic())):
                await self._wake.wait()
        self._called = False  # before the queue is emptied: what comes now wakes it again
        self._wake.clear()

    def _next(self, poll: float) -> float:
        dues = (poll, self._keys.next_tick(), self._door.next_tick() if self._door else None)
        return min(due for due in dues if due is not None)

    # --- opening -----------------------------------------------------------------------------

    def _open(self) -> None:
        """Open what is not open; say what cannot be used."""
        closed = [line for line in self.lines.values() if line.high is None]
        if closed and self._got_factory(closed):
            for line in closed:
                line.open(self._factory, self._changed)
            self._begin([line for line in closed if line.high is not None])
        if self._door is None and "door.pin" in self.lines:
            self._tell_door(None, first="door" not in self._told)
        self._tell()

    def _got_factory(self, closed: list[Line]) -> bool:
        if self._factory is not None:
            return True
        try:
            self._factory = self._make_factory()
        except Exception as caught:  # noqa: BLE001 - driver boundary: backends raise anything
            error = self._as_ours(caught)
            for line in closed:
                keys = ", ".join(one.key for one in closed if one.part == line.part)
                line.fault = Problem(error.short, f"{keys}: {error.long}")
            return False
        return True

    def _as_ours(self, error: Exception) -> ApplianceError:
        if isinstance(error, ApplianceError):
            return error
        text = f"GPIO pins cannot be used ({type(error).__name__}: {error})."
        if text != self._said:  # once, not at every try
            self._said = text
            log.error("%s", text, exc_info=error)
        return GpioError(text)

    def _begin(self, opened: list[Line]) -> None:
        for line in opened:
            if line.contact:
                down = self._down(line.high is True)
                self._keys.begin(line.contact, down, time.monotonic())
        turns = self._turns()
        if turns and any(line.part == "buttons" and not line.contact for line in opened):
            self._keys.begin_turns(*turns)
        if any(line.part == "door" for line in opened):
            self._begin_door()

    def _begin_door(self) -> None:
        """Both switches anew: the value is sent again once it is stable."""
        if self._high("door.pin") is not None:
            lock = self._high("door.lock_pin") is not None
            self._door = DoorFilter(self._hardware.door, lock=lock)
            self._see_door(time.monotonic())

    # --- levels ------------------------------------------------------------------------------

    def _changed(self, line: Line, high: bool) -> None:
        """Called in a thread of the backend."""
        self._edges.append((line, high, time.monotonic()))
        loop = self._loop
        if loop is not None and not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop has ended; so does this process
                loop.call_soon_threadsafe(self._wake.set)

    def _drain(self) -> None:
        while self._edges:
            line, high, at = self._edges.popleft()
            if line.high is not None:
                self._take(line, high, at)

    def _poll(self) -> None:
        for line in self.lines.values():
            was_open = line.high is not None
            high = line.poll()
            if high is not None:
                if high is not line.high:
                    self._take(line, high, time.monotonic())
            elif was_open:
                self._lost(line)

    def _lost(self, line: Line) -> None:
        if line.contact:
            self._keys.begin(line.contact, False, time.monotonic())
        elif line.key == "door.pin":
            self._door = None
            self._tell_door(None)
        elif line.key == "door.lock_pin":
            self._begin_door()

    def _take(self, line: Line, high: bool, at: float) -> None:
        line.high = high
        if line.part == "door":
            self._see_door(at)
        elif line.contact:
            self._strokes(self._keys.edge(line.contact, self._down(high), at))
        else:
            turns = self._turns()
            if turns:
                self._strokes(self._keys.turn(*turns, at))

    def _tick(self, now: float) -> None:
        self._strokes(self._keys.tick(now))
        if self._door:
            self._tell_door(self._door.tick(now) if self._door else None)

    def _down(self, high: bool) -> bool:
        return high is (self._hardware.buttons.pressed == "high")

    def _turns(self) -> tuple[bool, bool] | None:
        a, b = self._high("buttons.encoder_a"), self._high("buttons.encoder_b")
        return None if a is None or b is None else (a, b)

    def _high(self, key: str) -> bool | None:
        line = self.lines.get(key)
        return line.high if line else None

    def _see_door(self, at: float) -> None:
        door = self._hardware.door
        high, lock = self._high("door.pin"), self._high("door.lock_pin")
        if self._door and high is not None:
            opened = high is (door.open == "high")
            locked = lock is (door.locked == "high")
            self._tell_door(self._door.see(opened=opened, locked=locked, now=at))

    # --- telling -----------------------------------------------------------------------------

    def _strokes(self, strokes: list[KeyStroke]) -> None:
        for stroke in strokes:
            self._send(Stroked(stroke))

    def _tell_door(self, value: int | None, *, first: bool = False) -> None:
        """``value`` as the filter gives it: None is "no news" while the switch can be read."""
        if value is None and self._door is not None:
            return
        if first or value != self._told_door:
            self._told_door = value
            self._send(DoorSeen(value))

    def _tell(self) -> None:
        """How the parts do: at the start, and whenever that changes."""
        for part in {line.part: None for line in self.lines.values()}:
            problem = self._problem(part)
            if part not in self._told or self._told[part] != problem:
                self._told[part] = problem
                self._send(Health(part, problem))

    def _problem(self, part: str) -> Problem | None:
        found = [one.fault for one in self.lines.values() if one.part == part and one.fault]
        worn = self._keys.problem if part == "buttons" else self._door and self._door.problem
        if worn:
            found.append(worn)
        if not found:
            return None
        return Problem(found[0].short, " ".join(dict.fromkeys(one.long for one in found)))
