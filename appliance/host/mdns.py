"""The device in its network under a name: ``_http._tcp`` over mDNS, through Avahi.

Quiet where Avahi is missing; said again when Avahi is restarted or another device has the name.
"""

from __future__ import annotations

import asyncio
import logging

from appliance.host.bus import Bus, BusError, Signal
from appliance.host.network_api import NetworkError

log = logging.getLogger(__name__)

AVAHI = "org.freedesktop.Avahi"
SERVER = f"{AVAHI}.Server"
GROUP = f"{AVAHI}.EntryGroup"
ANY = -1  # AVAHI_IF_UNSPEC and AVAHI_PROTO_UNSPEC
COLLISION = 3  # AvahiEntryGroupState
ATTEMPTS = 8  # names tried one after the other
RULES = (
    f"sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{AVAHI}'",
    f"sender='{AVAHI}',interface='{GROUP}',member='StateChanged'",
    f"sender='{AVAHI}',interface='{SERVER}',member='StateChanged'",
)


class Mdns:
    """Announces one web server for as long as ``serve`` runs."""

    def __init__(self, bus: Bus, name: str, port: int) -> None:
        self._bus = bus
        self._name = name
        self._port = port
        self._news = asyncio.Event()
        self._group = ""
        self._host = ""
        self._collided = False
        bus.listen(RULES, self._hear)

    @property
    def name(self) -> str:
        """What it is announced as; another one where the wished one was taken."""
        return self._name

    @property
    def host(self) -> str:
        """What Avahi calls the machine, without ".local"; '' as long as that is not known.

        It is not the machine's own name where another device had that before.
        """
        return self._host

    async def serve(self) -> None:
        """Announce for ever; ends by being cancelled, and takes the name back then."""
        try:
            while True:
                self._news.clear()
                await self._announce()
                await self._ask_host()
                await self._news.wait()
        finally:
            await self._take_back()

    async def _announce(self) -> None:
        if self._group and not self._collided:
            return
        try:
            if self._collided:
                self._collided = False
                await self._take_back()
                await self._rename()
            self._group = (await self._call("/", SERVER, "EntryGroupNew"))[0]
            await self._fill()
        except BusError as error:
            self._group = ""
            log.log(
                logging.DEBUG if error.missing else logging.WARNING,
                "the device is not announced in the network (mDNS): %s",
                error,
            )
        except NetworkError as error:  # no bus at all
            log.debug("the device is not announced in the network (mDNS): %s", error)

    async def _ask_host(self) -> None:
        try:
            self._host = str((await self._call("/", SERVER, "GetHostName"))[0])
        except NetworkError as error:
            log.debug("the name in the network (mDNS) is not known: %s", error)

    async def _fill(self) -> None:
        for _ in range(ATTEMPTS):
            try:
                await self._call(
                    self._group,
                    GROUP,
                    "AddService",
                    "iiussssqaay",
                    ANY,
                    ANY,
                    0,
                    self._name,
                    "_http._tcp",
                    "",
                    "",
                    self._port,
                    [b"path=/"],
                )
                await self._call(self._group, GROUP, "Commit")
                return
            except BusError as error:
                if not error.name.endswith("CollisionError"):
                    raise
                await self._rename()
        raise NetworkError(f"Every name like {self._name!r} is taken in this network.")

    async def _rename(self) -> None:
        answer = await self._call("/", SERVER, "GetAlternativeServiceName", "s", self._name)
        self._name = str(answer[0])

    async def _take_back(self) -> None:
        if not self._group:
            return
        group, self._group = self._group, ""
        try:
            await self._call(group, GROUP, "Free")
        except NetworkError as error:
            log.debug("Avahi: %s", error)

    async def _call(
        self, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> list[str]:
        return await self._bus.call(AVAHI, path, interface, member, signature, *body)

    def _hear(self, signal: Signal) -> None:
        if signal.member == "NameOwnerChanged" and signal.body[0] == AVAHI:
            self._group = ""  # it went with the Avahi that had it
            self._news.set()
        elif signal[:2] == ("/", SERVER):  # it may have taken another name
            self._news.set()
        elif signal[:2] == (self._group, GROUP) and signal.body[0] == COLLISION:
            # A name that another device took meanwhile shows as a state, not as an error.
            self._collided = True
            self._news.set()
