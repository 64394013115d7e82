from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from appliance.camera.orient import upright
from appliance.errors import EncoderError
from appliance.timelapse.encoder import NICE, encode
from appliance.timelapse.pipeline import FRAME_RATE

MakeFrames = Callable[..., list[Path]]
Decoded = Callable[[Path], list[Image.Image]]

PLENTY = 100.0  # seconds
NAMES = {(220, 30, 30): "r", (30, 200, 60): "g", (40, 60, 220): "b", (240, 240, 240): "w"}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "video folder"
    folder.mkdir()
    return folder / "timelapse.mp4"


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "gst-launch-1.0"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def corners(image: Image.Image) -> str:
    x, y = image.width // 10, image.height // 10
    letters = ""
    for place in ((x, y), (-x, y), (x, -y), (-x, -y)):
        pixel = image.getpixel((place[0] % image.width, place[1] % image.height))
        assert isinstance(pixel, tuple)
        letters += NAMES[
            min(NAMES, key=lambda c: sum((a - b) ** 2 for a, b in zip(c, pixel, strict=True)))
        ]
    return letters


def left_behind(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.iterdir())


async def test_a_full_print_is_thirty_seconds_of_h264_in_mp4(
    make_frames: MakeFrames, output: Path, discover: Callable[[Path], str]
) -> None:
    video = await encode(make_frames(400, 192, 108), output, 10_000_000, PLENTY)
    assert (video.frames, video.seconds) == (360, 30.0)
    assert (video.width, video.height) == (192, 108)
    assert video.size == output.stat().st_size <= 10_000_000
    said = discover(output)
    assert "H.264" in said
    assert "ISO MP4" in said
    assert "Duration: 0:00:30.000000000" in said
    assert "Frame rate: 12/1" in said
    assert "profile=(string)high" in said
    assert left_behind(output) == ["timelapse.mp4"]
    start = output.read_bytes()[:200_000]
    assert start.index(b"moov") < start.index(b"mdat")  # plays while it loads


async def test_every_frame_is_in_the_video_in_order(
    make_frames: MakeFrames, output: Path, decoded: Decoded
) -> None:
    video = await encode(make_frames(30), output, None, PLENTY)
    pictures = decoded(output)
    assert len(pictures) == video.frames == 30

    def bar(image: Image.Image) -> int:
        row = image.crop((0, 86, 320, 94)).resize((320, 1)).convert("L")
        return sum(row.point(lambda value: 255 if value < 20 else 0).histogram()[255:])

    lengths = [bar(image) for image in pictures]
    assert lengths == sorted(lengths)
    assert lengths[-1] - lengths[0] >= 25


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (0, "rgbw"),
        (1, "bwrg"),
        (2, "grwb"),
        (3, "wbgr"),
        (4, "gwrb"),
        (5, "wgbr"),
        (6, "rbgw"),
        (7, "brwg"),
    ],
)
async def test_the_video_is_turned_as_the_camera_was_told(
    make_frames: MakeFrames, output: Path, decoded: Decoded, transform: int, expected: str
) -> None:
    frames = make_frames(6)
    for path in frames:
        path.write_bytes(upright(path.read_bytes(), transform))
    video = await encode(frames, output, None, PLENTY)
    assert (video.width, video.height) == ((180, 320) if transform & 4 else (320, 180))
    pictures = decoded(output)
    assert {corners(image) for image in pictures} == {expected}


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "inside", "size", "gone"])
async def test_a_broken_frame_costs_that_frame_and_no_more(
    make_frames: MakeFrames, output: Path, damage: str
) -> None:
    frames = make_frames(24)
    whole = frames[10].read_bytes()
    small = io.BytesIO()
    Image.new("RGB", (100, 60)).save(small, "JPEG")
    table = whole.index(b"\xff\xdb")
    damaged = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "garbage": b"\xff\xd8broken garbage" * 30,
        "inside": whole[:table] + b"\xff\xfe" + whole[table + 2 :],  # no quantization table
        "size": small.getvalue(),
    }
    if damage == "gone":
        frames[10].unlink()
    else:
        frames[10].write_bytes(damaged[damage])
    video = await encode(frames, output, None, PLENTY)
    assert video.frames in (23, 24)
    assert video.seconds == pytest.approx(video.frames / FRAME_RATE, abs=0.1)


