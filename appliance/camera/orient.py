"""Bringing pictures upright before they leave the camera worker (protocol section 3.6).

Imported by the worker and by tests; the agent never needs Pillow.
"""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from appliance.errors import CameraError

REFLECT_H = 1  # about the horizontal midline: top and bottom change places
REFLECT_V = 2  # about the vertical midline: left and right change places
ROTATE_90 = 4  # counter-clockwise, always last

QUALITY = 90
_EXIF_ORIENTATION = 0x0112
UNREADABLE = (OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError)
"""What Pillow raises for pictures that are broken, or larger than any camera's."""

# Each of the eight is a single pass over the pixels.
_OPERATIONS = {
    REFLECT_H: Image.Transpose.FLIP_TOP_BOTTOM,
    REFLECT_V: Image.Transpose.FLIP_LEFT_RIGHT,
    REFLECT_H | REFLECT_V: Image.Transpose.ROTATE_180,
    ROTATE_90: Image.Transpose.ROTATE_90,
    ROTATE_90 | REFLECT_H: Image.Transpose.TRANSVERSE,
    ROTATE_90 | REFLECT_V: Image.Transpose.TRANSPOSE,
    ROTATE_90 | REFLECT_H | REFLECT_V: Image.Transpose.ROTATE_270,
}


def upright(jpeg: bytes, transform: int) -> bytes:
    """``jpeg`` with ``transform`` (bit mask, 0 to 7) applied to its pixels.

    An orientation that the camera wrote into the EXIF header is applied as well, because the
    video and most viewers ignore it. Nothing to do returns the very same bytes.
    Raises CameraError for a picture that cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            tagged = image.getexif().get(_EXIF_ORIENTATION, 1) != 1
            if not transform and not tagged:
                return jpeg
            turned: Image.Image = ImageOps.exif_transpose(image) if tagged else image
            if transform:
                turned = turned.transpose(_OPERATIONS[transform])
            return encode(turned)
    except UNREADABLE as error:
        raise CameraError(
            f"The camera sent a picture that cannot be read ({error}).", short="Bad picture"
        ) from error


def encode(image: Image.Image, quality: int = QUALITY) -> bytes:
    """``image`` as a JPEG without metadata."""
    buffer = io.BytesIO()
    ready = image if image.mode in ("L", "RGB") else image.convert("RGB")
    ready.save(buffer, "JPEG", quality=quality, exif=b"")
    return buffer.getvalue()
