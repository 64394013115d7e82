"""The agent's own API on ``run/agent.sock``, for the command line (types in api.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from appliance.agent.api import AgentView, AllowCode, RegisterAs
from appliance.errors import ApplianceError
from appliance.ipc import application, body, reply
from appliance.printer.api import Snapshot, StartJob


class Acts(Protocol):
    """What a person can ask of the agent."""

    def view(self) -> AgentView:
        """The whole appliance at this moment."""

    async def register(self, account: RegisterAs) -> None:
        """Register with the Polar Cloud. Raises CloudError with the reason."""

    async def unregister(self) -> None:
        """Give the serial number back. Raises CloudError with the reason."""

    async def cancel(self) -> None:
        """End the present print, cloud or local. Raises JobRefused when there is none."""

    async def resume(self) -> None:
        """Go on with the paused print. Raises JobRefused, also while the door is open."""

    async def clear_plate(self) -> None:
        """A person says that the build plate is empty."""

    async def print_file(self, request: StartJob) -> Snapshot:
        """Start a local print. Raises JobRefused and what is wrong with the file."""


class AgentService:
    """Serves what the agent can do for a person.

    ``confirm`` lets the browser in that shows a code; False when none does.
    """

    def __init__(self, acts: Acts, confirm: Callable[[str], bool] = lambda _code: False) -> None:
        self._acts = acts
        self._confirm = confirm

    def app(self) -> web.Application:
        """The application to be served."""
        app = application()
        app.add_routes(
            [
                web.get("/state", self._state),
                web.post("/register", self._register),
                web.post("/unregister", self._then_state(self._acts.unregister)),
                web.post("/cancel", self._then_state(self._acts.cancel)),
                web.post("/resume", self._then_state(self._acts.resume)),
                web.post("/plate-clear", self._then_state(self._acts.clear_plate)),
                web.post("/print", self._print),
                web.post("/allow", self._allow),
            ]
        )
        return app

    async def _state(self, _request: web.Request) -> web.Response:
        return reply(self._acts.view())

    async def _register(self, request: web.Request) -> web.Response:
        await self._acts.register(await body(request, RegisterAs))
        return reply(self._acts.view())

    async def _allow(self, request: web.Request) -> web.Response:
        code = (await body(request, AllowCode)).code
        if not self._confirm(code):
            raise ApplianceError(
                "No browser shows this code now. Open the device's page, and read it there.",
                short="No such code",
            )
        return reply(self._acts.view())

    async def _print(self, request: web.Request) -> web.Response:
        return reply(await self._acts.print_file(await body(request, StartJob)))

    def _then_state(
        self, act: Callable[[], Awaitable[None]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(_request: web.Request) -> web.Response:
            await act()
            return reply(self._acts.view())

        return handler