@pytest.mark.parametrize("max_size", [400_000, 60_000, 15_000])
async def test_the_video_never_exceeds_the_clouds_limit(
    make_frames: MakeFrames, output: Path, max_size: int
) -> None:
    frames = make_frames(1)
    noise = random.Random(1)
    for number in range(36):  # noise, which nothing compresses
        path = frames[0].with_name(f"noise-{number}.jpg")
        Image.frombytes("RGB", (384, 216), noise.randbytes(3 * 384 * 216)).save(path, "JPEG")
        frames.append(path)
    video = await encode(frames[1:], output, max_size, PLENTY)
    assert video.size <= max_size
    assert video.frames == 36


async def test_what_can_never_fit_is_said_and_removed(
    make_frames: MakeFrames, output: Path
) -> None:
    with pytest.raises(EncoderError, match="cannot be made smaller than 900 bytes"):
        await encode(make_frames(24), output, 900, PLENTY)
    assert left_behind(output) == []


async def test_an_encoder_that_fails_is_quoted(
    make_frames: MakeFrames, output: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = script(
        tmp_path, "echo partial > video.mp4; echo 'ERROR: from x264: no luck' >&2; exit 1"
    )
    with pytest.raises(EncoderError, match="The encoder failed: ERROR: from x264: no luck"):
        await encode(make_frames(3), output, None, PLENTY, gst_launch=fake)
    assert left_behind(output) == []
    assert "no luck" in caplog.text


async def test_an_encoder_that_made_nothing_is_not_believed(
    make_frames: MakeFrames, output: Path, tmp_path: Path
) -> None:
    with pytest.raises(EncoderError, match="cannot be read"):
        await encode(make_frames(3), output, None, PLENTY, gst_launch=script(tmp_path, "exit 0"))
    fake = script(tmp_path, "head -c 5000 /dev/urandom > video.mp4")
    with pytest.raises(EncoderError, match="cannot be read"):
        await encode(make_frames(3), output, None, PLENTY, gst_launch=fake)
    assert left_behind(output) == []


async def test_a_missing_gstreamer_says_what_to_install(
    make_frames: MakeFrames, output: Path, tmp_path: Path
) -> None:
    with pytest.raises(EncoderError, match=r"Install gstreamer1\.0-tools"):
        await encode(
            make_frames(3), output, None, PLENTY, gst_launch=str(tmp_path / "gst-launch-1.0")
        )


async def test_a_missing_element_says_which_package(
    make_frames: MakeFrames, output: Path, tmp_path: Path
) -> None:
    fake = script(
        tmp_path, """echo 'WARNING: erroneous pipeline: no element "x264enc"' >&2; exit 1"""
    )
    with pytest.raises(
        EncoderError, match=r"x264enc is missing. Install gstreamer1\.0-plugins-ugly"
    ):
        await encode(make_frames(3), output, None, PLENTY, gst_launch=fake)


async def started(fifo: Path) -> list[int]:
    """Handles of the processes whose ids the fake encoder writes into ``fifo``."""
    text = await asyncio.to_thread(fifo.read_text)
    return [os.pidfd_open(int(pid)) for pid in text.split()]


async def ended(processes: list[int]) -> bool:
    """Whether all of them end; those that were killed may need a moment for it."""
    for process in processes:
        if not (await asyncio.to_thread(select.select, [process], [], [], 30))[0]:
            return False
        os.close(process)
    return True


HANGING = "sleep 1000 & echo $$ $! > {fifo}; trap '' TERM; wait"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


async def test_an_encoder_that_hangs_is_killed_with_its_children(
    make_frames: MakeFrames, output: Path, tmp_path: Path, fifo: Path
) -> None:
    fake = script(tmp_path, HANGING.format(fifo=fifo))
    task = asyncio.create_task(encode(make_frames(3), output, None, 1.0, gst_launch=fake))
    processes = await started(fifo)
    with pytest.raises(EncoderError, match="took longer than 1 s"):
        await task
    assert len(processes) == 2
    assert await ended(processes)
    assert left_behind(output) == []


async def test_cancelling_kills_the_encoder_with_its_children(
    make_frames: MakeFrames, output: Path, tmp_path: Path, fifo: Path
) -> None:
    fake = script(tmp_path, HANGING.format(fifo=fifo))
    task = asyncio.create_task(encode(make_frames(3), output, None, PLENTY, gst_launch=fake))
    processes = await started(fifo)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ended(processes)
    assert left_behind(output) == []


AGENT = """
import asyncio, sys
from pathlib import Path
from appliance.timelapse.encoder import encode
frames = sorted(Path(sys.argv[1]).iterdir())
asyncio.run(encode(frames, Path(sys.argv[2]), None, 600, gst_launch=sys.argv[3]))
"""


async def test_an_agent_that_is_killed_takes_its_encoder_along(
    make_frames: MakeFrames, output: Path, tmp_path: Path, fifo: Path
) -> None:
    fake = script(tmp_path, f"echo $$ > {fifo}; exec sleep 1000")
    frames = make_frames(3)[0].parent
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AGENT, str(frames), str(output), fake
    )
    encoder = await started(fifo)
    agent.kill()
    await agent.wait()
    assert await ended(encoder)


