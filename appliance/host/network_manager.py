"""The machine's network through NetworkManager (org.freedesktop.NetworkManager, 1.22 and later).

The user needs a polkit rule for network-control, wifi.scan, enable-disable-wifi,
settings.modify.system and wifi.share.{open,protected}, and wpa_supplicant's D-Bus policy.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

from appliance.host.bus import Bus, BusError
from appliance.host.joining import check, is_password
from appliance.host.network_api import (
    AccessPoint,
    Hotspot,
    NetworkError,
    NetworkState,
    Security,
)
from appliance.host.nm_connection import (
    HOTSPOT_ID,
    KeyManagement,
    hotspot_profile,
    wifi_profile,
)
from appliance.host.nm_join import Activator, Times
from appliance.host.nm_reader import (
    ACTIVE,
    DEVICE,
    NM,
    NOTHING,
    ROOT,
    WIRELESS,
    NmReader,
    Seen,
    strongest,
)
from appliance.host.nm_states import Attempt, DeviceFacts, DeviceState, Reason
from appliance.host.nm_watch import SUPPLICANT, NmWatch

log = logging.getLogger(__name__)

SUPPLICANT_PATH = "/fi/w1/wpa_supplicant1"
COUNTRY = re.compile(r"[A-Z]{2}")


class NetworkManager:
    """Implements Network (network_api.py).

    ``bus`` may be shared; ``close`` closes it. While our hotspot is on, ``scan`` knows what
    was seen before, as the radio serves it and cannot look around.
    """

    def __init__(self, bus: Bus, *, times: Times | None = None) -> None:
        self._bus = bus
        self._times = times or Times()
        self._read = NmReader(bus)
        self._changing = asyncio.Lock()  # one radio: one change at a time
        self._watch = NmWatch(bus)
        self._activator = Activator(bus, self._read, self._watch, self._times)
        self._seen: list[Seen] = []

    async def state(self) -> NetworkState:
        """See Network."""
        return await self._read.state(self._activator.trial)

    def listen(self, changed: Callable[[], None]) -> None:
        """See Network; begins with the first call of another method."""
        self._watch.listen(changed)

    async def scan(self) -> tuple[AccessPoint, ...]:
        """See Network."""
        radio = await self._radio()
        if not radio.ap:
            await self._look_around(radio.path)
        found = await self._read.access_points(radio.path)
        if found or not radio.ap:
            self._seen = found
        return strongest(self._seen)

    async def set_country(self, code: str) -> None:
        """See Network. The radio forgets it with the power: it is to be set at every start."""
        if not COUNTRY.fullmatch(code):
            raise NetworkError(f"{code!r} is no country: two capital letters are, such as DE.")
        radio = await self._radio()
        path = await self._watch.until(lambda: self._supplicant(radio.interface), self._times.radio)
        if path is None:
            raise NetworkError(
                "The Wi-Fi does not start (wpa_supplicant does not know it). Restart the device."
            )
        interface = f"{SUPPLICANT}.Interface"
        await self._bus.set(SUPPLICANT, path, interface, "Country", "s", code)

    async def join(self, ssid: bytes, password: str, *, hidden: bool = False) -> NetworkState:
        """See Network. Without internet (or captive) it raises, stays joined and is kept."""
        check(ssid, Security.OPEN, password)
        async with self._changing:
            radio = await self._radio()
            point, key = await self._target(radio, ssid, password)
            check(ssid, key.security, password)
            before = await self._read.profiles_of(ssid)
            profile = wifi_profile(ssid, key, password, hidden=hidden)
            await self._activator.join(radio.path, ssid, profile, point, before)
            await self._activator.look_for_internet(radio.path, ssid)
            return await self.state()

    async def start_hotspot(self, hotspot: Hotspot) -> NetworkState:
        """See Network. One that is open already is taken down first."""
        if hotspot.password and not is_password(hotspot.password):
            raise NetworkError("The hotspot's password must have 8 to 63 characters.")
        if not 1 <= len(hotspot.name.encode()) <= 32:
            raise NetworkError("The hotspot's name must be 1 to 32 bytes long.")
        async with self._changing:
            radio = await self._radio()
            if not radio.ap:
                # While it is on there is no looking around any more.
                self._seen = await self._read.access_points(radio.path) or self._seen
            attempt = await self._activator.open(radio.path, hotspot_profile(hotspot))
            if not attempt.done or attempt.failed is not None:
                raise _no_hotspot(attempt, hotspot)
            return await self.state()

    async def stop_hotspot(self) -> None:
        """See Network. Without one, nothing happens."""
        async with self._changing:
            for device in await self._read.devices():
                active = await self._bus.get_all(NM, device.active, ACTIVE)
                if active.get("Id") == HOTSPOT_ID:
                    await self._deactivate(device)

    async def close(self) -> None:
        """See Network."""
        self._bus.close()

    async def _radio(self) -> DeviceFacts:
        """The Wi-Fi device, unblocked. Until a country is set it obeys the strictest rules."""
        radio = await self._read.radio()
        if radio.state >= DeviceState.DISCONNECTED:
            return radio
        await self._bus.set(NM, ROOT, NM, "WirelessEnabled", "b", True)
        ready = await self._watch.until(self._ready_radio, self._times.radio)
        if ready is None:
            raise NetworkError(
                "The Wi-Fi stays switched off. Look for a switch for it, or use a cable.",
                short="Wi-Fi is off",
            )
        return ready

    async def _ready_radio(self) -> DeviceFacts | None:
        radio = await self._read.radio()
        return radio if radio.state >= DeviceState.DISCONNECTED else None

    async def _look_around(self, device: str) -> None:
        before = await self._last_scan(device)
        try:
            await self._bus.call(NM, device, WIRELESS, "RequestScan", "a{sv}", {})
        except BusError as error:
            if error.denied or error.missing:
                raise
            log.debug("no scan now: %s", error)  # one has just been, its result stands
            return

        async def finished() -> bool | None:
            return True if await self._last_scan(device) != before else None

        await self._watch.until(finished, self._times.scan)

    async def _last_scan(self, device: str) -> int:
        return int((await self._bus.get_all(NM, device, WIRELESS)).get("LastScan", -1))

    async def _supplicant(self, interface: str) -> str | None:
        """The supplicant's object for our radio, which it makes a moment after rfkill's end."""
        try:
            answer = await self._bus.call(
                SUPPLICANT, SUPPLICANT_PATH, SUPPLICANT, "GetInterface", "s", interface
            )
        except BusError as error:
            if error.missing or error.denied:
                raise
            return None
        return str(answer[0])

    async def _target(
        self, radio: DeviceFacts, ssid: bytes, password: str
    ) -> tuple[str, KeyManagement]:
        """The access point to join, and how; a guess for one that is hidden or not seen."""
        fresh = [] if radio.ap else await self._read.access_points(radio.path)
        for source in (fresh, self._seen):
            matching = [s for s in source if s.ssid == ssid]
            if matching:
                fits = [s for s in matching if bool(password) == _wants_password(s)] or matching
                best = max(fits, key=lambda s: s.strength)
                return (best.path if source is fresh else NOTHING), best.key
        return NOTHING, KeyManagement(Security.PASSWORD if password else Security.OPEN)

    async def _deactivate(self, device: DeviceFacts) -> None:
        try:
            await self._bus.call(NM, ROOT, NM, "DeactivateConnection", "o", device.active)
        except BusError as error:
            if error.denied or error.missing:
                raise
            log.debug("the hotspot went by itself: %s", error)
        await self._watch.until(lambda: self._left(device), self._times.radio)

    async def _left(self, device: DeviceFacts) -> bool | None:
        properties = await self._bus.get_all(NM, device.path, DEVICE)
        return True if properties.get("ActiveConnection") != device.active else None


def _wants_password(seen: Seen) -> bool:
    return seen.key.security is Security.PASSWORD


def _no_hotspot(attempt: Attempt, hotspot: Hotspot) -> NetworkError:
    reason = attempt.failed
    if reason in (Reason.SHARED_START_FAILED, Reason.SHARED_FAILED, Reason.IP_CONFIG_UNAVAILABLE):
        return NetworkError(
            "The hotspot has no addresses to give: the package dnsmasq-base is missing, or "
            "another program holds its port. Use an Ethernet cable for the set-up.",
            short="No hotspot",
        )
    advice = (
        'Some boards cannot serve an encrypted one: write hotspot = "open" under [setup].'
        if hotspot.password
        else "Use an Ethernet cable for the set-up."
    )
    return NetworkError(f"The hotspot did not open (reason {reason}). {advice}", short="No hotspot")
