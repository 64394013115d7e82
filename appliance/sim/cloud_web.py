"""The local cloud's HTTP side: the page, its API, and the G-code files.

=======  =====================================  ============================================
method   path                                   body, answer
=======  =====================================  ============================================
GET      /                                      the page
GET      /api/v1/printer_makes                  ``{"printerMakes": [...]}`` (section 3.6)
GET      /api/state?printer=SN                  everything the page shows
GET      /api/panel                             the simulated front panel (panel_web.py)
POST     /api/jobs                              multipart: name, printer (optional), file (G-code,
                                                STL or 3MF by its name), config (for a model)
POST     /api/jobs/{id}/print                   sends `print`
DELETE   /api/jobs/{id}                         takes the job out of its queue
POST     /api/printers/{sn}/pause               ``{"type": "pause" | "cold" | "filament"}``
POST     /api/printers/{sn}/{resume, cancel, update, delete, connectPrinter}
POST     /api/printers/{sn}/temperature         ``{"tool0": 200, "bed": 60}``
POST     /api/printers/{sn}/command             ``{"command": "M115"}``
POST     /api/printers/{sn}/customCommand       ``{"command": "..."}``
POST     /api/printers/{sn}/jogPrinter          ``{"command": "jog", "x": 10, "speed": 1500}``,
                                                ``{"command": "home", "axes": ["x", "y"]}`` or
                                                ``{"command": "extrude", "amount": 5}``
GET      /files/{id}.{gcode, stl, 3mf, ini}     the job's file, with Range and ETag
=======  =====================================  ============================================

A refusal is ``{"error": "a sentence"}`` with 400 (bad input), 403, 404 or 409.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import BodyPartReader, web

from appliance.errors import ApplianceError, CloudError, MessageError
from appliance.polar import messages
from appliance.sim.cloud_files import JobFiles
from appliance.sim.cloud_records import CONFIG, FileKind
from appliance.sim.cloud_server import StatusServer
from appliance.sim.cloud_state import CloudState, NotThere
from appliance.sim.cloud_view import Address, page_state
from appliance.sim.panel_web import PanelWeb

_LOG = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
PRINTER_MAKES = ["Cartesian", "Delta", "Polar", "Polar3D 2.0", "Prusa i3", "Ender-3", "Voron"]
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PARTS = ("style.css", "page.js", "panel.js", "icon.svg")
_MAX_NAME = 200
_CHUNK = 1 << 16

# Commands that carry nothing but the serial number.
_PLAIN: dict[str, Callable[[str], messages.CloudMessage]] = {
    "resume": lambda serial: messages.Resume(serial_number=serial),
    "cancel": lambda serial: messages.Cancel(serial_number=serial),
    "update": lambda serial: messages.Update(serial_number=serial),
    "connectPrinter": lambda serial: messages.ConnectPrinter(serial_number=serial),
}


class CloudWeb:
    """Handlers of the page and its API."""

    def __init__(
        self,
        state: CloudState,
        server: StatusServer,
        files: JobFiles,
        clock: Callable[[], float],
        address: Address,
        panel: PanelWeb | None = None,
    ) -> None:
        self._state = state
        self._server = server
        self._files = files
        self._clock = clock
        self._address = address
        self._panel = panel
        self._actions: dict[str, Callable[[str, dict[str, Any]], Awaitable[None]]] = {
            "pause": self._pause,
            "temperature": self._temperature,
            "command": self._command,
            "customCommand": self._custom_command,
            "jogPrinter": self._jog,
            "delete": self._delete,
        }

    def attach(self, app: web.Application) -> None:
        """Add routes, security headers and error answers to ``app``."""
        app.middlewares.append(same_origin)
        app.middlewares.append(errors_as_json)
        app.on_response_prepare.append(_secure)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/page/{name}", self._asset),
                web.get("/api/v1/printer_makes", self._makes),
                web.get("/api/state", self._page_state),
                web.post("/api/jobs", self._add_job),
                web.post("/api/jobs/{id}/print", self._print_job),
                web.delete("/api/jobs/{id}", self._remove_job),
                web.post("/api/printers/{sn}/{action}", self._act),
                web.get("/files/{id}.{ending}", self._file),
            ]
        )
        if self._panel is not None:
            self._panel.attach(app)

    # The page

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in _PARTS:
            raise NotThere(f"The page has no part named {name!r}.")
        return web.FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})

    async def _makes(self, _request: web.Request) -> web.Response:
        return _json({"printerMakes": PRINTER_MAKES})

    async def _page_state(self, request: web.Request) -> web.Response:
        chosen = request.query.get("printer")
        shown = page_state(self._state, chosen, self._clock(), self._address)
        return _json(shown | {"panel": self._panel is not None})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        ending = request.match_info["ending"]
        path = self._files.path(request.match_info["id"], ending)
        if not await asyncio.to_thread(path.is_file):
            raise NotThere("There is no such file.")
        model = ending in (FileKind.STL, FileKind.THREEMF)
        kind = "application/octet-stream" if model else "text/plain; charset=utf-8"
        return web.FileResponse(path, headers={"Content-Type": kind})

    # Jobs

    async def _add_job(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            raise web.HTTPUnsupportedMediaType(text="Send the fields name and file as a form.")
        fields: dict[str, str] = {}
        received: dict[str, Path] = {}
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise MessageError("The form holds a form of its own. Send name and file.")
                if part.name in ("file", "config") and part.name not in received:
                    received[part.name], _ = await self._files.receive(_chunks(part))
                    fields[f"{part.name} name"] = part.filename or ""
                elif part.name:
                    fields[part.name] = await _short_text(part)
            job_id = self._queue(fields, received)
        finally:
            for path in received.values():
                path.unlink(missing_ok=True)
        return _json({"jobId": job_id}, status=201)

    def _queue(self, fields: dict[str, str], received: dict[str, Path]) -> str:
        if "file" not in received:
            raise MessageError("The form has no file. Choose a G-code file, an STL or a 3MF.")
        file = fields["file name"]
        kind = _kind(file)
        if kind is FileKind.STL and "config" not in received:
            raise MessageError("An STL needs a configuration. Choose one, then add it again.")
        printer = self._state.printer(fields.get("printer") or None)
        job_id = self._state.queue_job(
            printer.serial_number,
            fields.get("name", file).strip()[:_MAX_NAME] or "Unnamed",
            received["file"].stat().st_size,
            self._clock(),
            kind=kind,
            config=kind is not FileKind.GCODE and "config" in received,
        )
        self._files.adopt(job_id, kind.value, received["file"])
        if kind is not FileKind.GCODE and "config" in received:
            self._files.adopt(job_id, CONFIG, received["config"])
        return job_id

    async def _print_job(self, request: web.Request) -> web.Response:
        await self._server.start_print(request.match_info["id"])
        return _json({})

    async def _remove_job(self, request: web.Request) -> web.Response:
        job_id = request.match_info["id"]
        self._state.remove_job(job_id)
        self._files.forget(job_id)
        return _json({})

    # Commands

    async def _act(self, request: web.Request) -> web.Response:
        serial = self._state.printer(request.match_info["sn"]).serial_number
        action = request.match_info["action"]
        body = await _object(request)
        if action in _PLAIN:
            await self._server.send(serial, _PLAIN[action](serial))
        elif action in self._actions:
            await self._actions[action](serial, body)
        else:
            raise NotThere(f"There is no action {action!r}.")
        return _json({})

    async def _pause(self, serial: str, body: dict[str, Any]) -> None:
        message = messages.parse("pause", {**body, "serialNumber": serial})
        assert isinstance(message, messages.Pause)
        await self._server.pause(serial, message.type)

    async def _temperature(self, serial: str, body: dict[str, Any]) -> None:
        message = messages.parse("temperature", {**body, "serialNumber": serial})
        assert isinstance(message, messages.Temperature)
        if not message.targets:
            raise MessageError("Name a heater, for example tool0 or bed, with its target in °C.")
        await self._server.temperature(serial, message.targets)

    async def _command(self, serial: str, body: dict[str, Any]) -> None:
        message = messages.parse("command", {**body, "serialNumber": serial})
        assert isinstance(message, messages.Command)
        if not message.command.strip():
            raise MessageError("The command is empty. Write G-code, for example M115.")
        await self._server.command(serial, message.command)

    async def _custom_command(self, serial: str, body: dict[str, Any]) -> None:
        message = messages.parse("customCommand", {**body, "serialNumber": serial})
        assert isinstance(message, messages.CustomCommand)
        await self._server.custom_command(serial, message.custom_command)

    async def _jog(self, serial: str, body: dict[str, Any]) -> None:
        message = messages.parse("jogPrinter", {"serialNumber": serial, "jogPrinter": body})
        await self._server.send(serial, message)

    async def _delete(self, serial: str, _body: dict[str, Any]) -> None:
        for job in self._state.printer(serial).queue:
            self._files.forget(job.job_id)
        await self._server.delete(serial)


@web.middleware
async def same_origin(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse changes that another site's page asks for."""
    origin = request.headers.get("Origin")
    if request.method not in ("GET", "HEAD") and origin and urlsplit(origin).netloc != request.host:
        return _json({"error": "Only this cloud's own page may do that."}, status=403)
    response: web.StreamResponse = await handler(request)
    return response


@web.middleware
async def errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    """A product error becomes its sentence with a fitting status."""
    try:
        response: web.StreamResponse = await handler(request)
    except NotThere as error:
        return _json({"error": error.long}, status=404)
    except CloudError as error:
        return _json({"error": error.long}, status=409)
    except MessageError as error:
        return _json({"error": error.long}, status=400)
    except ApplianceError as error:
        _LOG.warning("%s %s: %s", request.method, request.path, error)
        return _json({"error": error.long}, status=500)
    return response


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield bytes(chunk)


def _kind(name: str) -> FileKind:
    """By the name's ending; what is none of ours counts as G-code."""
    ending = name.rpartition(".")[2].lower()
    return FileKind(ending) if ending in tuple(FileKind) else FileKind.GCODE


async def _short_text(part: BodyPartReader) -> str:
    text = await part.read_chunk(_CHUNK)
    if not part.at_eof() and await part.read_chunk(_CHUNK):
        raise MessageError(f"The field {part.name!a} is too long.")
    return bytes(text).decode("utf-8", "replace")


async def _object(request: web.Request) -> dict[str, Any]:
    data = await request.read()
    try:
        body = msgspec.json.decode(data) if data else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise MessageError("The body must be a JSON object.")
    return body


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
