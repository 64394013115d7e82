"""One screen before the agent is up: ``python -m appliance boot-message``.

Drawn by this process with the panel's own drivers, and left on the display: the agent's panel
worker begins only when this process has ended. Without a display, or with one that does not
answer, it ends at once; with a bus that hangs, after some seconds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from appliance.panel.display import Wires
from appliance.panel.painter import Painter
from appliance.panel.screen import Line, Screen, Tone
from appliance.panel.worker import make_display
from appliance.printer.api import Problem
from appliance.settings_panel import DisplayKind, PanelSettings

log = logging.getLogger(__name__)

PROBLEM_FILE = Path("/run/polar-data-problem")  # two short lines of polar-data.service
LONGEST = 5.0  # seconds for the display, once Python is up: it bounds a bus that hangs
STARTING = Screen(title="Polar Appliance", tone=Tone.WORKING, lines=(Line("Starting"),))


def screen_of(problem_file: Path = PROBLEM_FILE) -> Screen:
    """What to show: that the device starts, or why it cannot."""
    try:
        words = problem_file.read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return STARTING
    title, *rest = [word for word in words if word] or ["Card is damaged"]
    return Screen(title=title, tone=Tone.TROUBLE, lines=tuple(Line(text) for text in rest))


def draw(screen: Screen, settings: PanelSettings, wires: Wires, longest: float = LONGEST) -> bool:
    """Try once to show ``screen``, for at most ``longest`` seconds; whether it is shown."""
    if settings.display is DisplayKind.NONE:
        return False
    told: list[Problem | None] = []
    painter = Painter(lambda: make_display(settings, wires), told.append, refresh=0)
    painter.start()
    painter.finish(screen, longest)
    return told == [None]


def show(
    settings: PanelSettings, wires: Wires | None = None, end: Callable[[int], None] = os._exit
) -> None:
    """Show what there is to say and end the process, whatever hangs."""
    if settings.simulated or settings.display is DisplayKind.NONE:
        return
    if wires is None:
        from appliance.panel.wires import SystemWires  # noqa: PLC0415 - not without a display

        wires = SystemWires()
    screen = screen_of()
    if not draw(screen, settings, wires):
        log.warning("the display does not show %r", screen.title)
    # Not through the libraries' own ends, which would clear the display.
    end(0)
