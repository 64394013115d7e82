"""Slicing in the words of the command line."""

from __future__ import annotations

from appliance.slicing.api import Progress, Sliced
from appliance.status_text import bar, duration


class Line:
    """The line that shows how far it is: rewritten on a terminal, else one for each stage."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self._shown = ""

    def show(self, progress: Progress) -> str:
        """What is to be written now, its end included; "" when nothing is new."""
        text = f"{bar(progress.percent)} {progress.percent:3.0f} %  {progress.stage}"
        if text == self._shown:
            return ""
        width = len(self._shown)
        self._shown = text
        return f"\r{text:<{width}}" if self._terminal else f"{text}\n"

    def end(self) -> str:
        """What ends the line."""
        return "\n" if self._terminal and self._shown else ""


def summary(sliced: Sliced) -> str:
    """One line about a finished file."""
    parts = [str(sliced.output)]
    if sliced.layers is not None:
        parts.append(f"{sliced.layers} layers")
    if sliced.seconds is not None:
        parts.append(duration(sliced.seconds))
    if sliced.filament_mm is not None:
        parts.append(f"{sliced.filament_mm / 1000:.2f} m of filament")
    return f"{parts[0]}: {', '.join(parts[1:])}" if parts[1:] else parts[0]
