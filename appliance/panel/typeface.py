"""Text as masks to paste a colour through: fonts, glyphs, widths, line breaks.

DejaVu Sans, whose hinting keeps Latin, Greek and Cyrillic crisp in one-bit pixels. A
grapheme that the font lacks (CJK, emoji) becomes a neat box, so that a name keeps its length.
"""

from __future__ import annotations

import logging
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from appliance.panel.display import DisplayError

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFont import FreeTypeFont

_LOG = logging.getLogger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")

FONTS: Final = (Path("/usr/share/fonts/truetype/dejavu"), Path("/usr/share/fonts/TTF"))
REGULAR: Final = "DejaVuSans.ttf"
BOLD: Final = "DejaVuSans-Bold.ttf"

_ABSENT: Final = "\uffff"  # no font has it
_PAD: Final = 3  # pixels left and right of a glyph for what reaches over its advance
_TEXTS: Final = 96  # kept: some screens' worth
_GLYPHS: Final = 1024
_ELLIPSIS: Final = "…"
_JOINER: Final = "\u200d"


def graphemes(text: str) -> Iterator[str]:
    """What a person counts as characters: a letter with its accents, an emoji with its parts."""
    cluster = ""
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            character = " "  # noqa: PLW2901
        if cluster and _belongs_to(character, cluster):
            cluster += character
            continue
        if cluster:
            yield cluster
        hidden = unicodedata.category(character) in ("Cf", "Cc") or _is_mark(character)
        cluster = "" if hidden else character
    if cluster:
        yield cluster


def _belongs_to(character: str, cluster: str) -> bool:
    if _is_mark(character) or character == _JOINER or cluster.endswith(_JOINER):
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff":  # skin tones
        return True
    return _is_flag(character) and len(cluster) == 1 and _is_flag(cluster)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me")


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


class Kept(Generic[Key, Value]):
    """What was made and may be wanted again; the ones longest unused are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of ``key``, made if it is not known."""
        try:
            self._known.move_to_end(key)
        except KeyError:
            self._known[key] = make()
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return self._known[key]


class Glyph(NamedTuple):
    """A grapheme's mask, drawn ``_PAD`` pixels right of its left edge, and its advance."""

    mask: Image.Image | None  # None = blank
    advance: int


