from __future__ import annotations

import errno
import os
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.panel.cgram import SLOTS
from appliance.panel.characters import CharacterFrame, render
from appliance.panel.charset import Rom, charset
from appliance.panel.display import DisplayError
from appliance.panel.glyphs import ICONS, Cell, Glyph, all_accented
from appliance.panel.hd44780 import CharacterDisplay, changed_runs
from appliance.panel.keys import Key, KeyStroke
from appliance.panel.menu import press, show
from appliance.panel.screen import Icon, Line, Screen
from appliance.settings_panel import PARALLEL, DisplayKind, PanelSettings, Wiring
from appliance.sim.hd44780 import Backpack, Hd44780, ParallelPins
from appliance.sim.lcd_picture import rom_font
from appliance.sim.panel_menus import MENUS

KINDS = (DisplayKind.HD44780_16X2, DisplayKind.HD44780_20X4)
SCREEN = Screen(title="Größe ÄÖ", value="42%", icon=Icon.PLAY, lines=(Line("Left", "2h 14m"),))


class Wires:
    """One simulated bus, or an error in its place."""

    def __init__(self, bus: object | Callable[[], object]) -> None:
        self._bus = bus
        self.opened = 0

    def i2c(self, port: int) -> object:
        self.opened += 1
        return self._bus() if callable(self._bus) else self._bus

    def spi(self, port: int, device: int) -> object:
        raise AssertionError("no SPI here")

    def gpio(self) -> object:
        return self.i2c(0)


def panel(kind: DisplayKind = DisplayKind.HD44780_16X2, rom: Rom = "A00") -> PanelSettings:
    return PanelSettings(display=kind, rom=rom)


def on_i2c(kind: DisplayKind, rom: Rom = "A00") -> tuple[CharacterDisplay, Backpack]:
    assert kind.cells
    backpack = Backpack(*kind.cells, rom)
    return CharacterDisplay(panel(kind, rom), Wires(backpack)), backpack


def raising(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def expected(frame: CharacterFrame, rom: Rom) -> list[list[bytes]]:
    """The dots of a frame that needs no more bitmaps than the chip holds."""
    font = rom_font(rom)
    return [
        [cell.bitmap if isinstance(cell, Glyph) else font[cell] for cell in row]
        for row in frame.rows
    ]


def few_bitmaps(cells: list[Cell]) -> list[Cell]:
    """The same cells, each glyph beyond the eighth bitmap replaced by its ROM character."""
    kept: set[bytes] = set()
    found: list[Cell] = []
    for cell in cells:
        if isinstance(cell, Glyph) and (cell.bitmap in kept or len(kept) < SLOTS):
            kept.add(cell.bitmap)
            found.append(cell)
        else:
            found.append(cell.fallback if isinstance(cell, Glyph) else cell)
    return found


_glyphs = st.sampled_from([*ICONS.values(), *list(all_accented())[:20]])
_cells = st.lists(st.one_of(st.integers(16, 255), _glyphs), min_size=80, max_size=80)
_frames = _cells.map(few_bitmaps).map(
    lambda cells: CharacterFrame(tuple(tuple(cells[at : at + 20]) for at in range(0, 80, 20)))
)


@settings(max_examples=15)
@given(st.lists(_frames, min_size=1, max_size=4), st.sampled_from(["A00", "A02"]))
def test_the_chip_shows_what_the_last_frame_says(frames: list[CharacterFrame], rom: Rom) -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_20X4, rom)
    for frame in frames:
        display.draw(frame)
        assert backpack.chip.dots() == expected(frame, rom)
    assert backpack.chip.lost == 0  # nothing came while it was busy
    display.close()


@settings(max_examples=15)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=4), st.floats(0, 100))
def test_any_text_reaches_the_glass(texts: list[str], elapsed: float) -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_16X2)
    font = rom_font("A00")
    for text in texts:
        screen = Screen(title=text, value="42%", text=text)
        display.show(screen, elapsed)
        frame = render(screen, 16, 2, elapsed, "A00")
        for row, dots in zip(frame.rows, backpack.chip.dots(), strict=True):
            for cell, shown in zip(row, dots, strict=True):
                if isinstance(cell, Glyph):
                    assert shown in (cell.bitmap, font[cell.fallback])
                else:
                    assert shown == font[cell]
    display.close()


@pytest.mark.parametrize("kind", KINDS)
def test_only_changed_cells_are_written(kind: DisplayKind) -> None:
    display, backpack = on_i2c(kind)
    display.show(SCREEN, 0.0)
    before = backpack.chip.written
    display.show(SCREEN, 0.0)
    assert backpack.chip.written == before
    display.show(Screen(title="Größe ÄÖ", value="43%", icon=Icon.PLAY, lines=SCREEN.lines), 0.0)
    assert backpack.chip.written == before + 1  # the one digit


