"""How luma initialises a graphic display's controller, kept to be played at any time.

luma's device is built on a recorder in place of a bus. So a missing display costs no device
for each try (luma keeps all of them), and a confused one is put in order without a blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luma.core.error import DeviceDisplayModeError

from appliance.panel.display import DisplayError
from appliance.settings_panel import DisplayKind, PanelSettings

_MADCTL = 0x36  # memory access control of a TFT
_BGR = 0x08


class Initialisation:
    """A bus on which a luma device is built: it keeps the commands instead of sending them."""

    def __init__(self) -> None:
        self.commands: list[tuple[int, ...]] = []
        self.on = self.off = 0  # the commands that switch the display on and off

    def command(self, *command: int) -> None:
        """A command with its arguments, or a TFT's without."""
        self.commands.append(command)

    def data(self, data: Sequence[int]) -> None:
        """A TFT's arguments of the command before."""
        self.commands[-1] = (*self.commands[-1], *data)


def recorded(settings: PanelSettings) -> Initialisation:
    """What luma sends to this controller at its start, without its blank picture.

    Raises DisplayError for a size that luma does not know.
    """
    initial = Initialisation()
    device_class = _luma_class(settings.display)

    class Device(device_class):  # type: ignore[misc,valid-type]  # luma has no types
        """Draws nothing."""

        def clear(self) -> None:
            """The first picture overwrites whatever is there."""

        def show(self) -> None:
            """Only once there is a picture."""

    usual = settings.display.pixels or (0, 0)
    width, height = settings.width or usual[0], settings.height or usual[1]
    try:
        device = Device(initial, width=width, height=height, backlight=lambda lit: None)
    except DeviceDisplayModeError as error:
        raise DisplayError(
            f"panel.width, panel.height: an {settings.display.upper()} of {width} x {height} "
            "pixels is not known.",
            short="Display size?",
        ) from error
    initial.on, initial.off = device._const.DISPLAYON, device._const.DISPLAYOFF
    # luma keeps each device until the process ends, tables of every pixel with it.
    device.__dict__.clear()
    if settings.bgr:
        initial.commands = [_swapped(command) for command in initial.commands]
    return initial


def _swapped(command: tuple[int, ...]) -> tuple[int, ...]:
    """With the bit that lets the glass take blue for red, where this is its command."""
    code, *arguments = command
    return (code, *(value | _BGR for value in arguments)) if code == _MADCTL else command


def _luma_class(kind: DisplayKind) -> Any:
    from luma.lcd.device import st7735, st7789  # noqa: PLC0415 -- some hundred kilobytes
    from luma.oled.device import sh1106, ssd1306  # noqa: PLC0415

    return {
        DisplayKind.SSD1306: ssd1306,
        DisplayKind.SH1106: sh1106,
        DisplayKind.ST7735: st7735,
        DisplayKind.ST7789: st7789,
    }[kind]
