"""A virtual board on a clock of its own."""

from __future__ import annotations

from appliance.sim.faults import Faults
from appliance.sim.marlin import MarlinOptions, VirtualMarlin

QUICK = MarlinOptions(baud=0, turnaround=0.0)


class Bench:
    """A board, and a clock that goes as far as its next event."""

    def __init__(self, options: MarlinOptions = QUICK, faults: Faults | None = None) -> None:
        self.marlin = VirtualMarlin(options, faults)
        self.now = 0.0
        self.heard: list[tuple[float, str]] = []
        self._rest = b""

    def send(self, *lines: str | bytes) -> None:
        for line in lines:
            self.marlin.receive(line if isinstance(line, bytes) else f"{line}\n".encode(), self.now)

    def run(self, seconds: float = 1000.0) -> list[str]:
        """Live on for ``seconds``; the lines that reached the host meanwhile."""
        until = self.now + seconds
        first = len(self.heard)
        while (event := self.marlin.next_event()) is not None and event <= until:
            self._hear(self.marlin.advance(event), event)
        self._hear(self.marlin.advance(until), until)
        self.now = until
        return [line for _, line in self.heard[first:]]

    def _hear(self, data: bytes, now: float) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.heard += [(now, line.decode("latin-1")) for line in lines]

    def ask(self, *lines: str | bytes) -> list[str]:
        self.send(*lines)
        return self.run()
