"""What the command line asks of the daemons: the agent's API, its acts, and their absence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from aiohttp import web

from appliance import __version__, ipc
from appliance.agent import client
from appliance.agent.acts import Acts
from appliance.agent.api import AgentView, RegisterAs
from appliance.agent.door import Door
from appliance.agent.gate import Gate
from appliance.agent.jobs import CloudJobs
from appliance.agent.plate import Plate
from appliance.agent.service import AgentService
from appliance.agent.state import AgentState
from appliance.camera.camera import Camera
from appliance.cloud.outbox import JobReport, Outbox
from appliance.config import Settings
from appliance.errors import ApplianceError, CloudError, JobRefused, PrinterError
from appliance.polar.job import PREPARING, CloudJob, Outcome, Phase
from appliance.printer import api
from appliance.printer.api import JobState
from appliance.printer.client import PrinterUnreachable
from appliance.settings_panel import DoorSettings, PlateSettings
from tests.agent.daemon import FakeDaemon

Linked = Any  # the fixture's class; conftest modules cannot be imported
Serve = Callable[[web.Application, Path], Awaitable[None]]

VIEW = AgentView(
    version="1",
    status=0,
    progress="Idle",
    progress_detail="",
    serial_number="P3D1",
    email="owner@example.com",
    online=True,
    cloud="Connected.",
    camera="ready",
    notice="",
    job=None,
    last_job=None,
    owed=0,
    owed_error="",
    snapshot=None,
)


class FakeActs:
    """Notes what a person asked, refuses as told."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.refusal: ApplianceError | None = None

    def _note(self, what: object) -> None:
        self.asked.append(what)
        if self.refusal is not None:
            raise self.refusal

    def view(self) -> AgentView:
        return VIEW

    async def register(self, account: RegisterAs) -> None:
        self._note(account)

    async def unregister(self) -> None:
        self._note("unregister")

    async def cancel(self) -> None:
        self._note("cancel")

    async def resume(self) -> None:
        self._note("resume")

    async def clear_plate(self) -> None:
        self._note("plate-clear")

    async def print_file(self, request: api.StartJob) -> api.Snapshot:
        self._note(request)
        return api.Snapshot(machine="Fake")


# --- both daemons --------------------------------------------------------------------------


async def test_look_at_whoever_is_there(settings: Settings, serve: Serve) -> None:
    assert await client.look(settings) == (None, None)
    await serve(FakeDaemon().app(), settings.printer_socket)
    view, snapshot = await client.look(settings)
    assert view is None
    assert snapshot is not None
    assert snapshot.machine == "Fake"
    await serve(AgentService(FakeActs()).app(), settings.agent_socket)
    assert (await client.look(settings))[0] == VIEW


async def test_what_the_agent_is_asked(settings: Settings, serve: Serve) -> None:
    acts = FakeActs()
    await serve(AgentService(acts).app(), settings.agent_socket)
    account = RegisterAs("owner@example.com", "1234", cloud_key=True)
    assert await client.register(settings, account) == "P3D1"
    await client.unregister(settings)
    await client.cancel(settings)
    await client.resume(settings)
    await client.clear_plate(settings)
    assert acts.asked == [account, "unregister", "cancel", "resume", "plate-clear"]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (CloudError("The PIN is wrong."), ApplianceError),
        (JobRefused("Nothing is being printed."), JobRefused),
        (PrinterUnreachable("It is off."), PrinterError),
    ],
)
async def test_what_the_agent_refuses_is_said_in_its_words(
    settings: Settings, serve: Serve, refusal: ApplianceError, kind: type[ApplianceError]
) -> None:
    acts = FakeActs()
    acts.refusal = refusal
    await serve(AgentService(acts).app(), settings.agent_socket)
    for ask in (
        client.register(settings, RegisterAs("a@b.c", "1234")),
        client.unregister(settings),
        client.cancel(settings),
        client.resume(settings),
        client.clear_plate(settings),
    ):
        with pytest.raises(kind) as said:
            await ask
        assert (said.value.long, said.value.short) == (refusal.long, refusal.short)


