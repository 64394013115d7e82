"""A network without hardware: scripted Wi-Fis, one radio, a cable; for set-up, demo and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec

from appliance.host.joining import check, failure, is_password
from appliance.host.network_api import (
    HOTSPOT_ADDRESS,
    AccessPoint,
    Hotspot,
    JoinProblem,
    Link,
    NetworkError,
    NetworkState,
    Security,
)

PASSWORD = "correct horse"
WIFI_IP = "192.168.1.50"
CABLE_IP = "192.168.1.40"

Sleep = Callable[[float], Awaitable[None]]


class Behaviour(StrEnum):
    """What comes after the password."""

    NORMAL = "normal"
    NO_ADDRESS = "no-address"
    NO_INTERNET = "no-internet"
    CAPTIVE = "captive"


class SimulatedWifi(msgspec.Struct, frozen=True, kw_only=True):
    """One Wi-Fi that is around."""

    ssid: bytes
    strength: int = 70  # percent
    security: Security = Security.PASSWORD
    password: str = PASSWORD
    behaviour: Behaviour = Behaviour.NORMAL
    hidden: bool = False


WIFIS = (
    SimulatedWifi(ssid=b"Workshop", strength=88),
    SimulatedWifi(ssid="Küche 🖨️".encode(), strength=74),
    SimulatedWifi(ssid=b"Guests (open)", strength=66, security=Security.OPEN),
    SimulatedWifi(ssid=b"No address", strength=61, behaviour=Behaviour.NO_ADDRESS),
    SimulatedWifi(ssid=b"No internet", strength=55, behaviour=Behaviour.NO_INTERNET),
    SimulatedWifi(ssid=b"Hotel", strength=48, security=Security.OPEN, behaviour=Behaviour.CAPTIVE),
    SimulatedWifi(ssid=b"Company", strength=41, security=Security.ENTERPRISE),
    SimulatedWifi(ssid=b"Old router", strength=33, security=Security.OLD),
    SimulatedWifi(ssid=b"\xff\xfe<b>\x01\"'&", strength=12),
    SimulatedWifi(ssid=b"Cellar", strength=20, hidden=True),
)
"""One of each kind; the password is "correct horse" everywhere."""


class Air:
    """What is around the device: Wi-Fis, and perhaps a cable. Several parts may watch it."""

    def __init__(
        self, wifis: tuple[SimulatedWifi, ...] = WIFIS, *, cable: bool = False, radio: bool = True
    ) -> None:
        self.wifis = {wifi.ssid: wifi for wifi in wifis}
        self.cable = cable
        self.radio = radio  # there is Wi-Fi hardware
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """``changed`` is called after each change."""
        self._watchers.append(changed)

    def plug(self, cable: bool) -> None:
        """The Ethernet cable, in or out."""
        self.cable = cable
        self._tell()

    def appear(self, wifi: SimulatedWifi) -> None:
        """A router is switched on, or set up otherwise."""
        self.wifis[wifi.ssid] = wifi
        self._tell()

    def vanish(self, ssid: bytes) -> None:
        """A router is switched off."""
        self.wifis.pop(ssid, None)
        self._tell()

    def visible(self) -> tuple[AccessPoint, ...]:
        """What a scan finds, the strongest first."""
        seen = [w for w in self.wifis.values() if not w.hidden]
        seen.sort(key=lambda w: (-w.strength, w.ssid))
        return tuple(AccessPoint(w.ssid, w.strength, w.security) for w in seen)

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()


def problem_of(wifi: SimulatedWifi | None, password: str, *, hidden: bool) -> JoinProblem | None:
    """What goes wrong on the way to an address, if anything; of a Wi-Fi that may be joined."""
    if wifi is None or (wifi.hidden and not hidden):
        return JoinProblem.NOT_FOUND
    if wifi.security in (Security.ENTERPRISE, Security.OLD):
        return JoinProblem.OTHER
    if wifi.security is Security.PASSWORD and password != wifi.password:
        return JoinProblem.WRONG_PASSWORD
    if wifi.behaviour is Behaviour.NO_ADDRESS:
        return JoinProblem.NO_ADDRESS
    return None


_AFTERWARDS = {
    Behaviour.NO_INTERNET: JoinProblem.NO_INTERNET,
    Behaviour.CAPTIVE: JoinProblem.CAPTIVE,
}


class SimulatedNetwork:
    """Implements Network (host/network_api.py) with one radio and one Ethernet socket.

    ``sleep`` is asked for the time that things take, in seconds; ``ip`` is where a browser
    finds the device whatever the link is, for a demonstration on one machine.
    """

    def __init__(
        self,
        air: Air | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
        scan_time: float = 2.0,
        join_time: float = 4.0,
        ip: str = "",
    ) -> None:
        self.air = air or Air()
        self.air.watch(self._follow_air)
        self.country = ""
        self.hotspot: Hotspot | None = None
        self._sleep = sleep
        self._scan_time = scan_time
        self._join_time = join_time
        self._ip = ip
        self._known: dict[bytes, tuple[str, bool]] = {}
        self._joined = b""
        self._busy = False
        self._seen: tuple[AccessPoint, ...] = ()
        self._listeners: list[Callable[[], None]] = []
        self._changing = asyncio.Lock()

    async def state(self) -> NetworkState:
        """See Network."""
        return self._state()

    def listen(self, changed: Callable[[], None]) -> None:
        """See Network."""
        self._listeners.append(changed)

    async def scan(self) -> tuple[AccessPoint, ...]:
        """See Network; while the hotspot is on, what was seen before it was opened."""
        self._need_radio()
        if self.hotspot is None:
            await self._sleep(self._scan_time)
            self._seen = self.air.visible()
        return self._seen

    async def set_country(self, code: str) -> None:
        """See Network."""
        if not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
            raise NetworkError(f"{code!r} is no country: two capital letters are, such as DE.")
        self._need_radio()
        self.country = code

    async def join(self, ssid: bytes, password: str, *, hidden: bool = False) -> NetworkState:
        """See Network."""
        check(ssid, Security.OPEN, password)
        async with self._changing:
            self._need_radio()
            seen = {point.ssid: point.security for point in (*self._seen, *self.air.visible())}
            usual = Security.PASSWORD if password else Security.OPEN
            check(ssid, seen.get(ssid, usual), password)
            await self._switch_over(ssid, password, hidden=hidden)
            return self._state()

    async def start_hotspot(self, hotspot: Hotspot) -> NetworkState:
        """See Network."""
        if hotspot.password and not is_password(hotspot.password):
            raise NetworkError("The hotspot's password must have 8 to 63 characters.")
        async with self._changing:
            self._need_radio()
            if self.hotspot is None:
                self._seen = self.air.visible()
            self.hotspot, self._joined = hotspot, b""
            self._tell()
            return self._state()

    async def stop_hotspot(self) -> None:
        """See Network."""
        async with self._changing:
            if self.hotspot is not None:
                self.hotspot = None
                self._join_known()
                self._tell()

    async def close(self) -> None:
        """See Network."""
        self._listeners.clear()

    def resume(self, ssid: bytes) -> None:
        """This Wi-Fi was joined before the agent was started anew, and still is."""
        if wifi := self.air.wifis.get(ssid):
            self._known[ssid] = (wifi.password, wifi.hidden)
            self._join_known()

    async def _switch_over(self, ssid: bytes, password: str, *, hidden: bool) -> None:
        self.hotspot, self._joined, self._busy = None, b"", True
        self._tell()
        try:
            await self._sleep(self._join_time)
            wifi = self.air.wifis.get(ssid)
            problem = problem_of(wifi, password, hidden=hidden)
            if wifi is None or problem is not None:
                self._join_known()
                raise failure(problem or JoinProblem.NOT_FOUND, ssid)
            self._known[ssid], self._joined = (password, hidden), ssid
        finally:
            self._busy = False
            self._tell()
        if wifi.behaviour in _AFTERWARDS:
            raise failure(_AFTERWARDS[wifi.behaviour], ssid)

    def _state(self) -> NetworkState:
        link = self._link()
        own = {Link.ETHERNET: CABLE_IP, Link.WIFI: WIFI_IP, Link.HOTSPOT: HOTSPOT_ADDRESS}.get(
            link, ""
        )
        wifi = self.air.wifis.get(self._joined)
        dead = wifi is not None and wifi.behaviour in _AFTERWARDS
        return NetworkState(
            link=link,
            ssid=self._joined if link is Link.WIFI else b"",
            ip=self._ip or own if link is not Link.NONE else "",
            internet=link is Link.ETHERNET or (link is Link.WIFI and not dead),
            radio=self.air.radio,
            known=bool(self._known),
            busy=self._busy,
        )

    def _link(self) -> Link:
        if self.air.cable:
            return Link.ETHERNET
        if self._joined:
            return Link.WIFI
        return Link.HOTSPOT if self.hotspot is not None else Link.NONE

    def _follow_air(self) -> None:
        if self._joined and not (self.air.radio and self._reachable(self._joined)):
            self._joined = b""
        if not self.air.radio:
            self.hotspot = None
        self._join_known()
        self._tell()

    def _join_known(self) -> None:
        """What NetworkManager does by itself whenever the radio has nothing to do."""
        if self.hotspot is None and not self._joined and self.air.radio:
            reachable = [ssid for ssid in reversed(self._known) if self._reachable(ssid)]
            self._joined = reachable[0] if reachable else b""

    def _reachable(self, ssid: bytes) -> bool:
        password, hidden = self._known[ssid]
        return problem_of(self.air.wifis.get(ssid), password, hidden=hidden) is None

    def _need_radio(self) -> None:
        if not self.air.radio:
            raise NetworkError(
                "No Wi-Fi hardware was found: connect an Ethernet cable, or a Wi-Fi adapter.",
                short="No Wi-Fi hardware",
            )

    def _tell(self) -> None:
        for changed in self._listeners:
            changed()


class SimulatedClock:
    """Implements Clock (host/network_api.py); knows the time zones of this machine."""

    def __init__(self, zone: str = "Etc/UTC") -> None:
        self._zone = zone

    async def time_zone(self) -> str:
        """See Clock."""
        return self._zone

    async def set_time_zone(self, name: str) -> None:
        """See Clock."""
        from zoneinfo import available_timezones  # noqa: PLC0415  # reads a folder of files

        if name not in available_timezones():
            raise NetworkError(
                f"This machine does not know the time zone {name[:64]!r}: choose one from the "
                "list.",
                short="Unknown time zone",
            )
        self._zone = name
