"""What a person can ask of the running agent."""

from __future__ import annotations

from appliance import __version__
from appliance.agent.api import AgentView, RegisterAs
from appliance.agent.gate import Gate
from appliance.agent.jobs import CloudJobs
from appliance.agent.membership import Membership
from appliance.agent.state import AgentState
from appliance.camera.camera import Camera
from appliance.cloud.client import CloudClient
from appliance.cloud.outbox import Outbox
from appliance.errors import JobRefused
from appliance.polar.codes import preparing
from appliance.polar.status import status_code, status_message
from appliance.printer.api import Snapshot, StartJob


class Acts:
    """Gathers the agent's parts behind the few things a person wants."""

    def __init__(
        self,
        state: AgentState,
        membership: Membership,
        client: CloudClient,
        jobs: CloudJobs,
        outbox: Outbox,
        camera: Camera,
        gate: Gate,
    ) -> None:
        self._state = state
        self._membership = membership
        self._client = client
        self._jobs = jobs
        self._outbox = outbox
        self._camera = camera
        self._gate = gate

    def view(self) -> AgentView:
        """The whole appliance at this moment."""
        inputs = self._state.inputs()
        identity = self._membership.identity
        message = status_message(inputs, identity.serial_number or "", 0.0)
        owed = self._outbox.pending()
        return AgentView(
            version=__version__,
            status=int(status_code(inputs)),
            progress=message.progress or "",
            progress_detail=message.progress_detail or "",
            serial_number=identity.serial_number,
            email=identity.email,
            online=self._client.online,
            cloud=self._client.status_text,
            camera=self._camera_text(),
            notice=self._state.notice,
            notice_at=self._state.notice_at,
            job=self._state.job,
            last_job=self._jobs.last,
            model=self._state.model,
            owed=len(owed),
            owed_error=next((entry.last_error for entry in owed if entry.last_error), ""),
            snapshot=self._state.snapshot,
            door=self._state.door,
            plate_full=self._state.plate_full,
            page_port=self._state.page_port,
            panel=self._panel_text(),
        )

    async def register(self, account: RegisterAs) -> None:
        """Register with the Polar Cloud. Raises CloudError with the reason."""
        await self._membership.register(self._client, account)

    async def unregister(self) -> None:
        """Give the serial number back. Raises CloudError with the reason."""
        await self._membership.unregister(self._client)

    async def cancel(self) -> None:
        """End the present print, cloud or local. Raises JobRefused when there is none."""
        await self._jobs.cancel_any()

    async def resume(self) -> None:
        """Go on with the paused print. Raises JobRefused, also while the door is open."""
        await self._gate.door.resume()

    async def clear_plate(self) -> None:
        """A person says that the build plate is empty."""
        await self._gate.plate.clear()

    async def print_file(self, request: StartJob) -> Snapshot:
        """Start a local print.

        Raises JobRefused: no print of the cloud that is being prepared is pushed aside, none
        begins with an open door or on a full plate. Raises what is wrong with the file.
        """
        job = self._state.job
        if job is not None and preparing(job):
            raise JobRefused(f"{job.name} of the Polar Cloud is about to begin. Cancel it first.")
        if self._state.model is not None:
            raise JobRefused(f"{self._state.model.name} is being sliced. Cancel it first.")
        return await self._gate.start_now(request)

    def _panel_text(self) -> str:
        if not self._state.panel_health:
            return ""
        problems = self._state.panel_problems
        return " ".join(problem.long for problem in problems) or "ready"

    def _camera_text(self) -> str:
        if not self._camera.available:
            return "none"
        return self._camera.fault or "ready"
