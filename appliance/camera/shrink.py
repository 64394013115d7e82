"""Making a JPEG small enough: ``python -m appliance.camera.shrink MAX_SIZE``, stdin to stdout.

A child process of :mod:`appliance.camera.snapshot`; Pillow lives and dies here.
"""

from __future__ import annotations

import io
import sys

from PIL import Image, ImageOps

from appliance.camera import orient
from appliance.errors import CameraError

QUALITIES = (85, 75, 65, 55)  # below 55 a smaller picture looks better than a coarser one
STEP = 0.8  # in width and height


def shrink(jpeg: bytes, max_size: int) -> bytes:
    """``jpeg`` in at most ``max_size`` bytes, with the same picture the same way up.

    Quality goes first, then pixels. Raises CameraError when it cannot be decoded, or when
    even a few pixels are too large.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except orient.UNREADABLE as error:
        raise CameraError(f"The picture cannot be read ({error}).", short="Bad picture") from error
    while True:
        for quality in QUALITIES:
            result = orient.encode(image, quality)
            if len(result) <= max_size:
                return result
        if image.width <= 8 and image.height <= 8:
            raise CameraError(f"No picture fits into {max_size} bytes.")
        image = image.resize(
            (max(8, int(image.width * STEP)), max(8, int(image.height * STEP))),
            Image.Resampling.BOX,
        )


def main(arguments: list[str]) -> int:
    """Status 0 and a JPEG on stdout, or 1 and a sentence on stderr."""
    try:
        result = shrink(sys.stdin.buffer.read(), int(arguments[1]))
    except CameraError as error:
        sys.stderr.write(error.long)
        return 1
    sys.stdout.buffer.write(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
