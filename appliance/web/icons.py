"""Pictures that need no language, drawn with one pen (24 × 24)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from appliance.web.html import Html, tag

_PATHS: Final[Mapping[str, str]] = {
    "back": "M15 5l-7 7 7 7",
    "next": "M5 12h14M13 6l6 6-6 6",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "network": "M3 9.5a13 13 0 0 1 18 0M6.2 13a8.4 8.4 0 0 1 11.6 0M9.3 16.4a4 4 0 0 1 5.4 0"
    "M12 19.6v.1",
    "time": "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7.5V12l3 2.5",
    "printer": "M4 21V4h16v17M4 8h16M12 8v3M9.8 11h4.4L12 14.2zM7 18h10M2.5 21h19",
    "camera": "M4 7.5h3.5L9 5h6l1.5 2.5H20a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8.5"
    "a1 1 0 0 1 1-1M12 9.5a3.6 3.6 0 1 0 0 7.2a3.6 3.6 0 1 0 0-7.2",
    "panel": "M3 5h18v9H3zM6 8.5h8M6 11h5M7 18.5h.1M12 18.5h.1M17 18.5h.1",
    "cloud": "M7 18.5a4.5 4.5 0 0 1-.4-9A6 6 0 0 1 18 10.6a4 4 0 0 1-.6 7.9z",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    "turn-left": "M4.5 9.5h9a5.5 5.5 0 0 1 0 11H9M8.5 5l-4.5 4.5L8.5 14",
    "turn-right": "M19.5 9.5h-9a5.5 5.5 0 0 0 0 11H15M15.5 5l4.5 4.5-4.5 4.5",
    "mirror": "M12 3v18M9 7v10H3.5zM15 7v10h5.5z",
    "up": "M12 19V5M6 11l6-6 6 6",
    "down": "M12 5v14M6 13l6 6 6-6",
    "left": "M19 12H5M11 6l-6 6 6 6",
    "right": "M5 12h14M13 6l6 6-6 6",
    "dot": "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8",
    "ok": "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M8.5 12.3l2.5 2.5 4.5-5",
}
_BARS: Final = (6, 11, 16, 21)  # heights


def icon(name: str, size: int = 24) -> Html:
    """One of the pictures; the words beside it say the same."""
    if name == "logo":
        return tag("img", src="/static/icon.svg", alt="", width=size, height=size)
    path = Html(f'<path d="{_PATHS[name]}"/>')
    return tag(
        "svg",
        path,
        viewbox="0 0 24 24",
        width=size,
        height=size,
        fill="none",
        stroke="currentColor",
        stroke_width="2",
        stroke_linecap="round",
        stroke_linejoin="round",
        aria_hidden="true",
    )


def bars(strength: int) -> Html:
    """How strong a Wi-Fi is (percent), as four bars."""
    lit = 1 + (strength > 30) + (strength > 55) + (strength > 75)
    drawn = "".join(
        f'<path d="M{4 + 5 * place} 22V{23 - height}"{_faint(place >= lit)}/>'
        for place, height in enumerate(_BARS)
    )
    return tag(
        "svg",
        Html(drawn),
        viewbox="0 0 24 24",
        width=24,
        height=24,
        stroke="currentColor",
        stroke_width="3",
        aria_hidden="true",
    )


def _faint(off: bool) -> str:
    return ' class="off"' if off else ""
