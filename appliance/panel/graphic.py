"""Graphic displays: SSD1306 and SH1106 (I2C or SPI), ST7735 and ST7789 (SPI).

luma speaks the buses and knows how each controller is initialised (initialisation.py). Its
drawing is passed by: it packs pixels one by one, and writes more than what changed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from luma.core.error import Error as LumaError
from luma.core.interface.serial import i2c as LumaI2c
from luma.core.interface.serial import spi as LumaSpi

from appliance.panel.controllers import Memory, Sh1106Memory, Ssd1306Memory, TftMemory
from appliance.panel.display import (
    DENIED,
    DisplayError,
    Wires,
    answering,
    denied,
    i2c_problem,
    not_found,
    number_of,
    taking_pins,
)
from appliance.panel.initialisation import Initialisation, recorded
from appliance.panel.pixels import PixelRenderer
from appliance.panel.screen import Screen
from appliance.settings_panel import NO_PIN, DisplayKind, PanelSettings, Wiring, wiring_of

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

USUAL_ADDRESS: Final = 0x3C
_ADDRESSES: Final = (0x3C, 0x3D)  # of an SSD1306 and an SH1106
_FIRST_COLUMN: Final = {(64, 48): 32, (64, 32): 32}  # small glasses in the middle of the memory
_NOP: Final = 0xE3  # of an SSD1306 and an SH1106
_SPEED: Final = {  # Hz on the SPI bus, of those that luma takes; near the data sheets' limits
    DisplayKind.SSD1306: 8_000_000,
    DisplayKind.SH1106: 4_000_000,
    DisplayKind.ST7735: 16_000_000,
    DisplayKind.ST7789: 32_000_000,
}
_SWRESET: Final = (0x01,)  # of a TFT; would blank a picture that is right
_SLPOUT: Final = (0x11,)
_PAUSE: Final = 0.12  # s after either, says the data sheet
_RESET_PULSE: Final = 0.01  # s
_PIN_KEYS: Final = "panel.spi_dc, panel.spi_reset and panel.backlight"
_PROBLEMS: Final = (OSError, LumaError, RuntimeError, ValueError)


class GraphicDisplay:
    """One graphic display (see ``display.Display``). Opened by the first ``show``.

    After a DisplayError the same object can be used again: it opens what it lost.
    """

    graphic = True

    def __init__(self, settings: PanelSettings, wires: Wires) -> None:
        if settings.display.pixels is None:
            raise DisplayError(f"panel.display: {settings.display} is no graphic display.")
        self._settings = settings
        self._wires = wires
        self._renderer: PixelRenderer | None = None
        self._initial: Initialisation | None = None
        self._memory: Memory = _memory(settings)
        self._serial: Any = None
        self._release: list[Callable[[], None]] = []
        self._lit = False

    def show(self, screen: Screen, elapsed: float) -> float | None:
        """See ``Display.show``."""
        if self._renderer is None:
            coloured = self._settings.display.coloured
            self._renderer = PixelRenderer(*self._settings.size, coloured=coloured)
        frame = self._renderer.render(screen, elapsed)
        self.draw(frame.image)
        return frame.again

    def draw(self, image: Image.Image) -> None:
        """Write what differs from what stands there. Raises DisplayError."""
        with self._in_words():
            if self._serial is None:
                self._open()
            for commands, data in self._memory.writes(_turned(image, self._settings.rotate)):
                for command in commands:
                    self._send(command)
                self._serial.data(data)
            if not self._lit:
                self._light()

    def refresh(self) -> None:
        """Put a confused controller in order, without blanking it; ``show`` writes all anew."""
        with self._in_words():
            if self._serial is None:
                self._open()
                return
            self._play(again=True)
            self._light()

    def close(self) -> None:
        """See ``Display.close``; the display goes dark, since nobody keeps it true."""
        try:
            if self._serial is not None and self._initial is not None:
                self._send((self._initial.off,))
        except Exception:  # driver boundary: lgpio's errors are plain exceptions
            log.debug("The display could not be switched off", exc_info=True)
        self._let_go()

    def _open(self) -> None:
        on_i2c = wiring_of(self._settings) is Wiring.I2C
        serial = self._open_i2c() if on_i2c else self._open_spi()
        if self._initial is None:
            self._initial = recorded(self._settings)
        self._serial = serial
        self._play(again=False)

    def _play(self, *, again: bool) -> None:
        """The controller's initialisation; after it the memory may hold anything."""
        assert self._initial is not None
        self._memory.forget()
        for command in self._initial.commands:
            if again and command == _SWRESET:
                continue
            self._send(command)
            if not again and command in (_SWRESET, _SLPOUT):
                time.sleep(_PAUSE)

    def _light(self) -> None:
        """The display on, once its memory holds a picture; and the light behind it."""
        assert self._initial is not None
        self._send((self._initial.on,))
        pin = self._settings.backlight
        if pin != NO_PIN and not self._lit:
            gpio: Any = self._wires.gpio()
            with taking_pins(_PIN_KEYS):
                gpio.setup(pin, gpio.OUT)
                gpio.output(pin, gpio.HIGH)
            self._release.append(lambda: gpio.cleanup(pin))
        self._lit = True

    def _send(self, command: Sequence[int]) -> None:
        """A command; a TFT takes the arguments as data."""
        if self._settings.display.coloured:
            self._serial.command(command[0])
            if len(command) > 1:
                self._serial.data(list(command[1:]))
        else:
            self._serial.command(*command)

    def _open_i2c(self) -> Any:
        bus: Any = self._wires.i2c(self._settings.i2c_port)
        self._release.append(bus.close)
        serial = LumaI2c(bus=bus, address=self._address)
        try:
            serial.command(_NOP)
        except LumaError as error:
            others = answering(bus, _ADDRESSES, self._address)
            raise not_found(self._settings, self._address, others) from error
        return serial

    def _open_spi(self) -> Any:
        settings = self._settings
        if settings.spi_dc < 1:  # luma takes 0 for none
            raise DisplayError("panel.spi_dc: the display needs this pin (1 to 27).")
        gpio: Any = self._wires.gpio()
        reset = None if settings.spi_reset < 1 else settings.spi_reset
        pins = [pin for pin in (settings.spi_dc, reset) if pin is not None]
        self._release.append(lambda: gpio.cleanup(pins))
        with taking_pins(_PIN_KEYS):
            for pin in pins:
                gpio.setup(pin, gpio.OUT)
        bus: Any = self._wires.spi(settings.spi_port, settings.spi_device)
        self._release.append(bus.close)
        return LumaSpi(
            spi=bus,
            gpio=gpio,
            port=settings.spi_port,
            device=settings.spi_device,
            bus_speed_hz=_SPEED[settings.display],
            gpio_DC=settings.spi_dc,
            gpio_RST=reset,
            reset_hold_time=_RESET_PULSE,
            reset_release_time=_PAUSE,
        )

    def _let_go(self) -> None:
        self._serial, self._lit = None, False
        self._memory.forget()
        release, self._release = self._release, []
        for let_go in release:
            try:
                let_go()
            except Exception:  # driver boundary: lgpio's errors are plain exceptions
                log.debug("The display's bus or pins could not be let go", exc_info=True)

    @property
    def _address(self) -> int:
        return self._settings.i2c_address or USUAL_ADDRESS

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except DisplayError:
            self._let_go()
            raise
        except _PROBLEMS as error:
            self._let_go()
            raise self._said(error) from error

    def _said(self, error: Exception) -> DisplayError:
        settings = self._settings
        if wiring_of(settings) is Wiring.I2C:
            return i2c_problem(settings, self._address, error)
        if number_of(error) in DENIED:
            return denied("spi", error)
        return DisplayError(
            f"SPI bus {settings.spi_port}.{settings.spi_device} cannot be used ({error}). "
            "Check panel.spi_port and panel.spi_device, and that SPI is enabled "
            "(raspi-config, Interface Options).",
            short="No SPI bus",
        )


def _memory(settings: PanelSettings) -> Memory:
    if settings.display.coloured:
        return TftMemory(settings.offset_x, settings.offset_y)
    if settings.display is DisplayKind.SH1106:
        return Sh1106Memory()
    return Ssd1306Memory(_FIRST_COLUMN.get((settings.width, settings.height), 0))


def _turned(image: Image.Image, quarters: int) -> Image.Image:
    """As luma turns it: clockwise."""
    from PIL import Image as module  # noqa: PLC0415

    if not quarters:
        return image
    way = module.Transpose
    return image.transpose((way.ROTATE_270, way.ROTATE_180, way.ROTATE_90)[quarters - 1])