async def test_the_child_is_humble(make_frames: MakeFrames, output: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    body = f'echo "$(nice) $(ulimit -v) $(ps -o pgid= -p $$) $$ $(ionice -p $$)" > {facts}; exit 1'
    with pytest.raises(EncoderError):
        await encode(
            make_frames(3),
            output,
            None,
            PLENTY,
            gst_launch=script(tmp_path, body),
            memory_limit=900 * 1024 * 1024,
        )
    nice, memory, group, pid, io_class, *_ = facts.read_text().split()
    assert int(nice) >= NICE
    assert int(memory) == 900 * 1024
    assert group == pid
    assert io_class.startswith("idle")


async def test_an_encoder_that_wants_too_much_memory_fails_and_no_more(
    make_frames: MakeFrames, output: Path
) -> None:
    with pytest.raises(EncoderError):
        await encode(make_frames(3), output, None, PLENTY, memory_limit=40 * 1024 * 1024)
    assert left_behind(output) == []


async def test_hardware_that_fails_falls_back_to_software(
    make_frames: MakeFrames, output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # There is no v4l2h264enc on this machine, or no device behind it: either way it fails.
    video = await encode(make_frames(12), output, None, PLENTY, encoder="hardware")
    assert video.frames == 12
    assert "x264 is used instead" in caplog.text


async def test_hardware_that_hangs_leaves_time_for_software(
    make_frames: MakeFrames, output: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    body = f"""
    case "$*" in
      *v4l2h264enc*) echo hardware >> {calls}; exec sleep 1000;;
      *) echo software >> {calls}; exit 1;;
    esac"""
    with pytest.raises(EncoderError, match="status 1"):
        await encode(
            make_frames(3), output, None, 2.0, encoder="hardware", gst_launch=script(tmp_path, body)
        )
    assert calls.read_text().split() == ["hardware", "software"]


async def test_what_a_killed_agent_left_is_cleared_away(
    make_frames: MakeFrames, output: Path
) -> None:
    work = output.with_name(f".{output.name}.work")
    work.mkdir()
    (work / "00000.jpg").write_bytes(b"old")
    (work / "video.mp4").write_bytes(b"old")
    await encode(make_frames(3), output, None, PLENTY)
    assert left_behind(output) == ["timelapse.mp4"]


async def test_no_frames_is_a_sentence(output: Path) -> None:
    with pytest.raises(EncoderError, match="camera gave no frame"):
        await encode([], output, None, PLENTY)


async def test_an_output_folder_that_is_missing_is_made_or_said(
    make_frames: MakeFrames, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EncoderError, match="cannot be written"):
        await encode(make_frames(3), tmp_path / "file" / "a.mp4", None, PLENTY)
    video = await encode(make_frames(3), tmp_path / "new" / "a.mp4", None, PLENTY)
    assert video.path.exists()


async def test_the_frames_are_linked_and_not_copied(
    make_frames: MakeFrames, output: Path, tmp_path: Path
) -> None:
    listing = tmp_path / "listing"
    fake = script(tmp_path, f"ls -l > {listing}; echo $* >> {listing}; exit 1")
    with pytest.raises(EncoderError):
        await encode(make_frames(3), output, None, PLENTY, gst_launch=fake)
    text = listing.read_text()
    assert len(re.findall(r"^l.* 0000[012]\.jpg -> /", text, re.MULTILINE)) == 3
    assert json.dumps(str(output)) not in text  # nothing that would need quoting
