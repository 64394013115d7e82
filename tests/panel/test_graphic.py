from __future__ import annotations

import errno
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from appliance.panel import graphic
from appliance.panel.display import Display, DisplayError
from appliance.panel.graphic import GraphicDisplay
from appliance.panel.pixels import render
from appliance.panel.screen import Bar, Icon, Line, Screen, Tone
from appliance.panel.screens import home_screen
from appliance.settings_panel import DisplayKind, PanelSettings, Wiring
from appliance.sim.graphic_wires import GraphicWires
from appliance.sim.panel_examples import EXAMPLES

KINDS = (DisplayKind.SSD1306, DisplayKind.SH1106, DisplayKind.ST7735, DisplayKind.ST7789)
MENU = Screen(title="Menu", lines=tuple(Line(f"Entry {number}") for number in range(9)), selected=0)
HOME = Screen(
    title="Printing",
    value="42 %",
    icon=Icon.PLAY,
    tone=Tone.WORKING,
    bar=Bar(0.42),
    lines=(Line("Left", "2h 14m", Icon.CLOCK), Line("Layer", "86/204", Icon.LAYERS)),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chips' own pauses after a reset are not waited for."""
    monkeypatch.setattr(graphic, "_PAUSE", 0.0)
    monkeypatch.setattr(graphic, "_RESET_PULSE", 0.0)


class Panel:
    """A driver and the virtual chip that it writes to."""

    def __init__(self, **values: Any) -> None:
        self.settings = PanelSettings(**values)
        self.wires = GraphicWires(self.settings)
        self.display = GraphicDisplay(self.settings, self.wires)

    def shown(self, image: Image.Image) -> bool:
        """The chip shows exactly this."""
        seen = self.wires.picture()
        if image.mode == "RGB":  # six bits of each colour
            image = image.point(lambda level: level & 0xFC)
        return seen.size == image.size and seen.tobytes() == image.tobytes()

    def rendered(self, screen: Screen) -> Image.Image:
        settings = self.settings
        return render(screen, *settings.size, 0.0, coloured=settings.display.coloured).image

    @property
    def written(self) -> int:
        """Bytes that went over either bus."""
        return self.wires.i2c_bus.bytes_written + self.wires.spi_bus.bytes_written


VARIANTS: tuple[dict[str, Any], ...] = (
    {"display": DisplayKind.SSD1306},
    {"display": DisplayKind.SSD1306, "width": 128, "height": 32},
    {"display": DisplayKind.SSD1306, "width": 64, "height": 48},
    {"display": DisplayKind.SSD1306, "wiring": Wiring.SPI, "rotate": 1},
    {"display": DisplayKind.SSD1306, "rotate": 2, "spi_reset": -1},
    {"display": DisplayKind.SH1106},
    {"display": DisplayKind.SH1106, "rotate": 3},
    {"display": DisplayKind.SH1106, "wiring": Wiring.SPI, "spi_reset": -1},
    {"display": DisplayKind.ST7735, "backlight": 18},
    {"display": DisplayKind.ST7735, "width": 128, "height": 128, "rotate": 2},
    {"display": DisplayKind.ST7789},
    {"display": DisplayKind.ST7789, "width": 320, "height": 240, "rotate": 1},
)


@pytest.mark.parametrize("values", VARIANTS, ids=str)
def test_the_chip_shows_what_was_rendered(values: dict[str, Any]) -> None:
    panel = Panel(**values)
    for screen in (HOME, MENU, *map(home_screen, EXAMPLES.values())):
        panel.display.show(screen, 0.0)
        assert panel.shown(panel.rendered(screen))


@pytest.mark.parametrize("kind", KINDS)
def test_any_pictures_one_after_the_other_arrive(kind: DisplayKind) -> None:
    panel = Panel(display=kind)
    width, height = panel.settings.size
    mode = "RGB" if kind.coloured else "1"
    start = Image.new(mode, (width, height))
    boxes = st.tuples(
        st.integers(0, width - 1),
        st.integers(0, height - 1),
        st.integers(1, 90),
        st.integers(1, 90),
    )
    inks = st.integers(0, 255).map(
        lambda level: (level, 255 - level, 7) if kind.coloured else level
    )

    @given(st.lists(st.tuples(boxes, inks), max_size=8))
    @settings(deadline=None, max_examples=25)
    def arrive(patches: list[tuple[tuple[int, int, int, int], Any]]) -> None:
        image = start.copy()
        for (left, top, wide, high), ink in patches:
            image.paste(ink, (left, top, left + wide, top + high))
            panel.display.draw(image.copy())
            assert panel.shown(image)

    arrive()


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_changed_is_written(kind: DisplayKind) -> None:
    panel = Panel(display=kind)
    width, height = panel.settings.size
    image = Image.new("RGB" if kind.coloured else "1", (width, height))
    panel.display.draw(image)
    panel.wires.chip.data_bytes = 0
    panel.display.draw(image.copy())
    assert panel.wires.chip.data_bytes == 0
    changed = image.copy()
    changed.putpixel((70, 30), (255, 255, 255) if kind.coloured else 255)
    panel.display.draw(changed)
    assert panel.wires.chip.data_bytes == (3 if kind.coloured else 1)
    two = changed.copy()
    two.paste((255, 255, 255) if kind.coloured else 255, (10, 0, 20, 8))
    two.paste((255, 255, 255) if kind.coloured else 255, (100, 48, 110, 56))
    panel.display.draw(two)
    assert panel.wires.chip.data_bytes <= (3 * 161 if kind.coloured else 21)


def test_what_lies_outside_the_change_is_not_touched() -> None:
    """A bit that a spike flipped stays until its place changes or the display is refreshed."""
    panel = Panel(display=DisplayKind.SSD1306)
    panel.display.show(MENU, 0.0)
    before = panel.wires.picture()
    panel.wires.chip.data_bytes = 0
    panel.wires.i2c_bus.write_i2c_block_data(0x3C, 0, [0x21, 0, 0, 0x22, 7, 7])
    panel.wires.i2c_bus.write_i2c_block_data(0x3C, 0x40, [0xFF])
    panel.display.show(Screen(title="Menu", lines=MENU.lines, selected=1), 0.0)
    box = ImageChops.difference(before, panel.wires.picture()).getbbox()
    assert box is not None
    assert box[3] == 64
    assert panel.wires.chip.data_bytes < 600
    panel.display.refresh()
    panel.display.show(MENU, 0.0)
    assert panel.shown(panel.rendered(MENU))


@pytest.mark.parametrize("kind", KINDS)
def test_a_display_that_turned_to_garbage_is_put_in_order(kind: DisplayKind) -> None:
    panel = Panel(display=kind)
    panel.display.show(HOME, 0.0)
    panel.wires.chip.garble()
    assert not panel.shown(panel.rendered(HOME))
    panel.display.refresh()
    panel.display.show(HOME, 0.0)
    assert panel.shown(panel.rendered(HOME))


@pytest.mark.parametrize("kind", KINDS)
def test_refreshing_never_blanks_the_picture(kind: DisplayKind) -> None:
    panel = Panel(display=kind)
    panel.display.show(HOME, 0.0)
    panel.display.refresh()
    assert panel.shown(panel.rendered(HOME))


@pytest.mark.parametrize("kind", [DisplayKind.ST7735, DisplayKind.ST7789])
def test_a_glass_with_red_and_blue_exchanged_is_set_right(kind: DisplayKind) -> None:
    usual, swapped = Panel(display=kind), Panel(display=kind, bgr=True)
    image = Image.new("RGB", usual.settings.size, (252, 0, 0))
    for panel in (usual, swapped):
        panel.display.draw(image)
    assert usual.wires.picture().getpixel((5, 5)) == (252, 0, 0)
    assert swapped.wires.picture().getpixel((5, 5)) == (0, 0, 252)  # as the wrong glass needs it


def test_a_glass_that_begins_later_in_the_memory() -> None:
    """What a smaller picture shows lies lower by the offset, in a memory of the usual size."""
    panel = Panel(display=DisplayKind.ST7735, offset_y=24)
    usual = Panel(display=DisplayKind.ST7735)
    image = Image.new("RGB", panel.settings.size)
    for one in (panel, usual):
        one.display.draw(image.copy())
    image.paste((252, 252, 252), (10, 20, 30, 40))
    for one in (panel, usual):
        one.display.draw(image.copy())
    column = [panel.wires.picture().getpixel((15, y)) for y in range(24, 128)]
    assert column[:104] == [usual.wires.picture().getpixel((15, y)) for y in range(104)]
    assert column[20] == (252, 252, 252)


def test_the_display_goes_on_only_with_a_picture() -> None:
    panel = Panel(display=DisplayKind.SSD1306)
    panel.display.refresh()
    assert not panel.wires.chip.on
    panel.display.show(HOME, 0.0)
    assert panel.wires.chip.on


@pytest.mark.parametrize("kind", [DisplayKind.SSD1306, DisplayKind.SH1106])
def test_an_unplugged_display_is_told_and_found_again(kind: DisplayKind) -> None:
    panel = Panel(display=kind)
    panel.display.show(HOME, 0.0)
    panel.wires.unplugged = True
    for _ in range(3):
        with pytest.raises(DisplayError, match=r"0x3C of I2C bus 1.*panel\.i2c_address") as caught:
            panel.display.show(MENU, 0.0)
        assert caught.value.short == "No display found"
    panel.wires.unplugged = False
    panel.display.show(MENU, 0.0)
    assert panel.shown(panel.rendered(MENU))


def test_a_wrong_address_is_told_with_the_right_one() -> None:
    panel = Panel(display=DisplayKind.SSD1306, i2c_address=0x3D)
    panel.wires.i2c_bus.address = 0x3C
    with pytest.raises(DisplayError, match=r"0x3D.*Something answers at 0x3C.*panel\.i2c_address"):
        panel.display.show(HOME, 0.0)


@pytest.mark.parametrize(
    ("values", "number", "words"),
    [
        ({"display": "ssd1306"}, errno.EACCES, "group i2c"),
        ({"display": "ssd1306"}, errno.ENOENT, r"panel\.i2c_port"),
        ({"display": "st7789"}, errno.EPERM, "group spi"),
        ({"display": "st7789"}, errno.ENODEV, r"panel\.spi_port.*panel\.spi_device"),
    ],
)
def test_a_bus_that_fails_is_told_with_its_key(
    values: dict[str, Any], number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Panel(display=DisplayKind(values["display"]))

    def fails(*_: object) -> None:
        raise OSError(number, "fails")

    monkeypatch.setattr(panel.wires.i2c_bus, "write_i2c_block_data", fails)
    monkeypatch.setattr(panel.wires.spi_bus, "writebytes", fails)
    with pytest.raises(DisplayError, match=words):
        panel.display.show(HOME, 0.0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("GPIO busy"), r"GPIO busy.*panel\.spi_dc, panel\.spi_reset"),
        (Exception("lgpio's own"), r"lgpio's own.*panel\.spi_dc"),
        (PermissionError(errno.EACCES, "no"), "group gpio"),
    ],
)
def test_a_pin_that_fails_is_told_with_its_key(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Panel(display=DisplayKind.ST7735)

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(panel.wires.pins, "setup", fails)
    with pytest.raises(DisplayError, match=words):
        panel.display.show(HOME, 0.0)


def test_wrong_settings_are_told_with_their_key() -> None:
    with pytest.raises(DisplayError, match=r"panel\.width, panel\.height.*SSD1306 of 100 x 64"):
        Panel(display=DisplayKind.SSD1306, width=100, height=64).display.show(HOME, 0.0)
    with pytest.raises(DisplayError, match=r"panel\.spi_dc"):
        Panel(display=DisplayKind.ST7735, spi_dc=-1).display.show(HOME, 0.0)
    with pytest.raises(DisplayError, match=r"panel\.display"):
        GraphicDisplay(
            PanelSettings(display=DisplayKind.HD44780_16X2),
            GraphicWires(PanelSettings(display=DisplayKind.SSD1306)),
        )


def test_closing_leaves_the_display_dark_and_pins_and_bus_free() -> None:
    panel = Panel(display=DisplayKind.ST7735, backlight=18)
    panel.display.show(HOME, 0.0)
    assert panel.wires.pins.levels[18] == 1
    panel.display.close()
    assert not panel.wires.chip.on
    assert panel.wires.spi_bus.closed
    assert panel.wires.pins.levels == {}
    panel.display.close()


def test_the_backlight_s_pin_is_left_alone_where_there_is_none() -> None:
    panel = Panel(display=DisplayKind.ST7789)
    panel.display.show(HOME, 0.0)
    assert sorted(panel.wires.pins.levels) == [24, 25]


def test_closing_what_broke_raises_nothing() -> None:
    panel = Panel(display=DisplayKind.SSD1306)
    panel.display.show(HOME, 0.0)
    panel.wires.unplugged = True
    panel.display.close()
    assert panel.wires.i2c_bus.closed


def test_many_tries_keep_no_luma_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """luma keeps every device until the process ends: a display that is away must not make any."""
    kept: list[object] = []
    monkeypatch.setattr("atexit.register", kept.append)
    panel = Panel(display=DisplayKind.SSD1306)
    panel.wires.unplugged = True
    for _ in range(20):
        display = GraphicDisplay(panel.settings, panel.wires)
        with pytest.raises(DisplayError):
            display.show(HOME, 0.0)
        display.close()
    assert kept == []


def test_it_is_a_display() -> None:
    display: Display = Panel(display=DisplayKind.SSD1306).display
    assert display.graphic
    assert display.show(HOME, 0.0) is None
    assert display.show(Screen(title="x" * 99), 0.0) == pytest.approx(1.5)


I2C = 400_000  # Hz
_STEPS: Sequence[tuple[str, Screen, Screen]] = [
    ("a page opens", HOME, MENU),
    ("a page closes", MENU, HOME),
    ("home", home_screen(EXAMPLES["idle"]), home_screen(EXAMPLES["printing"])),
    ("a question", home_screen(EXAMPLES["printing"]), home_screen(EXAMPLES["paused"])),
    *(
        (
            f"selection to {selected}",
            Screen(title="Menu", lines=MENU.lines, selected=selected - 1),
            Screen(title="Menu", lines=MENU.lines, selected=selected),
        )
        for selected in range(1, 9)
    ),
]


@pytest.mark.parametrize("kind", [DisplayKind.SSD1306, DisplayKind.SH1106])
def test_a_key_press_takes_less_than_50_ms_on_the_bus(
    kind: DisplayKind, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = Panel(display=kind)
    times = []
    for _name, before, after in _STEPS:
        panel.display.show(before, 0.0)
        start = panel.wires.i2c_bus.seconds(I2C)
        panel.display.show(after, 0.0)
        times.append(panel.wires.i2c_bus.seconds(I2C) - start)
    times.sort()
    with capsys.disabled():
        median, most = times[len(times) // 2] * 1e3, times[-1] * 1e3
        sys.stdout.write(
            f"\n{kind}: median {median:.1f} ms, most {most:.1f} ms on I2C at 400 kHz\n"
        )
    assert times[len(times) // 2] < 0.020
    assert times[-1] < 0.050


def test_a_scrolling_name_needs_little_of_the_bus() -> None:
    panel = Panel(display=DisplayKind.SH1106)
    screen = Screen(title="Printing", lines=(Line("A name that is longer than the display is"),))
    again = panel.display.show(screen, 0.0)
    elapsed, steps = 0.0, 0
    start = panel.wires.i2c_bus.seconds(I2C)
    while elapsed < 10.0 and again is not None:
        elapsed += again
        again = panel.display.show(screen, elapsed)
        steps += 1
    assert steps <= 105
    assert (panel.wires.i2c_bus.seconds(I2C) - start) / elapsed < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_is_frugal(kind: DisplayKind, capsys: pytest.CaptureFixture[str]) -> None:
    """Processor time, which other tests on the same cores do not spend."""
    panel = Panel(display=kind)
    screens = [home_screen(state) for state in EXAMPLES.values()]
    for screen in screens:
        panel.display.show(screen, 0.0)
    before = time.process_time()
    for number, screen in enumerate(screens * 3):
        assert panel.display._renderer is not None
        panel.display._renderer.render(screen, number * 0.37)
    spent = (time.process_time() - before) / (3 * len(screens))
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}: {spent * 1e3:.2f} ms for each picture\n")
    assert spent < 0.010


def test_pins_that_cannot_be_let_go_hide_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel(display=DisplayKind.ST7735)
    panel.display.show(HOME, 0.0)

    def fails(*_: object) -> None:
        raise Exception("unknown handle")

    for name in ("cleanup", "output"):
        monkeypatch.setattr(panel.wires.pins, name, fails)
    panel.display.close()
    assert panel.wires.spi_bus.closed
