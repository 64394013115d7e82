"""The narrow driver of a display, and what went wrong with one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from appliance.errors import ApplianceError
from appliance.panel.screen import Screen


class DisplayError(ApplianceError):
    """The display, its bus or its pins cannot be used; tried again later."""

    default_short = "Display problem"


class Display(Protocol):
    """A display that can show screens. Every method may block for some milliseconds."""

    @property
    def graphic(self) -> bool:
        """It can show pictures."""

    def show(self, screen: Screen, elapsed: float) -> float | None:
        """Draw ``screen``, which is shown since ``elapsed`` seconds; write only what changed.

        Returns in how many seconds it must be drawn again because something in it moves (a
        long name that scrolls, lines in turn), None when nothing does. Raises DisplayError.
        """

    def refresh(self) -> None:
        """Initialise the controller anew and forget what it shows. Raises DisplayError."""

    def close(self) -> None:
        """Let go of bus and pins; never raises."""


class Wires(Protocol):
    """Where the displays' bytes go: the real buses, or simulated chips."""

    def i2c(self, port: int) -> object:
        """An open bus with the methods of ``smbus2.SMBus``. Raises DisplayError."""

    def spi(self, port: int, device: int) -> object:
        """An open bus with the methods of ``spidev.SpiDev``. Raises DisplayError."""

    def gpio(self) -> object:
        """A module with the functions of ``RPi.GPIO``. Raises DisplayError."""


def answering(bus: Any, addresses: Iterable[int], but: int) -> list[int]:
    """Those of the usual ``addresses`` on an I2C bus, ``but`` one, at which something answers."""
    found = []
    for address in addresses:
        if address == but:
            continue
        try:
            bus.read_byte(address)
        except OSError:
            continue
        found.append(address)
    return found


def denied(group: str, error: Exception) -> DisplayError:
    """What to do where the appliance's user may not use the bus or the pins."""
    return DisplayError(
        f"No permission for the display ({error}). Add the appliance's user to the group "
        f"{group}, then restart it.",
        short=f"No {group} permission",
    )
