"""The virtual HD44780 against its data sheet."""

from __future__ import annotations

import pytest

from appliance.sim.hd44780 import RS, Backpack, E, Hd44780, ParallelPins

LIT = 0x08


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def send(chip: Hd44780, clock: Clock, value: int, *, data: bool = False) -> None:
    """A byte on a 4-bit interface, with enough time for any instruction."""
    clock.now += 0.01
    chip.edge(data, value >> 4)
    chip.edge(data, value & 0x0F)


def started(columns: int = 16, rows: int = 2) -> tuple[Hd44780, Clock]:
    clock = Clock()
    chip = Hd44780(columns, rows, "A00", clock)
    for nibble in (3, 3, 3, 2):
        clock.now += 0.01
        chip.edge(False, nibble)
    for value in (0x28, 0x0C, 0x06):
        send(chip, clock, value)
    return chip, clock


def write(chip: Hd44780, clock: Clock, text: str) -> None:
    for char in text:
        send(chip, clock, ord(char), data=True)


def test_it_wakes_up_dark_with_an_8_bit_interface() -> None:
    clock = Clock()
    chip = Hd44780(16, 2, "A00", clock)
    assert chip.rows() == (" " * 16,) * 2
    for data, nibble in ((False, 0x0), (False, 0xC)):  # in 8 bits: two instructions, not 0x0C
        clock.now += 0.01
        chip.edge(data, nibble)
    assert not chip.on or chip.codes() == [[32] * 16] * 2


def test_text_goes_where_the_address_says() -> None:
    chip, clock = started()
    write(chip, clock, "Hello")
    send(chip, clock, 0x80 | 0x45)
    write(chip, clock, "you")
    assert chip.rows() == ("Hello           ", "     you        ")


def test_addresses_run_from_the_first_line_into_the_second_and_back() -> None:
    chip, clock = started(20, 4)
    send(chip, clock, 0x80 | 0x27)
    write(chip, clock, "ab")
    send(chip, clock, 0x80 | 0x67)
    write(chip, clock, "cd")
    assert chip.rows()[0][0] == "d"
    assert chip.rows()[1][0] == "b"
    assert chip.rows()[2][19] == "a"
    assert chip.rows()[3][19] == "c"


def test_entry_mode_can_run_backwards() -> None:
    chip, clock = started()
    send(chip, clock, 0x04)
    send(chip, clock, 0x80 | 0x04)
    write(chip, clock, "olleH")
    assert chip.rows()[0].startswith("Hello")


def test_bitmaps() -> None:
    chip, clock = started()
    send(chip, clock, 0x40 | 2 * 8)
    for row in range(8):
        send(chip, clock, row, data=True)
    send(chip, clock, 0x80)
    send(chip, clock, 2, data=True)
    send(chip, clock, 8 + 2, data=True)  # codes 8 to 15 are the same eight
    assert chip.dots()[0][0] == chip.dots()[0][1] == bytes(range(8))


def test_shift_and_home() -> None:
    chip, clock = started()
    write(chip, clock, "abc")
    send(chip, clock, 0x18)
    assert chip.rows()[0].startswith("bc")
    send(chip, clock, 0x1C)
    send(chip, clock, 0x1C)
    assert chip.rows()[0].startswith(" abc")
    send(chip, clock, 0x02)
    assert chip.rows()[0].startswith("abc")
    send(chip, clock, 0x01)
    assert chip.rows() == (" " * 16,) * 2


def test_what_comes_too_early_is_lost() -> None:
    chip, clock = started()
    send(chip, clock, 0x01)
    clock.now += 0.001
    chip.edge(True, 4)
    chip.edge(True, 1)
    assert chip.lost == 1
    assert chip.rows()[0] == " " * 16


def test_a_slipped_nibble_turns_text_to_garbage() -> None:
    chip, clock = started()
    chip.slip(4)
    write(chip, clock, "Hello")
    assert "Hello" not in chip.rows()[0]


def test_the_backpack_strobes_on_the_falling_edge_and_counts() -> None:
    clock = Clock()
    backpack = Backpack(16, 2, clock=clock)
    for nibble in (3, 3, 3, 2, 0, 12, 0, 6):
        clock.now += 0.01
        for value in (LIT | nibble << 4, LIT | nibble << 4 | E, LIT | nibble << 4):
            backpack.write_byte(0x27, value)
    assert backpack.chip.on
    assert backpack.transactions == backpack.bytes_written == 24
    assert backpack.seconds == pytest.approx(24 * 20 / 400_000)
    for nibble in (4, 1):
        clock.now += 0.01
        for value in (RS | nibble << 4, RS | nibble << 4 | E, RS | nibble << 4):
            backpack.write_byte(0x27, value)
    assert backpack.chip.rows()[0][0] == "A"
    assert not backpack.chip.lit


def test_nobody_answers_at_another_address_or_unplugged() -> None:
    backpack = Backpack(16, 2)
    with pytest.raises(OSError, match="Remote I/O"):
        backpack.write_byte(0x3F, 0)
    backpack.unplugged = True
    with pytest.raises(OSError, match="Remote I/O"):
        backpack.read_byte(0x27)


def test_pins_must_be_outputs_first() -> None:
    pins = ParallelPins(16, 2)
    with pytest.raises(RuntimeError, match="OUTPUT"):
        pins.output(7, 1)
    with pytest.raises(ValueError, match="mode"):
        pins.setmode(10)


def test_the_picture_shows_light_and_dots() -> None:
    chip, clock = started()
    empty = chip.picture()
    write(chip, clock, "A")
    full = chip.picture()
    assert full.size == empty.size
    assert full.tobytes() != empty.tobytes()
    chip.lit = False
    assert max(chip.picture().convert("L").getextrema()) < max(full.convert("L").getextrema())
