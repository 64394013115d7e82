"""Pre-signed POST slots: where, and with which form fields, a file may be uploaded.

Protocol sections 1.5, 2.8 and 3.5. A slot is used many times until it expires; the cloud
asks that the printer keeps count of that itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from yarl import URL

from appliance.cloud.transfer import Clock, Refused, checked_url
from appliance.errors import TransferError
from appliance.polar.messages import GetUrlResponse, UploadType

log = logging.getLogger(__name__)

RequestSlot = Callable[[UploadType, str | None], Awaitable[GetUrlResponse]]
"""Sends ``getUrl`` with type and job id, and returns the cloud's answer."""

RENEW_SHARE = 0.1  # of the lifetime, at its end: the time an upload may take on a slow line
RENEW_AT_MOST = 300.0  # seconds; more of a day's lifetime than this need not be given away

_CONTENT_TYPES = {
    UploadType.IDLE: "image/jpeg",
    UploadType.PRINTING: "image/jpeg",
    UploadType.TIMELAPSE: "video/mp4",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the cloud's storage; ``fields`` are signed and never shown."""

    kind: UploadType
    url: URL = field(repr=False)
    fields: tuple[tuple[str, str], ...] = field(repr=False)  # in the order they were given in
    max_size: int | None  # bytes
    content_type: str
    renew_at: float  # seconds of the monotonic clock


def read_slot(answer: GetUrlResponse, kind: UploadType, now: float) -> Slot:
    """The slot in the cloud's ``answer`` to a request for ``kind``, counted from ``now``.

    Raises Refused with the cloud's message when it said FAILED, TransferError when the
    answer cannot be used.
    """
    if answer.status != "SUCCESS":
        reason = (answer.message or "").strip() or "it gave no reason"
        raise Refused(f"The cloud gave no place to upload the {noun(kind)} to: {reason}.")
    if answer.type != kind:
        # A late answer to an earlier question: a video must never land in a picture's place.
        raise TransferError(
            f"The cloud answered a request for {kind.value!r} with a place for another type of "
            "file. It will be asked again."
        )
    if answer.method and answer.method.lower() != "post":
        raise TransferError("The cloud wants an upload by another method than POST.")
    content_type = answer.content_type or _CONTENT_TYPES[kind]
    if not (content_type.isascii() and content_type.isprintable()):
        raise TransferError("The cloud gave a content type that cannot be sent.")
    lifetime = max(0.0, float(answer.expires or 0))
    return Slot(
        kind=kind,
        url=checked_url(answer.url or ""),
        fields=tuple((name, value) for name, value in (answer.fields or {}).items()),
        max_size=answer.max_size or None,
        content_type=content_type,
        renew_at=now + lifetime - min(RENEW_AT_MOST, lifetime * RENEW_SHARE),
    )


class Slots:
    """One slot per (type, job id), asked for when there is none or the old one expires."""

    def __init__(self, request: RequestSlot, clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._slots: dict[tuple[UploadType, str | None], Slot] = {}
        self._asking = asyncio.Lock()

    async def get(self, kind: UploadType, job_id: str | None) -> Slot:
        """A slot that is still good.

        Raises Refused or TransferError (see :func:`read_slot`), and what the request raises.
        """
        key = (kind, None if kind is UploadType.IDLE else job_id)
        async with self._asking:
            slot = self._slots.get(key)
            if slot is not None and self._clock() < slot.renew_at:
                return slot
            slot = read_slot(await self._request(*key), kind, self._clock())
            # Another job has begun, or the old slot is spent: nothing else of this type is kept.
            self._slots = {old: kept for old, kept in self._slots.items() if old[0] is not kind}
            self._slots[key] = slot
            log.debug("New place to upload the %s to", noun(kind))
            return slot

    def drop(self, slot: Slot) -> None:
        """The storage refused ``slot``: do not use it again."""
        self._slots = {key: kept for key, kept in self._slots.items() if kept is not slot}

    def clear(self) -> None:
        """Forget all, as when the serial number has changed: the places are another printer's."""
        self._slots.clear()


def noun(kind: UploadType) -> str:
    """What a person calls a file of this type."""
    return "time-lapse" if kind is UploadType.TIMELAPSE else "picture"
