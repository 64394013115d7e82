"""The header's chip is found by its label, and what is missing is said."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from appliance.panel import gpio
from appliance.panel.gpio import LABEL, Chip, GpioError, find_chip, rpi_gpio

Chips = Callable[..., Path]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (LABEL, "RPI_LGPIO_CHIP", "RPI_LGPIO_REVISION", "LG_WD"):
        # Set first, so that what the product sets is taken back afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def chips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chips:
    """Makes device files whose ioctl answers as the kernel does; names to labels."""

    def make(**labels: str | OSError) -> Path:
        for name in labels:
            (tmp_path / name).touch()

        def ioctl(file: Any, request: int, buffer: bytearray) -> int:
            assert request == 0x80 << 24 | 68 << 16 | 0xB4 << 8 | 0x01, "_IOR(0xB4, 1, 68 bytes)"
            name = Path(file.name).name
            label = labels[name]
            if isinstance(label, OSError):
                raise label
            struct.pack_into("32s32sI", buffer, 0, name.encode(), label.encode(), 58)
            return 0

        monkeypatch.setattr(fcntl, "ioctl", ioctl)
        monkeypatch.setattr(gpio, "find_chip", lambda: find_chip(tmp_path))
        return tmp_path

    return make


def test_the_header_is_found_by_its_label_whatever_its_number(chips: Chips) -> None:
    folder = chips(
        gpiochip0="raspberrypi-exp-gpio",
        gpiochip10="gpio-brcmstb@107d508500",
        gpiochip4="pinctrl-rp1",
    )
    assert find_chip(folder) == Chip(4, "pinctrl-rp1", 58)


def test_an_old_number_that_points_to_another_chip_is_not_used(chips: Chips) -> None:
    folder = chips(gpiochip0="pinctrl-rp1")
    (folder / "gpiochip4").symlink_to(folder / "gpiochip0")
    assert find_chip(folder).number == 0


def test_a_chip_of_gpio_sim_is_used_where_its_label_is_asked_for(
    chips: Chips, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = chips(gpiochip0="pinctrl-bcm2711", gpiochip1="panel-test")
    monkeypatch.setenv(LABEL, "panel-*")
    assert find_chip(folder) == Chip(1, "panel-test", 58)


def test_a_missing_chip_and_a_missing_permission_are_told_apart(chips: Chips) -> None:
    folder = chips(gpiochip0="something else")
    with pytest.raises(GpioError, match=r"no GPIO chip whose label is pinctrl-\*"):
        find_chip(folder)
    folder = chips(gpiochip0=PermissionError(13, "Permission denied"))
    with pytest.raises(GpioError, match="group gpio"):
        find_chip(folder)
    folder = chips(gpiochip0=OSError(19, "No such device"), gpiochip1="pinctrl-bcm2835")
    assert find_chip(folder).number == 1


class FakeGpio(ModuleType):
    """What rpi-lgpio is seen to do on import and by setmode."""

    BCM = 11

    def __init__(self) -> None:
        super().__init__("RPi.GPIO")
        self.folder = ""
        self.chip = ""
        self.error: Exception | None = None

    def setwarnings(self, flag: bool) -> None:
        assert not flag

    def setmode(self, mode: int) -> None:
        if self.error:
            raise self.error
        assert mode == self.BCM
        self.chip = os.environ["RPI_LGPIO_CHIP"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeGpio:
    module, package = FakeGpio(), ModuleType("RPi")

    def __getattr__(name: str) -> FakeGpio:
        if name != "GPIO":
            raise AttributeError(name)
        module.folder = os.environ["LG_WD"]
        os.chdir(module.folder)  # as liblgpio does
        Path(".lgd-nfy-3").touch()
        return module

    package.__dict__["__getattr__"] = __getattr__
    monkeypatch.setitem(sys.modules, "RPi", package)
    return module


def test_the_module_is_told_the_chip_and_leaves_nothing_in_any_folder(
    chips: Chips, fake: FakeGpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path.cwd()
    chips(gpiochip3="pinctrl-bcm2711")
    assert rpi_gpio() is fake
    assert fake.chip == "3"
    assert "RPI_LGPIO_REVISION" not in os.environ
    assert Path.cwd() == before
    assert fake.folder
    assert not Path(fake.folder).exists()
    monkeypatch.setenv(LABEL, "pinctrl-*")
    rpi_gpio()
    assert os.environ["RPI_LGPIO_REVISION"], "a chip elsewhere needs some board's revision"


def test_a_missing_module_and_a_chip_that_does_not_open_are_said(
    chips: Chips, fake: FakeGpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    chips(gpiochip3="pinctrl-bcm2711")
    fake.error = RuntimeError("can not open gpiochip")
    with pytest.raises(GpioError, match=r"GPIO chip 3 cannot be used .can not open gpiochip"):
        rpi_gpio()
    monkeypatch.setitem(sys.modules, "RPi", None)
    with pytest.raises(GpioError, match="python3-rpi-lgpio"):
        rpi_gpio()


def test_this_machine_without_a_header_says_so() -> None:
    if any(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO chips")
    with pytest.raises(GpioError, match="header of a Raspberry Pi"):
        gpio.pin_factory()
