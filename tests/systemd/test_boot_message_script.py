"""Whether polar-boot-message.service starts Python: only where somebody has named a display."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from appliance import config
from appliance.setup import display_copy

TOP = Path(__file__).parents[2]
SCRIPT = TOP / "systemd/usr/lib/polar-appliance/boot-message"
STATE = config.PathSettings().state
PLACES = (
    config.SYSTEM_FILE,
    config.BOOT_FILE,
    config.BOOT_FILE.with_name(display_copy.NAME),
    Path(STATE) / config.DEVICE_FILE,
)


def run(root: Path) -> str:
    tools = {"POLAR_ROOT": str(root), "POLAR_SHOW": "echo shown"}
    done = subprocess.run(
        [SCRIPT], env=os.environ | tools, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def put(root: Path, place: Path, text: str) -> None:
    file = root / place.relative_to("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_without_any_file_nothing_is_shown(tmp_path: Path) -> None:
    assert run(tmp_path) == ""


def test_a_new_card_names_no_display(tmp_path: Path) -> None:
    put(tmp_path, PLACES[0], (TOP / "systemd/etc/polar-appliance/config.toml").read_text())
    example = TOP / "image/stage-appliance/02-system/files/polar-appliance.toml"
    assert "display" in example.read_text()
    put(tmp_path, PLACES[1], example.read_text())
    assert run(tmp_path) == ""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@pytest.mark.parametrize(
    "text",
    [
        '[panel]\ndisplay = "ssd1306"\n',
        '[panel]\r\n\tdisplay="ssd1306"\r\n',
        'panel.display = "ssd1306" # the small one\n',
        'panel = { "display" = "ssd1306" }\n',
        'panel = { title = "#1", display = "ssd1306" }\n',
    ],
)
def test_a_display_that_is_named_anywhere_is_looked_at(
    tmp_path: Path, place: Path, text: str
) -> None:
    put(tmp_path, place, text)
    assert run(tmp_path) == "shown"
