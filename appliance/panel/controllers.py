"""What goes to a graphic display's controller so that its memory shows a picture. Pure.

Each memory knows what it holds and gives the writes for what differs; a write is a command
that sets a window, and the data that fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from appliance.panel.canvas import Box

if TYPE_CHECKING:
    from PIL import Image

PAGE: Final = 8  # rows of pixels that share a byte
_COLUMNS, _PAGES = 0x21, 0x22  # SSD1306: set column address, set page address
_CASET, _RASET, _RAMWR = 0x2A, 0x2B, 0x2C  # ST77xx
_BAND: Final = 8  # rows of pixels that are compared together

Command = tuple[int, ...]  # the command byte, then its arguments


class Write(NamedTuple):
    """Commands that set a window, then the bytes for it."""

    commands: tuple[Command, ...]
    data: bytes


class Memory(Protocol):
    """What is known of a controller's memory."""

    def writes(self, image: Image.Image) -> Iterator[Write]:
        """What makes it show ``image``, which has the display's size before any rotation."""

    def forget(self) -> None:
        """It may hold anything."""


class Span(NamedTuple):
    """Columns of some pages; ``right`` and ``bottom`` (a page) lie just outside."""

    left: int
    top: int
    right: int
    bottom: int


class Ssd1306Memory:
    """Horizontal addressing: a window of columns and pages, filled page by page."""

    _COST: Final = 10  # bytes that a window costs on the bus beside its data

    def __init__(self, first_column: int = 0) -> None:
        self._first = first_column
        self._pages: list[bytes] | None = None

    def forget(self) -> None:
        """See :class:`Memory`."""
        self._pages = None

    def writes(self, image: Image.Image) -> Iterator[Write]:
        """See :class:`Memory`."""
        wanted, shown = page_bytes(image), self._pages
        self._pages = None  # until all of it is written
        for left, top, right, bottom in joined(self._spans(shown, wanted), self._COST):
            columns = (_COLUMNS, self._first + left, self._first + right - 1)
            window = (*columns, _PAGES, top, bottom - 1)
            yield Write((window,), b"".join(page[left:right] for page in wanted[top:bottom]))
        self._pages = wanted

    def _spans(self, shown: Sequence[bytes] | None, wanted: Sequence[bytes]) -> Iterator[Span]:
        for top, page in enumerate(wanted):
            for left, right in runs(None if shown is None else shown[top], page, self._COST):
                yield Span(left, top, right, top + 1)


class Sh1106Memory:
    """Page addressing: within one page, from a column on."""

    _COST: Final = 7
    _FIRST: Final = 2  # 132 columns, of which the glass shows the middle ones

    def __init__(self) -> None:
        self._pages: list[bytes] | None = None

    def forget(self) -> None:
        """See :class:`Memory`."""
        self._pages = None

    def writes(self, image: Image.Image) -> Iterator[Write]:
        """See :class:`Memory`."""
        wanted, shown = page_bytes(image), self._pages
        self._pages = None
        for number, page in enumerate(wanted):
            for left, right in runs(shown[number] if shown else None, page, self._COST):
                column = self._FIRST + left
                place = (0xB0 | number, column & 0x0F, 0x10 | column >> 4)
                yield Write((place,), page[left:right])
        self._pages = wanted


class TftMemory:
    """ST7735 and ST7789: a window of columns and rows, three bytes a pixel (18 bit)."""

    _COST: Final = 128  # pixels worth writing to spare a window

    def __init__(self, offset_x: int = 0, offset_y: int = 0) -> None:
        self._image: Image.Image | None = None
        self._offset = (offset_x, offset_y)  # of the glass in the memory

    def forget(self) -> None:
        """See :class:`Memory`."""
        self._image = None

    def writes(self, image: Image.Image) -> Iterator[Write]:
        """See :class:`Memory`."""
        shown, self._image = self._image, None
        x, y = self._offset
        for left, top, right, bottom in joined(_changed(shown, image), self._COST):
            columns = (_CASET, *_pair(x + left), *_pair(x + right - 1))
            rows = (_RASET, *_pair(y + top), *_pair(y + bottom - 1))
            part = image.crop((left, top, right, bottom))
            yield Write((columns, rows, (_RAMWR,)), part.tobytes())
        self._image = image


def page_bytes(image: Image.Image) -> list[bytes]:
    """A picture of mode "1" as pages of 8 rows, one byte a column, the topmost pixel in bit 0."""
    from PIL import Image as module  # noqa: PLC0415 -- only the panel worker draws

    count = image.height // PAGE
    # Turned clockwise, a column is a row that begins at its lower end: so 8 of its pixels are
    # packed into a byte whose lowest bit is the topmost one.
    packed = image.transpose(module.Transpose.ROTATE_270).tobytes()
    return [packed[count - 1 - page :: count] for page in range(count)]


def runs(shown: bytes | None, wanted: bytes, cost: int) -> Iterator[tuple[int, int]]:
    """[left, right) of what differs; parts with at most ``cost`` equal bytes between are one."""
    if shown == wanted:
        return
    if shown is None:
        yield 0, len(wanted)
        return
    left = right = -1
    for column, (old, new) in enumerate(zip(shown, wanted, strict=True)):
        if old == new:
            continue
        if left >= 0 and column - right > cost:
            yield left, right
            left = -1
        left = column if left < 0 else left
        right = column + 1
    yield left, right


def joined(spans: Iterator[Span], cost: int) -> list[Span]:
    """Spans as one with another, where that costs fewer bytes."""
    whole: list[Span] = []
    for span in spans:
        for index, above in enumerate(whole):
            both = _around(above, span)
            if _area(both) <= _area(above) + _area(span) + cost:
                whole[index] = both
                break
        else:
            whole.append(span)
    return whole


def _around(one: Span, other: Span) -> Span:
    left, right = min(one.left, other.left), max(one.right, other.right)
    return Span(left, min(one.top, other.top), right, max(one.bottom, other.bottom))


def _area(span: Span) -> int:
    return (span.right - span.left) * (span.bottom - span.top)


def _changed(shown: Image.Image | None, wanted: Image.Image) -> Iterator[Span]:
    from PIL import ImageChops  # noqa: PLC0415

    whole = Box(0, 0, *wanted.size)
    if shown is None:
        yield Span(*whole)
        return
    difference = ImageChops.difference(shown, wanted)
    if difference.getbbox() is None:
        return
    for top in range(0, whole.bottom, _BAND):
        bottom = min(top + _BAND, whole.bottom)
        found = difference.crop((0, top, whole.right, bottom)).getbbox()
        if found is not None:
            yield Span(found[0], top + found[1], found[2], top + found[3])


def _pair(number: int) -> tuple[int, int]:
    return number >> 8, number & 0xFF
