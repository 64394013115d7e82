"""The real buses of the displays: I2C, SPI and GPIO pins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.panel import gpio
from appliance.panel.display import DisplayError

I2C_REMEDY = (
    "Switch I2C on: dtparam=i2c_arm=on in /boot/firmware/config.txt "
    "(or raspi-config, Interface Options), then restart."
)
SPI_REMEDY = (
    "Switch SPI on: dtparam=spi=on in /boot/firmware/config.txt "
    "(or raspi-config, Interface Options), then restart."
)
SPIDEV_REMEDY = "Install it (apt install python3-spidev on Raspberry Pi OS)."


class SystemWires:
    """The buses that the kernel offers; each method opens one anew (see ``display.Wires``)."""

    def i2c(self, port: int) -> object:
        """``/dev/i2c-PORT`` as smbus2.SMBus. Raises DisplayError."""
        from smbus2 import SMBus  # noqa: PLC0415 - a child process's, and only with a display

        return _opened(lambda: SMBus(port), f"/dev/i2c-{port}", "panel.i2c_port", I2C_REMEDY)

    def spi(self, port: int, device: int) -> object:
        """``/dev/spidevPORT.DEVICE`` as spidev.SpiDev. Raises DisplayError."""
        try:
            import spidev  # noqa: PLC0415 - only on the device
        except ImportError as error:
            text = f"The Python module spidev is missing ({error}). {SPIDEV_REMEDY}"
            raise DisplayError(text, short="spidev missing") from error

        class OpenBus(spidev.SpiDev):  # type: ignore[misc]  # has no types
            """Open already: luma opens what it is given, which would leak the first file."""

            def open(self, bus: int, device: int) -> None:
                """Nothing is left to do."""

        keys = "panel.spi_port, panel.spi_device"
        path = f"/dev/spidev{port}.{device}"
        return _opened(lambda: OpenBus(port, device), path, keys, SPI_REMEDY)

    def gpio(self) -> object:
        """The module RPi.GPIO, in BCM numbering. Raises DisplayError."""
        try:
            return gpio.rpi_gpio()
        except gpio.GpioError as error:
            raise DisplayError(f"The display's pins: {error.long}", short=error.short) from error


def _opened(make: Callable[[], Any], path: str, keys: str, remedy: str) -> Any:
    try:
        return make()
    except FileNotFoundError as error:
        raise DisplayError(
            f"{keys}: {path} is not there. {remedy}", short=f"No {path.rpartition('/')[2]}"
        ) from error
    except PermissionError as error:
        group = "i2c" if "i2c" in path else "spi"
        raise DisplayError(
            f"{keys}: no permission for {path}. Add the appliance's user to the group {group}, "
            "then restart it.",
            short=f"No {group} permission",
        ) from error
    except OSError as error:
        raise DisplayError(f"{keys}: {path} cannot be opened ({error}).") from error
