"""What the Marlin protocol core tells its owner."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from appliance.printer.api import Heater, Problem


class Firmware(msgspec.Struct, frozen=True):
    """What the firmware says of itself (M115)."""

    name: str = ""  # FIRMWARE_NAME
    machine: str = ""  # MACHINE_TYPE
    capabilities: Mapping[str, bool] = {}  # the Cap: lines

    def can(self, capability: str) -> bool:
        """The firmware says that it has ``capability``, such as EMERGENCY_PARSER."""
        return self.capabilities.get(capability, False)


class Ready(msgspec.Struct, frozen=True):
    """The printer introduced itself; lines may be sent."""

    firmware: Firmware


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """The printer took line ``number``; ``answer`` is what it said to it.

    Once for each line of :meth:`Marlin.send`, in order. It rests on counted answers and is
    meant for pacing; that a line truly arrived is what :attr:`Marlin.quiet` says.
    """

    number: int
    answer: tuple[str, ...] = ()


class Temperatures(msgspec.Struct, frozen=True):
    """A temperature report, by cloud name: tool0, tool1, …, bed, chamber."""

    heaters: dict[str, Heater]


class Busy(msgspec.Struct, frozen=True):
    """The printer works on a long command (HOST_KEEPALIVE)."""

    text: str


class HostAction(msgspec.Struct, frozen=True):
    """A ``//action:name argument`` of the firmware."""

    name: str
    argument: str


class Text(msgspec.Struct, frozen=True):
    """A line worth showing: echo, errors that stop nothing, answers."""

    line: str


class Restarted(msgspec.Struct, frozen=True):
    """The firmware started anew: whatever it was doing is lost. A new handshake is under way."""


class Halted(msgspec.Struct, frozen=True):
    """The firmware stopped for good; only a reset helps, heaters cannot be trusted."""

    reason: str


class Failed(msgspec.Struct, frozen=True):
    """No conversation is possible any more on this connection."""

    problem: Problem


Event = Ready | Acknowledged | Temperatures | Busy | HostAction | Text | Restarted | Halted | Failed
