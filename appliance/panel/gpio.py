"""The header's GPIO chip, found by its label, and the module RPi.GPIO on it.

The chip's number moves between kernels and boards (field notes). rpi-lgpio, which provides
``RPi.GPIO``, takes the number from the environment variable RPI_LGPIO_CHIP.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

from appliance.errors import ApplianceError

LABEL = "POLAR_GPIO_LABEL"
"""Environment variable: label of another chip (a shell pattern), such as one of gpio-sim."""

HEADER = "pinctrl-*"
DEVICES = Path("/dev")
REMEDY_GROUP = "Add the appliance's user to the group gpio, then restart it."
REMEDY_MODULE = "Install rpi-lgpio (apt install python3-rpi-lgpio on Raspberry Pi OS)."
_REVISION = "RPI_LGPIO_REVISION"
_ANY_BOARD = "a02082"  # Pi 3B: what a chip that sits on no Raspberry Pi is taken for
_CHIP_INFO = struct.Struct("32s32sI")  # struct gpiochip_info of linux/gpio.h
_GET_CHIP_INFO = 0x8044B401  # GPIO_GET_CHIPINFO_IOCTL
_importing = threading.Lock()  # the import changes the working directory of the process


class GpioError(ApplianceError):
    """The GPIO chip or the module for it cannot be used."""

    default_short = "GPIO problem"


@dataclass(frozen=True)
class Chip:
    """A GPIO chip of the kernel."""

    number: int
    label: str
    lines: int


def wanted() -> str:
    """The pattern of the label of the chip to be used."""
    return os.environ.get(LABEL) or HEADER


def find_chip(devices: Path = DEVICES) -> Chip:
    """The header's chip. Raises GpioError saying whether it is missing or not permitted."""
    locked = None
    for path in sorted(devices.glob("gpiochip*")):
        if path.is_symlink():
            continue  # an old number of another one
        try:
            chip = _ask(path)
        except PermissionError:
            locked = path
            continue
        except OSError:
            continue  # unplugged just now
        if fnmatchcase(chip.label, wanted()):
            return chip
    if locked:
        raise GpioError(f"No permission for {locked}. {REMEDY_GROUP}", short="No GPIO permission")
    raise GpioError(
        f"There is no GPIO chip whose label is {wanted()} in {devices}. Buttons, door switch and "
        "displays on pins need the header of a Raspberry Pi.",
        short="No GPIO chip",
    )


def _ask(path: Path) -> Chip:
    buffer = bytearray(_CHIP_INFO.size)
    with path.open("rb", buffering=0) as file:
        fcntl.ioctl(file, _GET_CHIP_INFO, buffer)
    _, label, lines = _CHIP_INFO.unpack(buffer)
    number = int(path.name.removeprefix("gpiochip"))
    return Chip(number, label.split(b"\0")[0].decode(errors="replace"), lines)


def rpi_gpio() -> ModuleType:
    """The module RPi.GPIO, in BCM numbering on the header's chip. Raises GpioError."""
    chip = find_chip()
    os.environ["RPI_LGPIO_CHIP"] = str(chip.number)
    if LABEL in os.environ:
        os.environ.setdefault(_REVISION, _ANY_BOARD)
    try:
        with _importing, _folder_for_pipes():
            from RPi import GPIO  # noqa: PLC0415 - only on the device
        GPIO.setwarnings(False)
        GPIO.setmode(GPIO.BCM)
    except ImportError as error:
        raise GpioError(
            f"The Python module RPi.GPIO is missing ({error}). {REMEDY_MODULE}",
            short="RPi.GPIO missing",
        ) from error
    except Exception as error:  # driver boundary: lgpio's errors are plain exceptions
        raise GpioError(f"GPIO chip {chip.number} cannot be used ({error}).") from error
    assert isinstance(GPIO, ModuleType)
    return GPIO


@contextmanager
def _folder_for_pipes() -> Iterator[None]:
    """On import lgpio makes a named pipe in the working directory, and may not be allowed to.

    It changes into the folder LG_WD; once both ends of the pipe are open it needs no name.
    """
    before = Path.cwd()
    folder = tempfile.mkdtemp(prefix="polar-panel-")
    os.environ["LG_WD"] = folder
    try:
        yield
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def pin_factory() -> Any:
    """A gpiozero pin factory on the header's chip. Raises GpioError."""
    rpi_gpio()
    from gpiozero.pins.rpigpio import RPiGPIOFactory  # noqa: PLC0415 - imports RPi.GPIO

    class HeaderFactory(RPiGPIOFactory):  # type: ignore[misc]  # gpiozero has no types
        """Knows the board's revision where the device tree does not (a virtual machine)."""

        def _get_revision(self) -> Any:
            told = os.environ.get(_REVISION)
            return int(told, 16) if told else super()._get_revision()

    return HeaderFactory()
