"""A job's file from the cloud's storage to the disk, resumed after a cut where possible."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec
from yarl import URL

from appliance.cloud.partfile import FreeSpace, PartFile, discard, discard_part, free_space
from appliance.cloud.reconnect import Backoff
from appliance.cloud.transfer import (
    CONNECT_TIMEOUT,
    LONGEST_PAUSE,
    NETWORK_ERRORS,
    Clock,
    Interrupted,
    Refused,
    Sleep,
    checked_url,
    describe,
    is_transient,
    off_loop,
    retry_after,
)
from appliance.errors import ApplianceError, StorageError, TransferError

__all__ = ["DownloadRules", "Downloaded", "Progress", "discard", "download"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Told (bytes so far, bytes of the whole or None) after each piece."""

PIECE = 256 * 1024  # bytes read at most at a time
REDIRECTS = 5
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
PACKED = "The file of this job is packed in a way that cannot be read here. Upload it again."

_SENTENCES = {
    401: "The cloud refused the file of this job (401). Start the print again from the cloud.",
    403: "The cloud refused the file of this job (403); its address may have expired. "
    "Start the print again from the cloud.",
    404: "The cloud has no file for this job (404). Slice or upload it again.",
    410: "The cloud no longer has the file of this job (410). Slice or upload it again.",
}


class Downloaded(msgspec.Struct, frozen=True):
    """A file that lies on the disk as a whole."""

    path: Path
    size: int  # bytes
    content_type: str  # as the server called it, may be empty
    tries: int  # requests that were needed


class DownloadRules(msgspec.Struct, frozen=True):
    """When a download is given up, in seconds, and by which clock and whose word of the disk."""

    stall: float = 30.0  # without a byte: this try is over
    give_up: float = 600.0  # without a new byte, over all tries: the download is over
    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep
    free: FreeSpace = free_space


async def download(
    http: aiohttp.ClientSession,
    url: str,
    target: Path,
    *,
    limit: int,
    reserve: int,
    on_progress: Progress | None = None,
    rules: DownloadRules | None = None,
) -> Downloaded:
    """Fetch ``url`` to ``target``: at most ``limit`` bytes, leaving ``reserve`` bytes free.

    Cancelled, it keeps what is there, and the next call with the same address goes on from it
    (:func:`appliance.cloud.partfile.discard` removes it). Raises Refused when the cloud says
    no, TransferError when there was no progress for long or the file is too large,
    StorageError when the disk is full; then nothing is left behind.
    """
    rules = rules or DownloadRules()
    part = PartFile(target, url, reserve, rules.free)
    try:
        address = checked_url(url)
        await part.open()
        run = _Run(http, address, part, limit, on_progress, rules)
        return await run.to_the_end(target)
    except ApplianceError:
        part.close()
        await _clean_up(target)
        raise
    finally:
        part.close()


async def _clean_up(target: Path) -> None:
    try:
        await off_loop(lambda: discard_part(target))
    except StorageError as error:
        log.warning("The rest of a failed download stays: %s", error)


