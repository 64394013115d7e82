"""The one web server, for wizard and local page: the table of routes, and what guards it.

Every handler is wrapped by the check of what its route needs, so none can be reached past it.
Before that: is this Host us (DNS rebinding), or a phone's question about our Wi-Fi (captive.py)?
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from aiohttp import web

from appliance.errors import ApplianceError
from appliance.host.network_api import HOTSPOT_ADDRESS
from appliance.web import captive, refusals
from appliance.web.access import Access, Caller
from appliance.web.connections import Connections
from appliance.web.enter import SESSION_COOKIE, VISITOR_COOKIE, EnterPages, give_cookie
from appliance.web.hosts import host_of, is_ours, same_origin
from appliance.web.html import PageContext
from appliance.web.need import Need
from appliance.web.routes import FLASH_COOKIE, Handler, Route, give_context, json
from appliance.web.sessions import is_token

log = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
BODY_LIMIT = 64 * 1024  # bytes of a form; a route that streams bounds itself
BODY_TIME = 20.0  # seconds for a form to arrive
FALLBACK_PORT = 8080

_MADE = web.RequestKey("made", str)  # a visitor's cookie that the browser does not have yet
_STARTED = web.RequestKey("started", bool)  # the answer's head was sent
_TYPES = (".css", ".js", ".svg", ".png")
_SAFE = ("GET", "HEAD", "OPTIONS")

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers then send "Origin: null" with our own forms, too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Place(Protocol):
    """Where to serve (``settings.web``)."""

    @property
    def host(self) -> str:
        """The address to listen on; 0.0.0.0 is all of them."""

    @property
    def port(self) -> int:
        """80 as a rule; 0 = any."""


Ends = Callable[[web.Request], tuple[str, str]]
"""The IP addresses of the far end and of the near end of a request's connection."""


def ends_of(request: web.Request) -> tuple[str, str]:
    """As the kernel tells them; no header is believed."""
    transport = request.transport
    if transport is None:
        return "", ""
    peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return str(peer[0]) if peer else "", str(local[0]) if local else ""


