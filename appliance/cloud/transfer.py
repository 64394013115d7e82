"""What uploads and downloads have in common: which addresses, which errors, which pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp
from yarl import URL

from appliance.errors import TransferError

T = TypeVar("T")

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]

LONGEST_PAUSE = 30.0  # seconds; a transfer is wanted soon, and a try costs the other side little
CONNECT_TIMEOUT = 20.0  # seconds, for the TCP connection; TLS and the answer have their own

NETWORK_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)
"""What a broken network makes aiohttp raise."""

_IN_WORDS: Mapping[type[BaseException], str] = {
    TimeoutError: "No answer in time.",
    aiohttp.ServerDisconnectedError: "The server closed the connection.",
    aiohttp.ClientResponseError: "The server's answer is not HTTP.",
    aiohttp.ClientPayloadError: "The connection was cut in the middle.",
}


class Refused(TransferError):
    """The other side said no, and would say no to the same again."""


class Interrupted(TransferError):
    """A try failed in a way that another may not; ``retry_after`` in seconds, when told."""

    def __init__(self, long: str, *, retry_after: float = 0.0) -> None:
        super().__init__(long)
        self.retry_after = retry_after


def checked_url(address: str, base: URL | None = None) -> URL:
    """``address`` (relative to ``base`` if given) as a URL; Refused unless http or https."""
    try:
        url = URL(address)
        if base is not None:
            url = base.join(url)
        host = url.host
        (host or "").encode("idna")  # what the resolver would stumble over
    except (ValueError, TypeError):
        raise Refused("The cloud gave an address that is not a URL. Try the job again.") from None
    if url.scheme not in ("http", "https") or not host:
        scheme = f"{url.scheme}:" if url.scheme else "no scheme"
        raise Refused(
            f"The cloud gave an address with {scheme[:20]}; only http and https are used. "
            "Try the job again."
        )
    return url


def is_transient(status: int) -> bool:
    """Whether an HTTP status says "later" rather than "no"."""
    return status >= 500 or status in (408, 425, 429)


def retry_after(value: str | None) -> float:
    """The seconds of a Retry-After header (RFC 9110 10.2.3), 0 for none or for a date."""
    text = (value or "").strip()
    return min(float(text), 10 * LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0


def describe(error: BaseException) -> str:
    """A network error as a sentence, with the host at most: an address may be signed."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return f"The certificate of {error.host} cannot be trusted."
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"No connection to {error.host} ({error.strerror or error.os_error})."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    for kind, text in _IN_WORDS.items():
        if isinstance(error, kind):
            return text
    return f"The connection failed ({type(error).__name__})."


async def off_loop(act: Callable[[], T]) -> T:
    """Run ``act`` in a thread and, unlike asyncio.to_thread, never leave it running behind.

    When this is cancelled it waits for the thread first: a file may be closed then without
    another file's data going to its old descriptor.
    """
    task = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: the cancellation counts for more
        raise
