"""The part of a screen below its title: lines, a bar and running text, a list, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from appliance.panel.brush import Brush
from appliance.panel.canvas import Box
from appliance.panel.entry_pixels import draw_big, draw_entry
from appliance.panel.measures import first_shown, pages, windows
from appliance.panel.motion import TURN, sooner, turned
from appliance.panel.pictures import Pictures
from appliance.panel.screen import Line, Screen

if TYPE_CHECKING:
    from PIL import Image

_COLUMN: Final = 5  # font sizes: the least width of a column of words beside a picture

Row: TypeAlias = Line | str  # a string is a row of running text


@dataclass(frozen=True)
class Body:
    """What one screen shows below its title."""

    brush: Brush
    screen: Screen
    pictures: Pictures

    def beside(self) -> bool:
        """A code fills the height, so that the title must stand beside it, too."""
        picture, box = self.screen.picture, self.brush.canvas.box
        if picture is None or not picture.qr:
            return False
        if box.width - box.height < _COLUMN * self.brush.sizes.size:
            return False
        return self.pictures.qr(picture.qr, box.height) is not None

    def fits(self, box: Box) -> bool:
        """Nothing has to be left out or shown in turn in ``box``."""
        if self.screen.picture is not None:
            return box.height > 6 * self.brush.sizes.row
        rows = len(self.screen.lines) + len(self._text(box)) + (self.screen.bar is not None)
        return rows <= self._room(box)

    def draw(self, box: Box) -> float | None:
        """Paint it; returns in how many seconds something in it moves."""
        picture = self.screen.picture
        if self.screen.entry is not None:
            draw_entry(self.brush, self.screen.entry, box)
            return None
        if self.screen.big and self.brush.huge is not None:
            box = draw_big(self.brush, self.screen.big, self.brush.huge, box)
        if picture is not None and picture.qr:
            return self._code(box, picture.qr)
        if picture is not None and picture.jpeg:
            return self._photo(box, picture.jpeg)
        if self.screen.selected is not None and self.screen.lines:
            return self._list(box, self.screen.selected)
        return self._rows(box)

    def draw_beside(self) -> float | None:
        """A code over the whole height at the left, and all words beside it."""
        brush, whole = self.brush, self.brush.canvas.box
        assert self.screen.picture is not None
        code = self.pictures.qr(self.screen.picture.qr, whole.height)
        assert code is not None
        brush.canvas.picture(code, 0, (whole.height - code.height) // 2)
        column = whole._replace(left=code.width + brush.sizes.pad // 2)
        heading = column._replace(bottom=column.top + brush.sizes.title)
        ink = brush.canvas.palette.accent
        again = brush.row(heading, self.screen.title, "", ink, face=brush.bold)
        return sooner(again, self._rows(column._replace(top=heading.bottom + 1)))

    def _code(self, box: Box, content: str) -> float | None:
        below = min(len(self.screen.lines), 2) * self.brush.sizes.row
        for words in (below, 0):
            code = self.pictures.qr(content, min(box.width, box.height - words))
            if code is not None:
                upper = box._replace(bottom=box.bottom - words)
                self._middle(upper, code)
                return self._rows(box._replace(top=upper.bottom)) if words else None
        return self._rows(box)

    def _photo(self, box: Box, jpeg: bytes) -> float | None:
        photo = self.pictures.photo(jpeg, box.width, box.height)
        if photo is None:
            return self._rows(box)
        room = box.width - photo.width
        if room < _COLUMN * self.brush.sizes.size or not (self.screen.lines or self.screen.text):
            self._middle(box, photo)
            return None
        self._middle(box._replace(right=box.left + photo.width), photo)
        return self._rows(box._replace(left=box.left + photo.width))

    def _middle(self, box: Box, picture: Image.Image) -> None:
        left = box.left + (box.width - picture.width) // 2
        self.brush.canvas.picture(picture, left, box.top + (box.height - picture.height) // 2)

    def _list(self, box: Box, selected: int) -> float | None:
        lines, again, row = self.screen.lines, None, self.brush.sizes.row
        room = self._room(box)
        text = self._text(box)
        if text:
            least = min(len(lines), 2)
            shown = min(len(text), max(room - least, 1))
            area = box._replace(bottom=box.top + shown * row)
            again = self._turns(area, pages(text, shown))
            spare = box.bottom - area.bottom - least * row
            box = box._replace(top=area.bottom + min(max(spare, 0), row // 5))
            room = self._room(box)
        selected = min(max(selected, 0), len(lines) - 1)
        count = min(room, len(lines))
        pitch = min(box.height // max(count, 1), self.brush.sizes.roomy)
        first = first_shown(selected, len(lines), count)
        box = box._replace(bottom=box.top + pitch * count)
        inner = self.brush.scroll_bar(box, first, count, len(lines))
        for index in range(first, first + count):
            top = box.top + (index - first) * pitch
            place = Box(inner.left, top, inner.right, top + pitch)
            again = sooner(again, self._entry(place, lines[index], chosen=index == selected))
        return again

    def _entry(self, row: Box, line: Line, *, chosen: bool) -> float | None:
        brush, palette = self.brush, self.brush.canvas.palette
        if chosen:
            brush.canvas.rounded(row, palette.accent, 1 if brush.canvas.mono else row.height // 5)
        ink = palette.on_accent if chosen else palette.text
        sign = palette.on_accent if chosen else palette.accent
        if line.icon is not None:
            row = brush.sign(line.icon, row, sign)
        elif any(other.icon for other in self.screen.lines):
            row = brush.indented(row)
        return brush.row(row, line.text, line.value, ink, still=not chosen)

    def _rows(self, box: Box) -> float | None:
        """Lines, bar and running text, in turn where there are too many."""
        lines, text = self.screen.lines, self._text(box)
        room = max(self._room(box) - (self.screen.bar is not None), 1)
        if len(lines) + len(text) <= room:
            return self._turns(box, [(*lines, *text)])
        parts: list[Sequence[Row]] = []
        if lines:
            parts += windows(lines, room)
        if text:
            parts += pages(text, room)
        return self._turns(box, parts)

    def _turns(self, box: Box, parts: Sequence[Sequence[Row]]) -> float | None:
        brush, bar = self.brush, self.screen.bar if self.screen.selected is None else None
        index, since, until = turned([self._time(box, part) for part in parts], brush.elapsed)
        box = brush.scroll_bar(box, index, 1, len(parts))
        again, top, pitch = until, box.top, self._pitch(box, parts[index])
        if bar is not None:
            label = bar.label != self.screen.value
            again = sooner(again, brush.bar(box._replace(bottom=top + pitch), bar, label=label))
            top += pitch
        aside = any(isinstance(row, Line) for row in parts[index])
        for row in parts[index]:
            place = box._replace(top=top, bottom=top + pitch)
            if isinstance(row, str):
                place = place._replace(bottom=top + brush.sizes.row)
            again = sooner(again, self._row(place, row, since, aside=aside))
            top = place.bottom
        return again

    def _pitch(self, box: Box, rows: Sequence[Row]) -> int:
        """Height of a line or the bar; rows of running text stand close together."""
        text = sum(isinstance(row, str) for row in rows)
        others = len(rows) - text + (self.screen.bar is not None and self.screen.selected is None)
        room = box.height - text * self.brush.sizes.row
        return min(room // max(others, 1), self.brush.sizes.roomy)

    def _row(self, box: Box, row: Row, since: float, *, aside: bool) -> float | None:
        palette = self.brush.canvas.palette
        if isinstance(row, str):
            ink = palette.dim if aside else palette.text
            return self.brush.row(box, row, "", ink, still=True)
        if row.icon is not None:
            box = self.brush.sign(row.icon, box, palette.accent)
        return self.brush.row(box, row.text, row.value, palette.text, elapsed=since)

    def _room(self, box: Box) -> int:
        """How many rows there are."""
        return max(box.height // self.brush.sizes.row, 1)

    def _text(self, box: Box) -> Sequence[str]:
        """The running text in rows; a scroll bar fits beside them."""
        sizes = self.brush.sizes
        width = box.width - 2 * sizes.pad - self.brush.scroll_width
        return self.brush.plain.wrap(self.screen.text, max(width, 1))

    def _time(self, box: Box, rows: Sequence[Row]) -> float:
        """Seconds that a part needs to be read."""
        long = (
            self.brush.run_time(self.brush.indented(box), row.text, row.value)
            for row in rows
            if isinstance(row, Line)
        )
        return max(TURN, *long, 0.0)