class WebServer:
    """Serves ``routes`` beside its own: code page, static files, captive portal's API.

    ``name`` is what the device is called in a sentence.
    """

    def __init__(
        self,
        place: Place,
        access: Access,
        routes: Sequence[Route],
        *,
        name: str = "Polar Appliance",
        ends: Ends = ends_of,
    ) -> None:
        self._place = place
        self._access = access
        self._ends = ends
        self._enter = EnterPages(access, self.caller, name)
        own = [
            Route("GET", "/static/{name}", self._static, Need.OPEN, quiet=True),
            Route("GET", captive.API_PATH, self._portal, Need.OPEN, quiet=True),
        ]
        self.routes = (*self._enter.routes(), *own, *routes)
        self._files = {file.name for file in STATIC.iterdir() if file.suffix in _TYPES}
        self._runner: web.AppRunner | None = None
        self._connections: Connections | None = None
        self._server: asyncio.Server | None = None
        self.port = place.port
        self.problem = ""  # a sentence where the port is not the wanted one

    # Its life.

    async def start(self) -> None:
        """Listen; on port 8080 where the wanted one cannot be had (``problem`` says why).

        Raises ApplianceError where neither can be had.
        """
        runner = web.AppRunner(
            self._app(), access_log=None, keepalive_timeout=30.0, shutdown_timeout=1.0
        )
        await runner.setup()
        assert runner.server is not None
        self._connections = Connections(runner.server)
        try:
            self._server = await self._listen(self._connections)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("The local page is on port %d.", self.port)

    async def close(self) -> None:
        """Stop serving; running requests get a second."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._connections is not None:
            self._connections.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _listen(self, connections: Connections) -> asyncio.Server:
        wanted = self._place.port
        try:
            return await self._listen_on(connections, wanted)
        except OSError as error:
            reason = _in_words(error, wanted)
            if wanted in (0, FALLBACK_PORT) or error.errno == errno.EADDRNOTAVAIL:
                raise ApplianceError(f"The local page cannot be served: {reason}") from error
        try:
            server = await self._listen_on(connections, FALLBACK_PORT)
        except OSError as error:
            second = _in_words(error, FALLBACK_PORT)
            raise ApplianceError(f"The local page cannot be served: {reason} {second}") from error
        self.problem = f"{reason} The local page is on port {FALLBACK_PORT} instead."
        log.warning("%s", self.problem)
        return server

    async def _listen_on(self, connections: Connections, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(connections, self._place.host, port)

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._in_words, self._hosts], client_max_size=BODY_LIMIT)
        for route in self.routes:
            handler = partial(self._guarded, route)
            app.router.add_route(route.method, route.path, handler)
            if route.method == "GET":
                app.router.add_route("HEAD", route.path, handler)
        app.on_response_prepare.append(_secure)
        return app

    # What happens to a request, in this order.

    @web.middleware
    async def _in_words(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the connection as begun; every error becomes a page or JSON with a sentence."""
        if self._connections is not None:
            self._connections.begun(request.protocol)
        response = await self._answer(request, handler)
        made = request.get(_MADE)
        if made and response.content_type == "text/html" and not response.prepared:
            give_cookie(response, VISITOR_COOKIE, made)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status == 404 and self._is_captive(request) and request.method in _SAFE:
                return self._to_wizard()
            return refusals.of_http(request, error)
        except ApplianceError as error:
            return refusals.of_error(request, error)
        except Exception as error:  # the boundary of one request: the agent goes on
            if isinstance(error, ConnectionError) and _is_gone(request):
                return _cut(request)
            log.exception("%s %s failed", request.method, request.path)
            return _cut(request) if _STARTED in request else refusals.mistake(request)

    @web.middleware
    async def _hosts(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only those who mean us; phones on our Wi-Fi that mean anybody are led to the wizard."""
        around = self._access.look()
        headers = request.headers.getall("Host", [])
        host = host_of(headers[0]) if len(headers) == 1 else ""
        peer, local = self._ends(request)
        if is_ours(host, local, around.names, around.addresses, around.hotspot):
            return await handler(request)
        if around.hotspot and captive.over_hotspot(local, peer) and request.method in _SAFE:
            success = captive.PROBES.get(request.path)
            if success is None or around.captive or success.status == 302:
                return self._to_wizard()
            return web.Response(
                status=success.status,
                text=success.body or None,
                content_type=success.content_type if success.body else None,
            )
        text = f"This device is not called that. Open it by its address: http://{local}/\n"
        return web.Response(status=421, text=text)

    def _is_captive(self, request: web.Request) -> bool:
        around = self._access.look()
        peer, local = self._ends(request)
        return around.hotspot and around.captive and captive.over_hotspot(local, peer)

    def _to_wizard(self) -> web.Response:
        address = HOTSPOT_ADDRESS + (f":{self.port}" if self.port != 80 else "")
        return web.Response(status=302, headers={"Location": f"http://{address}/"})

    async def _guarded(self, route: Route, request: web.Request) -> web.StreamResponse:
        """The one way to every handler."""
        caller = self.caller(request)
        if not self._access.allows(route.needs, caller):
            return self._stranger(route, request)
        signed_in = self._access.known(caller)
        token = caller.session if signed_in else caller.visitor or self._new_visitor(request)
        flash = unquote(request.cookies.get(FLASH_COOKIE, ""))[:300]
        give_context(
            request,
            PageContext(
                csrf=self._access.csrf(token), path=request.path, flash=flash, signed_in=signed_in
            ),
        )
        if request.method not in _SAFE or "Upgrade" in request.headers:
            # A key in a header is nothing that another site's page could have sent for us.
            keyed = route.needs is Need.API_KEY and not signed_in
            if not keyed:
                await self._check_ours(route, request, token)
        if not route.streams and request.method not in _SAFE:
            await _read_body(request)
        if route.needs is Need.SETUP and not route.quiet:
            self._access.setup_used()
        try:
            response = await route.handler(request)
        except _HeadAlone as head:
            response = web.Response(status=head.response.status, headers=head.response.headers)
        if flash and response.content_type == "text/html" and not response.prepared:
            response.del_cookie(FLASH_COOKIE)
        return response

    def caller(self, request: web.Request) -> Caller:
        """Who sent the request."""
        peer, local = self._ends(request)
        session = request.cookies.get(SESSION_COOKIE, "")
        visitor = request.cookies.get(VISITOR_COOKIE, "")
        return Caller(
            peer=peer,
            local=local,
            session=session if is_token(session) else "",
            visitor=visitor if is_token(visitor) else "",
            # In the address, too: some programs for OctoPrint can do no other.
            api_key=request.headers.get("X-Api-Key", "") or request.query.get("apikey", ""),
            feed_key=request.query.get("key", ""),
        )

    def _new_visitor(self, request: web.Request) -> str:
        request[_MADE] = self._access.new_visitor()
        return request[_MADE]

    def _stranger(self, route: Route, request: web.Request) -> web.StreamResponse:
        if route.needs in (Need.SETUP, Need.SESSION) and refusals.wants_page(request):
            if not self.caller(request).visitor:
                self._new_visitor(request)
            if request.method in _SAFE:
                return self._enter.hop(request)
        text = "This browser was not let in yet. Open the device's first page, and allow it there."
        if route.needs is Need.API_KEY:
            text = "The API key is missing or wrong. It stands on the device's settings page."
        return refusals.refusal(request, 403, text)

    async def _check_ours(self, route: Route, request: web.Request, token: str) -> None:
        """Raises HTTPForbidden for a request that another site's page made."""
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if not same_origin(origin, site, request.headers.get("Host", "")):
            raise web.HTTPForbidden(text="That came from a page that is not of this device.")
        if request.method in _SAFE:
            return
        given = request.headers.get("X-CSRF") or request.query.get("csrf", "") * route.streams
        if not given and not route.streams:
            await _read_body(request)
            given = str((await request.post()).get("csrf", ""))
        if not self._access.csrf_right(token, given):
            raise web.HTTPForbidden(text="This page is too old. Open it again, then repeat it.")

    # Its own addresses.

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        # Asked again each time, answered with 304 while the device's version stays the same.
        return web.FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})

    async def _portal(self, request: web.Request) -> web.StreamResponse:
        response = json(captive.PortalState(captive=self._is_captive(request)))
        response.content_type = captive.API_TYPE
        return response


async def _read_body(request: web.Request) -> None:
    """Have the whole body. Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout."""
    if (request.content_length or 0) > BODY_LIMIT:
        raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, request.content_length or 0)
    form = request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")
    try:
        async with asyncio.timeout(BODY_TIME):
            await (request.post() if form else request.read())
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:  # a form that is none: aiohttp's parsers raise it
        raise web.HTTPBadRequest from None


class _HeadAlone(Exception):
    """Ends a handler that streams, as HEAD asks for nothing beyond this response's head."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__()
        self.response = response


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _cut(request: web.Request) -> web.Response:
    """Close the connection; what is returned reaches nobody."""
    request.protocol.force_close()
    return web.Response()


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    if request.method == "HEAD" and type(response) is web.StreamResponse:
        response.headers.popall("Transfer-Encoding", None)
        raise _HeadAlone(response)
    request[_STARTED] = True
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "Polar Appliance"


def _in_words(error: OSError, port: int) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} may not be used by this user."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is used by another program."
    return f"Port {port}: {error.strerror or error}."