def test_equal_cells_between_changed_ones_are_sent_only_where_it_costs_no_byte() -> None:
    shown = dict.fromkeys(range(16), 0)
    wanted = shown | {1: 9, 3: 9, 6: 9}
    assert list(changed_runs(shown, wanted)) == [(1, [9, 0, 9]), (6, [9])]
    assert list(changed_runs(wanted, wanted)) == []
    assert list(changed_runs({}, {0x0F: 1, 0x40: 2})) == [(0x0F, [1]), (0x40, [2])]


@given(
    st.dictionaries(st.integers(0, 39), st.integers(0, 3)),
    st.dictionaries(st.integers(0, 39), st.integers(0, 3)),
)
def test_runs_write_what_changed(shown: dict[int, int], wanted: dict[int, int]) -> None:
    now = dict(shown)
    for start, run in changed_runs(shown, wanted):
        assert shown.get(start) != run[0]
        assert all(start + offset in wanted for offset in range(len(run)))
        now |= {start + offset: code for offset, code in enumerate(run)}
    assert {address: now[address] for address in wanted} == wanted


@pytest.mark.parametrize("nibble", range(16))
def test_a_refresh_finds_the_step_again(nibble: int) -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_16X2)
    display.show(SCREEN, 0.0)
    good = backpack.chip.dots()
    backpack.chip.slip(nibble)
    other = Screen(title="Other")
    display.show(other, 0.0)
    assert backpack.chip.dots() != expected(render(other, 16, 2, 0.0, "A00"), "A00")
    display.refresh()
    display.show(SCREEN, 0.0)
    assert backpack.chip.dots() == good
    assert backpack.chip.lost == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_refresh_clears_garbage(seed: int) -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_20X4)
    display.show(SCREEN, 0.0)
    good = backpack.chip.dots()
    backpack.chip.garble(seed)
    assert backpack.chip.dots() != good
    display.refresh()
    display.show(SCREEN, 0.0)
    assert backpack.chip.dots() == good


def test_a_refresh_blanks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_16X2)
    display.show(SCREEN, 0.0)
    good = backpack.chip.dots()
    edges = 0
    edge = Hd44780.edge

    def watched(chip: Hd44780, data: bool, nibble: int) -> None:
        nonlocal edges
        edges += 1
        edge(chip, data, nibble)
        assert chip.dots() == good

    monkeypatch.setattr(Hd44780, "edge", watched)
    display.refresh()
    assert edges
    display.show(SCREEN, 0.0)
    assert backpack.chip.dots() == good


def test_pulled_out_and_plugged_in_again() -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_16X2)
    display.show(SCREEN, 0.0)
    good = backpack.chip.dots()
    backpack.unplugged = True
    with pytest.raises(DisplayError):
        display.show(Screen(title="Other"), 0.0)
    with pytest.raises(DisplayError):
        display.refresh()
    backpack.unplugged = False
    assert backpack.chip.rows() == (" " * 16,) * 2
    display.show(SCREEN, 0.0)
    assert backpack.chip.dots() == good
    assert backpack.chip.lost == 0


def test_parallel_shows_the_same() -> None:
    pins = ParallelPins(16, 2)
    display = CharacterDisplay(
        PanelSettings(display=DisplayKind.HD44780_16X2, wiring=Wiring.PARALLEL, backlight=12),
        Wires(pins),
    )
    other, backpack = on_i2c(DisplayKind.HD44780_16X2)
    for one in (display, other):
        one.show(SCREEN, 0.0)
    assert pins.chip.dots() == backpack.chip.dots()
    assert pins.levels[12] == pins.HIGH
    pins.chip.slip(5)
    display.refresh()
    display.show(SCREEN, 0.0)
    assert pins.chip.dots() == backpack.chip.dots()
    assert pins.chip.lost == 0
    display.close()
    assert not pins.chip.on
    assert pins.levels == {}


def test_pin_0_is_used_like_any_other() -> None:
    pins = ParallelPins(16, 2, parallel=(0, 8, 25, 24, 23, 18))
    display = CharacterDisplay(
        PanelSettings(display=DisplayKind.HD44780_16X2, wiring=Wiring.PARALLEL, parallel_rs=0),
        Wires(pins),
    )
    display.show(SCREEN, 0.0)
    assert pins.chip.rows()[0] == "▶ Größe ÄÖ   42%"


