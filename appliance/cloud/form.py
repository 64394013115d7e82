"""The multipart form of a pre-signed POST (protocol section 1.5, RFC 7578).

Made here and not by the HTTP library, because S3 takes no chunked body: the length must be
known before, and a video must not be read into memory for that.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO

from appliance.cloud.transfer import off_loop

PIECE = 64 * 1024  # bytes handed to the socket at a time

_FILE_NAMES = {"image/jpeg": "image.jpg", "video/mp4": "video.mp4"}


class Form:
    """Every field in its order, then ``file`` with ``size`` bytes of ``content_type``."""

    def __init__(self, fields: Sequence[tuple[str, str]], content_type: str, size: int) -> None:
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'
            f"{value}\r\n"
            for name, value in fields
            if name.lower() != "file"
        ]
        filename = _FILE_NAMES.get(content_type, "file")
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{filename}"\r\nContent-Type: {content_type}\r\n\r\n'
        )
        self._head = "".join(parts).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._size = size
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + size + len(self._tail)),
        }

    async def stream(self, content: bytes | BinaryIO) -> AsyncIterator[bytes]:
        """The body in pieces; a file is read off the loop. EOFError when it has shrunk."""
        yield self._head
        sent = 0
        while sent < self._size:
            wanted = min(PIECE, self._size - sent)
            if isinstance(content, bytes):
                piece = content[sent : sent + wanted]
            else:
                piece = await off_loop(functools.partial(content.read, wanted))
            if not piece:
                raise EOFError("The file became shorter while it was sent.")
            sent += len(piece)
            yield piece
        yield self._tail


def size_of(content: bytes | Path) -> int:
    """Bytes of ``content``; OSError when it is a file that is not there."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _quoted(name: str) -> str:
    """``name`` as browsers write it in a form-data header (HTML standard, RFC 7578 section 2)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
