"""Pictures and videos to the cloud's storage by pre-signed POST (protocol sections 1.5, 3.5)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

import aiohttp
import msgspec

from appliance.cloud.form import Form, size_of
from appliance.cloud.reconnect import Backoff
from appliance.cloud.slots import RequestSlot, Slot, Slots, noun
from appliance.cloud.transfer import (
    CONNECT_TIMEOUT,
    LONGEST_PAUSE,
    NETWORK_ERRORS,
    Clock,
    Interrupted,
    Refused,
    Sleep,
    describe,
    is_transient,
    retry_after,
)
from appliance.errors import StorageError, TransferError
from appliance.polar.messages import UploadType

log = logging.getLogger(__name__)

Fit = Callable[[bytes, int], Awaitable[bytes]]
"""Makes a picture no larger than the given bytes."""

_ERROR_BODY = 64 * 1024  # bytes read of an error's XML; S3's are a few hundred
_ERROR_CODE = re.compile(rb"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")
_LIMIT = re.compile(rb"<MaxSizeAllowed>\s*(\d{1,15})\s*</MaxSizeAllowed>")


class TooLarge(Refused):
    """More bytes than the cloud takes; ``limit`` in bytes, None when it did not say."""

    def __init__(self, name: str, size: int, limit: int | None) -> None:
        allowed = f"the {limit} bytes that the cloud takes" if limit else "the cloud takes"
        super().__init__(f"The {name} is too large: {size} bytes are more than {allowed}.")
        self.size = size
        self.limit = limit


class UploadLimits(msgspec.Struct, frozen=True):
    """How long and how often an upload is tried; all times in seconds."""

    picture_attempts: int = 3  # after that the next picture is more worth
    video_attempts: int = 4  # after that it waits in the outbox
    stall: float = 60.0  # without a byte taken
    answer: float = 240.0  # to the last byte: megabytes may still lie in the kernel's buffer


class Uploader:
    """Uploads to slots that it asks for, keeps and renews by itself."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        request_slot: RequestSlot,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        limits: UploadLimits | None = None,
    ) -> None:
        self._http = http
        self._slots = Slots(request_slot, clock)
        self._sleep = sleep
        self._limits = limits or UploadLimits()

    def forget_slots(self) -> None:
        """Ask for new slots, as when the serial number has changed."""
        self._slots.clear()

    async def upload(
        self,
        kind: UploadType,
        job_id: str | None,
        content: bytes | Path,
        fit: Fit | None = None,
    ) -> None:
        """Store ``content``; returns when the storage has confirmed it.

        ``fit`` shrinks a picture that is larger than the slot's maxSize. Raises TooLarge,
        Refused (the same again would fail again), TransferError (tried often enough),
        StorageError (the file cannot be read), and what the request for a slot raises.
        """
        name = noun(kind)
        attempts = self._limits.video_attempts
        if kind is not UploadType.TIMELAPSE:
            attempts = self._limits.picture_attempts
        failures, refusals = 0, 0
        backoff = Backoff(random.Random(), longest=LONGEST_PAUSE)
        while True:
            slot = await self._slots.get(kind, job_id)
            try:
                fitting = await _fitting(slot, content, fit)
                await self._post(slot, fitting)
                return
            except TooLarge:
                raise
            except Refused as refusal:
                self._slots.drop(slot)
                refusals += 1
                if refusals > 1:
                    raise
                log.info("%s A new place is asked for.", refusal)
            except Interrupted as problem:
                failures += 1
                if failures >= attempts:
                    # Perhaps the place itself is the trouble.
                    self._slots.drop(slot)
                    raise TransferError(
                        f"The {name} could not be uploaded in {attempts} tries: {problem} "
                        "Check the network connection."
                    ) from None
                log.info("Upload of the %s: %s Trying again.", name, problem)
                await self._sleep(max(backoff.next_delay(), problem.retry_after))

    async def _post(self, slot: Slot, content: bytes | Path) -> None:
        try:
            with contextlib.ExitStack() as stack:
                size = size_of(content)
                source: bytes | BinaryIO = (
                    content
                    if isinstance(content, bytes)
                    else stack.enter_context(content.open("rb"))
                )
                form = Form(slot.fields, slot.content_type, size)
                await self._send(slot, form, source, size)
        except OSError as error:
            raise _unreadable(slot.kind, error) from error

    async def _send(self, slot: Slot, form: Form, source: bytes | BinaryIO, size: int) -> None:
        try:
            async with (
                asyncio.timeout(self._limits.stall) as deadline,
                self._http.post(
                    slot.url,
                    data=self._watched(form, source, deadline),
                    headers=form.headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
                ) as response,
            ):
                if response.status in (200, 201, 204):
                    return
                body = await _error_body(response)
        except aiohttp.InvalidURL:
            raise Refused("The cloud gave an address that cannot be used.") from None
        except NETWORK_ERRORS as error:
            # Nothing is chained: the library's own errors carry the request.
            raise Interrupted(describe(error)) from None
        _judge(response, body, slot, size)

    async def _watched(
        self, form: Form, source: bytes | BinaryIO, deadline: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        """The form's pieces; each one that the network takes puts the deadline off."""
        loop = asyncio.get_running_loop()
        async for piece in form.stream(source):
            if not deadline.expired():
                deadline.reschedule(loop.time() + self._limits.stall)
            yield piece
        if not deadline.expired():
            deadline.reschedule(loop.time() + self._limits.answer)


async def _fitting(slot: Slot, content: bytes | Path, fit: Fit | None) -> bytes | Path:
    """``content``, made to fit when it is a picture; TooLarge when it does not fit."""
    try:
        size = size_of(content)
        if (
            slot.max_size is not None
            and size > slot.max_size
            and fit
            and isinstance(content, bytes)
        ):
            content = await fit(content, slot.max_size)
            size = len(content)
    except OSError as error:
        raise _unreadable(slot.kind, error) from error
    if slot.max_size is not None and size > slot.max_size:
        raise TooLarge(noun(slot.kind), size, slot.max_size)
    return content


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error's text; the status alone must do when it is cut off."""
    try:
        return await response.content.read(_ERROR_BODY)
    except (aiohttp.ClientError, OSError):
        return b""


def _unreadable(kind: UploadType, error: OSError) -> StorageError:
    return StorageError(f"The {noun(kind)} to upload cannot be read: {error.strerror}.")


def _judge(response: aiohttp.ClientResponse, body: bytes, slot: Slot, size: int) -> None:
    """Raise what an answer other than success means; S3's Code says more than its status."""
    found = _ERROR_CODE.search(body)
    code = found.group(1).decode() if found else ""
    said = f"{response.status} {code}".strip()
    if code == "EntityTooLarge" or response.status == 413:
        limit = _LIMIT.search(body)
        raise TooLarge(noun(slot.kind), size, int(limit.group(1)) if limit else slot.max_size)
    if is_transient(response.status) or code == "RequestTimeout":
        raise Interrupted(
            f"The storage cannot take it now ({said}).",
            retry_after=retry_after(response.headers.get("Retry-After")),
        )
    if response.status < 400:
        raise Refused(f"The storage sent the upload elsewhere ({said}), which is not followed.")
    raise Refused(f"The storage refused the {noun(slot.kind)} ({said}).")
