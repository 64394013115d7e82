"""The virtual OLEDs against luma's own drivers, which real chips understand."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from luma.core.interface.serial import i2c, spi
from luma.lcd.device import st7735, st7789
from luma.oled.device import sh1106, ssd1306
from PIL import Image

from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.sim.graphic_wires import GraphicWires, OledBus
from appliance.sim.oled import Sh1106, Ssd1306

pytestmark = pytest.mark.filterwarnings("ignore:Image.Image.getdata:DeprecationWarning")  # luma's


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    data = Random(7).randbytes(size[0] * size[1] * 3)
    image = Image.frombytes("RGB", size, data).point(lambda level: level & 0xFC)
    return image.convert(mode)


@pytest.mark.parametrize("rotate", range(4))
@pytest.mark.parametrize(
    ("kind", "device", "size"),
    [
        (DisplayKind.SSD1306, ssd1306, (128, 64)),
        (DisplayKind.SSD1306, ssd1306, (128, 32)),
        (DisplayKind.SSD1306, ssd1306, (64, 48)),
        (DisplayKind.SH1106, sh1106, (128, 64)),
    ],
)
def test_what_luma_draws_is_seen(
    kind: DisplayKind, device: Any, size: tuple[int, int], rotate: int
) -> None:
    settings = PanelSettings(display=kind, width=size[0], height=size[1], rotate=rotate)
    wires = GraphicWires(settings)
    driver = device(i2c(bus=wires.i2c(1)), width=size[0], height=size[1], rotate=rotate)
    image = noise("1", settings.size)
    driver.display(image)
    assert wires.picture().tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("kind", "device", "size", "rotate"),
    [
        (DisplayKind.ST7735, st7735, (160, 128), 0),
        (DisplayKind.ST7735, st7735, (128, 128), 1),
        (DisplayKind.ST7789, st7789, (240, 240), 2),
        (DisplayKind.ST7789, st7789, (320, 240), 3),
    ],
)
def test_what_luma_draws_in_colours_is_seen(
    kind: DisplayKind, device: Any, size: tuple[int, int], rotate: int
) -> None:
    settings = PanelSettings(display=kind, width=size[0], height=size[1], rotate=rotate)
    wires = GraphicWires(settings)
    serial = spi(spi=wires.spi(0, 0), gpio=wires.gpio())
    driver = device(
        serial, width=size[0], height=size[1], rotate=rotate, backlight=lambda lit: None
    )
    image = noise("RGB", settings.size)
    driver.display(image)
    assert wires.picture().tobytes() == image.tobytes()


def test_an_ssd1306_runs_through_its_window() -> None:
    """Data sheet 10.1.3: horizontal addressing, columns 5 to 6 of pages 1 to 2."""
    chip = Ssd1306()
    chip.ram[:] = bytes(1024)
    chip.command([0x20, 0x00, 0x21, 5, 6, 0x22, 1, 2])
    chip.data([1, 2, 3, 4, 5])
    at = {(index // 128, index % 128): byte for index, byte in enumerate(chip.ram) if byte}
    assert at == {(1, 5): 5, (1, 6): 2, (2, 5): 3, (2, 6): 4}


def test_after_a_reset_an_ssd1306_stays_in_its_page() -> None:
    """Data sheet 10.1.1: page addressing begins again at the first column."""
    chip = Ssd1306()
    chip.ram[:] = bytes(1024)
    chip.command([0xB3, 0x0F, 0x17])
    chip.data([1, 2])
    at = {(index // 128, index % 128): byte for index, byte in enumerate(chip.ram) if byte}
    assert at == {(3, 127): 1, (3, 0): 2}


def test_an_sh1106_has_132_columns_of_which_the_middle_is_seen() -> None:
    chip = Sh1106()
    chip.ram[:] = bytes(132 * 8)
    chip.command([0xA1, 0xC8, 0xAF, 0xB0, 0x02, 0x10])
    chip.data([1])
    chip.command([0xB0, 0x01, 0x10])
    chip.data([0xFF])
    assert [chip.picture().getpixel((x, 0)) for x in (0, 1)] == [255, 0]
    assert chip.picture().getpixel((0, 1)) == 0


def test_directions_offset_and_inversion_are_those_of_the_registers() -> None:
    chip = Ssd1306()
    chip.ram[:] = b"\x01" + bytes(1023)
    chip.command([0xAF])
    assert chip.picture().getbbox() == (127, 63, 128, 64)
    chip.command([0xA1, 0xC8])
    assert chip.picture().getbbox() == (0, 0, 1, 1)
    chip.command([0xD3, 60])
    assert chip.picture().getbbox() == (0, 4, 1, 5)
    chip.command([0xD3, 0, 0xA7])
    assert chip.picture().getpixel((0, 0)) == 0
    chip.command([0xAE])
    assert chip.picture().getbbox() is None


def test_a_command_may_come_in_pieces() -> None:
    chip = Ssd1306()
    chip.command([0x21])
    chip.command([5, 6])
    chip.command([0x20, 0x00, 0x22, 1])
    chip.command([2, 0xAF])
    assert chip.on
    chip.ram[:] = bytes(1024)
    chip.data([9])
    assert chip.ram[128 + 5] == 9


def test_what_hangs_on_the_bus_answers_only_at_its_address() -> None:
    bus = OledBus(Ssd1306(), 0x3C)
    with pytest.raises(OSError, match="Remote I/O"):
        bus.read_byte(0x3D)
    assert bus.read_byte(0x3C) == 0x40
    bus.unplugged = True
    with pytest.raises(OSError, match="Remote I/O"):
        bus.write_i2c_block_data(0x3C, 0, [0xAF])
    bus.unplugged = False
    with pytest.raises(ValueError, match="32 bytes"):
        bus.write_i2c_block_data(0x3C, 0x40, [0] * 33)


def test_bytes_on_the_wire_are_counted() -> None:
    bus = OledBus(Ssd1306(), 0x3C)
    bus.write_i2c_block_data(0x3C, 0x40, [0] * 32)
    assert (bus.bytes_written, bus.transactions) == (34, 1)
    assert bus.seconds(400_000) == pytest.approx((34 * 9 + 2) / 400_000)
