"""The character displays as a person sees them: renderer, driver and virtual chip together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from appliance.panel.hd44780 import CharacterDisplay
from appliance.panel.menu import show
from appliance.panel.screen import Screen
from appliance.panel.screens import home_screen
from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.sim.hd44780 import Backpack
from appliance.sim.panel_examples import EXAMPLES
from appliance.sim.panel_menus import MENUS
from appliance.sim.panel_setups import SETUPS

SCREENS = {**EXAMPLES, **SETUPS}
SIZES = {"16x2": DisplayKind.HD44780_16X2, "20x4": DisplayKind.HD44780_20X4}


class _Wires:
    def __init__(self, backpack: Backpack) -> None:
        self._backpack = backpack

    def i2c(self, port: int) -> object:
        return self._backpack

    def spi(self, port: int, device: int) -> object:
        raise AssertionError("no SPI here")

    def gpio(self) -> object:
        raise AssertionError("no pins here")


class Panel:
    """One display for all pictures of its size, as on the device: each over the last one."""

    def __init__(self, kind: DisplayKind) -> None:
        assert kind.cells
        self.backpack = Backpack(*kind.cells)
        self.display = CharacterDisplay(PanelSettings(display=kind), _Wires(self.backpack))

    def picture(self, screen: Screen, elapsed: float) -> Image.Image:
        self.display.show(screen, elapsed)
        assert self.backpack.chip.lost == 0
        picture = self.backpack.chip.picture()
        assert isinstance(picture, Image.Image)
        return picture


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def panel(size: str) -> Iterator[Panel]:
    panel = Panel(SIZES[size])
    yield panel
    panel.display.close()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", SCREENS)
def test_screens(
    name: str, size: str, panel: Panel, reference: Callable[[Image.Image, str, str], None]
) -> None:
    reference(panel.picture(home_screen(SCREENS[name]), 0.0), size, name)


@pytest.mark.parametrize("name", [name for name, (_, state) in MENUS.items() if not state.graphic])
def test_menu(
    name: str, size: str, panel: Panel, reference: Callable[[Image.Image, str, str], None]
) -> None:
    menu, state = MENUS[name]
    reference(panel.picture(show(menu, state), 0.0), size, f"menu-{name}")


@pytest.mark.parametrize("elapsed", [0.0, 3.5, 6.5, 12.5, 40.0])
def test_what_moves(
    elapsed: float, size: str, panel: Panel, reference: Callable[[Image.Image, str, str], None]
) -> None:
    screen = home_screen(EXAMPLES["printing_long_name"])
    reference(panel.picture(screen, elapsed), size, f"moving-{elapsed:g}")
