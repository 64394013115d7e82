"""The daemons' local API: typed JSON over HTTP on a Unix socket, both ends.

A request carries one msgspec struct and is answered by one. Refusals are errors on both
sides: what the server raises, the client raises again with the same two texts.
"""

from __future__ import annotations

import logging
import socket as socket_module
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import web

from appliance.errors import ApplianceError, JobRefused, PrinterError

log = logging.getLogger(__name__)

BODY_LIMIT = 1 << 20  # bytes
SOCKET_MODE = 0o660  # the group is whoever may control the appliance
STATUS = {JobRefused: 409, PrinterError: 503}  # every other ApplianceError is 400
ERRORS = {409: JobRefused, 503: PrinterError, 400: ApplianceError}

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not carried out."""

    short: str
    long: str


class Unreachable(ApplianceError):
    """Nothing answers on the socket."""

    default_short = "Service is off"


class NobodyThere(Unreachable):
    """No process listens on the socket: what was asked was certainly not done."""


class NotAllowed(ApplianceError):
    """The socket belongs to others."""

    default_short = "Not allowed"


def application() -> web.Application:
    """An empty application whose handlers may raise ApplianceError."""
    return web.Application(middlewares=[_refusals], client_max_size=BODY_LIMIT)


async def serve(app: web.Application, socket: Path) -> web.AppRunner:
    """Serve ``app`` on a Unix socket that only its group may use; clean the runner up after.

    Raises ApplianceError when another process serves it already, or the folder is not ours.
    """
    if answers(socket):
        raise ApplianceError(
            f"Another process answers on {socket}: this service runs already. "
            "Stop that one first (systemctl stop polar-printer polar-agent).",
            short="Runs already",
        )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        socket.parent.mkdir(parents=True, exist_ok=True)
        socket.unlink(missing_ok=True)  # left over from a daemon that was killed
        await web.UnixSite(runner, str(socket)).start()
        socket.chmod(SOCKET_MODE)
    except OSError as error:
        await runner.cleanup()
        raise ApplianceError(
            f"The socket {socket} cannot be made ({error.strerror or error}). "
            "Choose another [paths] run, or run this as the appliance's user."
        ) from error
    return runner


def answers(path: Path) -> bool:
    """Whether a process listens on the Unix socket."""
    with socket_module.socket(socket_module.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


async def body(request: web.Request, kind: type[T]) -> T:
    """The request's body. Raises ApplianceError (400) naming the wrong field."""
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApplianceError(f"{request.path}: {error}", short="Bad request") from None


def reply(value: msgspec.Struct, status: int = 200) -> web.Response:
    """The answer with ``value`` as its body."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


def connect(socket: Path) -> aiohttp.ClientSession:
    """A client of the API on ``socket``; close it after use."""
    return aiohttp.ClientSession(
        base_url="http://local", connector=aiohttp.UnixConnector(str(socket))
    )


async def ask(
    http: aiohttp.ClientSession,
    request: tuple[str, str],
    content: msgspec.Struct | None,
    answer: type[T],
    limit: float,
) -> T:
    """Send (method, path) with ``content`` and return the typed answer.

    Raises what the server refused with, NobodyThere when no process listens, Unreachable
    when nothing answers within ``limit`` seconds.
    """
    data = msgspec.json.encode(content) if content is not None else None
    timeout = aiohttp.ClientTimeout(total=limit)
    try:
        async with http.request(*request, data=data, timeout=timeout) as response:
            received = await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        if isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError):
            raise NotAllowed(
                "You may not use the appliance's services. Add your user to their group "
                "(sudo usermod -aG polar-appliance $USER) and log in again, or use sudo."
            ) from error
        kind = NobodyThere if isinstance(error, aiohttp.ClientConnectorError) else Unreachable
        raise kind(f"{request[1]}: {error or 'no answer in time'}") from error
    if response.status == 200:
        return msgspec.json.decode(received, type=answer)
    raise _error(response.status, received)


def _error(status: int, content: bytes) -> ApplianceError:
    try:
        refusal = msgspec.json.decode(content, type=Refusal)
    except msgspec.DecodeError:
        return ApplianceError(f"The service answered with HTTP {status}; see its log.")
    return ERRORS.get(status, ApplianceError)(refusal.long, short=refusal.short)


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn our own errors into typed answers, and log the ones that are nobody's intention."""
    try:
        return await handler(request)
    except ApplianceError as error:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        return _refusal(status, error)
    except web.HTTPException:
        raise
    except Exception:  # the boundary of one request: the daemon and its print go on
        log.exception("%s %s failed", request.method, request.path)
        return _refusal(500, ApplianceError("The service made a mistake; see its log."))


def _refusal(status: int, error: ApplianceError) -> web.Response:
    return reply(Refusal(short=error.short, long=error.long), status)
