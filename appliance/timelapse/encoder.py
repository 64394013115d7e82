"""Making the video: GStreamer as a child with low priority, and limits of time and memory."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appliance.errors import EncoderError
from appliance.host import child
from appliance.store import sync_folder
from appliance.timelapse import pipeline
from appliance.timelapse.frames import LIMIT
from appliance.timelapse.mp4 import Track, read_track
from appliance.timelapse.pipeline import Encoding
from appliance.timelapse.selection import Selection, select

log = logging.getLogger(__name__)

NICE = 15
# Address space, not memory in use: GStreamer's libraries alone map some hundred megabytes.
MEMORY_LIMIT = 1536 * 1024 * 1024
TRIES = 5  # encodings until the video fits; each is smaller by a known factor
HARDWARE_SHARE = 0.4  # of the time limit; the rest is left for x264
_TAIL = 4000  # bytes of the child's messages that are kept

_PACKAGES = {
    "x264enc": "gstreamer1.0-plugins-ugly",
    "h264parse": "gstreamer1.0-plugins-bad",
    "videoconvert": "gstreamer1.0-plugins-base",
    "videoscale": "gstreamer1.0-plugins-base",
    "videorate": "gstreamer1.0-plugins-base",
}
_OTHER_PACKAGE = "gstreamer1.0-plugins-good"


@dataclass(frozen=True)
class Video:
    """A finished time-lapse, as the file itself says."""

    path: Path
    frames: int
    seconds: float
    size: int  # bytes
    width: int  # pixels
    height: int


async def encode(
    frames: Sequence[Path],
    output: Path,
    max_size: int | None,
    time_limit: float,
    *,
    encoder: Literal["x264", "hardware"] = "x264",
    gst_launch: str = "gst-launch-1.0",
    memory_limit: int = MEMORY_LIMIT,
) -> Video:
    """Make ``output`` (MP4, H.264, 12 frames a second, at most 30 s) of upright JPEG frames.

    ``max_size`` in bytes, None for no limit; ``time_limit`` in seconds for all attempts
    together. ``encoder`` "hardware" tries the Pi's own first. Raises EncoderError with a sentence;
    then, or when cancelled, the child is dead and nothing partial is left.
    """
    program = shutil.which(gst_launch)
    if program is None:
        raise EncoderError(
            f"{gst_launch} is missing. Install gstreamer1.0-tools and "
            "gstreamer1.0-plugins-base, -good, -bad and -ugly.",
            short="No GStreamer",
        )
    folder = output.with_name(f".{output.name}.work")
    try:
        await asyncio.to_thread(_clean, folder)
        selection = await asyncio.to_thread(select, frames, LIMIT)
        if selection.left_out:
            log.warning("%d frames are broken or of another size.", selection.left_out)
        await asyncio.to_thread(_link, selection.frames, folder)
        run = _Run(program, folder, memory_limit, time.monotonic() + time_limit, time_limit)
        made, track = await _attempts(run, selection, max_size, encoder == "hardware")
        size = await asyncio.to_thread(_finish, made, output)
        return Video(output, track.frames, track.seconds, size, track.width, track.height)
    except OSError as error:
        raise EncoderError(
            f"The video cannot be written: {error.strerror or error} ({error.filename or folder})."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _attempts(
    run: _Run, selection: Selection, max_size: int | None, hardware: bool
) -> tuple[Path, Track]:
    """Encode until the video fits; away from the hardware encoder when it fails."""
    encoding = pipeline.plan(
        len(selection.frames), selection.width, selection.height, max_size, hardware=hardware
    )
    for _ in range(TRIES):
        try:
            made = await run.encode(encoding)
            track = _checked(made, encoding)
        except EncoderError as error:
            if not encoding.hardware:
                raise
            log.warning("The hardware encoder failed; x264 is used instead. %s", error.long)
            encoding = replace(encoding, hardware=False)
            made = await run.encode(encoding)
            track = _checked(made, encoding)
        size = made.stat().st_size
        if max_size is None or size <= max_size:
            return made, track
        log.info("The video has %d bytes of %d allowed; making it smaller.", size, max_size)
        encoding = pipeline.smaller(encoding, size, max_size)
    raise EncoderError(f"The video cannot be made smaller than {max_size} bytes.")


def _checked(made: Path, encoding: Encoding) -> Track:
    """Trust the file, not the exit status: GStreamer ends with 0 on a stream cut short."""
    track = read_track(made)
    if track.codec not in ("avc1", "avc3"):
        raise EncoderError(f"The encoder made {track.codec} instead of H.264.")
    if not track.frames or track.seconds > encoding.seconds + 1 / pipeline.FRAME_RATE:
        raise EncoderError(
            f"The encoder made {track.frames} frames in {track.seconds:.1f} s of "
            f"{encoding.frames} frames."
        )
    if track.frames < encoding.frames:
        log.warning("The video has %d of %d frames.", track.frames, encoding.frames)
    return track


@dataclass(frozen=True)
class _Run:
    """Where and how long the child may work."""

    program: str
    folder: Path
    memory_limit: int
    deadline: float  # monotonic seconds
    time_limit: float

    async def encode(self, encoding: Encoding) -> Path:
        """One run of gst-launch. Raises EncoderError; the child is gone afterwards."""
        (self.folder / pipeline.OUTPUT).unlink(missing_ok=True)
        command = child.limited(
            [self.program, *pipeline.arguments(encoding)],
            nice=NICE,
            idle_io=True,
            memory=self.memory_limit,
        )
        left = self.deadline - time.monotonic()
        allowed = min(left, HARDWARE_SHARE * self.time_limit) if encoding.hardware else left
        status, tail = await _run(command, self.folder, allowed)
        if status is None:
            raise EncoderError(
                f"The encoder took longer than {self.time_limit:g} s.",
                short="Video too slow",
            )
        if status:
            log.warning("gst-launch ended with status %d: %s", status, tail.strip())
            raise EncoderError(_reason(status, tail))
        if tail.strip():
            log.debug("gst-launch: %s", tail.strip())
        return self.folder / pipeline.OUTPUT


async def _run(command: list[str], folder: Path, allowed: float) -> tuple[int | None, str]:
    """(exit status, or None when ``allowed`` seconds were not enough; the end of its output)."""
    process = await child.start(command, folder=folder, environment={**os.environ, "LC_ALL": "C"})
    tail = bytearray()
    try:
        async with asyncio.timeout(max(0.0, allowed)):
            assert process.stderr is not None
            while data := await process.stderr.read(_TAIL):
                tail += data
                del tail[:-_TAIL]
            return await process.wait(), tail.decode(errors="replace")
    except TimeoutError:
        log.warning("The encoder was killed: %s", tail.decode(errors="replace").strip())
        return None, ""
    finally:
        if not await child.kill_group(process):
            log.error("Encoder %d is stuck in the kernel and cannot be ended.", process.pid)


def _reason(status: int, tail: str) -> str:
    if missing := re.search(r'no element "([^"]+)"', tail):
        name = missing.group(1)
        package = _PACKAGES.get(name, _OTHER_PACKAGE)
        return f"GStreamer's {name} is missing. Install {package}."
    if re.search(r"No space left|disk full", tail, re.IGNORECASE):
        return "The disk is full. Remove files or use a larger SD card."
    if status < 0:
        return f"The encoder was ended by {signal.Signals(-status).name}."
    errors = [line.strip() for line in tail.splitlines() if "ERROR" in line]
    return (
        f"The encoder failed: {errors[0]}"
        if errors
        else f"The encoder failed with status {status}."
    )


def _clean(folder: Path) -> None:
    """An agent that was killed may have left the folder of its last try."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _link(frames: Sequence[Path], folder: Path) -> None:
    for number, frame in enumerate(frames):
        (folder / pipeline.FRAME_NAME.format(number)).symlink_to(frame.absolute())


def _finish(made: Path, output: Path) -> int:
    """Move the video into place so that it survives a power cut; its size in bytes."""
    with made.open("rb+") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    made.replace(output)
    sync_folder(output.parent)
    return size
