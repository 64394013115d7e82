"""The local page's addresses: what it shows, and what its forms do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from appliance.errors import ApplianceError, JobRefused
from appliance.printer.api import PauseKind
from appliance.web.deeds import Deeds, Keys, start
from appliance.web.live import Live
from appliance.web.logs import Logs
from appliance.web.need import Need
from appliance.web.routes import Route, json, page_context, see_other, show
from appliance.web.uploads import UploadRefused, Uploads

if TYPE_CHECKING:
    from appliance.web.pages_local import Shown

log = logging.getLogger(__name__)

TRUE = "true"
CARRIED_OUT = "Done."

Deed = Callable[[web.Request], Awaitable[str]]
"""Carries a form out; returns where to go on, or '' for a page that says it is done."""


class LocalPage:
    """Serves it. The pages' own code is loaded when the first one is asked for."""

    def __init__(
        self,
        deeds: Deeds,
        uploads: Uploads,
        live: Live,
        logs: Logs,
        keys: Keys,
        max_upload: int,
    ) -> None:
        self._deeds = deeds
        self._uploads = uploads
        self._live = live
        self._logs = logs
        self._keys = keys
        self._max_upload = max_upload

    def routes(self) -> list[Route]:
        """Everything but the picture needs a session."""
        forms: dict[str, Deed] = {
            "/do/pause": self._pause,
            "/do/resume": self._home_after(self._deeds.resume),
            "/do/cancel": self._home_after(self._deeds.cancel),
            "/do/plate-clear": self._home_after(self._deeds.clear_plate),
            "/do/print": self._print,
            "/do/new-key": self._new_key,
            "/do/restart": self._then_away(self._deeds.restart_agent),
            "/do/reboot": self._then_away(self._deeds.restart_device),
            "/do/shutdown": self._then_away(self._deeds.shut_down),
        }
        return [
            Route("GET", "/", self.home, Need.SESSION),
            Route("GET", "/state.json", self._state, Need.SESSION, quiet=True),
            Route("GET", "/settings", self._settings, Need.SESSION),
            Route("GET", "/confirm/{act}", self._confirm, Need.SESSION),
            Route("GET", "/logs", self._logs.download, Need.SESSION),
            Route("POST", "/upload", self._upload, Need.SESSION, streams=True),
            Route("GET", "/live.mjpeg", self._live.stream, Need.FEED, quiet=True),
            Route("GET", "/snapshot.jpg", self._live.snapshot, Need.FEED, quiet=True),
            *(Route("POST", path, self._form(deed), Need.SESSION) for path, deed in forms.items()),
        ]

    async def home(self, request: web.Request) -> web.Response:
        """The first page."""
        return self._home(request)

    def _home(self, request: web.Request, error: str = "", status: int = 200) -> web.Response:
        from appliance.web import pages_local  # noqa: PLC0415

        return show(pages_local.home(self._shown(request, error)), status)

    def _shown(self, request: web.Request, error: str = "") -> Shown:
        from appliance.web.pages_local import Shown  # noqa: PLC0415
        from appliance.web.words import words  # noqa: PLC0415

        view = self._deeds.view()
        return Shown(
            words=words(view),
            context=page_context(request),
            files=self._uploads.files(),
            camera=view.camera != "none",
            max_upload=self._max_upload,
            error=error,
        )

    async def _state(self, request: web.Request) -> web.Response:
        from appliance.web import pages_local  # noqa: PLC0415

        return json({"parts": pages_local.parts(self._shown(request))})

    async def _settings(self, request: web.Request) -> web.Response:
        from appliance.web import pages_local  # noqa: PLC0415

        address = f"http://{request.host}"
        page = pages_local.settings(page_context(request), self._keys.api_key, address)
        response = show(page)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _confirm(self, request: web.Request) -> web.Response:
        from appliance.web import pages_local  # noqa: PLC0415

        name = request.match_info["act"]
        act = pages_local.ACTS.get(name)
        if act is None:
            raise web.HTTPNotFound
        job = self._shown(request).words.job if name == "cancel" else None
        return show(pages_local.confirm(page_context(request), act, job.name if job else ""))

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            received = await self._uploads.receive(request)
            if received.file is None:
                raise UploadRefused("Choose a file first.")
            if received.fields.get("print") == TRUE:
                await start(self._deeds, received.file)
        except ApplianceError as error:
            log.info("an upload on the local page: %s", error.long)
            status = error.status if isinstance(error, UploadRefused) else 400
            return self._home(request, error.long, 409 if isinstance(error, JobRefused) else status)
        return see_other("/")

    def _form(self, deed: Deed) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            log.info("on the local page: %s", request.path)
            try:
                to = await deed(request)
            except ApplianceError as error:
                log.info("on the local page, %s: %s", request.path, error.long)
                return self._home(request, error.long, 409)
            return see_other(to) if to else _away(request)

        return handler

    def _home_after(self, act: Callable[[], Awaitable[None]]) -> Deed:
        async def deed(_request: web.Request) -> str:
            await act()
            return "/"

        return deed

    def _then_away(self, act: Callable[[], Awaitable[None]]) -> Deed:
        async def deed(_request: web.Request) -> str:
            await act()
            return ""

        return deed

    async def _pause(self, request: web.Request) -> str:
        kind = str((await request.post()).get("kind", PauseKind.PAUSE.value))
        if kind not in set(PauseKind):
            raise JobRefused("There is no pause of this kind.")
        await self._deeds.pause(PauseKind(kind))
        return "/"

    async def _print(self, request: web.Request) -> str:
        name = str((await request.post()).get("name", ""))
        await start(self._deeds, self._uploads.find(name))
        return "/"

    async def _new_key(self, _request: web.Request) -> str:
        self._keys.renew_api_key()
        return "/settings"


def _away(request: web.Request) -> web.Response:
    """What is said while the device, or its program, is away."""
    from appliance.web import pages_local  # noqa: PLC0415

    words = {
        "/do/restart": "The program starts again. This takes some seconds.",
        "/do/reboot": "The device starts again. This takes about a minute.",
        "/do/shutdown": "The device switches itself off. Take its power away in half a minute.",
    }
    return show(pages_local.told(page_context(request), CARRIED_OUT, words[request.path]))
