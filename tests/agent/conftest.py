"""A small world for the agent's parts: a printer daemon and a time-lapse that do as told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from appliance import ipc
from appliance.agent.door import Door
from appliance.agent.gate import Gate
from appliance.agent.identity import Identity, IdentityStore
from appliance.agent.jobs import CloudJobs
from appliance.agent.membership import Membership
from appliance.agent.models import LocalModels
from appliance.agent.plate import Plate
from appliance.agent.preparation import Preparation
from appliance.agent.reports import Reports
from appliance.agent.state import AgentState
from appliance.agent.workshop import Workshop
from appliance.cloud.client import CloudClient, opener
from appliance.cloud.outbox import JobReport, Outbox
from appliance.cloud.reconnect import Backoff
from appliance.config import PathSettings, Settings
from appliance.errors import JobRefused, PrinterError
from appliance.polar.actions import Registered
from appliance.polar.job import CloudJob
from appliance.polar.keys import PrinterKey
from appliance.polar.messages import Print
from appliance.polar.session import HelloFacts, Session
from appliance.printer import api
from appliance.settings_panel import DoorSettings, PlateSettings
from appliance.settings_slicing import SlicingSettings
from appliance.sim.cloud import DEFAULT_EMAIL, DEFAULT_PIN, LocalCloud
from appliance.slicing.api import Progress, ProgressSeen, Request, Sliced
from tests.polar.signing import KeysHere

_MOVING = (api.JobState.PRINTING, api.JobState.RESUMING)


class FakePrinter:
    """Behaves as the printer daemon's API says, and outlives the agent."""

    def __init__(self) -> None:
        self.state: AgentState | None = None
        self.job: api.Job | None = None
        self.starts: list[api.StartJob] = []
        self.started_keys: list[str] = []
        self.forgotten: list[str] = []
        self.refusal: PrinterError | None = None
        self.away: PrinterError | None = None
        self.pauses: list[api.PauseKind] = []
        self.resumes = 0
        self.unseen: tuple[api.Job, ...] = ()
        self._revision = 0

    def now(self) -> api.Snapshot:
        self._revision += 1
        return api.Snapshot(
            life="a",
            revision=self._revision,
            link=api.LinkState.READY,
            job=self.job,
            unseen=self.unseen,
        )

    def tell(self) -> None:
        if self.state is not None:
            self.state.see_snapshot(self.now())

    async def start(self, request: api.StartJob) -> api.Snapshot:
        self.starts.append(request)
        if self.refusal is not None:
            raise self.refusal
        if self.job is None or self.job.key != request.key:
            self.started_keys.append(request.key)
            self.job = api.Job(
                job_id=request.job_id,
                key=request.key,
                name=request.name,
                source=request.source,
                path=request.path,
                state=api.JobState.PRINTING,
                started_at=1000.0,
                file_size=100,
            )
        return self.now()

    async def snapshot(self) -> api.Snapshot:
        if self.away is not None:
            raise self.away
        return self.now()

    async def pause(self, kind: api.PauseKind = api.PauseKind.PAUSE) -> api.Snapshot:
        self._refuse()
        if self.job is None or self.job.state not in _MOVING:
            raise JobRefused("It is paused already.")
        self.pauses.append(kind)
        self.become(api.JobState.PAUSED)
        return self.now()

    async def resume(self) -> api.Snapshot:
        self._refuse()
        if self.job is None or self.job.state is not api.JobState.PAUSED:
            raise JobRefused("Nothing is being printed.")
        self.resumes += 1
        self.become(api.JobState.PRINTING)
        return self.now()

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def become(self, state: api.JobState) -> None:
        assert self.job is not None
        self.job = msgspec.structs.replace(self.job, state=state)
        self.tell()

    async def cancel(self) -> api.Snapshot:
        if self.job is None or self.job.state.ended:
            raise JobRefused("Nothing is being printed.")
        self.finish(api.JobState.CANCELED)
        return self.now()

    async def forget(self, key: str) -> api.Snapshot:
        self.forgotten.append(key)
        if self.job is not None and self.job.key == key:
            self.job = None
        self.tell()
        return self.now()

    def finish(self, state: api.JobState, reason: str = "") -> None:
        assert self.job is not None
        self.job = msgspec.structs.replace(
            self.job, state=state, reason=reason, bytes_read=100, print_seconds=60.4
        )
        self.tell()


class FakeVideo:
    """A time-lapse that is made at once, or fails as told."""

    def __init__(self) -> None:
        self.note = ""
        self.error: Exception | None = None
        self.made: list[str] = []

    async def finish(self, job: CloudJob) -> str:
        if self.error is not None:
            raise self.error
        self.made.append(job.key)
        return self.note

    def drop(self) -> None:
        """Nothing to forget."""


