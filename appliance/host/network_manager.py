"""The machine's network through NetworkManager (org.freedesktop.NetworkManager, 1.22 and later).

A Wi-Fi is tried with a profile that NetworkManager forgets by itself (``persist`` =
``volatile``), and written to the disk once it was joined: a wrong password leaves nothing
behind, not even when the power goes while it is tried.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from appliance.host.bus import Bus, BusError, Signal
from appliance.host.joining import check, failure, is_password
from appliance.host.network import readable
from appliance.host.network_api import (
    AccessPoint,
    Hotspot,
    JoinFailed,
    JoinProblem,
    NetworkError,
    NetworkState,
    Security,
)
from appliance.host.nm_connection import (
    HOTSPOT_ID,
    KeyManagement,
    Profile,
    hotspot_profile,
    wifi_profile,
)
from appliance.host.nm_reader import (
    ACTIVE,
    DEVICE,
    NM,
    NOTHING,
    PROFILE,
    ROOT,
    RULES,
    WIRELESS,
    NmReader,
    Seen,
    matters,
    strongest,
)
from appliance.host.nm_states import (
    Attempt,
    Connectivity,
    DeviceFacts,
    DeviceState,
    Reason,
    join_problem,
)

log = logging.getLogger(__name__)

SUPPLICANT = "fi.w1.wpa_supplicant1"
SUPPLICANT_PATH = "/fi/w1/wpa_supplicant1"
SUPPLICANT_RULE = f"sender='{SUPPLICANT}',interface='{SUPPLICANT}',member='InterfaceAdded'"
TO_DISK = 0x1  # NMSettingsUpdate2Flags
COUNTRY = re.compile(r"[A-Z]{2}")

_LOOKED = (Connectivity.FULL, Connectivity.UNKNOWN, Connectivity.PORTAL)

T = TypeVar("T")


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The longest that is waited, in seconds."""

    scan: float = 10.0
    radio: float = 8.0  # from rfkill's end until the supplicant has the radio
    activation: float = 30.0  # NetworkManager itself gives a handshake 25
    internet: float = 9.0
    ask_again: float = 2.0  # between two checks of the internet


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
        self._listeners: list[Callable[[], None]] = []
        self._waiting: set[asyncio.Event] = set()
        self._watchers: set[Callable[[str, int, int], None]] = set()
        self._seen: list[Seen] = []
        self._trial = NOTHING
        bus.listen((*RULES, SUPPLICANT_RULE), self._hear)

    async def state(self) -> NetworkState:
        """See Network."""
        return await self._read.state(self._trial)

    def listen(self, changed: Callable[[], None]) -> None:
        """See Network; begins with the first call of another method."""
        self._listeners.append(changed)

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
        path = await self._until(lambda: self._supplicant(radio.interface), self._times.radio)
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
            await self._try(radio, ssid, profile, point, before)
            await self._look_for_internet(radio.path, ssid)
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
            try:
                attempt = await self._activate(radio, hotspot_profile(hotspot), NOTHING)
            finally:
                self._trial = NOTHING  # a failed one is forgotten by NetworkManager itself
            if not attempt.done or attempt.failed is not None:
                raise _no_hotspot(attempt, hotspot)
            return await self.state()

    async def stop_hotspot(self) -> None:
        """See Network. Without one, nothing happens."""
        async with self._changing:
            for device in await self._read.devices():
                active = await self._bus.get_all(NM, device.active, ACTIVE)
                if active.get("Id") == HOTSPOT_ID:
                    await self._forgiving(NM, ROOT, NM, "DeactivateConnection", "o", device.active)
                    await self._until(lambda d=device: self._left(d), self._times.radio)  # type: ignore[misc]

    async def close(self) -> None:
        """See Network."""
        self._bus.close()

    async def _radio(self) -> DeviceFacts:
        """The Wi-Fi device, unblocked. Until a country is set it obeys the strictest rules."""
        radio = await self._read.radio()
        if radio.state >= DeviceState.DISCONNECTED:
            return radio
        await self._bus.set(NM, ROOT, NM, "WirelessEnabled", "b", True)
        ready = await self._until(self._ready_radio, self._times.radio)
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

        await self._until(finished, self._times.scan)

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

    async def _try(
        self, radio: DeviceFacts, ssid: bytes, profile: Profile, point: str, before: list[str]
    ) -> None:
        """Activate the profile; keep it, or leave no trace of it."""
        joined = False
        try:
            attempt = await self._activate(radio, profile, point)
            if not attempt.done:
                raise _too_slow(attempt, ssid)
            if attempt.failed is not None:
                raise failure(join_problem(attempt.failed, attempt.reached), ssid)
            # The secrets are kept where none are given.
            keep: tuple[Any, ...] = ({}, TO_DISK, {})
            await self._bus.call(NM, self._trial, PROFILE, "Update2", "a{sa{sv}}ua{sv}", *keep)
            joined = True
        finally:
            unwanted = before if joined else [self._trial]
            self._trial = NOTHING
            for path in unwanted:
                await self._forgiving(NM, path, PROFILE, "Delete")

    async def _activate(self, radio: DeviceFacts, profile: Profile, point: str) -> Attempt:
        """Start a profile, and follow it until it is up, failed, or the time is over.

        Its path stands in ``_trial`` then.
        """
        attempt, over = Attempt(), asyncio.Event()

        def watch(path: str, new: int, reason: int) -> None:
            if path == radio.path and attempt.feed(new, reason):
                over.set()

        self._watchers.add(watch)
        try:
            self._trial = (await self._add_and_activate(radio.path, profile, point))[0]
            async with asyncio.timeout(self._times.activation):
                await over.wait()
        except TimeoutError:
            log.info("the Wi-Fi did not come up in time; it got as far as %d", attempt.reached)
        finally:
            self._watchers.discard(watch)
        return attempt

    async def _add_and_activate(self, device: str, profile: Profile, point: str) -> list[Any]:
        from dbus_fast import Variant  # noqa: PLC0415  # see bus.py

        def variant(signature: str, value: Any) -> Variant:
            if signature == "aa{sv}":
                value = [{k: variant(*v) for k, v in entry.items()} for entry in value]
            return Variant(signature, value)

        settings = {
            name: {key: variant(*value) for key, value in setting.items()}
            for name, setting in profile.items()
        }
        return await self._bus.call(
            NM,
            ROOT,
            NM,
            "AddAndActivateConnection2",
            "a{sa{sv}}ooa{sv}",
            settings,
            device,
            point,
            {"persist": Variant("s", "volatile")},
        )

    async def _look_for_internet(self, device: str, ssid: bytes) -> None:
        """Raises JoinFailed where the Wi-Fi leads nowhere; the first answers may come too soon."""
        try:
            async with asyncio.timeout(self._times.internet), self._news() as news:
                while (found := await self._check_internet(device)) not in _LOOKED:
                    await self._rest(news)
        except TimeoutError:
            raise failure(JoinProblem.NO_INTERNET, ssid) from None
        if found is Connectivity.PORTAL:
            raise failure(JoinProblem.CAPTIVE, ssid)

    async def _check_internet(self, device: str) -> Connectivity:
        """The Wi-Fi's own: beside a cable NetworkManager's answer speaks of the cable."""
        await self._bus.call(NM, ROOT, NM, "CheckConnectivity")
        facts = [d for d in await self._read.devices() if d.path == device]
        return facts[0].connectivity if facts else Connectivity.NONE

    async def _rest(self, news: asyncio.Event) -> None:
        """Until there is news, or it is time to ask again: a failed check tells nobody."""
        news.clear()
        try:
            async with asyncio.timeout(self._times.ask_again):
                await news.wait()
        except TimeoutError:
            log.debug("no internet yet; looking again")

    async def _left(self, device: DeviceFacts) -> bool | None:
        properties = await self._bus.get_all(NM, device.path, DEVICE)
        return True if properties.get("ActiveConnection") != device.active else None

    async def _forgiving(
        self, service: str, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> None:
        """Call what tidies up: what it is about may be gone already."""
        if path == NOTHING:
            return
        try:
            await self._bus.call(service, path, interface, member, signature, *body)
        except NetworkError as error:
            log.debug("%s: %s", member, error)

    async def _until(self, check: Callable[[], Awaitable[T | None]], limit: float) -> T | None:
        """Ask now and after every signal until there is an answer; None after ``limit`` s."""
        async with self._news() as news:
            try:
                async with asyncio.timeout(limit):
                    while True:
                        news.clear()
                        if (answer := await check()) is not None:
                            return answer
                        await news.wait()
            except TimeoutError:
                return None

    @asynccontextmanager
    async def _news(self) -> AsyncIterator[asyncio.Event]:
        """An event that every signal sets."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def _hear(self, signal: Signal) -> None:
        if signal.interface == SUPPLICANT:
            self._wake()
            return
        if signal.interface == DEVICE and signal.member == "StateChanged":
            for watch in tuple(self._watchers):
                watch(signal.path, signal.body[0], signal.body[2])
        if matters(signal):
            self._wake()
            for changed in self._listeners:
                changed()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()


def _wants_password(seen: Seen) -> bool:
    return seen.key.security is Security.PASSWORD


def _too_slow(attempt: Attempt, ssid: bytes) -> JoinFailed:
    if attempt.reached >= DeviceState.IP_CONFIG:
        return failure(JoinProblem.NO_ADDRESS, ssid)
    name = readable(ssid) or "The Wi-Fi"
    return failure(JoinProblem.OTHER, ssid, f"“{name}” did not answer in time. Go nearer to it.")


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
