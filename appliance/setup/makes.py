"""The makes of printers that the Polar Cloud knows (protocol section 3.6, ``printerMake``)."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

log = logging.getLogger(__name__)

ADDRESS = "https://polar3d.com/api/v1/printer_makes"
PATH = "/api/v1/printer_makes"
TIME_LIMIT = 10.0  # seconds: somebody waits before the page
SIZE_LIMIT = 256 * 1024  # bytes
MOST = 2000  # makes
LONGEST = 64  # characters of one
SHIPPED = Path(__file__).with_name("printer_makes.json")


class _List(msgspec.Struct, rename="camel"):
    printer_makes: list[object]


class PrinterMakes:
    """The list of the cloud at ``cloud_url``; the copy on the device until it was fetched."""

    def __init__(self, http: aiohttp.ClientSession, cloud_url: str) -> None:
        self._http = http
        self._address = address_of(cloud_url)
        self._names: tuple[str, ...] = ()
        self._fetched = False

    @property
    def names(self) -> tuple[str, ...]:
        """What is known now, in order."""
        if not self._names:
            self._names = shipped()
        return self._names

    async def refresh(self) -> bool:
        """Fetch the list if it was not yet; whether it is the cloud's. Never raises for a
        network or a server that does not give it.
        """
        if not self._fetched:
            try:
                async with asyncio.timeout(TIME_LIMIT):
                    self._names = parsed(await self._fetch())
                self._fetched = True
            except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is one
                log.info("the list of makes cannot be fetched (%r); the copy is used", error)
        return self._fetched

    async def _fetch(self) -> bytes:
        headers = {"Accept": "application/json"}
        async with self._http.get(self._address, headers=headers, max_redirects=3) as answer:
            answer.raise_for_status()
            data = bytearray()
            async for chunk in answer.content.iter_any():
                data += chunk
                if len(data) > SIZE_LIMIT:
                    raise ValueError("The list is too large.")
            return bytes(data)


def address_of(cloud_url: str) -> str:
    """Where the cloud at ``cloud_url`` has its list: its web has another name than its server."""
    url = urlsplit(cloud_url)
    host = (url.hostname or "").lower()
    if host == "polar3d.com" or host.endswith(".polar3d.com"):
        return ADDRESS
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}{PATH}"


def parsed(data: bytes) -> tuple[str, ...]:
    """The names in an answer, in alphabetical order; what is none is left out.

    Raises ValueError when there is none at all, or more than a list can have.
    """
    try:
        listed = msgspec.json.decode(data, type=_List).printer_makes
    except msgspec.DecodeError as error:
        raise ValueError(f"This is no list of makes: {error}") from None
    if len(listed) > MOST:
        raise ValueError("The list is too long.")
    trimmed = {each.strip() for each in listed if isinstance(each, str)}
    names = {each for each in trimmed if each and len(each) <= LONGEST and each.isprintable()}
    if not names:
        raise ValueError("The list has no makes.")
    return tuple(sorted(names, key=lambda name: (name.casefold(), name)))


def shipped() -> tuple[str, ...]:
    """The copy on the device."""
    return parsed(SHIPPED.read_bytes())
