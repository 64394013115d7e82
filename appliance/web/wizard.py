"""The wizard's addresses: each step is a page, each form a POST that leads on with a GET.

=======  ==================  ===================================================
method   path                what
=======  ==================  ===================================================
GET      /setup              the page on which the setup stands
GET      /setup/{step}       the page of one step
POST     /setup/{step}       its answers
POST     /setup/go           ``step``: back, or on without an answer
POST     /setup/open         setup mode from the local page; ``step``: where to begin
POST     /setup/close        back to the local page, once the setup was finished
POST     /setup/scan         look for Wi-Fis again
POST     /setup/test         test the printer (``clear`` must be ticked)
GET      /setup/state.json   ``?step=``: what changed of its page
GET      /setup/camera.jpg   the camera's picture as it is sent to the cloud
=======  ==================  ===================================================
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from appliance.errors import ApplianceError
from appliance.setup.api import Progress, SetupDesk, SetupView, Step
from appliance.web.pages_parts import Shown, Values, address_of, waits_for
from appliance.web.routes import Need, Route, json, page_context, see_other, show

log = logging.getLogger(__name__)

START = "/setup"
HOME = "/"  # the local page, when the wizard is closed
SECRETS = frozenset({"password", "pin"})  # never written into a page again
_LONGEST = 300  # characters of an answer that are shown again

Picture = Callable[[], Awaitable[bytes]]
"""The newest JPEG, with the transform in force applied. Raises CameraError."""


class PageState(msgspec.Struct, frozen=True, kw_only=True):
    """What an open page asks for again and again."""

    active: bool
    step: Step  # on which the setup stands
    waits: Progress  # of what the page waits for
    parts: dict[str, tuple[str, str]]  # (tag, markup) by name


class Wizard:
    """The handlers. ``values`` says what the forms begin with; it is asked for each page."""

    def __init__(
        self, desk: SetupDesk, values: Callable[[], Awaitable[Values]], picture: Picture
    ) -> None:
        self._desk = desk
        self._values = values
        self._picture = picture
        self._one = asyncio.Lock()  # a form that is sent twice is looked at one after the other

    def routes(self) -> list[Route]:
        """The wizard's rows of the server's table."""
        step = f"/setup/{{step:{'|'.join(Step)}}}"
        return [
            Route("GET", START, self._start, Need.SETUP),
            Route("GET", step, self._page, Need.SETUP),
            Route("POST", step, self._submit, Need.SETUP),
            Route("POST", "/setup/go", self._go, Need.SETUP),
            Route("POST", "/setup/open", self._open, Need.SETUP),
            Route("POST", "/setup/close", self._close, Need.SETUP),
            Route("POST", "/setup/scan", self._scan, Need.SETUP),
            Route("POST", "/setup/test", self._test, Need.SETUP),
            Route("GET", "/setup/state.json", self._state, Need.SETUP, quiet=True),
            Route("GET", "/setup/camera.jpg", self._camera, Need.SETUP, quiet=True),
        ]

    # Looking

    async def _start(self, _request: web.Request) -> web.StreamResponse:
        return see_other(_place(self._desk.view()))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        step, view = Step(request.match_info["step"]), self._desk.view()
        if not _may_see(view, step):
            return see_other(_place(view))
        return await self._draw(request, step)

    async def _draw(
        self,
        request: web.Request,
        step: Step,
        errors: Mapping[str, str] | None = None,
        entered: Mapping[str, str] | None = None,
    ) -> web.Response:
        # Nobody's memory holds the pages' markup while no page is open.
        from appliance.web.pages import PAGES  # noqa: PLC0415

        view = self._desk.view()
        shown = Shown(
            view=view,
            values=await self._values(),
            context=page_context(request),
            errors=errors or _failure(view, step),
            entered=_harmless(entered or {}),
            pressed=await self._pressed(step),
            transform=_transform(request.query.get("transform", "")),
        )
        # A form with something wrong in it is answered as any page: the sheets in which phones
        # show a captive portal have pages of their own for other statuses.
        return show(PAGES[step](shown))

    async def _pressed(self, step: Step) -> frozenset[str]:
        return await self._desk.press_seen() if step is Step.PANEL else frozenset()

    async def _state(self, request: web.Request) -> web.StreamResponse:
        from appliance.web.pages import parts  # noqa: PLC0415

        view, asked = self._desk.view(), request.query.get("step", "")
        step = Step(asked) if asked in tuple(Step) else view.record.step
        shown = Shown(
            view=view,
            # Only the panel's part needs them, and a page asks every moment.
            values=await self._values() if step is Step.PANEL else Values(),
            context=page_context(request),
            pressed=await self._pressed(step),
        )
        state = PageState(
            active=view.active,
            step=view.record.step,
            waits=waits_for(view, step).progress,
            parts=parts(shown, step) if view.active else {},
        )
        answer = json(state)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def _camera(self, _request: web.Request) -> web.StreamResponse:
        try:
            jpeg = await self._picture()
        except ApplianceError as error:
            raise web.HTTPServiceUnavailable(text=error.long) from None
        return web.Response(
            body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"}
        )

    # Doing

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        step, fields = Step(request.match_info["step"]), await _fields(request)
        async with self._one:
            view = self._desk.view()
            if not _may_see(view, step) or _begun(view, step):
                return see_other(_place(view))
            try:
                wrong = await self._desk.submit(step, fields)
            except ApplianceError as error:
                wrong = {"": error.long}
        if wrong:
            return await self._draw(request, step, wrong, fields)
        if step is Step.DONE:
            await self._desk.close_setup()
        return see_other(_place(self._desk.view()))

    async def _go(self, request: web.Request) -> web.StreamResponse:
        wanted = (await _fields(request)).get("step", "")
        view = self._desk.view()
        if view.active and wanted in view.steps:
            try:
                await self._desk.go(Step(wanted))
            except ApplianceError as error:
                return await self._draw(request, view.record.step, {"": error.long})
        return see_other(_place(self._desk.view()))

    async def _open(self, request: web.Request) -> web.StreamResponse:
        wanted = (await _fields(request)).get("step", "")
        await self._desk.open_setup()
        if wanted in self._desk.view().steps:
            await self._desk.go(Step(wanted))
        return see_other(_place(self._desk.view()))

    async def _close(self, _request: web.Request) -> web.StreamResponse:
        view = self._desk.view()
        if view.record.finished:
            await self._desk.close_setup()
        return see_other(_place(self._desk.view()))

    async def _scan(self, request: web.Request) -> web.StreamResponse:
        return await self._ask(request, Step.NETWORK, self._desk.scan)

    async def _test(self, request: web.Request) -> web.StreamResponse:
        if not (await _fields(request)).get("clear"):
            wrong = {"clear": "Clear the build plate first, and say so here."}
            return await self._draw(request, Step.PRINTER, wrong)
        return await self._ask(request, Step.PRINTER, self._desk.test_printer)

    async def _ask(
        self, request: web.Request, step: Step, act: Callable[[], Awaitable[None]]
    ) -> web.StreamResponse:
        if not self._desk.view().active:
            return see_other(HOME)
        try:
            await act()
        except ApplianceError as error:
            return await self._draw(request, step, {"": error.long})
        return see_other(address_of(step))


def _place(view: SetupView) -> str:
    """Where the setup stands."""
    return address_of(view.record.step) if view.active else HOME


def _may_see(view: SetupView, step: Step) -> bool:
    """Pages behind the present one are open: the browser's own way back leads there."""
    if not view.active or step not in view.steps:
        return False
    if view.record.finished or view.record.step not in view.steps:
        return True
    return view.steps.index(step) <= view.steps.index(view.record.step)


def _failure(view: SetupView, step: Step) -> dict[str, str]:
    """What was begun from this page and failed, at the field that is wrong."""
    errand = waits_for(view, step)
    return {errand.field: errand.text} if errand.progress is Progress.FAILED else {}


def _begun(view: SetupView, step: Step) -> bool:
    """What this form would begin runs already: it was sent twice."""
    return waits_for(view, step).progress is Progress.RUNNING


async def _fields(request: web.Request) -> dict[str, str]:
    form = await request.post()
    return {
        name: value for name, value in form.items() if isinstance(value, str) and name != "csrf"
    }


def _harmless(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text[:_LONGEST] for name, text in fields.items() if name not in SECRETS}


def _transform(text: str) -> int | None:
    return int(text) if text in tuple("01234567") else None
