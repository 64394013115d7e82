"""The encoder's command line: settings in, gst-launch arguments out. Pure.

Paths are relative to a folder of the encoder's own, so that no name needs quoting in
GStreamer's grammar. The frames there are numbered 00000.jpg, 00001.jpg, …
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

FRAME_RATE = 12  # frames a second (protocol section 1.4)
FRAME_NAME = "{:05d}.jpg"
OUTPUT = "video.mp4"

# H.264 level 4 has 8192 macroblocks; hardware encoders of a Pi go no further.
MAX_MACROBLOCKS = 8192
MAX_SIDE = 1920
MIN_SIDE = 96
_KEY_INTERVAL = 2 * FRAME_RATE  # frames from one key frame to the next: quick seeking
_QUANTIZER = 23  # x264's constant-quality target; the bit rate below is only its ceiling
# Bits a pixel and frame: from GENEROUS on nothing looks better, below POOR it falls apart.
_GENEROUS = 0.25
_POOR = 0.035
_OVERHEAD = 16_000  # bytes of container
_HEADROOM = 0.9  # of the room, for a rate control that is not exact


@dataclass(frozen=True)
class Encoding:
    """One attempt: the picture's size in pixels, and the ceiling in bits a second."""

    frames: int
    width: int
    height: int
    bitrate: int
    hardware: bool = False

    @property
    def seconds(self) -> float:
        """Play time."""
        return self.frames / FRAME_RATE


def plan(
    frames: int, width: int, height: int, max_size: int | None, *, hardware: bool = False
) -> Encoding:
    """The first attempt: as large as the frames, level 4 and ``max_size`` (bytes) allow."""
    width, height = _fitted(width, height)
    generous = _GENEROUS * width * height * FRAME_RATE
    if max_size is None:
        return Encoding(frames, width, height, int(generous), hardware)
    room = max(1_000.0, max_size - _OVERHEAD if max_size > 4 * _OVERHEAD else 0.75 * max_size)
    rate = _HEADROOM * room * 8 * FRAME_RATE / frames
    return shrunk(Encoding(frames, width, height, int(min(rate, generous)), hardware))


def smaller(encoding: Encoding, size: int, max_size: int) -> Encoding:
    """The next attempt after one whose ``size`` was over ``max_size`` (bytes)."""
    factor = min(0.8, 0.85 * max_size / size)
    width, height = encoding.width, encoding.height
    # A ceiling that was not obeyed is not obeyed when it is lower either: fewer pixels are.
    scale = math.sqrt(max(factor, 0.25))
    lower = replace(
        encoding,
        width=_even(width * scale),
        height=_even(height * scale),
        bitrate=max(8_000, int(encoding.bitrate * factor)),
    )
    return shrunk(lower)


def shrunk(encoding: Encoding) -> Encoding:
    """Fewer pixels when the bit rate is too low for as many."""
    enough = _POOR * encoding.width * encoding.height * FRAME_RATE
    if encoding.bitrate >= enough:
        return encoding
    scale = math.sqrt(encoding.bitrate / enough)
    return replace(
        encoding, width=_even(encoding.width * scale), height=_even(encoding.height * scale)
    )


def arguments(encoding: Encoding) -> list[str]:
    """What comes after ``gst-launch-1.0``; run it in the folder of the frames."""
    caps = (
        f"video/x-raw,format=I420,width={encoding.width},height={encoding.height},"
        f"framerate={FRAME_RATE}/1,pixel-aspect-ratio=1/1,colorimetry=bt709"
    )
    elements = [
        _source(encoding.frames),
        ["jpegdec"],
        ["videoconvert"],
        ["videoscale"],
        ["videorate"],
        [caps],
        *(_hardware(encoding) if encoding.hardware else _x264(encoding)),
        ["h264parse"],
        ["mp4mux", "faststart=true", "faststart-file=index.partial"],
        ["filesink", f"location={OUTPUT}"],
    ]
    words = ["-q"]
    for number, element in enumerate(elements):
        words += [*(["!"] if number else []), *element]
    return words


def _source(frames: int) -> list[str]:
    return [
        "multifilesrc",
        "location=%05d.jpg",
        "start-index=0",
        f"stop-index={frames - 1}",
        f"caps=image/jpeg,framerate=(fraction){FRAME_RATE}/1",
    ]


def _x264(encoding: Encoding) -> list[list[str]]:
    """Constant quality under a ceiling; threads and look-ahead bounded for 512 MB of memory."""
    encoder = [
        "x264enc",
        "speed-preset=veryfast",
        "threads=2",
        "rc-lookahead=10",
        "sync-lookahead=0",
        f"key-int-max={_KEY_INTERVAL}",
        "pass=qual",
        f"quantizer={_QUANTIZER}",
        f"bitrate={max(1, encoding.bitrate // 1000)}",
        "vbv-buf-capacity=2000",
    ]
    return [encoder, ["video/x-h264,profile=high"]]


def _hardware(encoding: Encoding) -> list[list[str]]:
    """The encoder of a Pi 3 or 4; without the level it refuses to start."""
    controls = f"controls,repeat_sequence_header=1,video_bitrate={encoding.bitrate}"
    return [
        ["v4l2h264enc", f"extra-controls={controls}"],
        ["video/x-h264,level=(string)4,profile=(string)high"],
    ]


def _fitted(width: int, height: int) -> tuple[int, int]:
    """The size within level 4, even in both directions, as 4:2:0 needs."""
    scale = min(1.0, MAX_SIDE / max(width, height))
    blocks = math.ceil(width * scale / 16) * math.ceil(height * scale / 16)
    if blocks > MAX_MACROBLOCKS:
        scale *= 0.97 * math.sqrt(MAX_MACROBLOCKS / blocks)
    return _even(width * scale, floor=2), _even(height * scale, floor=2)


def _even(length: float, floor: int = MIN_SIDE) -> int:
    return max(floor, int(length) // 2 * 2)
