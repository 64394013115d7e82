"""The part of OctoPrint's interface that slicers use to send a file and to follow its print.

PrusaSlicer and OrcaSlicer ask ``/api/version`` (its ``text`` must begin with "OctoPrint") and
post to ``/api/files/local``: fields ``print`` and ``path``, then the file. Cura's plugin
posts ``path``, the file, ``select`` and ``print``, wants a ``Location`` in the answer, and
polls printer and job. Refusals are plain text, which all three show to the person; Cura does
so for no status but those it has words of its own for (401, 403, 409).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import web

from appliance import __version__
from appliance.agent.api import AgentView
from appliance.errors import ApplianceError, JobRefused, PrinterError, StorageError
from appliance.printer.api import Job, JobState, LinkState, PauseKind, Snapshot
from appliance.web.deeds import Deeds, Keys, start
from appliance.web.need import Need
from appliance.web.routes import Route, json
from appliance.web.uploads import GCODE, Stored, UploadRefused, Uploads

log = logging.getLogger(__name__)

SERVER: Final = "1.9.0"  # the OctoPrint whose answers these are
TRUE: Final = frozenset({"true", "yes", "y", "1", "on"})
REFUSED: Final = 503  # not 409: Cura would say that a file of this name is being printed

_TEXTS: Final = {
    JobState.PRINTING: "Printing",
    JobState.PAUSING: "Pausing",
    JobState.PAUSED: "Paused",
    JobState.RESUMING: "Printing",  # Cura knows no "Resuming"
    JobState.CANCELING: "Cancelling",
}


class _Command(msgspec.Struct, frozen=True):
    command: str
    action: str = ""
    print: bool = False


class OctoPrint:
    """Serves it."""

    def __init__(self, deeds: Deeds, uploads: Uploads, keys: Keys) -> None:
        self._deeds = deeds
        self._uploads = uploads
        self._keys = keys

    def routes(self) -> list[Route]:
        """All of them need the API key."""
        gets = {
            "/api/version": self._version,
            "/api/settings": self._settings,
            "/api/printer": self._printer,
            "/api/printerprofiles": self._profiles,
            "/api/connection": self._connection,
            "/api/job": self._job,
            "/api/files": self._files,
            "/api/files/local": self._files,
            "/api/files/local/{name}": self._file,
        }
        posts = {
            "/api/login": self._login,
            "/api/connection": self._connect,
            "/api/job": self._command,
            "/api/files/local/{name}": self._select,
        }
        return [
            *(Route("GET", path, handler, Need.API_KEY) for path, handler in gets.items()),
            *(Route("POST", path, handler, Need.API_KEY) for path, handler in posts.items()),
            Route("POST", "/api/files/local", self._upload, Need.API_KEY, streams=True),
        ]

    async def _version(self, _request: web.Request) -> web.Response:
        text = f"OctoPrint {SERVER} (Polar Appliance {__version__})"
        return json({"api": "0.1", "server": SERVER, "text": text})

    async def _settings(self, _request: web.Request) -> web.Response:
        camera = self._deeds.view().camera != "none"
        key = self._keys.feed_key
        return json(
            {
                "appearance": {"name": "Polar Appliance"},
                "feature": {"sdSupport": False},
                "plugins": {},
                "webcam": {
                    "webcamEnabled": camera,
                    "streamUrl": f"/live.mjpeg?key={key}" if camera else "",
                    "snapshotUrl": f"/snapshot.jpg?key={key}" if camera else "",
                    "flipH": False,
                    "flipV": False,
                    "rotate90": False,
                },
            }
        )

    async def _printer(self, _request: web.Request) -> web.Response:
        snapshot = self._deeds.view().snapshot
        if snapshot is None or snapshot.link in (LinkState.DISCONNECTED, LinkState.CONNECTING):
            return _words("Printer is not operational", 409)
        return json(printer_state(snapshot))

    async def _profiles(self, _request: web.Request) -> web.Response:
        snapshot = self._deeds.view().snapshot
        profile = {
            "id": "_default",
            "name": "Polar Appliance",
            "model": snapshot.machine if snapshot is not None else "",
            "default": True,
            "current": True,
        }
        return json({"profiles": {"_default": profile}})

    async def _connection(self, _request: web.Request) -> web.Response:
        view = self._deeds.view()
        port = view.snapshot.port if view.snapshot is not None else ""
        baud = view.snapshot.baud if view.snapshot is not None else 0
        current = {
            "state": state_text(view),
            "port": port or None,
            "baudrate": baud or None,
            "printerProfile": "_default",
        }
        options = {
            "ports": [port] if port else [],
            "baudrates": [baud] if baud else [],
            "printerProfiles": [{"id": "_default", "name": "Polar Appliance"}],
        }
        return json({"current": current, "options": options})

    async def _connect(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)  # the printer is always being looked for

    async def _login(self, _request: web.Request) -> web.Response:
        return json({"name": "polar", "active": True, "user": True, "admin": False})

    async def _job(self, _request: web.Request) -> web.Response:
        return json(job_state(self._deeds.view()))

    async def _files(self, request: web.Request) -> web.Response:
        stored = self._uploads.files()
        files = [_entry(file, request.host) for file in stored if not file.is_model]
        return json({"files": files})

    async def _file(self, request: web.Request) -> web.Response:
        try:
            file = self._find(request.match_info["name"])
        except UploadRefused as error:
            return _refusal(error)
        return json(_entry(file, request.host))

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            received = await self._uploads.receive(request, (GCODE,))
            if received.file is None:
                raise UploadRefused("The request holds no file. Send it once more.")
        except ApplianceError as error:
            log.info("an upload was refused: %s", error.long)
            return _refusal(error)
        wanted = _true(received.fields, "print")
        if wanted:
            try:
                await start(self._deeds, received.file)
            except ApplianceError as error:
                log.info("%s is stored and not printed: %s", received.file.name, error.long)
                return _words(f"{error.long} The file is kept on the printer's page.", REFUSED)
        return _created(received.file, request.host, printing=wanted)

    async def _select(self, request: web.Request) -> web.Response:
        """Cura selects, and prints, a file after it was sent."""
        command = await _body(request)
        if command is None or command.command != "select":
            return _words("Only the command select is understood.", 400)
        try:
            file = self._find(request.match_info["name"])
            if command.print:
                await start(self._deeds, file)
        except ApplianceError as error:
            return _refusal(error)
        return web.Response(status=204)

    def _find(self, name: str) -> Stored:
        """Raises UploadRefused, also for a model: here slicers send what they made."""
        file = self._uploads.find(name)
        if file.is_model:
            raise UploadRefused(
                f"{name} is a model. Print it from the printer's own page, which slices it.",
                short="A model",
                status=415,
            )
        return file

    async def _command(self, request: web.Request) -> web.Response:
        command = await _body(request)
        try:
            match (command.command, command.action) if command is not None else ("", ""):
                case ("pause", action):
                    await self._pause(action)
                case ("cancel", _):
                    await self._deeds.cancel()
                case _:
                    return _words("Only the commands pause and cancel are understood.", 400)
        except ApplianceError as error:
            return _refusal(error, busy=409)
        return web.Response(status=204)

    async def _pause(self, action: str) -> None:
        """ "pause", "resume", or the other of both."""
        snapshot = self._deeds.view().snapshot
        job = snapshot.job if snapshot is not None else None
        paused = job is not None and job.state is JobState.PAUSED
        if action == "resume" or (action in ("", "toggle") and paused):
            await self._deeds.resume()
        else:
            await self._deeds.pause(PauseKind.PAUSE)


def printer_state(snapshot: Snapshot) -> dict[str, Any]:
    """``/api/printer`` of a printer that is connected."""
    state = snapshot.job.state if snapshot.job is not None else None
    halted = snapshot.link is LinkState.HALTED
    active = state is not None and not state.ended
    flags = {
        "operational": not halted,
        "ready": not halted and not active,
        "printing": state in (JobState.PRINTING, JobState.RESUMING),
        "pausing": state is JobState.PAUSING,
        "paused": state is JobState.PAUSED,
        "resuming": state is JobState.RESUMING,
        "cancelling": state is JobState.CANCELING,
        "finishing": False,
        "error": halted,
        "closedOrError": halted,
        "sdReady": False,
    }
    heaters = {
        name: {"actual": _finite(one.actual), "target": _finite(one.target), "offset": 0}
        for name, one in snapshot.heaters.items()
    }
    return {
        "temperature": heaters,
        "sd": {"ready": False},
        "state": {"text": _snapshot_text(snapshot), "flags": flags},
    }


def job_state(view: AgentView) -> dict[str, Any]:
    """``/api/job``."""
    job = view.snapshot.job if view.snapshot is not None else None
    shown = job if job is not None and not job.state.ended else None
    return {"job": _job(shown), "progress": _progress(shown), "state": state_text(view)}


def state_text(view: AgentView) -> str:
    """OctoPrint's name of the state."""
    return _snapshot_text(view.snapshot) if view.snapshot is not None else "Offline"


