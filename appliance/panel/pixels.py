"""The renderer for graphic displays: a screen becomes a picture. Pure, but for what it keeps.

A title bar, the soft keys where there is room, and between them lines, a bar, running text, a
list with a scroll bar, or a picture. What does not fit is shown in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from appliance.panel.body import Body
from appliance.panel.brush import Brush
from appliance.panel.canvas import Box, Canvas, Icons, palette_for
from appliance.panel.measures import has_keys, measures, wants_keys
from appliance.panel.motion import sooner
from appliance.panel.pictures import Pictures
from appliance.panel.screen import Keys, Screen
from appliance.panel.typeface import Typeface

if TYPE_CHECKING:
    from PIL import Image


class PixelFrame(NamedTuple):
    """A picture, and in how many seconds it must be drawn again (None = it stands still)."""

    image: Image.Image
    again: float | None


@dataclass(frozen=True)
class _Parts:
    """Where title, body and keys go."""

    title: Box
    body: Box
    keys: Box | None


class PixelRenderer:
    """Draws screens for one display; keeps masks of letters and signs between two pictures.

    Pictures have mode "1", or "RGB" where ``coloured``. Raises DisplayError without a font.
    """

    def __init__(self, width: int, height: int, *, coloured: bool) -> None:
        self._size = (width, height)
        self._coloured = coloured
        self._measures = measures(width, height, coloured=coloured)
        size = self._measures.size
        self._plain = Typeface(bold=False, size=size, soft=coloured)
        self._bold = Typeface(bold=True, size=size, soft=coloured)
        self._huge: Typeface | None = None
        self._icons = Icons()
        self._pictures = Pictures(coloured=coloured)

    def render(self, screen: Screen, elapsed: float) -> PixelFrame:
        """``screen`` as it looks ``elapsed`` seconds after it was first shown."""
        palette = palette_for(screen.tone, coloured=self._coloured)
        canvas = Canvas(*self._size, palette, self._icons)
        brush = Brush(
            canvas, self._measures, self._plain, self._bold, max(elapsed, 0.0), self._face(screen)
        )
        body = Body(brush, screen, self._pictures)
        if body.beside():  # a code that wants the whole height has the title beside it
            again = body.draw_beside()
        else:
            parts = self._parts(screen, body)
            again = self._title(brush, screen, parts.title)
            again = sooner(again, body.draw(parts.body))
            if parts.keys is not None:
                _keys(brush, screen.keys, parts.keys)
        return PixelFrame(canvas.image, again)

    def _face(self, screen: Screen) -> Typeface | None:
        """For what is to be read from afar; hardly any screen has it."""
        if not screen.big:
            return None
        if self._huge is None:
            self._huge = Typeface(bold=True, size=2 * self._measures.size, soft=self._coloured)
        return self._huge

    def _parts(self, screen: Screen, body: Body) -> _Parts:
        (width, height), sizes = self._size, self._measures
        gap = 1 if sizes.title < 2 * sizes.size and not self._coloured else sizes.pad // 2
        title = Box(0, 0, width, min(sizes.title, height))
        whole = Box(0, title.bottom + gap, width, height)
        keys = Box(0, height - sizes.keys, width, height)
        less = Box(0, whole.top, width, keys.top)
        roomy = less.height >= 3 * sizes.row
        if has_keys(screen) and roomy and (wants_keys(screen) or body.fits(less)):
            return _Parts(title, less, keys)
        return _Parts(title, whole, None)

    def _title(self, brush: Brush, screen: Screen, box: Box) -> float | None:
        palette, canvas = brush.canvas.palette, brush.canvas
        if palette.loud:
            canvas.fill(box, palette.accent)
            ink = sign = palette.on_accent
        else:
            canvas.fill(box, palette.surface)
            ink, sign = palette.text, palette.accent
            line = max(1, brush.sizes.size // 10)
            canvas.fill(Box(box.left, box.bottom - line, box.right, box.bottom), palette.accent)
        inner = Box(box.left, box.top, box.right, box.bottom - 1)
        if screen.icon is not None:
            inner = brush.sign(screen.icon, inner, sign)
        return brush.row(inner, screen.title, screen.value, ink, face=brush.bold)


def _keys(brush: Brush, keys: Keys, box: Box) -> None:
    """What left, OK and right do, each at its side of the strip's end."""
    canvas, palette = brush.canvas, brush.canvas.palette
    canvas.fill(box, palette.surface)
    canvas.fill(Box(box.left, box.top, box.right, box.top + 1), palette.dim)
    brush.soft_keys(keys, Box(box.left, box.top + 1, box.right, box.bottom))


def render(
    screen: Screen, width: int, height: int, elapsed: float, *, coloured: bool
) -> PixelFrame:
    """One picture of one screen; :class:`PixelRenderer` is quicker for many."""
    return PixelRenderer(width, height, coloured=coloured).render(screen, elapsed)