def test_nothing_at_the_address_names_the_key_and_what_answers() -> None:
    backpack = Backpack(16, 2, address=0x3F)
    display = CharacterDisplay(panel(), Wires(backpack))
    with pytest.raises(DisplayError) as caught:
        display.show(SCREEN, 0.0)
    assert "panel.i2c_address" in caught.value.long
    assert "0x27" in caught.value.long
    assert "answers at 0x3F" in caught.value.long
    other = CharacterDisplay(
        PanelSettings(display=DisplayKind.HD44780_16X2, i2c_address=0x3F), Wires(backpack)
    )
    other.show(SCREEN, 0.0)
    assert backpack.chip.on


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, ("panel.i2c_port", "I2C is enabled")),
        (errno.EACCES, ("group i2c",)),
        (errno.EREMOTEIO, ("panel.i2c_address", "wires")),
    ],
)
def test_errors_of_the_bus_in_words(number: int, words: tuple[str, ...]) -> None:
    wires = Wires(raising(OSError(number, os.strerror(number), "/dev/i2c-1")))
    with pytest.raises(DisplayError) as caught:
        CharacterDisplay(panel(), wires).show(SCREEN, 0.0)
    assert all(word in caught.value.long for word in words)
    assert len(caught.value.short) <= 20


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "group gpio"),
        (RuntimeError("Cannot determine SOC peripheral base address"), "panel.parallel_rs"),
    ],
)
def test_errors_of_the_pins_in_words(error: Exception, words: str) -> None:
    settings_ = PanelSettings(display=DisplayKind.HD44780_16X2, wiring=Wiring.PARALLEL)
    with pytest.raises(DisplayError) as caught:
        CharacterDisplay(settings_, Wires(raising(error))).show(SCREEN, 0.0)
    assert words in caught.value.long


@pytest.mark.parametrize("busy", [*PARALLEL, "backlight"])
def test_a_pin_that_another_program_holds_is_named(
    busy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = ParallelPins(16, 2)
    settings_ = PanelSettings(
        display=DisplayKind.HD44780_16X2, wiring=Wiring.PARALLEL, backlight=12
    )
    display = CharacterDisplay(settings_, Wires(pins))
    setup = pins.setup

    def held(channel: int, direction: int) -> None:
        if channel == getattr(settings_, busy):
            raise Exception("'GPIO busy'")
        setup(channel, direction)

    monkeypatch.setattr(pins, "setup", held)
    with pytest.raises(DisplayError, match=rf"GPIO busy.*panel\.{busy}\."):
        display.show(SCREEN, 0.0)
    assert pins.levels == {}, "those that were taken already are free again"
    monkeypatch.undo()
    display.show(SCREEN, 0.0)
    assert pins.chip.rows()[0] == "▶ Größe ÄÖ   42%"


def test_pins_that_cannot_be_let_go_hide_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = ParallelPins(16, 2)

    def fails(*_: object) -> None:
        raise Exception("unknown handle")

    settings_ = PanelSettings(display=DisplayKind.HD44780_16X2, wiring=Wiring.PARALLEL)
    display = CharacterDisplay(settings_, Wires(pins))
    display.show(SCREEN, 0.0)
    for name in ("cleanup", "output"):
        monkeypatch.setattr(pins, name, fails)
    display.close()


def test_a_bus_that_is_gone_is_opened_again() -> None:
    backpack = Backpack(16, 2)
    buses: list[object] = [raising(OSError(errno.ENODEV, "No such device")), lambda: backpack]

    def next_bus() -> object:
        bus = buses.pop(0)
        assert callable(bus)
        return bus()

    wires = Wires(next_bus)
    display = CharacterDisplay(panel(), wires)
    with pytest.raises(DisplayError):
        display.show(SCREEN, 0.0)
    display.show(SCREEN, 0.0)
    assert wires.opened == 2
    assert backpack.chip.on


def test_closing_never_raises() -> None:
    display, backpack = on_i2c(DisplayKind.HD44780_16X2)
    display.close()
    display.show(SCREEN, 0.0)
    display.close()
    assert not backpack.chip.on
    display.show(SCREEN, 0.0)
    backpack.unplugged = True
    display.close()


def test_a_graphic_display_is_none_of_this() -> None:
    with pytest.raises(DisplayError, match=r"panel\.display"):
        CharacterDisplay(PanelSettings(display=DisplayKind.SSD1306), Wires(None))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_press_changes_the_display_within_50_ms(kind: DisplayKind) -> None:
    """On a 400 kHz bus, for every key on every page of the menu; counted, not measured."""
    display, backpack = on_i2c(kind)
    times: dict[str, list[float]] = {"list": [], "page": []}
    for menu, state in MENUS.values():
        before = show(menu, state)
        for key in Key:
            pressed, _ = press(menu, KeyStroke(key), state)
            after = show(pressed, state)
            if after == before:
                continue
            display.show(before, 10.0)
            start = backpack.seconds
            display.show(after, 0.0)
            moved = after.title == before.title and len(after.lines) == len(before.lines)
            times["list" if moved else "page"].append(backpack.seconds - start)
    for name, found in times.items():
        worst = max(found) * 1000
        print(f"{kind} {name}: median {median(found) * 1000:.1f} ms, worst {worst:.1f} ms")  # noqa: T201
        assert len(found) > 10
        assert median(found) < 0.050
    display.close()


def test_both_roms_have_what_the_renderer_takes_for_granted() -> None:
    for rom in ("A00", "A02"):
        signs = charset(rom)
        assert {signs.left, signs.right} <= set(rom_font(rom))
