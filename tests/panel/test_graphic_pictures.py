"""Every screen through renderer, driver and virtual chip, against pictures that were looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace
from PIL import Image

from appliance.panel import graphic
from appliance.panel.graphic import GraphicDisplay
from appliance.panel.menu import show
from appliance.panel.motion import TURN
from appliance.panel.screen import Bar, Icon, Keys, Line, Picture, Screen, Tone
from appliance.panel.screens import home_screen
from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.sim.graphic_wires import GraphicWires
from appliance.sim.panel_examples import EXAMPLES
from appliance.sim.panel_menus import MENUS
from appliance.sim.panel_setups import SETUPS

Compare = Callable[[Image.Image, str, str], None]

SCREENS = {
    **{name: home_screen(state) for name, state in EXAMPLES.items()},
    **{name: home_screen(replace(state, graphic=True)) for name, state in SETUPS.items()},
    **{f"menu-{name}": show(menu, state) for name, (menu, state) in MENUS.items()},
}
OTHERS = {
    "qr": Screen(
        title="Join Wi-Fi",
        icon=Icon.NETWORK,
        lines=(Line("Polar-12AB"), Line("k3x9-2mq7")),
        picture=Picture(qr="WIFI:T:WPA;S:Polar-Appliance-12AB;P:k3x9-2mq7;;"),
    ),
    "letters": Screen(
        title="Größe – żółw",
        lines=(
            Line("Ελληνικά Łódź"),
            Line("Широкий ящик"),
            Line("模型 👩‍👩‍👧‍👧", "3/12", Icon.QUEUE),
        ),
    ),
    "everything": Screen(
        title="Heating",
        value="60 %",
        icon=Icon.NOZZLE,
        tone=Tone.ASKING,
        bar=Bar(0.6, "2 min"),
        lines=(Line("Nozzle", "120→205°", Icon.NOZZLE), Line("Bed", "50→60°", Icon.BED)),
        keys=Keys("Back", "Stop", "More"),
    ),
}
COLOURED = (
    "idle",
    "printing",
    "paused",
    "halted",
    "offline",
    "menu-main",
    "menu-cancel",
    "code",
    "setup_hotspot",
    "menu-wifi_password_typed",
)
LATER = ("paused", "halted", "printing_long_name")  # shown in turn, or moving


@pytest.fixture(scope="module", autouse=True)
def utc() -> Iterator[None]:
    """Clock times on the screens are local."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.setattr(graphic, "_PAUSE", 0.0)
        patch.setattr(graphic, "_RESET_PULSE", 0.0)
        time.tzset()
        yield
    time.tzset()


def seen(kind: DisplayKind, screen: Screen, elapsed: float = 0.0) -> Image.Image:
    settings = PanelSettings(display=kind)
    wires = GraphicWires(settings)
    GraphicDisplay(settings, wires).show(screen, elapsed)
    return wires.picture()


@pytest.mark.parametrize("name", [*SCREENS, *OTHERS])
def test_128x64(name: str, reference: Compare) -> None:
    screen = SCREENS[name] if name in SCREENS else OTHERS[name]
    reference(seen(DisplayKind.SSD1306, screen), "128x64", name)


@pytest.mark.parametrize("name", LATER)
def test_128x64_later(name: str, reference: Compare) -> None:
    reference(seen(DisplayKind.SSD1306, SCREENS[name], TURN + 0.1), "128x64", f"{name}_later")


@pytest.mark.parametrize("name", [*COLOURED, *OTHERS])
@pytest.mark.parametrize("kind", [DisplayKind.ST7735, DisplayKind.ST7789])
def test_coloured(kind: DisplayKind, name: str, reference: Compare) -> None:
    screen = SCREENS[name] if name in SCREENS else OTHERS[name]
    width, height = kind.pixels or (0, 0)
    reference(seen(kind, screen), f"{width}x{height}", name)
