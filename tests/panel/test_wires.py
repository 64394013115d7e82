"""What keeps a bus from being used is said with the setting's key, the group and the remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import smbus2

from appliance.panel import gpio
from appliance.panel.display import DisplayError
from appliance.panel.gpio import GpioError
from appliance.panel.wires import SystemWires


def raising(error: Exception) -> Callable[..., Any]:
    def make(*_: object) -> None:
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "words", "short"),
    [
        (FileNotFoundError(2, "none"), ["/dev/i2c-7", "dtparam=i2c_arm=on"], "No i2c-7"),
        (PermissionError(13, "no"), ["/dev/i2c-7", "group i2c"], "No i2c permission"),
        (OSError(16, "busy"), ["/dev/i2c-7", "busy"], "Display problem"),
    ],
)
def test_an_i2c_bus_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, error: OSError, words: list[str], short: str
) -> None:
    monkeypatch.setattr(smbus2, "SMBus", raising(error))
    with pytest.raises(DisplayError) as caught:
        SystemWires().i2c(7)
    assert caught.value.short == short
    assert caught.value.long.startswith("panel.i2c_port: ")
    assert all(word in caught.value.long for word in words)


def test_an_i2c_bus_is_opened_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smbus2, "SMBus", lambda port: ("bus", port))
    assert SystemWires().i2c(3) == ("bus", 3)


class Spidev(ModuleType):
    """spidev, as far as it is needed: opening a second time leaks the first file."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("spidev")
        opened: list[tuple[int, int]] = []
        self.opened = opened

        class SpiDev:
            def __init__(self, bus: int, device: int) -> None:
                if error:
                    raise error
                opened.append((bus, device))

            def open(self, bus: int, device: int) -> None:
                opened.append((bus, device))

        self.SpiDev = SpiDev


def test_an_spi_bus_is_opened_once_though_luma_opens_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = Spidev()
    monkeypatch.setitem(sys.modules, "spidev", module)
    bus: Any = SystemWires().spi(0, 1)
    bus.open(0, 1)
    assert module.opened == [(0, 1)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "none"), ["/dev/spidev0.1", "dtparam=spi=on"]),
        (PermissionError(13, "no"), ["/dev/spidev0.1", "group spi"]),
    ],
)
def test_an_spi_bus_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, error: OSError, words: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "spidev", Spidev(error))
    with pytest.raises(DisplayError) as caught:
        SystemWires().spi(0, 1)
    assert caught.value.long.startswith("panel.spi_port, panel.spi_device: ")
    assert all(word in caught.value.long for word in words)
    assert len(caught.value.short) <= 20


def test_a_missing_module_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(DisplayError, match="apt install python3-spidev"):
        SystemWires().spi(0, 0)


def test_pins_that_cannot_be_used_are_a_displays_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio, "rpi_gpio", raising(GpioError("No permission. Group gpio.")))
    with pytest.raises(DisplayError, match=r"The display's pins: No permission. Group gpio."):
        SystemWires().gpio()