class _Run:
    """All tries of one download."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        address: URL,
        part: PartFile,
        limit: int,
        on_progress: Progress | None,
        rules: DownloadRules,
    ) -> None:
        self._http = http
        self._address = address
        self._part = part
        self._limit = limit
        self._on_progress = on_progress
        self._rules = rules
        self._content_type = ""

    async def to_the_end(self, target: Path) -> Downloaded:
        tries, clock = 0, self._rules.clock
        backoff = Backoff(random.Random(), longest=LONGEST_PAUSE)
        furthest, since = self._part.size, clock()
        while True:
            tries += 1
            try:
                await self._try()
                await self._part.finish()
                return Downloaded(target, self._part.size, self._content_type, tries)
            except Interrupted as problem:
                # Only bytes that were never there before count: a server that always begins
                # anew and always breaks off would keep us busy for ever.
                if self._part.size > furthest:
                    furthest, since = self._part.size, clock()
                    backoff.reset()
                if clock() - since >= self._rules.give_up:
                    minutes = max(1, round(self._rules.give_up / 60))
                    raise TransferError(
                        f"The download made no progress for {minutes} min: {problem} "
                        "Check the network connection, then start the print again."
                    ) from None
                log.info("Download after %d bytes: %s Trying again.", self._part.size, problem)
                await self._rules.sleep(max(backoff.next_delay(), problem.retry_after))

    async def _try(self) -> None:
        """One request, to the last byte; Interrupted when another may bring more."""
        part = self._part
        headers = {"Accept-Encoding": "identity"}
        if part.size and part.validator:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
        try:
            async with await self._get(headers) as response:
                self._judge(response)
                await self._begin(response)
                async for piece in response.content.iter_chunked(PIECE):
                    await self._take(piece)
        except aiohttp.InvalidURL:
            raise Refused("The cloud gave an address that cannot be used.") from None
        except aiohttp.ClientResponseError as error:
            # The library's word for a packing that it cannot undo, found before the headers.
            if "content-encoding" in error.message.lower():
                raise Refused(PACKED) from None
            raise Interrupted(describe(error)) from None
        except NETWORK_ERRORS as error:
            raise Interrupted(describe(error)) from None
        if part.total is not None and part.size != part.total:
            raise Interrupted(f"{part.size} of {part.total} bytes came.")

    async def _get(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """The answer to a GET, after the redirects, each to http or https."""
        url = self._address
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=self._rules.stall
        )
        for _ in range(REDIRECTS + 1):
            response = await self._http.get(
                url, headers=headers, timeout=timeout, allow_redirects=False
            )
            if response.status not in (301, 302, 303, 307, 308):
                return response
            response.close()
            url = checked_url(response.headers.get("Location", ""), base=url)
        raise Refused("The cloud sent the download in circles. Start the print again.")

    def _judge(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in (200, 206):
            return
        if status == 416 and self._part.size:
            # It became shorter than what we have of it: what we have is of no use.
            self._part.validator = ""
            raise Interrupted("The file has changed in the cloud (416).")
        if is_transient(status):
            raise Interrupted(
                f"The server cannot send it now ({status}).",
                retry_after=retry_after(response.headers.get("Retry-After")),
            )
        raise Refused(
            _SENTENCES.get(status, f"The cloud did not give the file of this job ({status}).")
        )

    async def _begin(self, response: aiohttp.ClientResponse) -> None:
        """Find out from the headers where this answer's bytes belong and whether they fit."""
        part = self._part
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "", "gzip", "deflate"):
            raise Refused(PACKED)
        plain = encoding in ("identity", "")
        if response.status == 206:
            self._continue(response, plain)
        else:
            # Unpacked bytes have no offsets that a Range could name.
            validator = _validator(response) if plain else ""
            await part.restart(validator, response.content_length if plain else None)
        self._content_type = response.headers.get("Content-Type", "")
        expected = max(part.total or 0, response.content_length or 0)
        self._check_limit(expected)
        await part.require((part.total or expected) - part.size)

    def _continue(self, response: aiohttp.ClientResponse, plain: bool) -> None:
        """Check that a 206 goes on where we are, in the version that we have."""
        part = self._part
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        total = int(found.group(3)) if found and found.group(3) != "*" else None
        same = _validator(response) in ("", part.validator)
        if not (
            plain
            and found
            and int(found.group(1)) == part.size
            and same
            and (part.total is None or total in (None, part.total))
        ):
            part.validator = ""
            raise Interrupted("The server went on with another part than was asked for.")
        part.total = part.total if total is None else total

    async def _take(self, piece: bytes) -> None:
        self._check_limit(self._part.size + len(piece))
        await self._part.write(piece)
        if self._on_progress:
            self._on_progress(self._part.size, self._part.total)

    def _check_limit(self, size: int) -> None:
        if size > self._limit:
            raise TransferError(
                f"The file of this job is too large: more than {self._limit} bytes are not "
                "fetched. Use a smaller model, or raise max_download under [cloud].",
                short="File too large",
            )


def _validator(response: aiohttp.ClientResponse) -> str:
    """What If-Range may name (RFC 9110 13.1.5): a strong ETag, else a Last-Modified.

    A date is only strong when the file was not touched in the second before the answer.
    """
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith('"') and tag.isascii():
        return tag
    modified = response.headers.get("Last-Modified", "").strip()
    try:
        written = email.utils.parsedate_to_datetime(modified)
        sent = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
        return modified if (sent - written).total_seconds() >= 1 else ""
    except (ValueError, TypeError):
        return ""
