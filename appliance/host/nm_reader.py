"""Reads NetworkManager over D-Bus: devices, profiles and Wi-Fis; changes nothing."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec

from appliance.host.bus import PROPERTIES, Bus, Signal
from appliance.host.network_api import AccessPoint, NetworkError, NetworkState
from appliance.host.nm_connection import KeyManagement, is_known, key_management, ssid_of
from appliance.host.nm_states import (
    MODE_AP,
    DeviceFacts,
    DeviceState,
    DeviceType,
    connectivity,
    network_state,
)

NM = "org.freedesktop.NetworkManager"
ROOT = "/org/freedesktop/NetworkManager"
DEVICE = f"{NM}.Device"
WIRELESS = f"{NM}.Device.Wireless"
ACTIVE = f"{NM}.Connection.Active"
SETTINGS = f"{NM}.Settings"
SETTINGS_PATH = f"{ROOT}/Settings"
PROFILE = f"{NM}.Settings.Connection"
NOTHING = "/"  # the path that stands for no object

# Neither the strength of each Wi-Fi nor the bit rate, which change all the time.
_WATCHED = {
    NM: {"Connectivity", "Devices", "WirelessEnabled", "WirelessHardwareEnabled", "State"},
    DEVICE: {"State", "ActiveConnection", "Ip4Config", "Ip6Config", "Ip4Connectivity"},
    WIRELESS: {"Mode", "ActiveAccessPoint", "LastScan"},
    SETTINGS: {"Connections"},
    f"{NM}.IP4Config": {"AddressData"},
    f"{NM}.IP6Config": {"AddressData"},
}
RULES = (
    *(
        f"sender='{NM}',interface='{PROPERTIES}',member='PropertiesChanged',arg0='{name}'"
        for name in _WATCHED
    ),
    f"sender='{NM}',interface='{DEVICE}',member='StateChanged'",
    f"sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{NM}'",
)


def matters(signal: Signal) -> bool:
    """Whether the network may be another one after this signal."""
    if signal.member == "PropertiesChanged" and signal.interface == PROPERTIES:
        changed = set(signal.body[1]) | set(signal.body[2])
        return bool(_WATCHED.get(signal.body[0], set()) & changed)
    if signal.member == "NameOwnerChanged":
        return bool(signal.body[0] == NM)
    return signal.interface == DEVICE


class Seen(msgspec.Struct, frozen=True):
    """One access point as NetworkManager has it."""

    path: str
    ssid: bytes
    strength: int  # percent
    key: KeyManagement


def strongest(seen: list[Seen]) -> tuple[AccessPoint, ...]:
    """One for each name, the strongest; those first that are strong. Nameless ones left out."""
    best: dict[bytes, Seen] = {}
    for one in sorted(seen, key=lambda s: s.strength):
        if one.ssid.strip(b"\0"):
            best[one.ssid] = one
    found = sorted(best.values(), key=lambda s: (-s.strength, s.ssid))
    return tuple(AccessPoint(s.ssid, s.strength, s.key.security) for s in found)


class NmReader:
    """What NetworkManager says; objects that vanish between two questions are left out."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def state(self, trial: str = NOTHING) -> NetworkState:
        """The network now; ``trial`` is a profile that is only being tried."""
        profiles = await self.profiles()
        devices = await self.devices(profiles)
        known = any(is_known(p) for path, p in profiles.items() if path != trial)
        return network_state(devices, known=known)

    async def devices(
        self, profiles: dict[str, dict[str, dict[str, Any]]] | None = None
    ) -> list[DeviceFacts]:
        """Every Ethernet and Wi-Fi device; the SSIDs come from ``profiles``."""
        manager = await self._bus.get_all(NM, ROOT, NM)
        if not manager:
            raise NetworkError("NetworkManager has just been stopped; try again in a moment.")
        found = []
        for path in manager.get("Devices", ()):
            device = await self._bus.get_all(NM, path, DEVICE)
            if device.get("DeviceType") in (DeviceType.ETHERNET, DeviceType.WIFI):
                found.append(await self._facts(path, device, manager, profiles or {}))
        return found

    async def radio(self) -> DeviceFacts:
        """The Wi-Fi device to use. Raises NetworkError where there is none."""
        radios = [d for d in await self.devices() if d.type == DeviceType.WIFI]
        usable = [d for d in radios if d.usable]
        if not radios:
            raise NetworkError(
                "No Wi-Fi hardware was found: connect an Ethernet cable, or a Wi-Fi adapter.",
                short="No Wi-Fi hardware",
            )
        if not usable:
            raise NetworkError(
                "The Wi-Fi hardware cannot be used: it is switched off, its firmware is "
                "missing, or NetworkManager was told to leave it alone. Use an Ethernet cable.",
                short="Wi-Fi unusable",
            )
        return usable[0]

    async def profiles(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Every profile by its path, without secrets."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        settings = await self._bus.get_all(NM, SETTINGS_PATH, SETTINGS)
        for path in settings.get("Connections", ()):
            try:
                answer = await self._bus.call(NM, path, PROFILE, "GetSettings")
            except NetworkError:  # deleted meanwhile, or another user's alone
                continue
            found[path] = answer[0]
        return found

    async def profiles_of(self, ssid: bytes) -> list[str]:
        """The paths of the profiles that join this Wi-Fi."""
        return [path for path, p in (await self.profiles()).items() if ssid_of(p) == ssid]

    async def access_points(self, device: str) -> list[Seen]:
        """What the radio knows to be around; not what it serves itself."""
        wireless = await self._bus.get_all(NM, device, WIRELESS)
        found = []
        for path in wireless.get("AccessPoints", ()):
            point = await self._bus.get_all(NM, path, f"{NM}.AccessPoint")
            if point and point.get("Mode") != MODE_AP:
                key = key_management(point["Flags"], point["WpaFlags"], point["RsnFlags"])
                found.append(Seen(path, bytes(point["Ssid"]), point["Strength"], key))
        return found

    async def _facts(
        self,
        path: str,
        device: dict[str, Any],
        manager: dict[str, Any],
        profiles: dict[str, dict[str, dict[str, Any]]],
    ) -> DeviceFacts:
        wifi = device["DeviceType"] == DeviceType.WIFI
        wireless = await self._bus.get_all(NM, path, WIRELESS) if wifi else {}
        active = device.get("ActiveConnection", NOTHING)
        profile = NOTHING
        if active != NOTHING and profiles:
            connection = await self._bus.get_all(NM, active, ACTIVE)
            profile = connection.get("Connection", NOTHING)
        return DeviceFacts(
            path=path,
            interface=device.get("Interface", ""),
            type=device["DeviceType"],
            state=device.get("State", 0),
            ap=wireless.get("Mode") == MODE_AP,
            ssid=ssid_of(profiles.get(profile, {})),
            active=active,
            ip=await self._address(device),
            connectivity=connectivity(device, checked=_checked(manager)),
            usable=_usable(device) and bool(manager.get("WirelessHardwareEnabled", True)),
        )

    async def _address(self, device: dict[str, Any]) -> str:
        """The first address that a browser in the network can use; IPv4 before IPv6."""
        for version in ("4", "6"):
            path = device.get(f"Ip{version}Config", NOTHING)
            if path == NOTHING or device.get("State") != DeviceState.ACTIVATED:
                continue
            config = await self._bus.get_all(NM, path, f"{NM}.IP{version}Config")
            for entry in config.get("AddressData", ()):
                if not ipaddress.ip_address(entry["address"]).is_link_local:
                    return str(entry["address"])
        return ""


def _usable(device: dict[str, Any]) -> bool:
    return device.get("State") != DeviceState.UNMANAGED and not device.get("FirmwareMissing", False)


def _checked(manager: dict[str, Any]) -> bool:
    """Whether NetworkManager looks for the internet; Debian's does not unless configured to."""
    names = ("ConnectivityCheckAvailable", "ConnectivityCheckEnabled")
    return all(manager.get(name, False) for name in names)
