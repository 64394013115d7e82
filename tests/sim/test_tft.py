from __future__ import annotations

import pytest

from appliance.sim.graphic_wires import Pins, SpiBus
from appliance.sim.tft import St7735, St7789, Tft

MADCTL, COLMOD, CASET, RASET, RAMWR = 0x36, 0x3A, 0x2A, 0x2B, 0x2C


def awake(chip: Tft, madctl: int, colmod: int = 0x06) -> None:
    chip._memory[:] = bytes(len(chip._memory))
    for code, arguments in ((0x11, ()), (0x29, ()), (MADCTL, (madctl,)), (COLMOD, (colmod,))):
        chip.command([code])
        chip.data(arguments)


def write(chip: Tft, box: tuple[int, int, int, int], pixels: bytes) -> None:
    left, top, right, bottom = box
    for code, first, last in ((CASET, left, right - 1), (RASET, top, bottom - 1)):
        chip.command([code])
        chip.data([first >> 8, first & 0xFF, last >> 8, last & 0xFF])
    chip.command([RAMWR])
    chip.data(pixels)


@pytest.mark.parametrize(
    ("madctl", "corner"),
    [(0x60, (0, 0)), (0x20, (0, 127)), (0xE0, (159, 0)), (0xA0, (159, 127))],
)
def test_madctl_mirrors(madctl: int, corner: tuple[int, int]) -> None:
    chip = St7735(160, 128)
    awake(chip, madctl)
    write(chip, (0, 0, 1, 1), bytes((252, 0, 0)))
    assert chip.picture().getpixel(corner) == (252, 0, 0)


def test_without_exchange_columns_are_the_short_side() -> None:
    chip = St7735(160, 128)
    awake(chip, 0x40)
    write(chip, (0, 0, 1, 3), bytes((252, 0, 0)) * 3)
    assert chip.picture().getbbox() == (0, 0, 3, 1)


@pytest.mark.parametrize("madctl", [0x60, 0x20])
def test_pixels_run_through_the_window_and_begin_again(madctl: int) -> None:
    chip = St7735(160, 128)
    awake(chip, madctl)
    write(chip, (10, 20, 12, 22), bytes((252, 0, 0)) * 4 + bytes((0, 252, 0)))
    picture = chip.picture()
    rows = (20, 21) if madctl == 0x60 else (107, 106)
    assert picture.getpixel((10, rows[0])) == (0, 252, 0)
    assert [picture.getpixel((x, y)) for x, y in ((11, rows[0]), (10, rows[1]), (11, rows[1]))] == [
        (252, 0, 0)
    ] * 3
    assert picture.getpixel((12, rows[0])) == (0, 0, 0)


def test_a_pixel_may_come_in_pieces() -> None:
    chip = St7735(160, 128)
    awake(chip, 0x60)
    write(chip, (0, 0, 2, 1), b"")
    for byte in (252, 0, 0, 0, 0, 252):
        chip.data([byte])
    assert [chip.picture().getpixel((x, 0)) for x in (0, 1)] == [(252, 0, 0), (0, 0, 252)]


def test_two_bytes_a_pixel_are_five_six_and_five_bits() -> None:
    chip = St7735(160, 128)
    awake(chip, 0x60, 0x05)
    write(chip, (0, 0, 3, 1), bytes((0xF8, 0x00, 0x07, 0xE0, 0x00, 0x1F)))
    seen = [chip.picture().getpixel((x, 0)) for x in range(3)]
    assert seen == [(248, 0, 0), (0, 252, 0), (0, 0, 248)]


def test_colours_are_exchanged_and_inverted_by_their_registers() -> None:
    chip = St7789(240, 240)
    awake(chip, 0x70)
    write(chip, (0, 0, 1, 1), bytes((252, 0, 0)))
    assert chip.picture().getpixel((0, 0)) == (0, 252, 252)  # this glass needs inversion
    chip.command([0x21])
    assert chip.picture().getpixel((0, 0)) == (252, 0, 0)
    chip.command([MADCTL])
    chip.data([0x78])
    assert chip.picture().getpixel((0, 0)) == (0, 0, 252)


def test_asleep_or_off_it_is_black_and_a_reset_sends_it_to_sleep() -> None:
    chip = St7735(160, 128)
    awake(chip, 0x60)
    write(chip, (0, 0, 1, 1), bytes((252, 252, 252)))
    assert chip.picture().getbbox() is not None
    chip.command([0x28])
    assert chip.picture().getbbox() is None
    chip.command([0x29, 0x01])
    assert chip.picture().getbbox() is None
    chip.command([0x11, 0x29])
    assert chip.awake
    assert chip.on


def test_the_dc_pin_tells_commands_from_data() -> None:
    pins, chip = Pins(), St7735(160, 128)
    bus = SpiBus(chip, pins, dc=24)
    pins.setup(24, pins.OUT)
    bus.writebytes([0x11])
    assert chip.awake
    bus.writebytes([MADCTL])
    pins.output(24, pins.HIGH)
    bus.writebytes([0x10])  # data: it would be "sleep in" as a command
    assert chip.awake
    bus.unplugged = True
    pins.output(24, pins.LOW)
    bus.writebytes([0x10])
    assert chip.awake
    with pytest.raises(OverflowError):
        bus.writebytes([0] * 4097)


def test_a_pin_that_is_no_output_cannot_be_set() -> None:
    with pytest.raises(RuntimeError, match="OUTPUT"):
        Pins().output(24, 1)
