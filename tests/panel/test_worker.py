"""The worker as a real process: screens in, messages out, and an end whatever hangs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from appliance.panel.characters import render
from appliance.panel.charset import charset
from appliance.panel.glyphs import Glyph
from appliance.panel.keys import Key, KeyStroke
from appliance.panel.screen import Screen
from appliance.panel.wire import Alive, DoorSeen, Hardware, Health, Show, Stroked, Up
from appliance.panel.wires import SystemWires
from appliance.panel.worker import FAREWELL, make_display
from appliance.settings_panel import ButtonSettings, DisplayKind, DoorSettings, PanelSettings

NOTHING = Hardware(PanelSettings(), ButtonSettings(), DoorSettings())
SHOW = msgspec.json.encode(Show(Screen(title="Hello"))) + b"\n"

FAKE = """
import sys, threading, time
from gpiozero.pins.mock import MockFactory
from appliance.panel import worker
from appliance.panel.wires import SystemWires

factory = MockFactory()

class Glass:
    graphic = False
    def show(self, screen, elapsed):
        print("a library that prints")
        sys.stderr.write(f"INFO shown {screen.title}\\n")
        HOOK
    def refresh(self): pass
    def close(self): pass

worker.make_display = lambda settings, wires: Glass()
hardware = worker.hardware_of(sys.argv)
one = worker.PanelWorker(hardware, SystemWires(), lambda: factory, worker.private_stdout())
worker.asyncio.run(worker.serve(one))
"""
QUICK = FAKE.replace("HOOK", "pass")
HANGING = FAKE.replace(
    "HOOK",
    """pin = factory.pin(26)
        while pin.when_changed is None:
            time.sleep(0.001)
        pin.drive_low()
        threading.Event().wait()""",
)


class Child:
    def __init__(self, arguments: list[str], hardware: Hardware) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments, msgspec.json.encode(hardware).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path.cwd(),
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def say(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def next(self) -> Up:
        """The next message that is no mere sign of life."""
        while (message := self.hear()) == Alive():
            pass
        return message

    def hear(self) -> Up:
        return msgspec.json.decode(self.stdout.readline(), type=Up)  # type: ignore[no-any-return]

    def end(self) -> tuple[int, str]:
        """Exit status and log, after its stdin was closed."""
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log.decode()


def fake(script: str, buttons: ButtonSettings | None = None) -> Child:
    panel = PanelSettings(display=DisplayKind.HD44780_16X2)
    hardware = Hardware(panel, buttons or ButtonSettings(), DoorSettings())
    return Child(["-c", script], hardware)


def test_it_says_farewell_on_the_display_when_the_agent_goes() -> None:
    child = fake(QUICK)
    child.say(SHOW)
    assert child.next() == Health("display")
    status, log = child.end()
    assert status == 0
    assert "INFO shown Hello" in log
    assert log.rstrip().splitlines()[-1] == "INFO shown Starting"
    assert "a library that prints" in log, "and not among the messages"


def test_a_bus_that_hangs_delays_no_key_and_not_the_end() -> None:
    child = fake(HANGING, ButtonSettings(ok=26, debounce=0.001))
    child.say(SHOW)
    assert child.next() == Health("buttons")
    assert child.next() == Stroked(KeyStroke(Key.OK))
    status, log = child.end()
    assert status == 0
    assert "shown Hello" in log
    assert "shown Starting" not in log


def test_a_term_signal_ends_it_with_a_farewell_too() -> None:
    child = fake(QUICK)
    child.say(SHOW)
    assert child.next() == Health("display")
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(60) == 0
    assert "shown Starting" in child.end()[1]


def test_a_last_word_stays_on_the_display_when_the_agent_goes() -> None:
    child = fake(QUICK)
    child.say(msgspec.json.encode(Show(Screen(title="Shutting down", farewell=True))) + b"\n")
    assert child.next() == Health("display")
    status, log = child.end()
    assert status == 0
    assert log.rstrip().splitlines()[-1] == "INFO shown Shutting down"


@pytest.mark.parametrize(("columns", "rows"), [(16, 2), (20, 4)])
def test_the_farewell_fits_every_display(columns: int, rows: int) -> None:
    frame = render(FAREWELL, columns, rows, 0.0, "A00")
    assert frame.again is None, "nothing moves: nobody is there to move it"
    signs = charset("A00")
    cells = [cell for row in frame.rows for cell in row if not isinstance(cell, Glyph)]
    assert "One moment" in "".join(map(signs.text, cells))


def test_signs_of_life_come_regularly_and_end_when_the_display_is_stuck() -> None:
    quick = "worker.WATCH = 0.01\nfactory = "
    child = fake(QUICK.replace("factory = ", quick, 1))
    assert [child.hear() for _ in range(3)] == [Alive()] * 3
    assert child.end()[0] == 0
    stuck = "from appliance.panel import painter\npainter.STUCK = 0.05\npainter.HANGS = 0.2\n"
    hanging = FAKE.replace("HOOK", "threading.Event().wait()")
    child = fake(stuck + hanging.replace("factory = ", quick, 1))
    child.say(SHOW)
    while child.hear() == Alive():
        pass
    child.say(SHOW)
    assert child.end()[0] == 0


def test_words_that_are_no_screen_end_it() -> None:
    child = fake(QUICK)
    child.say(b"{}\n")
    assert child.process.wait(60) == 0
    assert "cannot be read" in child.end()[1]


def test_a_thread_that_fails_ends_the_worker() -> None:
    child = fake(QUICK.replace("factory = ", "worker.Painter._wait = lambda *_: 1 / 0\nfactory = "))
    assert child.process.wait(60) == 1
    assert "ZeroDivisionError" in child.end()[1]


def test_the_real_one_names_what_is_missing_and_keeps_running() -> None:
    if any(Path("/dev").glob("gpiochip*")) or Path("/dev/i2c-99").exists():
        pytest.skip("this machine has such hardware")
    panel = PanelSettings(display=DisplayKind.SSD1306, i2c_port=99)
    hardware = Hardware(panel, ButtonSettings(ok=26), DoorSettings(pin=22))
    child = Child(["-m", "appliance.panel.worker"], hardware)
    child.say(SHOW)
    seen = [child.next() for _ in range(4)]
    assert DoorSeen(None) in seen
    problems = {one.part: one.problem for one in seen if isinstance(one, Health)}
    assert set(problems) == {"display", "buttons", "door"}
    display, buttons = problems["display"], problems["buttons"]
    assert display is not None
    assert buttons is not None
    assert "panel.i2c_port: /dev/i2c-99 is not there" in display.long
    assert "dtparam=i2c_arm=on" in display.long
    assert "buttons.ok: There is no GPIO chip whose label is pinctrl-*" in buttons.long
    assert child.process.poll() is None
    assert child.end()[0] == 0


def test_nothing_connected_needs_no_library_of_displays_or_pins() -> None:
    script = (
        "import sys\n"
        "from appliance.panel import worker\n"
        "one = worker.PanelWorker(worker.hardware_of(sys.argv), None, None, print)\n"
        "assert not {'luma', 'gpiozero', 'PIL', 'segno'} & set(sys.modules)\n"
    )
    assert Child(["-c", script], NOTHING).end() == (0, "")


@pytest.mark.parametrize("kind", [one for one in DisplayKind if one is not DisplayKind.NONE])
def test_every_display_has_a_driver(kind: DisplayKind) -> None:
    display = make_display(PanelSettings(display=kind), SystemWires())
    assert display.graphic is (kind.pixels is not None)
    display.close()
