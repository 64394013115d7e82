"""The camera's rhythm: which pictures, of which type, how often, and what a failure costs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import msgspec
import pytest

from appliance.agent import pictures as pictures_module
from appliance.agent.photographer import Photographer
from appliance.agent.pictures import Pictures
from appliance.agent.state import AgentState
from appliance.agent.video import Timelapse
from appliance.camera.camera import Camera
from appliance.camera.driver import Scene
from appliance.cloud.uploads import Uploader
from appliance.config import CloudSettings
from appliance.errors import CameraError, TransferError
from appliance.polar.job import CloudJob, Phase
from appliance.polar.messages import UploadType
from appliance.printer import api
from appliance.printer.api import JobState, Source

SOON, NEVER = 0.01, 1000.0  # seconds


class Studio:
    """Camera, uploader and time-lapse in one, and what they were asked."""

    def __init__(self) -> None:
        self.state = AgentState()
        self.available = True
        self.camera_error: Exception | None = None
        self.upload_error: Exception | None = None
        self.scenes: list[Scene] = []
        self.uploads: list[tuple[UploadType, str | None]] = []
        self.frames: list[str] = []
        self.looked = 0
        self.due = True
        self._news = asyncio.Event()

    def _note(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def capture(self, scene: Scene) -> bytes:
        self.scenes.append(scene)
        self._note()
        if self.camera_error is not None:
            raise self.camera_error
        return b"jpeg"

    async def upload(
        self, kind: UploadType, job_id: str | None, content: bytes, fit: Callable[..., Any]
    ) -> None:
        assert (content, callable(fit)) == (b"jpeg", True)
        if self.upload_error is not None:
            raise self.upload_error
        self.uploads.append((kind, job_id))
        self._note()

    def wants_frame(self, job: CloudJob, now: float) -> bool:
        self.looked += 1
        self._note()
        return self.due

    async def add(self, job: CloudJob, frame: bytes, now: float) -> None:
        self.frames.append(job.job_id)
        self._note()

    @contextlib.asynccontextmanager
    async def at_work(
        self, *, idle: float = NEVER, printing: float = NEVER, record: bool = False
    ) -> AsyncIterator[None]:
        settings = CloudSettings(idle_image_interval=idle, printing_image_interval=printing)
        pictures = Pictures(
            self.state,
            settings,
            Photographer(self.state, cast(Camera, self)),
            cast(Uploader, self),
            cast(Timelapse, self),
        )
        task = asyncio.create_task(pictures.record() if record else pictures.upload())
        task.add_done_callback(lambda _: self._note())
        self._task = task
        try:
            yield
            assert not task.done(), "it must never end"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                assert not self._task.done(), "it must never end"
                await self._news.wait()

    def prints(self, state: JobState | None, source: Source = Source.LOCAL) -> None:
        job = api.Job(
            job_id="P3D1-7",
            key="k",
            name="Vase",
            source=source,
            path="/a",
            state=state or JobState.PRINTING,
            started_at=1.0,
            print_seconds=5.0,
            file_size=200,
            bytes_read=50,
        )
        heaters = {"tool0": api.Heater(201.5, 200.0), "bed": api.Heater(60.0)}
        snapshot = api.Snapshot(heaters=heaters, job=job if state else None)
        self.state.see_snapshot(snapshot)

    def cloud_job(self, phase: Phase | None) -> None:
        if phase is None:
            self.state.see_job(None)
            return
        job = CloudJob(job_id="P3D1-7", key="k", received_at=1.0, phase=phase)
        self.state.see_job(job)


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(pictures_module, "FRAME_CHECK", 0.001)
    return Studio()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_intervals_are_those_of_the_document() -> None:
    assert (CloudSettings().idle_image_interval, CloudSettings().printing_image_interval) == (
        60,
        10,
    )


async def test_idle_pictures_at_the_idle_interval(studio: Studio) -> None:
    studio.state.see_online(True)
    async with studio.at_work(idle=SOON):
        await studio.until(lambda: len(studio.uploads) >= 3)
    assert set(studio.uploads) == {(UploadType.IDLE, None)}


async def test_a_cloud_print_changes_type_and_interval_at_once(studio: Studio) -> None:
    studio.state.see_online(True)
    async with studio.at_work(printing=SOON):
        await studio.until(lambda: len(studio.uploads) == 1)
        studio.cloud_job(Phase.DOWNLOADING)  # nothing to be seen yet
        await turns()
        assert studio.uploads == [(UploadType.IDLE, None)]
        studio.prints(JobState.PRINTING, Source.CLOUD)
        studio.cloud_job(Phase.PRINTING)
        await studio.until(lambda: len(studio.uploads) >= 4)
        assert set(studio.uploads[1:]) == {(UploadType.PRINTING, "P3D1-7")}
        studio.cloud_job(Phase.ENDED)
        await studio.until(lambda: studio.uploads[-1] == (UploadType.IDLE, None))
        count = len(studio.uploads)
        await turns()
        assert len(studio.uploads) == count, "the idle interval is long here"


async def test_a_local_print_is_shown_with_idle_pictures(studio: Studio) -> None:
    studio.state.see_online(True)
    studio.prints(JobState.PRINTING, Source.LOCAL)
    async with studio.at_work(idle=SOON):
        await studio.until(lambda: len(studio.uploads) >= 2)
    assert set(studio.uploads) == {(UploadType.IDLE, None)}


async def test_nothing_while_offline_and_one_at_once_when_back(studio: Studio) -> None:
    async with studio.at_work(idle=NEVER):
        studio.prints(JobState.PRINTING, Source.CLOUD)
        studio.cloud_job(Phase.PRINTING)
        await turns()
        assert studio.scenes == []
        studio.state.see_online(True)
        await studio.until(lambda: len(studio.uploads) == 1)
        studio.state.see_online(False)
        await turns()
        assert len(studio.scenes) == 1


async def test_without_a_camera_nobody_asks_it(studio: Studio) -> None:
    studio.available = False
    studio.state.see_online(True)
    async with studio.at_work(idle=0.001):
        await turns()
    assert studio.scenes == []


@pytest.mark.parametrize("where", ["camera_error", "upload_error"])
async def test_a_failure_costs_one_line_of_the_log(
    studio: Studio, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    error = CameraError("It is dark.") if where == "camera_error" else TransferError("No room.")
    setattr(studio, where, error)
    studio.state.see_online(True)
    async with studio.at_work(idle=0.001):
        await studio.until(lambda: len(studio.scenes) >= 5)
        assert caplog.text.count("no picture") == 1
        setattr(studio, where, None)
        await studio.until(lambda: len(studio.uploads) >= 1)


async def test_what_the_drawn_camera_is_told(studio: Studio) -> None:
    studio.state.see_online(True)
    async with studio.at_work(idle=SOON):
        await studio.until(lambda: len(studio.scenes) >= 1)
        studio.prints(JobState.PAUSED)
        count = len(studio.scenes)
        await studio.until(lambda: len(studio.scenes) >= count + 2)
    assert studio.scenes[0] == Scene(state="Idle")
    assert studio.scenes[-1] == Scene(
        percent=25.0, name="Vase", state="Paused", tool=201.5, bed=60.0, elapsed=5.0
    )


@pytest.mark.parametrize("state", JobState)
async def test_frames_only_while_printing(studio: Studio, state: JobState) -> None:
    studio.prints(state, Source.CLOUD)
    studio.cloud_job(Phase.PRINTING)
    async with studio.at_work(record=True):
        if state is JobState.PRINTING:
            await studio.until(lambda: len(studio.frames) >= 3)
        else:
            await turns()
            assert (studio.frames, studio.scenes) == ([], [])
            studio.prints(JobState.PRINTING, Source.CLOUD)
            await studio.until(lambda: len(studio.frames) >= 1)
    assert set(studio.frames) == {"P3D1-7"}


async def test_frames_need_no_connection_but_a_cloud_job(studio: Studio) -> None:
    studio.prints(JobState.PRINTING, Source.LOCAL)
    async with studio.at_work(record=True):
        await turns()
        assert studio.frames == []
        assert not studio.state.online
        studio.cloud_job(Phase.PRINTING)
        await studio.until(lambda: len(studio.frames) >= 1)


async def test_no_picture_is_taken_for_a_frame_that_is_not_due(studio: Studio) -> None:
    studio.due = False
    studio.prints(JobState.PRINTING, Source.CLOUD)
    studio.cloud_job(Phase.PRINTING)
    async with studio.at_work(record=True):
        await studio.until(lambda: studio.looked >= 5)
    assert studio.scenes == []


async def test_a_camera_that_fails_costs_frames_and_one_line(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    studio.camera_error = CameraError("It is dark.")
    studio.prints(JobState.PRINTING, Source.CLOUD)
    studio.cloud_job(Phase.PRINTING)
    async with studio.at_work(record=True):
        await studio.until(lambda: len(studio.scenes) >= 5)
        assert studio.frames == []
        studio.camera_error = None
        await studio.until(lambda: len(studio.frames) >= 1)
    assert caplog.text.count("It is dark.") == 1


def test_the_scene_may_be_sent_to_the_worker() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Scene(name="ü")), type=Scene).name == "ü"
