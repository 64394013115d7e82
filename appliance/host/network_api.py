"""What the appliance needs of the machine's network and clock; the narrow drivers.

``network_manager.py`` is the real one (D-Bus), ``sim/network.py`` the simulated one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from appliance.errors import ApplianceError

HOTSPOT_ADDRESS = "10.42.0.1"  # of our own Wi-Fi: NetworkManager's for a shared connection


class NetworkError(ApplianceError):
    """The network could not be changed or looked at."""

    default_short = "Network problem"


class Security(StrEnum):
    """How a Wi-Fi is protected."""

    OPEN = "open"
    PASSWORD = "password"  # WPA2 or WPA3, personal
    ENTERPRISE = "enterprise"  # user names and certificates: refused with a clear text
    OLD = "old"  # WEP: refused likewise


class AccessPoint(msgspec.Struct, frozen=True):
    """A Wi-Fi that was seen; the strongest of those with the same name. SSIDs are any bytes."""

    ssid: bytes
    strength: int  # percent
    security: Security


class Link(StrEnum):
    """What the device is reached over."""

    NONE = "none"
    ETHERNET = "ethernet"
    WIFI = "wifi"
    HOTSPOT = "hotspot"  # our own


class NetworkState(msgspec.Struct, frozen=True, kw_only=True):
    """The network at one moment."""

    link: Link = Link.NONE
    ssid: bytes = b""  # of the Wi-Fi that is joined
    ip: str = ""  # where a browser finds the device
    internet: bool | None = None  # None: not known yet
    radio: bool = False  # there is Wi-Fi hardware that can be used
    known: bool = False  # a Wi-Fi was joined before, and is tried by itself
    busy: bool = False  # joining, or looking for an address


class JoinProblem(StrEnum):
    """Why a Wi-Fi could not be joined."""

    WRONG_PASSWORD = "wrong-password"
    NOT_FOUND = "not-found"
    NO_ADDRESS = "no-address"
    NO_INTERNET = "no-internet"
    CAPTIVE = "captive"  # it wants a browser to log in
    REFUSED = "refused"  # enterprise, WEP
    OTHER = "other"


class JoinFailed(NetworkError):
    """A Wi-Fi could not be joined; ``problem`` says why."""

    default_short = "Wi-Fi not joined"

    def __init__(self, problem: JoinProblem, long: str, *, short: str | None = None) -> None:
        super().__init__(long, short=short)
        self.problem = problem


class Hotspot(msgspec.Struct, frozen=True):
    """Our own Wi-Fi; an empty password is an open one."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"Hotspot({self.name!r}, …)"


class Network(Protocol):
    """The machine's network. Every method may raise NetworkError with a sentence."""

    async def state(self) -> NetworkState:
        """The network now."""

    def listen(self, changed: Callable[[], None]) -> None:
        """``changed`` is called in the event loop whenever the state may be another one."""

    async def scan(self) -> tuple[AccessPoint, ...]:
        """Look for Wi-Fis; the strongest first. Bounded to some 10 s."""

    async def set_country(self, code: str) -> None:
        """The two letters of ISO 3166 that the radio obeys; unblocks it (rfkill)."""

    async def join(self, ssid: bytes, password: str, *, hidden: bool = False) -> NetworkState:
        """Join, and keep it for later; ends our hotspot on the same radio.

        Returns once there is an address and internet was looked for (bounded to about 40 s).
        Raises JoinFailed; the Wi-Fi is kept only where it was joined, also without internet.
        """

    async def start_hotspot(self, hotspot: Hotspot) -> NetworkState:
        """Open our own Wi-Fi (HOTSPOT_ADDRESS, DHCP, DNS for every name)."""

    async def stop_hotspot(self) -> None:
        """Close it; known Wi-Fis are tried again."""

    async def close(self) -> None:
        """Let go of the bus."""


class Clock(Protocol):
    """The machine's time zone."""

    async def time_zone(self) -> str:
        """Such as ``Europe/Berlin``."""

    async def set_time_zone(self, name: str) -> None:
        """Raises NetworkError for a name that the machine does not know."""
