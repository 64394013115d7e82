"""Frames become a video in the outbox, or a sentence why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from appliance.agent import video as video_module
from appliance.agent.photographer import Photographer
from appliance.agent.state import AgentState
from appliance.agent.video import USUAL_LIMIT, Timelapse
from appliance.camera.camera import Camera
from appliance.camera.driver import Scene
from appliance.cloud.outbox import Outbox, VideoToSend
from appliance.config import TimelapseSettings
from appliance.errors import CameraError, CloudError, EncoderError
from appliance.polar.job import CloudJob, Phase

JPEG = bytes.fromhex(  # 1 × 1 pixel, as far as its header goes
    "ffd8ffe000104a46494600010100000100010000ffc0000b080001000101011100ffda0008010100003f0037ffd9"
)


class Kitchen:
    """A time-lapse whose encoder writes a word instead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox = Outbox(folder / "outbox")
        self.limit: int | None = 5_000_000
        self.offline = False
        self.available = False  # a camera for the last picture
        self.dark = False
        self.error: Exception | None = None
        self.encoded: list[tuple[int, int | None, float, str]] = []

    def life(self) -> Timelapse:
        settings = TimelapseSettings(interval=0.5, time_limit=99.0, encoder="hardware")
        photographer = Photographer(AgentState(), cast(Camera, self))
        frames = self.folder / "frames"
        return Timelapse(frames, settings, photographer, self.outbox, self._limit)

    async def capture(self, scene: Scene) -> bytes:
        if self.dark:
            raise CameraError("It is dark.")
        return JPEG

    async def _limit(self, job_id: str) -> int | None:
        assert job_id == "P3D1-7"
        if self.offline:
            raise CloudError("There is no connection.")
        return self.limit

    async def encode(
        self, frames: list[Path], output: Path, limit: int | None, time: float, *, encoder: str
    ) -> None:
        self.encoded.append((len(frames), limit, time, encoder))
        if self.error is not None:
            raise self.error
        output.write_bytes(b"video")

    def videos(self) -> list[VideoToSend]:
        return [e.item for e in self.outbox.pending() if isinstance(e.item, VideoToSend)]


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    one = Kitchen(tmp_path)
    monkeypatch.setattr(video_module, "encode", one.encode)
    return one


def job(key: str = "k7", **changes: Any) -> CloudJob:
    return CloudJob(job_id="P3D1-7", key=key, received_at=1.0, phase=Phase.FINISHING, **changes)


async def fill(lapse: Timelapse, count: int, key: str = "k7") -> None:
    for number in range(count):
        assert lapse.wants_frame(job(key), 100.0 + number)
        await lapse.add(job(key), JPEG, 100.0 + number)
        assert not lapse.wants_frame(job(key), 100.1 + number)


async def test_frames_become_a_video_that_is_owed(kitchen: Kitchen) -> None:
    lapse = kitchen.life()
    await fill(lapse, 3)
    assert await lapse.finish(job()) == ""
    assert kitchen.encoded == [(3, 5_000_000, 99.0, "hardware")]
    [video] = kitchen.videos()
    assert (video.job_id, video.key, Path(video.path).read_bytes()) == ("P3D1-7", "k7", b"video")
    lapse.drop()
    assert not (kitchen.folder / "frames").exists()
    assert Path(video.path).exists(), "the video is the outbox's own"


async def test_the_finished_object_ends_the_video(kitchen: Kitchen) -> None:
    kitchen.available = True
    lapse = kitchen.life()
    await fill(lapse, 2)
    assert await lapse.finish(job()) == ""
    kitchen.dark = True
    assert await lapse.finish(job()) == "", "a camera that fails now changes nothing"
    assert [count for count, *_ in kitchen.encoded] == [3, 3]


async def test_frames_of_an_agent_that_was_killed_count(kitchen: Kitchen) -> None:
    await fill(kitchen.life(), 2)
    again = kitchen.life()
    assert await again.finish(job()) == ""
    assert kitchen.encoded[0][0] == 2
    assert await kitchen.life().finish(job()) == ""  # killed before the record said so
    assert len(kitchen.videos()) == 1


async def test_a_job_never_sees_the_frames_of_another(kitchen: Kitchen) -> None:
    lapse = kitchen.life()
    await fill(lapse, 4, key="k1")
    note = await lapse.finish(job("k2"))
    assert "no time-lapse" in note
    assert kitchen.encoded == []


@pytest.mark.parametrize("frames", [0, 1])
async def test_too_few_frames(kitchen: Kitchen, frames: int) -> None:
    lapse = kitchen.life()
    await fill(lapse, frames)
    assert "the camera gave no pictures" in await lapse.finish(job())
    assert kitchen.videos() == []


@pytest.mark.parametrize("offline", [True, False])
async def test_a_limit_that_the_cloud_does_not_tell(kitchen: Kitchen, offline: bool) -> None:
    kitchen.offline, kitchen.limit = offline, None
    lapse = kitchen.life()
    await fill(lapse, 2)
    assert await lapse.finish(job()) == ""
    assert kitchen.encoded[0][1] == USUAL_LIMIT


async def test_an_encoder_that_fails_says_why(kitchen: Kitchen) -> None:
    kitchen.error = EncoderError("The encoder took longer than 99 s.")
    lapse = kitchen.life()
    await fill(lapse, 2)
    assert await lapse.finish(job()) == "The encoder took longer than 99 s."
    assert kitchen.videos() == []


async def test_frames_that_cannot_be_kept_are_the_reason(kitchen: Kitchen) -> None:
    lapse = kitchen.life()
    await fill(lapse, 1)
    for path in (kitchen.folder / "frames").rglob("*"):
        if path.is_file():
            path.unlink()
    (kitchen.folder / "frames" / "k7").rmdir()
    (kitchen.folder / "frames" / "k7").write_text("a file where the folder was")
    await lapse.add(job(), JPEG, 200.0)
    note = await kitchen.life().finish(job())
    assert "not kept" in note or "no time-lapse" in note
    assert kitchen.videos() == []


def test_dropping_nothing(kitchen: Kitchen) -> None:
    kitchen.life().drop()
