"""What NetworkManager's device states, reasons and connectivity mean for us; pure.

The numbers are those of its ``nm-dbus-interface.h``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgspec

from appliance.host.network_api import JoinProblem, Link, NetworkState


class DeviceType(IntEnum):
    """NMDeviceType, those that we look at."""

    ETHERNET = 1
    WIFI = 2


class DeviceState(IntEnum):
    """NMDeviceState."""

    UNKNOWN = 0
    UNMANAGED = 10
    UNAVAILABLE = 20
    DISCONNECTED = 30
    PREPARE = 40
    CONFIG = 50
    NEED_AUTH = 60
    IP_CONFIG = 70
    IP_CHECK = 80
    SECONDARIES = 90
    ACTIVATED = 100
    DEACTIVATING = 110
    FAILED = 120


class Reason(IntEnum):
    """NMDeviceStateReason, those that say something to a person."""

    NONE = 0
    CONFIG_FAILED = 4
    IP_CONFIG_UNAVAILABLE = 5
    IP_CONFIG_EXPIRED = 6
    NO_SECRETS = 7
    SUPPLICANT_DISCONNECT = 8
    SUPPLICANT_CONFIG_FAILED = 9
    SUPPLICANT_FAILED = 10
    SUPPLICANT_TIMEOUT = 11
    DHCP_START_FAILED = 15
    DHCP_ERROR = 16
    DHCP_FAILED = 17
    SHARED_START_FAILED = 18
    SHARED_FAILED = 19
    USER_REQUESTED = 39
    SSID_NOT_FOUND = 53
    NEW_ACTIVATION = 60


class Connectivity(IntEnum):
    """NMConnectivityState."""

    UNKNOWN = 0
    NONE = 1
    PORTAL = 2
    LIMITED = 3
    FULL = 4


MODE_AP = 3  # NM80211Mode

_NO_ADDRESS = frozenset(
    {
        Reason.IP_CONFIG_UNAVAILABLE,
        Reason.IP_CONFIG_EXPIRED,
        Reason.DHCP_START_FAILED,
        Reason.DHCP_ERROR,
        Reason.DHCP_FAILED,
    }
)
_BUSY = range(DeviceState.PREPARE, DeviceState.ACTIVATED)


def join_problem(reason: int, reached: int) -> JoinProblem:
    """Why a Wi-Fi was not joined, from the reason and the last state before it failed.

    ``reached`` matters where the reason says nothing: behind the handshake only the address
    can have failed.
    """
    if reason == Reason.NO_SECRETS:
        return JoinProblem.WRONG_PASSWORD
    if reason == Reason.SSID_NOT_FOUND:
        return JoinProblem.NOT_FOUND
    if reason in _NO_ADDRESS:
        return JoinProblem.NO_ADDRESS
    if reason == Reason.NONE and reached == DeviceState.IP_CONFIG:
        return JoinProblem.NO_ADDRESS
    return JoinProblem.OTHER


class Attempt:
    """One activation, followed through the device's StateChanged signals.

    ``done`` is True once it succeeded or failed; ``failed`` is then the reason, or None.
    """

    def __init__(self) -> None:
        self.reached = int(DeviceState.DISCONNECTED)
        self.failed: int | None = None
        self.done = False

    def feed(self, new: int, reason: int) -> bool:
        """A StateChanged; returns ``done``.

        What the device was in before (our hotspot, another Wi-Fi) is put down first, and its
        way down is no failure of ours.
        """
        if self.done:
            return True
        if new == DeviceState.ACTIVATED:
            self.done = True
        elif new in _BUSY:
            self.reached = new
        elif new == DeviceState.FAILED or self._fell(new):
            self.done, self.failed = True, reason
        return self.done

    def _fell(self, new: int) -> bool:
        """Down without a failure: switched off, the radio taken away, or by another's wish."""
        begun = self.reached != DeviceState.DISCONNECTED
        return new in (DeviceState.UNKNOWN, DeviceState.UNMANAGED, DeviceState.UNAVAILABLE) or (
            begun and new in (DeviceState.DISCONNECTED, DeviceState.DEACTIVATING)
        )


class DeviceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What matters of one Ethernet or Wi-Fi device."""

    path: str = "/"
    interface: str = ""
    type: int = 0
    state: int = 0
    ap: bool = False  # serves a Wi-Fi itself
    ssid: bytes = b""  # of the profile that is active
    active: str = "/"  # the active connection
    ip: str = ""
    connectivity: Connectivity = Connectivity.UNKNOWN
    usable: bool = True  # managed, its firmware found, no hardware switch off

    @property
    def link(self) -> Link:
        """What it is to us now."""
        if self.state != DeviceState.ACTIVATED:
            return Link.NONE
        if self.type == DeviceType.ETHERNET:
            return Link.ETHERNET
        return Link.HOTSPOT if self.ap else Link.WIFI


_OUTWARD = (Link.ETHERNET, Link.WIFI)
_ORDER = (Link.ETHERNET, Link.WIFI, Link.HOTSPOT)


def network_state(devices: Sequence[DeviceFacts], *, known: bool) -> NetworkState:
    """The state of all devices: a cable before Wi-Fi, and both before our own hotspot."""
    radios = [d for d in devices if d.type == DeviceType.WIFI]
    linked = sorted((d for d in devices if d.link in _ORDER), key=lambda d: _ORDER.index(d.link))
    best = linked[0] if linked else DeviceFacts()
    return NetworkState(
        link=best.link,
        ssid=best.ssid if best.link is Link.WIFI else b"",
        ip=best.ip,
        internet=internet(best.connectivity) if best.link in _OUTWARD else False,
        radio=any(d.usable for d in radios),
        known=known,
        busy=any(d.state in _BUSY for d in devices),
    )


def connectivity(properties: dict[str, Any], *, checked: bool) -> Connectivity:
    """A device's own, the better of IPv4 and IPv6; unknown where nobody checks.

    Without its check NetworkManager calls every default route the full internet.
    """
    if not checked:
        return Connectivity.UNKNOWN
    values = {properties.get("Ip4Connectivity", 0), properties.get("Ip6Connectivity", 0)}
    for value in (Connectivity.FULL, Connectivity.PORTAL, Connectivity.LIMITED, Connectivity.NONE):
        if value in values:
            return value
    return Connectivity.UNKNOWN


def internet(value: Connectivity) -> bool | None:
    """As the contract has it."""
    return None if value is Connectivity.UNKNOWN else value is Connectivity.FULL