class Typeface:
    """One font in one size. Keeps the masks of what it has drawn.

    Masks are ``height`` pixels high, with the baseline ``ascent`` pixels below their top.
    Sharp ones have mode "1", ``soft`` ones mode "L" (grey edges, for displays with colours).
    """

    def __init__(self, *, bold: bool, size: int, soft: bool) -> None:
        self.size = size
        self.soft = soft
        self._font = _load(BOLD if bold else REGULAR, size)
        self._mode = "L" if soft else "1"
        self.capital = -round(self._font.getbbox("H", mode=self._mode, anchor="ls")[1])
        top = self._font.getbbox("ÄÅÉŹŐ", mode=self._mode, anchor="ls")[1]
        bottom = self._font.getbbox("gjpqyĄ", mode=self._mode, anchor="ls")[3]
        self.ascent = -round(top)
        self.height = self.ascent + round(bottom)
        self._glyphs: Kept[str, Glyph] = Kept(_GLYPHS)
        self._strips: Kept[str, Image.Image] = Kept(_TEXTS)
        self._cuts: Kept[tuple[str, int], str] = Kept(_TEXTS)
        self._wraps: Kept[tuple[str, int], tuple[str, ...]] = Kept(_TEXTS)
        self._missing = self._draw(_ABSENT).tobytes()

    def width(self, text: str) -> int:
        """How wide ``text`` is, in pixels."""
        return self._measure(text)

    def strip(self, text: str) -> Image.Image:
        """``text`` in one line, as a mask."""
        return self._strips.get(text, lambda: self._set(text))

    def cut(self, text: str, width: int) -> str:
        """``text``, or as much of its beginning as fits with an ellipsis."""
        return self._cuts.get((text, width), lambda: self._cut(text, width))

    def wrap(self, text: str, width: int) -> tuple[str, ...]:
        """``text`` in lines of at most ``width`` pixels, broken at spaces where possible."""
        return self._wraps.get((text, width), lambda: tuple(self._lines(text, width)))

    def _measure(self, text: str) -> int:
        return sum(self._glyph(cluster).advance for cluster in graphemes(text))

    def _cut(self, text: str, width: int) -> str:
        if self._measure(text) <= width:
            return text
        room = width - self._glyph(_ELLIPSIS).advance
        if room < 0:
            return ""
        kept = ""
        for cluster in graphemes(text):
            room -= self._glyph(cluster).advance
            if room < 0:
                break
            kept += cluster
        return kept.rstrip() + _ELLIPSIS

    def _lines(self, text: str, width: int) -> Iterator[str]:
        for paragraph in text.splitlines():
            line = ""
            for word in paragraph.split():
                longer = f"{line} {word}" if line else word
                if self._measure(longer) <= width:
                    line = longer
                    continue
                if line:
                    yield line
                *whole, line = self._pieces(word, width)
                yield from whole
            if line:
                yield line

    def _pieces(self, word: str, width: int) -> list[str]:
        """A word that may be longer than a line."""
        pieces, room = [""], width
        for cluster in graphemes(word):
            advance = self._glyph(cluster).advance
            if advance > room and pieces[-1]:
                pieces.append("")
                room = width
            pieces[-1] += cluster
            room -= advance
        return pieces

    def _set(self, text: str) -> Image.Image:
        from PIL import Image  # noqa: PLC0415 -- only the panel worker draws

        glyphs = [self._glyph(cluster) for cluster in graphemes(text)]
        strip = Image.new(self._mode, (max(sum(glyph.advance for glyph in glyphs), 1), self.height))
        x = 0
        for mask, advance in glyphs:
            if mask is not None:
                strip.paste(255, (x - _PAD, 0), mask)
            x += advance
        return strip

    def _glyph(self, cluster: str) -> Glyph:
        return self._glyphs.get(cluster, lambda: self._made(cluster))

    def _made(self, cluster: str) -> Glyph:
        drawable = [
            character
            for character in cluster
            if unicodedata.category(character) not in ("Cs", "Cn", "Co", "Cf")
            and self._draw(character).tobytes() != self._missing
        ]
        if cluster == " ":
            return Glyph(None, self._advance(" "))
        if not drawable or drawable[0] != cluster[0]:
            return self._box()
        known = "".join(drawable)
        return Glyph(self._draw(known), self._advance(known))

    def _advance(self, text: str) -> int:
        return max(round(self._font.getlength(text, mode=self._mode)), 1)

    def _draw(self, text: str) -> Image.Image:
        from PIL import Image, ImageDraw  # noqa: PLC0415

        mask = Image.new(self._mode, (self._advance(text) + 2 * _PAD, self.height))
        draw = ImageDraw.Draw(mask)
        draw.fontmode = self._mode
        draw.text((_PAD, self.ascent), text, font=self._font, fill=255, anchor="ls")
        return mask

    def _box(self) -> Glyph:
        """In place of a grapheme that the font lacks."""
        from PIL import Image, ImageDraw  # noqa: PLC0415

        width = max(self.capital * 3 // 4, 3)
        mask = Image.new(self._mode, (width + 2 * _PAD + 2, self.height))
        top = self.ascent - self.capital
        box = (_PAD + 1, top, _PAD + width, self.ascent - 1)
        ImageDraw.Draw(mask).rectangle(box, outline=255, width=max(self.size // 12, 1))
        return Glyph(mask, width + 2)


def _load(name: str, size: int) -> FreeTypeFont:
    """The font file, or Pillow's own font. Raises DisplayError when there is neither."""
    from PIL import ImageFont  # noqa: PLC0415

    for folder in FONTS:
        if (folder / name).is_file():
            path = str(folder / name)
            return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    _LOG.warning("The font %s is missing: install the package fonts-dejavu-core.", name)
    try:
        own = ImageFont.load_default(size)
    except (ImportError, OSError) as error:
        raise _no_font() from error
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise _no_font()
    return own


def _no_font() -> DisplayError:
    return DisplayError(
        "There is no font to write with: install the package fonts-dejavu-core.", short="No font"
    )
