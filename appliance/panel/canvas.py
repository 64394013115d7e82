"""What a screen is painted on: pixels in black and white, or in colours of one palette."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from appliance.panel.icons import icon_mask
from appliance.panel.screen import Icon, Tone
from appliance.panel.typeface import Kept, Typeface

if TYPE_CHECKING:
    from PIL import Image

Ink: TypeAlias = int | tuple[int, int, int]  # of a picture of mode "1" or "RGB"


class Box(NamedTuple):
    """A rectangle in pixels; ``right`` and ``bottom`` lie just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels, 0 when there is nothing of it."""
        return max(self.right - self.left, 0)

    @property
    def height(self) -> int:
        """In pixels, 0 when there is nothing of it."""
        return max(self.bottom - self.top, 0)

    def inside(self, by: int) -> Box:
        """The rectangle without a rim of ``by`` pixels."""
        return Box(self.left + by, self.top + by, self.right - by, self.bottom - by)


@dataclass(frozen=True)
class Palette:
    """The inks of one screen."""

    back: Ink
    surface: Ink  # behind title and keys
    text: Ink
    dim: Ink  # what matters less
    accent: Ink  # of the screen's tone
    on_accent: Ink
    loud: bool  # the title is filled with the accent


_MONO: Final = Palette(0, 0, 255, 255, 255, 0, loud=False)
_MONO_LOUD: Final = Palette(0, 0, 255, 255, 255, 0, loud=True)

_BACK: Final = (13, 17, 22)
_SURFACE: Final = (30, 38, 48)
_TEXT: Final = (240, 243, 246)
_DIM: Final = (150, 164, 178)
_DARK: Final = (16, 18, 22)

_COLOURED: Final[Mapping[Tone, Palette]] = MappingProxyType(
    {
        Tone.CALM: Palette(_BACK, _SURFACE, _TEXT, _DIM, (122, 178, 226), _DARK, loud=False),
        Tone.WORKING: Palette(_BACK, _SURFACE, _TEXT, _DIM, (72, 200, 156), _DARK, loud=False),
        Tone.ASKING: Palette(_BACK, _SURFACE, _TEXT, _DIM, (250, 190, 64), _DARK, loud=True),
        Tone.TROUBLE: Palette(
            _BACK, _SURFACE, _TEXT, _DIM, (226, 72, 72), (255, 255, 255), loud=True
        ),
    }
)


def palette_for(tone: Tone, *, coloured: bool) -> Palette:
    """The inks for a screen of this tone."""
    if coloured:
        return _COLOURED[tone]
    return _MONO_LOUD if tone in (Tone.ASKING, Tone.TROUBLE) else _MONO


class Canvas:
    """A picture while it is painted. Whatever lies outside is left out."""

    def __init__(self, width: int, height: int, palette: Palette, icons: Icons) -> None:
        from PIL import Image  # noqa: PLC0415 -- only the panel worker draws

        self.palette = palette
        self.box = Box(0, 0, width, height)
        mode = "RGB" if isinstance(palette.back, tuple) else "1"
        self.image = Image.new(mode, (width, height), palette.back)
        self._icons = icons

    @property
    def mono(self) -> bool:
        """There are no colours."""
        return self.image.mode == "1"

    def fill(self, box: Box, ink: Ink) -> None:
        """Fill a rectangle."""
        if box.width and box.height:
            self.image.paste(ink, (box.left, box.top, box.right, box.bottom))

    def rounded(self, box: Box, ink: Ink, radius: int) -> None:
        """Fill a rectangle without its corners."""
        if not box.width or not box.height:
            return
        from PIL import ImageDraw  # noqa: PLC0415

        radius = min(radius, (min(box.width, box.height) - 1) // 2)
        outer = (box.left, box.top, box.right - 1, box.bottom - 1)
        if radius == 1:
            self.fill(Box(box.left + 1, box.top, box.right - 1, box.bottom), ink)
            self.fill(Box(box.left, box.top + 1, box.right, box.bottom - 1), ink)
        else:
            ImageDraw.Draw(self.image).rounded_rectangle(outer, radius, fill=ink)

    def mask(self, mask: Image.Image, x: int, y: int, ink: Ink, clip: Box) -> None:
        """Paint ``ink`` through a mask whose upper left corner is at (x, y), inside ``clip``."""
        left, right = max(x, clip.left), min(x + mask.width, clip.right)
        if left >= right:
            return
        if (left, right) != (x, x + mask.width):
            mask = mask.crop((left - x, 0, right - x, mask.height))
        self.image.paste(ink, (left, y), mask)

    def picture(self, picture: Image.Image, left: int, top: int) -> None:
        """A picture of the canvas's own mode."""
        self.image.paste(picture, (left, top))

    def text(self, text: str, face: Typeface, clip: Box, baseline: int, ink: Ink) -> None:
        """One line from the left edge of ``clip`` on."""
        self.shifted(text, face, clip, baseline, ink, 0)

    def shifted(
        self, text: str, face: Typeface, clip: Box, baseline: int, ink: Ink, by: int
    ) -> None:
        """One line that begins ``by`` pixels left of ``clip``."""
        if text:
            self.mask(face.strip(text), clip.left - by, baseline - face.ascent, ink, clip)

    def icon(self, icon: Icon, box: Box, ink: Ink) -> None:
        """A sign in the middle of ``box``."""
        side = min(box.width, box.height)
        if side > 0:
            mask = self._icons.mask(icon, side, soft=not self.mono)
            x = box.left + (box.width - side) // 2
            self.mask(mask, x, box.top + (box.height - side) // 2, ink, self.box)


class Icons:
    """The signs that were drawn before."""

    def __init__(self) -> None:
        self._masks: Kept[tuple[Icon, int, bool], Image.Image] = Kept(64)

    def mask(self, icon: Icon, side: int, *, soft: bool) -> Image.Image:
        """As :func:`~appliance.panel.icons.icon_mask`."""
        return self._masks.get((icon, side, soft), lambda: icon_mask(icon, side, soft=soft))
