"""How large everything is on a display of so many pixels, and where a screen's parts go. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from appliance.panel.screen import Screen, Tone

Item = TypeVar("Item")

SMALLEST: Final = 10  # of the font, in pixels: below, one-bit letters lose their shape
LARGEST: Final = 24
_LOW: Final = 48  # pixels: a display on which each one counts


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Sizes in pixels."""

    size: int  # of the font
    pad: int  # left and right of a line
    title: int  # height of the title bar
    row: int  # height of a line at least
    roomy: int  # and at most
    keys: int  # height of the soft keys' strip
    bar: int  # height of a progress bar
    icon: int  # side of a sign
    step: int  # of a text that scrolls


def measures(width: int, height: int, *, coloured: bool) -> Measures:
    """Sizes for a display of ``width`` x ``height`` pixels."""
    size = min(max(min(height // 8, width // 12), SMALLEST), LARGEST)
    dense = not coloured or size == SMALLEST
    return Measures(
        size=size,
        pad=max(2, size // 3),
        title=(size + (1 if height < _LOW else 2)) if dense else size * 8 // 5,
        row=size if dense else size * 5 // 4,
        roomy=size * 13 // 10 if dense else size * 7 // 4,
        keys=size + 1 if dense else size * 3 // 2,
        bar=8 * size // 10 if dense else size * 3 // 5,
        icon=8 * (size // 8) if not coloured else size * 9 // 10,
        step=max(2, size // 5),
    )


def wants_keys(screen: Screen) -> bool:
    """What the keys do now is worth a line of its own before anything else."""
    keys = screen.keys
    said = bool(keys.left or keys.ok or keys.right)
    return said and screen.selected is None and screen.tone in (Tone.ASKING, Tone.TROUBLE)


def has_keys(screen: Screen) -> bool:
    """There is something to say about the keys, if there is room."""
    return bool(screen.keys.left or screen.keys.ok or screen.keys.right)


def windows(items: Sequence[Item], room: int) -> list[Sequence[Item]]:
    """``items`` in parts of ``room``; the last part is full, too."""
    if len(items) <= room:
        return [items]
    starts = [*range(0, len(items) - room, room), len(items) - room]
    return [items[start : start + room] for start in starts]


def pages(items: Sequence[Item], room: int) -> list[Sequence[Item]]:
    """``items`` in parts of at most ``room``, none of them twice."""
    return [items[start : start + room] for start in range(0, len(items), room)]


def first_shown(selected: int, count: int, room: int) -> int:
    """The first entry of a list that is shown: the selected one stands in the middle.

    At both ends it moves away from the middle, so that no row is empty.
    """
    return min(max(selected - room // 2, 0), max(count - room, 0))
