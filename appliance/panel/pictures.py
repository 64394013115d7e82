"""Pictures on a screen: QR codes at a whole scale, photographs fitted and, in one bit, dithered."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Final

from appliance.panel.typeface import Kept

if TYPE_CHECKING:
    from PIL import Image

_LOG = logging.getLogger(__name__)

_QUIET: Final = 4  # modules of white around a code, as its standard asks
_LEAST_QUIET: Final = 1  # what cameras still read where the display is small
_LEAST_SCALE: Final = 2  # pixels a module: finer codes are not read off a display


class Pictures:
    """Makes pictures and keeps the last ones."""

    def __init__(self, *, coloured: bool) -> None:
        self._mode = "RGB" if coloured else "1"
        self._codes: Kept[tuple[str, int], Image.Image | None] = Kept(4)
        self._photos: Kept[tuple[bytes, int, int], Image.Image | None] = Kept(2)

    def qr(self, content: str, side: int) -> Image.Image | None:
        """A code of at most ``side`` x ``side`` pixels; None when it would not be readable."""
        return self._codes.get((content, side), lambda: self._code(content, side))

    def photo(self, jpeg: bytes, width: int, height: int) -> Image.Image | None:
        """A photograph fitted into a room; None when it is none."""
        key = (jpeg, width, height)
        return self._photos.get(key, lambda: self._fitted(jpeg, width, height))

    def _code(self, content: str, side: int) -> Image.Image | None:
        import segno  # noqa: PLC0415 -- only the panel worker draws
        from PIL import Image  # noqa: PLC0415

        try:
            code = segno.make_qr(content, error="l", boost_error=False)
        except ValueError as error:  # segno.DataOverflowError is one
            _LOG.warning("No QR code can hold %d characters: %s", len(content), error)
            return None
        modules = len(code.matrix)
        scale = side // (modules + 2 * _LEAST_QUIET)
        if scale < _LEAST_SCALE:
            return None
        quiet = min((side - modules * scale) // 2, _QUIET * scale)
        small = Image.new("1", (modules, modules))
        small.putdata([0 if dark else 255 for row in code.matrix for dark in row])
        size = modules * scale
        whole = Image.new("1", (size + 2 * quiet, size + 2 * quiet), 255)
        whole.paste(small.resize((size, size), Image.Resampling.NEAREST), (quiet, quiet))
        return whole.convert(self._mode)

    def _fitted(self, jpeg: bytes, width: int, height: int) -> Image.Image | None:
        from PIL import Image, ImageOps  # noqa: PLC0415

        if min(width, height) < 1:
            return None
        try:
            with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as photo:
                photo.draft("RGB", (width, height))
                fitted = ImageOps.contain(photo.convert("RGB"), (width, height))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            _LOG.debug("The picture for the display cannot be read: %s", error)
            return None
        if self._mode == "RGB":
            return fitted
        return ImageOps.autocontrast(fitted.convert("L"), cutoff=1).convert("1")
