"""The agent's own API on ``run/agent.sock``, for the command line (types in api.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from appliance.agent.api import AgentView, RegisterAs
from appliance.ipc import application, body, reply


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


class AgentService:
    """Serves what the agent can do for a person."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    def app(self) -> web.Application:
        """The application to be served."""
        app = application()
        app.add_routes(
            [
                web.get("/state", self._state),
                web.post("/register", self._register),
                web.post("/unregister", self._then_state(self._acts.unregister)),
                web.post("/cancel", self._then_state(self._acts.cancel)),
            ]
        )
        return app

    async def _state(self, _request: web.Request) -> web.Response:
        return reply(self._acts.view())

    async def _register(self, request: web.Request) -> web.Response:
        await self._acts.register(await body(request, RegisterAs))
        return reply(self._acts.view())

    def _then_state(
        self, act: Callable[[], Awaitable[None]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(_request: web.Request) -> web.Response:
            await act()
            return reply(self._acts.view())

        return handler
