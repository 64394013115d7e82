"""One screen before the agent is up, on the simulated chips of every display."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from appliance.panel.boot_message import STARTING, draw, screen_of, show
from appliance.panel.characters import render
from appliance.panel.display import DisplayError
from appliance.panel.wire import Hardware
from appliance.settings_panel import ButtonSettings, DisplayKind, DoorSettings, PanelSettings
from appliance.sim.panel_front import Front, NoWires

DISPLAYS = [kind for kind in DisplayKind if kind is not DisplayKind.NONE]
# What systemd/usr/lib/polar-appliance/data-partition writes.
PROBLEMS = (
    "Card is damaged\nFlash a new card\n",
    "Card too small\nUse 8 GB or more\n",
    "Unknown data\nFlash a new card\n",
    "No data card\nFlash a new card\n",
)


class HangingWires(NoWires):
    def i2c(self, port: int) -> object:
        threading.Event().wait()
        raise AssertionError


def front(kind: DisplayKind) -> tuple[PanelSettings, Front]:
    made = Front(Hardware(PanelSettings(display=kind), ButtonSettings(), DoorSettings()))
    return made.hardware.panel, made


def saying(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "problem"
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", DISPLAYS)
def test_each_display_shows_it(kind: DisplayKind) -> None:
    settings, panel = front(kind)
    before = panel.picture().tobytes()
    assert draw(STARTING, settings, panel.wires)
    assert panel.picture().tobytes() != before


def test_the_words_on_a_character_display(tmp_path: Path) -> None:
    settings, panel = front(DisplayKind.HD44780_16X2)
    assert draw(STARTING, settings, panel.wires)
    assert panel.rows() == ("Polar Appliance ", "Starting        ")
    damaged = screen_of(saying(tmp_path, PROBLEMS[0]))
    assert draw(damaged, settings, panel.wires)
    assert panel.rows() == ("⚠Card is damaged", "Flash a new card")


@pytest.mark.parametrize("text", PROBLEMS)
def test_nothing_moves_for_nobody_is_there_to_move_it(tmp_path: Path, text: str) -> None:
    for columns, rows in ((16, 2), (20, 4)):
        frame = render(screen_of(saying(tmp_path, text)), columns, rows, 0.0, "A00")
        assert frame.again is None


@pytest.mark.parametrize("text", ["", "\n\n\n", "\xff\n", "one"])
def test_whatever_stands_in_the_file_there_is_a_screen(tmp_path: Path, text: str) -> None:
    settings, panel = front(DisplayKind.SSD1306)
    screen = screen_of(saying(tmp_path, text))
    assert screen.title
    assert draw(screen, settings, panel.wires)
    assert screen_of(tmp_path / "missing") == STARTING


def test_the_script_says_nothing_else() -> None:
    folder = Path(__file__).parents[2] / "systemd/usr/lib/polar-appliance"
    texts = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    said = re.findall(r"(?:refuse|printf '%s\\n') " + '"([^"$]+)" "([^"$]+)"', texts)
    assert {f"{short}\n{advice}" for short, advice in said} == {
        problem.strip() for problem in PROBLEMS
    }


def test_a_missing_display_ends_at_once_with_0() -> None:
    ended: list[int] = []
    show(PanelSettings(display=DisplayKind.SSD1306), NoWires(), ended.append)
    assert ended == [0]


def test_without_a_display_nothing_is_opened() -> None:
    class Forbidden(NoWires):
        def i2c(self, port: int) -> object:
            raise AssertionError("opened")

    show(PanelSettings(), Forbidden(), lambda _status: pytest.fail("nothing was shown"))


def test_a_bus_that_hangs_ends_it_in_bounded_time() -> None:
    settings = PanelSettings(display=DisplayKind.SSD1306)
    assert not draw(STARTING, settings, HangingWires(), longest=0.05)


def test_an_error_of_the_driver_is_no_failed_start() -> None:
    class Broken(NoWires):
        def i2c(self, port: int) -> object:
            raise DisplayError("No bus.", short="No I2C bus")

    ended: list[int] = []
    show(PanelSettings(display=DisplayKind.HD44780_20X4), Broken(), ended.append)
    assert ended == [0]
