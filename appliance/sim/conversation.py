"""The protocol core and the virtual Marlin talking in virtual time, as fast as Python runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from appliance.printer.protocol import (
    Acknowledged,
    Event,
    Failed,
    Halted,
    Marlin,
    Ready,
    Restarted,
)
from appliance.sim.marlin import VirtualMarlin


class Conversation:
    """Sends ``commands`` through ``host`` to ``printer`` as a print would: while there is room.

    ``delay`` is the time (seconds) that bytes spend in the adapter on their way to the host.
    ``mangle`` may change what the host hears, ``observe`` is told each event.
    """

    def __init__(
        self,
        host: Marlin,
        printer: VirtualMarlin,
        commands: Iterable[str] = (),
        *,
        delay: float = 0.0,
        mangle: Callable[[bytes], bytes] | None = None,
        observe: Callable[[Event], None] | None = None,
    ) -> None:
        self.host = host
        self.printer = printer
        self.now = 0.0
        self.ready = False
        self.ended: Failed | Halted | Restarted | None = None
        self.sent: list[int] = []
        self.acknowledged: list[int] = []
        self.finished_feeding = False
        self._commands: Iterator[str] = iter(commands)
        self._command = next(self._commands, None)
        self._delay = delay
        self._mangle = mangle
        self._observe = observe
        self._incoming: deque[tuple[float, bytes]] = deque()
        host.opened(0.0)

    @property
    def done(self) -> bool:
        """Everything was sent and the host says that all of it arrived."""
        return self._command is None and self.ready and self.host.quiet

    def run(self, until: Callable[[], bool] | None = None, limit: float = 1e6) -> None:
        """Let time pass until ``until`` (default: :attr:`done`), an end, or ``limit`` seconds."""
        over = until or (lambda: self.done)
        while not over() and self.ended is None and self.now < limit:
            self.step(limit)

    def step(self, limit: float) -> None:
        """Go to the next moment at which something happens."""
        times = [self.host.next_tick(), self.printer.next_event()]
        if self._incoming:
            times.append(self._incoming[0][0])
        self.now = max(self.now, min((t for t in times if t is not None), default=limit))
        heard = self.printer.advance(self.now)
        if heard:
            self._incoming.append((self.now + self._delay, heard))
        while self._incoming and self._incoming[0][0] <= self.now:
            self._hear(self._incoming.popleft()[1])
        due = self.host.next_tick()
        if due is not None and due <= self.now:
            self._take(self.host.tick(self.now))
        self.feed()

    def _hear(self, data: bytes) -> None:
        data = self._mangle(data) if self._mangle else data
        self._take(self.host.received(data, self.now))
        self.feed()

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Acknowledged):
                self.acknowledged.append(event.number)
            elif isinstance(event, Ready):
                self.ready = True
            elif isinstance(event, Failed | Halted | Restarted):
                self.ended = event
            if self._observe:
                self._observe(event)

    def feed(self) -> None:
        """Send while there is room, and put on the wire what the host wants there."""
        host = self.host
        while self._command is not None and host.room_for(self._command):
            self.sent.append(host.send(self._command, self.now))
            self._command = next(self._commands, None)
        if data := host.output():
            self.printer.receive(data, self.now)
