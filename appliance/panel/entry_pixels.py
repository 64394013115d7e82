"""A text that is being entered, and what is to be read from afar, on a graphic display."""

from __future__ import annotations

from appliance.panel.brush import Brush
from appliance.panel.canvas import Box
from appliance.panel.charset import graphemes
from appliance.panel.screen import Entry
from appliance.panel.typeface import Typeface

_CURSOR = "_"
_MORE = "…"


def draw_entry(brush: Brush, entry: Entry, box: Box) -> None:
    """The end of the text with the cursor behind it, and the wheel below."""
    sizes, palette, face = brush.sizes, brush.canvas.palette, brush.plain
    pad = sizes.pad
    half = min(box.height // 2, 2 * sizes.roomy)
    upper = Box(box.left + pad, box.top, box.right - pad, box.top + half)
    text = _end(f"{entry.text}{_CURSOR}", upper.width, face)
    brush.canvas.text(text, face, upper, _baseline(upper, face), palette.text)
    _wheel(brush, entry, box._replace(top=upper.bottom, bottom=upper.bottom + half))


def draw_big(brush: Brush, text: str, face: Typeface, box: Box) -> Box:
    """A few characters in the middle; returns the room below."""
    row = box._replace(bottom=min(box.top + face.capital + brush.sizes.size, box.bottom))
    place = row._replace(left=row.left + max((row.width - face.width(text)) // 2, 0))
    brush.canvas.text(text, face, place, _baseline(row, face), brush.canvas.palette.text)
    return box._replace(top=row.bottom)


def _wheel(brush: Brush, entry: Entry, box: Box) -> None:
    """The choice in the middle, as a list shows what is selected; as many others as fit."""
    canvas, palette, face = brush.canvas, brush.canvas.palette, brush.bold
    gap = brush.sizes.size * 3 // 4
    wide = face.width(entry.choice) + 2 * brush.sizes.pad
    left = (box.left + box.right - wide) // 2
    high = min(box.height, brush.sizes.roomy + brush.sizes.pad)
    top = (box.top + box.bottom - high) // 2
    chosen = Box(left, top, left + wide, top + high)
    canvas.rounded(chosen, palette.accent, 1 if canvas.mono else high // 5)
    baseline = _baseline(chosen, face)
    canvas.text(
        entry.choice,
        face,
        chosen._replace(left=left + brush.sizes.pad),
        baseline,
        palette.on_accent,
    )
    edge = chosen.right + gap
    for word in entry.after:
        wide = brush.plain.width(word)
        if edge + wide > box.right:
            break
        canvas.text(word, brush.plain, box._replace(left=edge), baseline, palette.dim)
        edge += wide + gap
    edge = chosen.left - gap
    for word in reversed(entry.before):
        edge -= brush.plain.width(word)
        if edge < box.left:
            break
        canvas.text(word, brush.plain, box._replace(left=edge), baseline, palette.dim)
        edge -= gap


def _end(text: str, width: int, face: Typeface) -> str:
    if face.width(text) <= width:
        return text
    kept = list(graphemes(text))
    while kept and face.width(_MORE + "".join(kept)) > width:
        kept.pop(0)
    return _MORE + "".join(kept)


def _baseline(box: Box, face: Typeface) -> int:
    return box.top + (box.height + face.capital) // 2
