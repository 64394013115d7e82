"""The picture that a slicer puts into its G-code."""

from __future__ import annotations

import base64
import binascii
import re

_BLOCK = re.compile(
    rb"^; thumbnail(?:_JPG)? begin (\d{1,4})x(\d{1,4}) \d{1,7}\s*\n(.*?)^; thumbnail(?:_JPG)? end",
    re.MULTILINE | re.DOTALL,
)
_MAX = 512 * 1024  # bytes
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def thumbnail_in(head: bytes) -> bytes | None:
    """The largest PNG or JPEG in the beginning of a G-code file; None without one."""
    found = sorted(
        _BLOCK.finditer(head.replace(b"\r\n", b"\n")),
        key=lambda match: int(match[1]) * int(match[2]),
        reverse=True,
    )
    for match in found:
        text = re.sub(rb"^; ?|\s+", b"", match[3], flags=re.MULTILINE)
        try:
            picture = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        if picture.startswith(_PICTURES) and len(picture) <= _MAX:
            return picture
    return None