class FakeSlicer:
    """Slices at once, or waits and fails as told; it knows what it was asked for."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.allowed = asyncio.Event()
        self.allowed.set()
        self.error: Exception | None = None
        self.requests: list[Request] = []
        self.texts: list[tuple[str, str]] = []  # of model and configuration
        self.canceled = 0

    async def slice(self, request: Request, progress: ProgressSeen) -> Sliced:
        self.requests.append(request)
        config = request.config.read_text() if request.config is not None else ""
        self.texts.append((request.model.read_text(), config))
        progress(Progress(34.4, "Generating perimeters"))
        self.started.set()
        try:
            await self.allowed.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        if self.error is not None:
            raise self.error
        request.output.write_text("G28\n")
        return Sliced(request.output, 61.4, 250.6, 12, "Fake 1.0", notes=("fooBar was left out.",))


class World:
    """One life of the agent after another over the same disk and the same printer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printer = FakePrinter()
        self.video = FakeVideo()
        self.fetch_started = asyncio.Event()
        self.fetch_allowed = asyncio.Event()
        self.fetch_allowed.set()
        self.fetch_error: Exception | None = None
        self.fetched: list[str] = []
        self.slicer = FakeSlicer()
        self.door_settings = DoorSettings()
        self.plate_settings = PlateSettings(confirm=False)
        self.has_ok = True
        self.next_prints = 0
        self.serial_number: str | None = "P3D1"
        self.clock = 0.0  # seconds, of door and gate
        self.begin()

    def begin(self, *, heard: bool = True) -> None:
        """The agent starts; ``heard`` tells whether the printer daemon speaks up at once."""
        self.state = AgentState()
        self.printer.state = self.state
        self.outbox = Outbox(self.folder / "outbox")
        self.owed = Reports(self.outbox, lambda: self.serial_number)
        self.door = Door(
            self.door_settings,
            self.state,
            self.printer,
            has_ok=self.has_ok,
            clock=lambda: self.clock,
        )
        self.plate = Plate(self.folder, self.plate_settings, self.state, self._print_next)
        self.gate = Gate(self.printer, self.door, self.plate, clock=lambda: self.clock)
        workshop = Workshop(
            self.state, SlicingSettings(), self.folder / "cache", lambda *_: self.slicer
        )
        preparation = Preparation(self.folder / "spool", self._fetch, workshop)
        self.jobs = CloudJobs(
            self.state, self.folder, self.printer, preparation, self.video, self.owed, self.gate
        )
        self.models = LocalModels(
            self.state, self.folder, self.printer, workshop, self.gate, self.owed
        )
        self.task = asyncio.create_task(self._run())
        if heard:
            self.printer.tell()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for part in (self.jobs, self.models, self.door, self.plate):
                group.create_task(part.run())

    async def _print_next(self) -> None:
        self.next_prints += 1

    async def kill(self) -> None:
        """The agent is gone, as by SIGKILL: nothing is written on the way out."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _fetch(
        self, url: str, target: Path, on_progress: Callable[[int, int | None], None]
    ) -> None:
        self.fetched.append(url)
        self.fetch_started.set()
        await self.fetch_allowed.wait()
        if self.fetch_error is not None:
            raise self.fetch_error
        on_progress(50, 100)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(url if url.endswith(("stl", "3mf", "ini")) else "G28\n")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for ``condition``, looking after every change of the agent's state."""
        async with asyncio.timeout(20):
            while not condition():
                await self.state.revision.wait_beyond(self.state.revision.number)

    async def reported(self) -> list[JobReport]:
        """Wait for the first report, and return all that are owed."""
        changed = self.outbox.changed()
        async with asyncio.timeout(20):
            while not self.reports():
                await changed.wait()
        return self.reports()

    def reports(self) -> list[JobReport]:
        """What is owed to the cloud."""
        return [e.item for e in self.outbox.pending() if isinstance(e.item, JobReport)]


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    return World


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def print_message() -> Print:
    return Print(
        serial_number="P3D1", job_id="P3D1-7", gcode_file="http://cloud/7.gcode", job_name="Vase"
    )


class Linked:
    """A registered printer's line to a local cloud, as the agent has it."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.state = AgentState()
        store = IdentityStore(folder)
        facts = HelloFacts(mac="02:00:00:00:00:01", mfg="test")
        self.membership = Membership(self.state, store, Identity(mac=facts.mac or ""))
        session = Session(KEY.pair(), None, facts)
        backoff = Backoff(random.Random(1), first=0.01, longest=0.05)
        self.client = CloudClient(
            opener(cloud.url), session, self.membership.act, keys=KeysHere(), backoff=backoff
        )
        self.membership.hand_on(lambda _: None)

    async def go_online(self) -> None:
        outcome = await self.client.register(DEFAULT_EMAIL, DEFAULT_PIN)
        assert isinstance(outcome, Registered)
        await self.client.wait_online()
        self.serial = outcome.serial_number


KEY = PrinterKey.generate()


@pytest.fixture
async def linked(tmp_path: Path) -> AsyncIterator[Linked]:
    async with LocalCloud() as cloud:
        one = Linked(cloud, tmp_path / "state")
        task = asyncio.create_task(one.client.run())
        async with asyncio.timeout(20):
            await one.go_online()
        yield one
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=PathSettings(state=str(tmp_path / "state"), run=str(tmp_path / "run")))


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[web.Application, Path], Awaitable[None]]]:
    async with AsyncExitStack() as stack:

        async def start(app: web.Application, socket: Path) -> None:
            runner = await ipc.serve(app, socket)
            stack.push_async_callback(runner.cleanup)

        yield start
