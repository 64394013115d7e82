"""A printer whose every word is written down: for tests of one exact course of events."""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from appliance.printer.protocol import Event, Marlin, Ready

_LINE = re.compile(r"(N(-?\d+) (.*))\*(\d+)")


class Talk:
    """``host`` on one side; on the other whoever calls :meth:`say`. Time is virtual."""

    def __init__(self, host: Marlin) -> None:
        self.host = host
        self.now = 100.0
        self.events: list[Event] = []
        host.opened(self.now)

    def introduce(self, *capabilities: str) -> Ready:
        """Lead the handshake, to the end of the first line that the host sends by itself."""
        self.wait(0.5)
        assert self.wrote() == [(0, "M110 N0")]
        self.say("ok")
        assert self.wrote() == [(1, "M115")]
        events = self.say(
            "FIRMWARE_NAME:Marlin 2.1 SOURCE_CODE_URL:example.org MACHINE_TYPE:Test One",
            *(f"Cap:{name}:1" for name in capabilities),
            "ok",
        )
        first = self.wrote()
        assert [number for number, _ in first] == [2]
        self.say("ok T:20.0 /0.0" if first[0][1] == "M105" else "ok")
        ready = events[-1]
        assert isinstance(ready, Ready)
        return ready

    def say(self, *lines: str) -> list[Event]:
        """The printer says these lines, all in one piece."""
        return self.say_bytes("".join(f"{line}\n" for line in lines).encode())

    def say_bytes(self, data: bytes) -> list[Event]:
        """The printer sends these bytes."""
        events = self.host.received(data, self.now)
        self.events += events
        return events

    def wait(self, seconds: float) -> list[Event]:
        """Let time pass; the host is woken whenever it asked for it."""
        end = self.now + seconds
        events: list[Event] = []
        while (due := self.host.next_tick()) is not None and due <= end:
            self.now = max(self.now, due)
            events += self.host.tick(self.now)
        self.now = end
        events += self.host.tick(end)
        self.events += events
        return events

    def send(self, *commands: str) -> list[int]:
        """The owner of the host sends commands, whether there is room or not."""
        return [self.host.send(command, self.now) for command in commands]

    def wrote(self) -> list[tuple[int, str]]:
        """(number, command) of what the host wrote since the last call; -1 = no number.

        Raises AssertionError for a wrong checksum.
        """
        found = []
        for line in self.host.output().decode().split("\n"):
            if match := _LINE.fullmatch(line):
                assert reduce(xor, match[1].encode()) == int(match[4]), line
                found.append((int(match[2]), match[3]))
            elif line:
                found.append((-1, line))
        return found
