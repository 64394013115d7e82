"""The local page's addresses: what it shows, and what its forms do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from appliance.errors import ApplianceError, JobRefused
from appliance.printer.api import PauseKind
from appliance.web.deeds import Deeds, Keys, start
from appliance.web.live import Live
from appliance.web.logs import Logs
from appliance.web.need import Need
from appliance.web.refusals import of_error, wants_page
from appliance.web.routes import Route, json, page_context, see_other, show
from appliance.web.uploads import Stored, UploadRefused, Uploads

if TYPE_CHECKING:
    from appliance.web.pages_local import Shown

log = logging.getLogger(__name__)

TRUE = "true"

Deed = Callable[[web.Request], Awaitable[web.Response]]
"""Carries a form out, and answers."""


class Store(msgspec.Struct, frozen=True):
    """What was sent to the device: files to print, and the settings that models get."""

    uploads: Uploads
    profiles: Uploads  # keeps one
    limit: int  # bytes of a file to print

    @property
    def profile(self) -> Stored | None:
        """The settings for models; None when none were ever sent."""
        return next(iter(self.profiles.files()), None)


class LocalPage:
    """Serves it. The pages' own code is loaded when the first one is asked for."""

    def __init__(
        self,
        deeds: Deeds,
        store: Store,
        live: Live,
        logs: Logs,
        keys: Keys,
        setup_open: Callable[[], bool],
    ) -> None:
        self._deeds = deeds
        self._store = store
        self._live = live
        self._logs = logs
        self._keys = keys
        self._setup_open = setup_open

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
            Route("GET", "/", self._first, Need.SETUP),
            Route("GET", "/state.json", self._state, Need.SESSION, quiet=True),
            Route("GET", "/model-picture/{key}", self._picture, Need.SESSION, quiet=True),
            Route("GET", "/settings", self._settings, Need.SESSION),
            Route("GET", "/confirm/{act}", self._confirm, Need.SESSION),
            Route("GET", "/logs", self._logs.download, Need.SESSION),
            Route("POST", "/upload", self._upload, Need.SESSION, streams=True),
            Route("POST", "/profile", self._profile, Need.SESSION, streams=True),
            Route("GET", "/live.mjpeg", self._live.stream, Need.FEED, quiet=True),
            Route("GET", "/snapshot.jpg", self._live.snapshot, Need.FEED, quiet=True),
            *(Route("POST", path, self._form(deed), Need.SESSION) for path, deed in forms.items()),
        ]

    async def _first(self, request: web.Request) -> web.Response:
        """The wizard while it is open, then the local page; that one for those let in alone."""
        if self._setup_open():
            return see_other("/setup")
        if not page_context(request).signed_in:
            return see_other("/enter?to=/")
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
            files=self._store.uploads.files(),
            profile=self._store.profile,
            camera=view.camera != "none",
            max_upload=self._store.limit,
            error=error,
        )

    async def _state(self, request: web.Request) -> web.Response:
        from appliance.web import pages_local  # noqa: PLC0415

        return json({"parts": pages_local.parts(self._shown(request))})

    async def _picture(self, request: web.Request) -> web.Response:
        """What the slicer drew of the present job's model."""
        job = self._deeds.view().job
        if job is None or not job.picture_path or job.key != request.match_info["key"]:
            raise web.HTTPNotFound
        try:
            content = await asyncio.to_thread(Path(job.picture_path).read_bytes)
        except OSError:  # the job has just ended
            raise web.HTTPNotFound from None
        kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
        return web.Response(body=content, content_type=kind)

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
            received = await self._store.uploads.receive(request)
            if received.file is None:
                raise UploadRefused("Choose a file first.")
            wanted = received.fields.get("print") == TRUE
            if wanted:
                await start(self._deeds, received.file, self._store.profile)
        except ApplianceError as error:
            return self._not_taken(request, error)
        return _taken(request, _began(received.file) if wanted else "was stored", received.file)

    async def _profile(self, request: web.Request) -> web.Response:
        try:
            received = await self._store.profiles.receive(request)
            if received.file is None:
                raise UploadRefused("Choose a file with slicing settings first.")
        except ApplianceError as error:
            return self._not_taken(request, error)
        return _taken(request, "is what models are sliced with from now on", received.file)

    def _not_taken(self, request: web.Request, error: ApplianceError) -> web.Response:
        log.info("an upload on the local page: %s", error.long)
        if not wants_page(request):
            return of_error(request, error)
        return self._home(request, error.long, of_error(request, error).status)

    def _form(self, deed: Deed) -> Callable[[web.Request], Awaitable[web.Response]]:
        """What a person may not do is told on the page that they came from."""

        async def handler(request: web.Request) -> web.Response:
            log.info("on the local page: %s", request.path)
            try:
                return await deed(request)
            except ApplianceError as error:
                log.info("on the local page, %s: %s", request.path, error.long)
                return self._home(request, error.long, 409)

        return handler

    def _home_after(self, act: Callable[[], Awaitable[None]]) -> Deed:
        async def deed(_request: web.Request) -> web.Response:
            await act()
            return see_other("/")

        return deed

    def _then_away(self, act: Callable[[], Awaitable[None]]) -> Deed:
        async def deed(request: web.Request) -> web.Response:
            await act()
            return _away(request)

        return deed

    async def _pause(self, request: web.Request) -> web.Response:
        kind = str((await request.post()).get("kind", PauseKind.PAUSE.value))
        if kind not in set(PauseKind):
            raise JobRefused("There is no pause of this kind.")
        await self._deeds.pause(PauseKind(kind))
        return see_other("/")

    async def _print(self, request: web.Request) -> web.Response:
        name = str((await request.post()).get("name", ""))
        file = self._store.uploads.find(name)
        await start(self._deeds, file, self._store.profile)
        return see_other("/", f"{name} {_began(file)}.")

    async def _new_key(self, _request: web.Request) -> web.Response:
        old = self._keys.api_key
        self._keys.renew_api_key()
        if self._keys.api_key == old:
            raise JobRefused(
                "The API key stands in the settings file (web.api_key): change it there."
            )
        return see_other("/settings", "There is a new API key. Enter it in your slicers.")


def _began(file: Stored) -> str:
    return "is being sliced, then printed" if file.is_model else "is being printed"


def _taken(request: web.Request, what: str, file: Stored) -> web.Response:
    response = see_other("/", f"{file.name} {what}.")
    if not wants_page(request):  # our script, which goes to the next page by itself
        response.set_status(201)
    return response


def _away(request: web.Request) -> web.Response:
    """What is said while the device, or its program, is away."""
    from appliance.web import pages_local  # noqa: PLC0415

    words = {
        "/do/restart": "The program starts again. This takes some seconds.",
        "/do/reboot": "The device starts again. This takes about a minute.",
        "/do/shutdown": "The device switches itself off. Take its power away in half a minute.",
    }
    return show(pages_local.told(page_context(request), "One moment", words[request.path]))