async def test_bad_requests_name_the_field_and_keep_the_pin(
    settings: Settings, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    await serve(AgentService(FakeActs()).app(), settings.agent_socket)
    async with ipc.connect(settings.agent_socket) as http:
        for content in (b'{"email": "a@b.c", "pin": 90817263}', b'{"pin": "90817263"}', b"[]"):
            async with http.post("/register", data=content) as response:
                assert response.status == 400
                answer = await response.text()
                assert "/register" in answer
                assert "90817263" not in answer + caplog.text
    assert "90817263" not in repr(RegisterAs("a@b.c", "90817263"))


async def test_while_the_agent_is_off(settings: Settings, serve: Serve) -> None:
    with pytest.raises(ApplianceError, match="systemctl start polar-agent"):
        await client.unregister(settings)
    with pytest.raises(PrinterUnreachable):
        await client.cancel(settings)
    daemon = FakeDaemon()
    await serve(daemon.app(), settings.printer_socket)
    await client.cancel(settings)
    await client.resume(settings)
    assert (daemon.cancels, daemon.resumes) == (1, 1)
    with pytest.raises(ApplianceError, match="polar-agent"):
        await client.clear_plate(settings)


async def test_registering_without_the_agent(linked: Linked, settings: Settings) -> None:
    own = msgspec.structs.replace(settings.cloud, url=linked.cloud.url, mfg="test")
    alone = msgspec.structs.replace(settings, cloud=own)
    number = await client.register(alone, RegisterAs("owner@example.com", "1234"))
    assert number in linked.cloud.state.printers
    with pytest.raises(CloudError, match="PIN"):
        await client.register(alone, RegisterAs("owner@example.com", "9999"))


# --- a local print -------------------------------------------------------------------------


async def follow(
    settings: Settings, serve: Serve, *stream: JobState | None
) -> tuple[api.Job | None, list[str]]:
    await serve(FakeDaemon(*stream).app(), settings.printer_socket)
    shown: list[str] = []

    def show(percent: float, seconds: float, state: str) -> None:
        assert (percent, seconds) == (50.0, 7.0)
        shown.append(state)

    file = settings.state_folder / "vase.gcode"
    return await client.print_local(settings, file, show, wait=True), shown


async def test_a_print_is_followed_to_its_end(settings: Settings, serve: Serve) -> None:
    p = JobState.PRINTING
    job, shown = await follow(settings, serve, p, p, JobState.PAUSED, p, JobState.COMPLETED, None)
    assert job is not None
    assert (job.state, job.name) == (JobState.COMPLETED, "vase.gcode")
    assert shown == ["printing", "paused", "printing", "completed"], "each change once"


@pytest.mark.parametrize("state", [JobState.CANCELED, JobState.FAILED])
async def test_a_print_that_ends_otherwise(
    settings: Settings, serve: Serve, state: JobState
) -> None:
    job, _ = await follow(settings, serve, JobState.PRINTING, state)
    assert job is not None
    assert job.state is state


async def test_a_print_that_is_replaced_or_forgotten(settings: Settings, serve: Serve) -> None:
    job, _ = await follow(settings, serve, JobState.PRINTING, None)
    assert job is not None
    assert job.state is JobState.PRINTING, "the last that was seen of it"


async def test_a_daemon_that_ends_meanwhile(settings: Settings, serve: Serve) -> None:
    with pytest.raises(PrinterError, match="ended"):
        await follow(settings, serve, JobState.PRINTING)


async def test_start_and_go(settings: Settings, serve: Serve) -> None:
    daemon = FakeDaemon()
    await serve(daemon.app(), settings.printer_socket)
    file = Path("/spool/a.gcode")
    done = await client.print_local(settings, file, lambda *_: None, wait=False)
    assert done is None
    assert daemon.started is not None
    assert (daemon.started.path, daemon.started.source) == (str(file), api.Source.LOCAL)


async def test_a_print_goes_through_the_agent_where_it_runs(
    settings: Settings, serve: Serve
) -> None:
    daemon, acts = FakeDaemon(), FakeActs()
    await serve(daemon.app(), settings.printer_socket)
    await serve(AgentService(acts).app(), settings.agent_socket)
    await client.print_local(settings, Path("/spool/a.gcode"), lambda *_: None, wait=False)
    [request] = acts.asked
    assert isinstance(request, api.StartJob)
    assert (request.path, request.source) == ("/spool/a.gcode", api.Source.LOCAL)
    assert daemon.started is None, "the agent asks the daemon, nobody else"
    acts.refusal = JobRefused("The door is open. Close it, then print.")
    with pytest.raises(JobRefused, match="door is open"):
        await client.print_local(settings, Path("/spool/b.gcode"), lambda *_: None, wait=False)
    assert daemon.started is None


# --- the agent's acts ----------------------------------------------------------------------


class Parts:
    """Jobs, printer, door, plate and camera of an agent."""

    def __init__(self, state: AgentState, folder: Path) -> None:
        self.asked: list[object] = []
        self.door = Door(DoorSettings(), state, self, has_ok=True)
        self.plate = Plate(folder, PlateSettings(), state, self.print_next)
        self.last: CloudJob | None = None
        self.canceled: list[str] = []
        self.available = True
        self.fault = ""

    async def cancel_any(self) -> None:
        self.canceled.append("any")

    async def start(self, request: api.StartJob) -> api.Snapshot:
        self.asked.append(request)
        return api.Snapshot(machine="Fake")

    async def snapshot(self) -> api.Snapshot:
        return api.Snapshot()

    async def pause(self, kind: api.PauseKind) -> api.Snapshot:
        raise AssertionError

    async def resume(self) -> api.Snapshot:
        self.asked.append("resume")
        return api.Snapshot(life="b")

    async def print_next(self) -> None:
        raise AssertionError


@pytest.fixture
def parts(linked: Linked, tmp_path: Path) -> Parts:
    return Parts(linked.state, tmp_path)


@pytest.fixture
def acts(linked: Linked, parts: Parts, tmp_path: Path) -> Acts:
    return Acts(
        linked.state,
        linked.membership,
        linked.client,
        cast(CloudJobs, parts),
        Outbox(tmp_path / "outbox"),
        cast(Camera, parts),
        Gate(parts, parts.door, parts.plate),
    )


async def test_the_view_tells_everything(acts: Acts, parts: Parts, linked: Linked) -> None:
    linked.state.see_snapshot(api.Snapshot(link=api.LinkState.READY))
    linked.state.see_notice("Look here.")
    parts.last = CloudJob(
        job_id="P3D1-1", key="k", received_at=1.0, phase=Phase.ENDED, outcome=Outcome.FAILED
    )
    view = acts.view()
    assert (view.version, view.status, view.online) == (__version__, 0, True)
    assert view.serial_number == linked.serial
    assert (view.notice, view.camera, view.owed) == ("Look here.", "ready", 0)
    assert view.last_job == parts.last
    assert view.cloud == "Connected to the Polar Cloud."
    entry = acts._outbox.add_report(JobReport(job_id="123", key="k", completed=True))
    assert entry is not None
    acts._outbox.failed(entry, "No room.")
    parts.fault = "It is dark."
    view = acts.view()
    assert (view.owed, view.owed_error, view.camera) == (1, "No room.", "It is dark.")
    parts.available = False
    assert acts.view().camera == "none"
    assert msgspec.json.decode(msgspec.json.encode(view), type=AgentView) == view


async def test_the_view_tells_how_the_front_panel_does(acts: Acts, linked: Linked) -> None:
    assert acts.view().panel == ""
    linked.state.see_health("buttons", None)
    assert acts.view().panel == "ready"
    linked.state.see_health("door", api.Problem("Pin 22: pin", "door.pin: It cannot be used."))
    linked.state.see_health("display", api.Problem("No display", "Nothing answers."))
    assert acts.view().panel == "Nothing answers. door.pin: It cannot be used."


async def test_cancel_ends_whatever_runs(acts: Acts, parts: Parts) -> None:
    await acts.cancel()
    assert parts.canceled == ["any"]


REQUEST = api.StartJob(path="/a.gcode", key="k1", name="a.gcode")


async def test_a_local_print_wants_a_closed_door_and_a_clear_plate(
    acts: Acts, parts: Parts, linked: Linked
) -> None:
    linked.state.see_door(0)
    with pytest.raises(JobRefused, match="The door is open"):
        await acts.print_file(REQUEST)
    linked.state.see_door(1)
    parts.plate.fill("k0")
    assert (acts.view().door, acts.view().plate_full) == (1, True)
    with pytest.raises(JobRefused, match="not clear"):
        await acts.print_file(REQUEST)
    assert parts.asked == []
    await acts.clear_plate()
    assert not acts.view().plate_full
    assert (await acts.print_file(REQUEST)).machine == "Fake"
    assert parts.asked == [REQUEST]


@pytest.mark.parametrize("phase", Phase)
async def test_a_local_print_pushes_no_job_of_the_cloud_aside(
    acts: Acts, parts: Parts, linked: Linked, phase: Phase
) -> None:
    linked.state.see_job(CloudJob(job_id="P3D1-1", key="k", name="V", received_at=1.0, phase=phase))
    if phase in PREPARING:
        with pytest.raises(JobRefused, match="V of the Polar Cloud"):
            await acts.print_file(REQUEST)
        assert parts.asked == []
    else:
        await acts.print_file(REQUEST)  # the printer daemon refuses what it must
        assert parts.asked == [REQUEST]


async def test_resume_goes_past_the_door(acts: Acts, parts: Parts, linked: Linked) -> None:
    linked.state.see_door(2)
    with pytest.raises(JobRefused, match="door"):
        await acts.resume()
    linked.state.see_door(3)
    await acts.resume()
    assert parts.asked == ["resume"]
    assert linked.state.snapshot.life == "b"


async def test_membership_goes_through(acts: Acts, linked: Linked) -> None:
    await acts.unregister()
    assert acts.view().serial_number is None
    with pytest.raises(CloudError, match="PIN"):
        await acts.register(RegisterAs("owner@example.com", "9999"))
    await acts.register(RegisterAs("owner@example.com", "1234"))
    assert acts.view().serial_number is not None
