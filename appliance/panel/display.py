"""The narrow driver of a display, and what went wrong with one."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from appliance.errors import ApplianceError
from appliance.panel.screen import Screen
from appliance.settings_panel import PanelSettings

SILENT: Final = (errno.EREMOTEIO, errno.EIO, errno.ENXIO, errno.ETIMEDOUT)
"""Error numbers of an I2C bus on which nobody answers."""
DENIED: Final = (errno.EACCES, errno.EPERM)


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


def number_of(error: Exception) -> int | None:
    """The system's error number, None where there is none."""
    return error.errno if isinstance(error, OSError) else None


def i2c_problem(settings: PanelSettings, address: int, error: Exception) -> DisplayError:
    """What failed on the I2C bus of the display at ``address``, and what to do."""
    number = number_of(error)
    if number in DENIED:
        return denied("i2c", error)
    if number is None or number in SILENT:
        return not_found(settings, address)
    return DisplayError(
        f"I2C bus {settings.i2c_port} cannot be used ({error}). Check panel.i2c_port, "
        "and that I2C is enabled (raspi-config, Interface Options).",
        short="No I2C bus",
    )


def not_found(settings: PanelSettings, address: int, answering: Sequence[int] = ()) -> DisplayError:
    """Nothing answers at ``address``, but perhaps something at other usual ones."""
    others = ", ".join(f"0x{one:02X}" for one in answering)
    hint = f" Something answers at {others}." if others else ""
    return DisplayError(
        f"No display answers at address 0x{address:02X} of I2C bus {settings.i2c_port}.{hint} "
        "Check panel.i2c_address, panel.i2c_port and the four wires.",
        short="No display found",
    )


def pins_problem(keys: str, error: Exception) -> DisplayError:
    """The GPIO pins of the settings ``keys`` cannot be used."""
    if number_of(error) in DENIED:
        return denied("gpio", error)
    return DisplayError(
        f"The display's GPIO pins cannot be used ({error}). Check {keys}.", short="Display pins?"
    )


@contextmanager
def taking_pins(keys: str) -> Iterator[None]:
    """Whatever goes wrong with pins inside becomes a DisplayError that names ``keys``."""
    try:
        yield
    except Exception as error:  # driver boundary: lgpio's errors are plain exceptions
        raise pins_problem(keys, error) from error