def _snapshot_text(snapshot: Snapshot) -> str:
    match snapshot.link:
        case LinkState.HALTED:
            return "Error: the printer halted"
        case LinkState.DISCONNECTED:
            return "Offline"
        case LinkState.CONNECTING:
            return "Connecting"
        case LinkState.READY:
            job = snapshot.job
            return _TEXTS.get(job.state, "Operational") if job is not None else "Operational"


def _job(job: Job | None) -> dict[str, Any]:
    file = {
        "name": job.name if job is not None else None,
        "display": job.name if job is not None else None,
        "path": job.name if job is not None else None,
        "origin": "local" if job is not None else None,
        "size": job.file_size if job is not None else None,
        "date": round(job.started_at) if job is not None else None,
    }
    length = _finite(job.filament_mm) if job is not None else None
    return {
        "file": file,
        "estimatedPrintTime": _finite(job.estimated_seconds) if job is not None else None,
        "lastPrintTime": None,
        "filament": {"tool0": {"length": length, "volume": None}} if length else None,
    }


def _progress(job: Job | None) -> dict[str, Any]:
    if job is None:
        return {"completion": None, "filepos": None, "printTime": None, "printTimeLeft": None}
    estimated = _finite(job.estimated_seconds)
    left = round(max(0.0, estimated - job.print_seconds)) if estimated else None
    return {
        "completion": round(job.percent, 2),
        "filepos": job.bytes_read,
        "printTime": round(job.print_seconds),
        "printTimeLeft": left,
        "printTimeLeftOrigin": "estimate" if left is not None else None,
    }


