"""A snapshot that fits into the cloud's upload slot (``maxSize``, protocol section 2.8)."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from appliance.camera import jpeg
from appliance.errors import CameraError
from appliance.host.child import limited

NICE = 10
TIME_LIMIT = 30.0  # seconds; a Pi Zero needs about two
MEMORY_LIMIT = 512 * 1024 * 1024  # bytes of address space: a hostile header must not eat the Pi


async def fit(picture: bytes, max_size: int) -> bytes:
    """``picture`` itself when it fits, else the same picture in at most ``max_size`` bytes.

    The work is done in a short-lived child: that costs some tenths of a second of a spare
    core, but the agent never carries Pillow's memory, and a picture that upsets a decoder
    upsets only the child. Raises CameraError when it is no JPEG or can never fit.
    """
    jpeg.size_of(picture)
    if len(picture) <= max_size:
        return picture
    try:
        return await _in_child(picture, max_size)
    except OSError as error:  # no memory for another process
        raise CameraError(f"The picture could not be made smaller ({error}).") from error


async def _in_child(picture: bytes, max_size: int) -> bytes:
    command = [sys.executable, "-m", "appliance.camera.shrink", str(max_size)]
    process = await asyncio.create_subprocess_exec(
        *limited(command, nice=NICE, memory=MEMORY_LIMIT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIME_LIMIT):
            result, errors = await process.communicate(picture)
    except TimeoutError:
        raise CameraError("Making the picture smaller took too long; it is left out.") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode:
        reason = errors.decode(errors="replace").strip().splitlines()
        raise CameraError(reason[-1] if reason else "The picture could not be made smaller.")
    return result
