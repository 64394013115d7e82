"""How the parts of a screen are painted: a row of text, a bar, a scroll bar, soft keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from appliance.panel.canvas import Box, Canvas, Ink
from appliance.panel.measures import Measures
from appliance.panel.motion import run_time, scrolled, swinging
from appliance.panel.screen import Bar, Icon, Keys
from appliance.panel.typeface import Typeface

_LEFT: Final = "◂"
_OK: Final = "●"
_SMALL_OK: Final = "•"
_RIGHT: Final = "▸"


@dataclass(frozen=True)
class Brush:
    """Paints parts of one screen at one moment."""

    canvas: Canvas
    sizes: Measures
    plain: Typeface
    bold: Typeface
    elapsed: float
    huge: Typeface | None = None  # only for a screen with something big

    def row(
        self,
        box: Box,
        text: str,
        value: str,
        ink: Ink,
        *,
        face: Typeface | None = None,
        still: bool = False,
        elapsed: float | None = None,
    ) -> float | None:
        """A text at the left and a value at the right; returns when a long text moves on.

        Where it is to stand ``still`` the text is cut.
        """
        face = face or self.plain
        room, inner = self._value(box, value, face, ink)
        excess = face.width(text) - room.width
        if excess <= 0:
            self.canvas.text(text, face, room, _baseline(inner, face), ink)
            return None
        if still or room.width < self.sizes.size:
            self.canvas.text(face.cut(text, room.width), face, room, _baseline(inner, face), ink)
            return None
        now = self.elapsed if elapsed is None else elapsed
        offset, again = scrolled(excess, self.sizes.step, now)
        self.canvas.shifted(text, face, room, _baseline(inner, face), ink, offset)
        return again

    def run_time(self, box: Box, text: str, value: str) -> float:
        """Seconds that a row needs to be read; more than usual where its text is too long."""
        room = box.width - 2 * self.sizes.pad - self._value_width(value)
        excess = self.plain.width(text) - room
        return run_time(excess, self.sizes.step) if excess > 0 else 0.0

    def _value_width(self, value: str) -> int:
        return self.plain.width(value) + self.sizes.size // 2 if value else 0

    def _value(self, box: Box, value: str, face: Typeface, ink: Ink) -> tuple[Box, Box]:
        """Paints the value; returns the room for the text, and that of both."""
        pad = self.sizes.pad
        inner = Box(box.left + pad, box.top, box.right - pad, box.bottom)
        if not value:
            return inner, inner
        value = face.cut(value, inner.width)
        left = inner.right - face.width(value)
        right = Box(left, inner.top, inner.right, inner.bottom)
        self.canvas.text(value, face, right, _baseline(inner, face), ink)
        return inner._replace(right=max(left - self.sizes.size // 2, inner.left)), inner

    def sign(self, icon: Icon, box: Box, ink: Ink) -> Box:
        """A sign at the left; returns the room beside it."""
        side = min(self.sizes.icon, box.height)
        left = box.left + self.sizes.pad
        top = box.top + (box.height - side) // 2
        self.canvas.icon(icon, Box(left, top, left + side, top + side), ink)
        return self.indented(box)

    def indented(self, box: Box) -> Box:
        """``box`` without the room for a sign at its left."""
        sizes = self.sizes
        return box._replace(left=box.left + sizes.icon + sizes.pad + max(sizes.pad // 3, 1))

    @property
    def scroll_width(self) -> int:
        """Pixels that a scroll bar needs at the right."""
        return max(2, self.sizes.size // 6) + 1

    def bar(self, box: Box, bar: Bar, *, label: bool) -> float | None:
        """How far something is; returns when it must be painted again."""
        pad, canvas, palette = self.sizes.pad, self.canvas, self.canvas.palette
        room = Box(box.left + pad, box.top, box.right - pad, box.bottom)
        if label and bar.label:
            text = self.plain.cut(bar.label, room.width // 2)
            place = room._replace(left=room.right - self.plain.width(text))
            canvas.text(text, self.plain, place, _baseline(box, self.plain), palette.text)
            room = room._replace(right=place.left - self.sizes.size // 2)
        top = box.top + (box.height - self.sizes.bar) // 2
        track = Box(room.left, top, room.right, top + self.sizes.bar)
        inner = self._track(track)
        if bar.fraction is not None:
            width = round(inner.width * min(max(bar.fraction, 0.0), 1.0))
            self._filled(inner._replace(right=inner.left + width))
            return None
        block = max(inner.width // 4, 1)
        moved, again = swinging(inner.width - block, self.elapsed)
        left = inner.left + moved
        self._filled(Box(left, inner.top, left + block, inner.bottom))
        return again

    def _track(self, track: Box) -> Box:
        canvas, palette = self.canvas, self.canvas.palette
        radius = 1 if canvas.mono else track.height // 2
        if not canvas.mono:
            canvas.rounded(track, palette.surface, radius)
            return track
        canvas.rounded(track, palette.text, radius)
        canvas.rounded(track.inside(1), palette.back, 0)
        return track.inside(2)

    def _filled(self, box: Box) -> None:
        radius = 0 if self.canvas.mono else box.height // 2
        self.canvas.rounded(box, self.canvas.palette.accent, radius)

    def scroll_bar(self, box: Box, first: int, shown: int, count: int) -> Box:
        """Which part of a list is shown, at the right edge; returns the room beside it."""
        if count <= shown:
            return box
        canvas, palette = self.canvas, self.canvas.palette
        wide = self.scroll_width - 1
        track = box._replace(left=box.right - wide)
        if canvas.mono:
            for y in range(track.top, track.bottom, 2):
                canvas.fill(Box(track.right - 1, y, track.right, y + 1), palette.dim)
        else:
            canvas.fill(track, palette.surface)
        thumb = max(track.height * shown // count, 2 * wide)
        top = track.top + (track.height - thumb) * first // (count - shown)
        canvas.fill(track._replace(top=top, bottom=top + thumb), palette.text)
        return box._replace(right=track.left - 1)

    def soft_keys(self, keys: Keys, box: Box) -> None:
        """Left's word at the left, OK's in the middle, right's at the right."""
        words = [f"{_LEFT} {keys.left}" if keys.left else ""]
        sign = _SMALL_OK if self.canvas.mono else _OK
        words.append(f"{sign} {keys.ok}" if keys.ok else "")
        words.append(f"{keys.right} {_RIGHT}" if keys.right else "")
        pad, face, ink = self.sizes.pad, self.plain, self.canvas.palette.text
        room = Box(box.left + pad, box.top, box.right - pad, box.bottom)
        widest = (room.width - 2 * pad) // max(sum(map(bool, words)), 1)
        if sum(map(face.width, words)) + 2 * pad > room.width:
            words = [face.cut(word, widest) for word in words]
        left, ok, right = words
        baseline = _baseline(room, face)
        self.canvas.text(left, face, room, baseline, ink)
        place = room._replace(left=room.right - face.width(right))
        self.canvas.text(right, face, place, baseline, ink)
        self.canvas.text(ok, face, self._middle(room, left, ok, right), baseline, ink)

    def _middle(self, room: Box, left: str, ok: str, right: str) -> Box:
        """OK stands in the middle of what left and right leave; at the left beside right alone."""
        if right and not left:
            return room
        start = room.left + self.plain.width(left)
        end = room.right - self.plain.width(right)
        return room._replace(left=(start + end - self.plain.width(ok)) // 2)


def _baseline(box: Box, face: Typeface) -> int:
    """Capitals stand in the middle of the row."""
    return box.top + (box.height + face.capital) // 2
