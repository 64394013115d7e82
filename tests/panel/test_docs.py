"""docs/panel.md shows every screen and every page of the menu, on each kind of display."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.sim.panel_examples import EXAMPLES
from appliance.sim.panel_menus import MENUS
from appliance.sim.panel_setups import SETUPS

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = re.findall(r'<img src="([^"]+)"', (DOCS / "panel.md").read_text())


def test_each_picture_is_there() -> None:
    assert SHOWN
    assert [name for name in SHOWN if not (DOCS / name).is_file()] == []


@pytest.mark.parametrize("size", ["16x2", "20x4", "128x64"])
def test_each_screen_is_shown(size: str) -> None:
    pages = [name for name, (_, state) in MENUS.items() if size == "128x64" or not state.graphic]
    wanted = {*EXAMPLES, *SETUPS, *(f"menu-{name}" for name in pages)}
    assert wanted - {Path(name).stem for name in SHOWN if f"/{size}/" in name} == set()