def _finite(value: float | None) -> float | None:
    return round(value, 1) if value is not None and math.isfinite(value) else None


def _address(name: str, host: str) -> str:
    return f"http://{host}/api/files/local/{quote(name, safe='')}"


def _entry(file: Stored, host: str) -> dict[str, Any]:
    return {
        "name": file.name,
        "display": file.name,
        "path": file.name,
        "type": "machinecode",
        "typePath": ["machinecode", "gcode"],
        "origin": "local",
        "size": file.size,
        "date": round(file.at),
        "refs": {"resource": _address(file.name, host)},
    }


def _created(file: Stored, host: str, *, printing: bool) -> web.Response:
    entry = _entry(file, host)
    answer = json(
        {
            "done": True,
            "effectiveSelect": printing,
            "effectivePrint": printing,
            "files": {"local": entry},
        },
        status=201,
    )
    answer.headers["Location"] = entry["refs"]["resource"]
    return answer


def _true(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").strip().lower() in TRUE


async def _body(request: web.Request) -> _Command | None:
    try:
        return msgspec.json.decode(await request.read(), type=_Command)
    except msgspec.DecodeError:  # ValidationError is one of them
        return None


def _refusal(error: ApplianceError, *, busy: int = REFUSED) -> web.Response:
    match error:
        case UploadRefused(status=status):
            return _words(error.long, status)
        case StorageError():
            return _words(error.long, 507)
        case JobRefused():
            return _words(error.long, busy)
        case PrinterError():
            return _words(error.long, 503)
        case _:
            return _words(error.long, 400)


def _words(text: str, status: int) -> web.Response:
    # Without a charset: Cura shows what is exactly text/plain.
    return web.Response(body=text.encode(), status=status, headers={"Content-Type": "text/plain"})
