"""One connection to a Status Server: opened once, used once, closed once."""

from __future__ import annotations

import asyncio
import errno
import ssl as tls
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, Self

import aiohttp
from socketio.exceptions import SocketIOError

from appliance.cloud.transport import Generation, Transport, WrongGeneration
from appliance.errors import CloudError, ConfigError
from appliance.host import clock

OPEN_TIMEOUT = 20.0  # s; name, TCP, TLS and two round trips, also over a poor mobile link
STALL_TIMEOUT = 5.0  # s; an event that nobody takes for so long means that the agent hangs
QUEUE_LENGTH = 100  # events; a whole reconnect brings fewer than ten

_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}


def tls_context(ca_file: str = "") -> tls.SSLContext:
    """Verify against the system's authorities, and those of the PEM file ``ca_file`` as well.

    Raises ConfigError when the file cannot be used.
    """
    context = tls.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=Path(ca_file))
        except (OSError, tls.SSLError) as error:
            raise ConfigError(
                f"cloud.ca_file: {ca_file} cannot be used as a list of authorities ({error})."
                " Expected a readable PEM file."
            ) from error
    return context


class CloudConnection:
    """An open Socket.IO connection; made by :meth:`open`, never opened again.

    Iterating gives (event, payload) in the order of arrival. It ends after :meth:`close`, and
    raises CloudError with the reason when the connection was lost, after the last event.
    """

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._room = asyncio.Semaphore(QUEUE_LENGTH)
        self._events: asyncio.Queue[tuple[str, object] | None] = asyncio.Queue()
        self._transport = Transport(http, self._arrived)
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(
        cls, url: str, *, ssl: tls.SSLContext | None = None, timeout: float = OPEN_TIMEOUT
    ) -> Self:
        """Connect within ``timeout`` seconds, in the generation that the server speaks.

        Raises CloudError with a sentence for a person.
        """
        try:
            async with asyncio.timeout(timeout):
                try:
                    return await cls._open(url, ssl, None)
                except WrongGeneration:
                    return await cls._open(url, ssl, Generation.THREE)
        except (TimeoutError, aiohttp.ClientError, SocketIOError, OSError, ValueError) as error:
            _explain(error, url, timeout)

    @classmethod
    async def _open(
        cls, url: str, ssl: tls.SSLContext | None, generation: Generation | None
    ) -> Self:
        connection = cls(_http_session(ssl))
        try:
            await connection._start(url, generation)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _start(self, url: str, generation: Generation | None) -> None:
        self._reading = await self._transport.start(url, generation)
        self._reading.add_done_callback(lambda _: self._events.put_nowait(None))

    @property
    def generation(self) -> Generation | None:
        """The wire generation found."""
        return self._transport.generation

    async def lost(self) -> None:
        """Wait until the connection has ended, for whatever reason."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def emit(self, event: str, payload: object) -> None:
        """Send one event; raises CloudError when the connection is lost or takes no data."""
        if self._closed:
            raise CloudError("The connection to the Polar Cloud is closed.", short="Offline")
        try:
            await self._transport.emit(event, payload)
        except SocketIOError as error:
            raise CloudError(f"Sending to the Polar Cloud failed: {error}.") from error

    async def close(self) -> None:
        """End the connection; takes a few seconds at most, and may be called again."""
        self._closed = True
        self._events.put_nowait(None)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        try:
            await self._transport.eio.disconnect()
        finally:
            await self._http.close()

    async def __aiter__(self) -> AsyncIterator[tuple[str, object]]:
        while (arrival := await self._events.get()) is not None:
            if self._closed:
                return
            self._room.release()
            yield arrival
        if not self._closed and self._reading is not None:
            self._reading.result()  # raises the reason

    async def _arrived(self, event: str, payload: object) -> None:
        try:
            async with asyncio.timeout(STALL_TIMEOUT):
                await self._room.acquire()
        except TimeoutError:
            raise CloudError(
                "The Polar Cloud sent more than could be worked through.", short="Cloud too fast"
            ) from None
        self._events.put_nowait((event, payload))


def _http_session(ssl: tls.SSLContext | None) -> aiohttp.ClientSession:
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=ssl or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # open() limits the whole
        trace_configs=[tracing],
        trust_env=False,
    )


async def _refuse_redirect(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    redirect: aiohttp.TraceRequestRedirectParams,
) -> None:
    # Our key signs what the server sends: it must be the one that the settings name.
    target = redirect.response.headers.get("Location", "elsewhere")
    raise CloudError(
        f"The server wants to send us on to {target}, which is not followed."
        " Put the right address into cloud.url.",
        short="Wrong cloud address",
    )


def _explain(error: Exception, url: str, timeout: float) -> NoReturn:
    long, short = _sentence(error, url, timeout)
    raise CloudError(long, short=short) from error


def _sentence(error: Exception, url: str, timeout: float) -> tuple[str, str]:
    """The long and the short text for a person."""
    short = "Cloud hung up"
    long = f"{url} broke the connection off while it was opened ({error})."
    match error:
        case TimeoutError():
            short = "Cloud silent"
            long = f"{url} did not answer within {timeout:.0f} s."
        case aiohttp.ClientConnectorDNSError():
            short = "No internet?"
            long = (
                f"The name {error.host} cannot be found. Check the internet connection, and"
                " cloud.url in the settings."
            )
        case aiohttp.ClientConnectorCertificateError() if _too_early(error.certificate_error):
            short = "Waits for the time"
            long = clock.WAITING
        case aiohttp.ClientConnectorCertificateError():
            short = "Bad certificate"
            long = (
                f"{url} does not prove that it is itself ({_verdict(error.certificate_error)})."
                " Check the date of this device; for a server of your own, name its authority in"
                " cloud.ca_file."
            )
        case aiohttp.ClientSSLError():
            short = "TLS problem"
            long = f"{url} does not speak TLS with us ({error.os_error})."
        case aiohttp.ClientConnectorError():
            long, short = _connect_sentence(error.os_error, url)
        case aiohttp.WSServerHandshakeError():
            short = f"Cloud: HTTP {error.status}"
            long = (
                f"{url} answered with HTTP {error.status}, so there is no Status Server (any"
                " more). Check cloud.url in the settings."
            )
        case aiohttp.InvalidURL():
            short = "Check settings"
            long = f"{url} is no web address. Check cloud.url in the settings."
    return long, short


def _connect_sentence(error: OSError, url: str) -> tuple[str, str]:
    if error.errno in _UNREACHABLE:
        return f"There is no way to {url}. Check this device's network.", "No network"
    if isinstance(error, ConnectionRefusedError):
        return f"{url} refused the connection; its server may be down.", "Cloud down?"
    return f"{url} cannot be reached ({error}).", "Cloud unreachable"


def _too_early(error: Exception) -> bool:
    """The certificate begins later than it is here, and nothing has set this clock yet."""
    begins = isinstance(error, tls.SSLCertVerificationError) and (
        error.verify_code == _NOT_YET_VALID
    )
    return begins and clock.unsynchronized()


def _verdict(error: Exception) -> str:
    if isinstance(error, tls.SSLCertVerificationError):
        return error.verify_message
    return str(error)
