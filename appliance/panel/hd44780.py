"""HD44780 character displays, behind a PCF8574 on I2C or on GPIO pins, four data lines each.

luma speaks the bus (nibbles, the enable line, the backlight's bit). Its own class for the
controller is passed by: it starts with 0.6 s of waiting and a blank display and holds fonts
that nobody needs here. A byte costs six bytes on the I2C bus, so only changed cells are sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from luma.core.device import parallel_device
from luma.core.error import Error as LumaError
from luma.core.interface.parallel import bitbang_6800
from luma.core.interface.serial import pcf8574
from luma.lcd.const import hd44780 as codes

from appliance.panel.cgram import Slots
from appliance.panel.characters import CharacterFrame, render
from appliance.panel.display import (
    SILENT,
    DisplayError,
    Wires,
    answering,
    i2c_problem,
    not_found,
    pins_problem,
    taking_pins,
)
from appliance.panel.screen import Screen
from appliance.settings_panel import NO_PIN, PARALLEL, PanelSettings, Wiring, wiring_of

log = logging.getLogger(__name__)

USUAL_ADDRESS: Final = 0x27
_OTHERS: Final = (*range(0x20, 0x28), *range(0x38, 0x40))  # of a PCF8574 and a PCF8574A

_POWER_UP: Final = 0.05  # s; the data sheet asks for 40 ms after power comes
_RESET: Final = 0.0045  # s after each "8 bits"; also the longest that a stray instruction takes
_BRIEF: Final = 0.0002
_HOME: Final = 0.002

_PROBLEMS: Final = (OSError, LumaError, RuntimeError, ValueError)


class CharacterDisplay:
    """One HD44780 (see ``display.Display``). Opened by the first ``show`` or ``refresh``.

    After a DisplayError the same object is used again: it opens what it lost.
    """

    graphic = False

    def __init__(self, settings: PanelSettings, wires: Wires) -> None:
        cells = settings.display.cells
        if cells is None:
            raise DisplayError(f"panel.display: {settings.display} is no character display.")
        self._settings = settings
        self._wires = wires
        self._columns, self._rows = cells
        self._slots = Slots()
        self._shown: dict[int, int] = {}  # codes by their DDRAM address, as far as known
        self._device: Any = None
        self._release: Callable[[], None] = lambda: None
        self._ready = False

    def show(self, screen: Screen, elapsed: float) -> float | None:
        """See ``Display.show``."""
        frame = render(screen, self._columns, self._rows, elapsed, self._settings.rom)
        self.draw(frame)
        return frame.again

    def draw(self, frame: CharacterFrame) -> None:
        """Write the cells that differ from what stands there. Raises DisplayError."""
        with self._in_words():
            if not self._ready:
                self._begin()
            self._define(frame)
            self._write(self._slots.codes(frame.rows))

    def refresh(self) -> None:
        """Put a confused controller in order, without blanking it; ``show`` writes all anew.

        Some 15 ms. It also recovers an interface that lost or caught a nibble.
        """
        with self._in_words():
            if not self._ready:
                self._begin()
                return
            self._forget()
            self._initialise()

    def close(self) -> None:
        """See ``Display.close``; the display goes dark, since nobody keeps it true."""
        try:
            if self._ready:
                self._device.command(codes.DISPLAYOFF)
        except Exception:  # driver boundary: lgpio's errors are plain exceptions
            log.debug("The display could not be switched off", exc_info=True)
        self._let_go()

    def _begin(self) -> None:
        if self._device is None:
            i2c = wiring_of(self._settings) is Wiring.I2C
            serial = self._open_i2c() if i2c else self._open_parallel()
            # luma keeps each device until the process ends: one is made only for a display
            # that answered, and kept over its failures.
            self._device = parallel_device(codes, serial, exec_time=_BRIEF / 2)
            self._device.persist = True
        time.sleep(_POWER_UP)
        self._forget()
        self._initialise()
        self._ready = True

    def _open_i2c(self) -> Any:
        bus: Any = self._wires.i2c(self._settings.i2c_port)
        self._release = bus.close
        self._probe(bus)
        # No extra pulse time: the bus itself holds each level longer than the chip needs.
        return pcf8574(bus=bus, address=self._address, pulse_time=0)

    def _probe(self, bus: Any) -> None:
        try:
            bus.read_byte(self._address)
        except OSError as error:
            if error.errno not in SILENT:
                raise
            others = answering(bus, _OTHERS, self._address)
            raise not_found(self._settings, self._address, others) from error

    def _open_parallel(self) -> Any:
        gpio: Any = self._wires.gpio()
        gpio.setwarnings(False)
        gpio.setmode(gpio.BCM)
        names = PARALLEL if self._settings.backlight == NO_PIN else (*PARALLEL, "backlight")
        pins = [getattr(self._settings, name) for name in names]
        self._release = lambda: gpio.cleanup(pins)
        for name, pin in zip(names, pins, strict=True):  # luma passes pin 0 by
            with taking_pins(f"panel.{name}"):
                gpio.setup(pin, gpio.OUT)
                if name == "backlight":
                    gpio.output(pin, gpio.HIGH)
        return bitbang_6800(gpio=gpio, RS=pins[0], E=pins[1], PINS=pins[2 : len(PARALLEL)])

    def _initialise(self) -> None:
        """The data sheet's way into 4 bits, from any state; then on, and no shift."""
        command = self._device.command
        for pause in (_RESET, _RESET, _BRIEF):
            command(0x03, exec_time=pause, only_low_bits=True)
        command(0x02, exec_time=_BRIEF, only_low_bits=True)
        command(codes.FUNCTIONSET | codes.DL4 | codes.LINES2)
        command(codes.DISPLAYON)
        command(codes.ENTRY)
        command(codes.HOME, exec_time=_HOME)

    def _define(self, frame: CharacterFrame) -> None:
        for slot, bitmap in self._slots.place(frame.rows):
            self._device.command(codes.CGRAMADDR | slot * 8)
            self._device.data(list(bitmap))

    def _write(self, rows: list[list[int]]) -> None:
        wanted = {
            codes.LINES[row] + column: code
            for row, line in enumerate(rows)
            for column, code in enumerate(line)
        }
        for address, run in changed_runs(self._shown, wanted):
            self._device.command(codes.DDRAMADDR | address)
            self._device.data(run)
        self._shown = wanted

    def _forget(self) -> None:
        self._shown = {}
        self._slots.forget()

    def _let_go(self) -> None:
        self._ready = False
        self._device = None
        release, self._release = self._release, lambda: None
        try:
            release()
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
            self._lost(None)
            raise
        except _PROBLEMS as error:
            self._lost(error)
            raise self._said(error) from error

    def _lost(self, error: Exception | None) -> None:
        """What the chip holds is unknown now; a bus that never worked, or is gone, is closed."""
        self._ready = False
        if self._device is None or (isinstance(error, OSError) and error.errno not in SILENT):
            self._let_go()

    def _said(self, error: Exception) -> DisplayError:
        if wiring_of(self._settings) is Wiring.I2C:
            return i2c_problem(self._settings, self._address, error)
        return pins_problem(", ".join(f"panel.{name}" for name in PARALLEL), error)


def changed_runs(shown: dict[int, int], wanted: dict[int, int]) -> Iterator[tuple[int, list[int]]]:
    """(DDRAM address, codes) of what differs, in as few bytes as possible.

    An address costs a byte, as does a cell that is written again: one equal cell between two
    changed ones is sent along.
    """
    changed = sorted(address for address, code in wanted.items() if shown.get(address) != code)
    start = last = -2
    for address in changed:
        if address - last > 2 or address - 1 not in wanted:
            if last >= 0:
                yield start, [wanted[each] for each in range(start, last + 1)]
            start = address
        last = address
    if last >= 0:
        yield start, [wanted[each] for each in range(start, last + 1)]
