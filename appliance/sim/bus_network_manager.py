"""NetworkManager and wpa_supplicant as they behave on D-Bus, over a simulated air; for tests.

One Ethernet device and one radio. Device states, reasons and the order of signals are those
of NetworkManager 1.42 to 1.50 with a wrong password, no address and so on.
"""

from __future__ import annotations

import asyncio
from typing import Any

from dbus_fast import DBusError, Variant

from appliance.host.joining import is_password
from appliance.host.network_api import HOTSPOT_ADDRESS, JoinProblem, Security
from appliance.host.nm_connection import ApSecurity
from appliance.host.nm_states import MODE_AP, Connectivity, DeviceState, DeviceType, Reason
from appliance.sim.bus_service import BusService, Steps
from appliance.sim.network import (
    CABLE_IP,
    WIFI_IP,
    Air,
    Behaviour,
    SimulatedWifi,
    problem_of,
)

NM = "org.freedesktop.NetworkManager"
ROOT = "/org/freedesktop/NetworkManager"
DEVICE = f"{NM}.Device"
WIRELESS = f"{NM}.Device.Wireless"
SETTINGS = f"{ROOT}/Settings"
ETHERNET_PATH, RADIO_PATH = f"{ROOT}/Devices/2", f"{ROOT}/Devices/3"
WIFI, SECURITY = "802-11-wireless", "802-11-wireless-security"
SUPPLICANT = "fi.w1.wpa_supplicant1"
SUPPLICANT_PATH = "/fi/w1/wpa_supplicant1"

_REASONS = {
    JoinProblem.NOT_FOUND: (DeviceState.CONFIG, Reason.SSID_NOT_FOUND),
    JoinProblem.WRONG_PASSWORD: (DeviceState.NEED_AUTH, Reason.NO_SECRETS),
    JoinProblem.NO_ADDRESS: (DeviceState.IP_CONFIG, Reason.IP_CONFIG_UNAVAILABLE),
    JoinProblem.OTHER: (DeviceState.CONFIG, Reason.SUPPLICANT_TIMEOUT),
}
_CONNECTIVITY = {
    Behaviour.NO_INTERNET: Connectivity.LIMITED,
    Behaviour.CAPTIVE: Connectivity.PORTAL,
}
_WAY_UP = (
    DeviceState.PREPARE,
    DeviceState.CONFIG,
    DeviceState.NEED_AUTH,
    DeviceState.IP_CONFIG,
    DeviceState.IP_CHECK,
    DeviceState.SECONDARIES,
    DeviceState.ACTIVATED,
)
_FLAGS = {
    Security.OPEN: (0, 0, 0),
    Security.OLD: (1, 0, 0),
    Security.PASSWORD: (1, 0, 0x88 | ApSecurity.PSK),
    Security.ENTERPRISE: (1, 0, 0x88 | ApSecurity.ENTERPRISE),
}


class StandInNetworkManager(BusService):
    """One NetworkManager; ``hold`` keeps every activation from going beyond a state."""

    name = NM

    def __init__(self, air: Air, *, blocked: bool = False) -> None:
        super().__init__()
        self.air = air
        self.profiles: dict[str, dict[str, dict[str, Any]]] = {}
        self.on_disk: set[str] = set()
        self.hold: DeviceState | None = None
        self.scanning = True  # a scan ends; else LastScan never changes
        self.checks: list[Connectivity] = []  # the next answers, before the true one
        self._steps = Steps()
        self._number = 0
        self._active: dict[str, str] = {}  # the radio's active connection -> its profile
        self._blocked = blocked
        self._build()
        self._serve()
        air.watch(self._follow_air)

    async def stop(self) -> None:
        """See BusService."""
        await self._steps.stop()
        await super().stop()

    def joined(self) -> bytes:
        """The SSID that the radio is in, or is our own."""
        profile = self.profiles.get(self._profile_of_radio(), {})
        return bytes(profile.get(WIFI, {}).get("ssid", b""))

    def saved(self) -> list[bytes]:
        """The Wi-Fis that a restart would not forget."""
        return [bytes(self.profiles[path][WIFI]["ssid"]) for path in sorted(self.on_disk)]

    def device_changes(self, state: DeviceState, reason: int = 0) -> None:
        """Put the radio into a state from outside."""
        self._move(state, reason)

    def _build(self) -> None:
        v = Variant
        devices = [ETHERNET_PATH] + ([RADIO_PATH] if self.air.radio else [])
        self.add(
            ROOT,
            NM,
            Devices=v("ao", devices),
            WirelessEnabled=v("b", not self._blocked),
            WirelessHardwareEnabled=v("b", True),
            Connectivity=v("u", Connectivity.NONE),
            ConnectivityCheckEnabled=v("b", True),
            ConnectivityCheckAvailable=v("b", True),
            State=v("u", 20),
        )
        self.add(SETTINGS, f"{NM}.Settings", Connections=v("ao", []))
        self._add_device(ETHERNET_PATH, DeviceType.ETHERNET, "eth0", DeviceState.UNAVAILABLE)
        if self.air.radio:
            state = DeviceState.UNAVAILABLE if self._blocked else DeviceState.DISCONNECTED
            self._add_device(RADIO_PATH, DeviceType.WIFI, "wlan0", state)
            self.add(
                RADIO_PATH,
                WIRELESS,
                Mode=v("u", 2),
                AccessPoints=v("ao", []),
                LastScan=v("x", -1),
                Bitrate=v("u", 0),
            )
        self._plug()

    def _add_device(self, path: str, kind: DeviceType, name: str, state: DeviceState) -> None:
        v = Variant
        self.add(
            path,
            DEVICE,
            DeviceType=v("u", kind),
            Interface=v("s", name),
            State=v("u", state),
            ActiveConnection=v("o", "/"),
            Ip4Config=v("o", "/"),
            Ip6Config=v("o", "/"),
            FirmwareMissing=v("b", False),
            Ip4Connectivity=v("u", Connectivity.UNKNOWN),
            Ip6Connectivity=v("u", Connectivity.UNKNOWN),
        )

    def _serve(self) -> None:
        profile = f"{NM}.Settings.Connection"
        add = ("a{sa{sv}}ooa{sv}", "ooa{sv}", self._add_and_activate)
        self.method(NM, "AddAndActivateConnection2", *add)
        self.method(NM, "DeactivateConnection", "o", "", self._deactivate)
        self.method(NM, "CheckConnectivity", "", "u", self._check)
        self.method(WIRELESS, "RequestScan", "a{sv}", "", self._request_scan)
        self.method(profile, "GetSettings", "", "a{sa{sv}}", self._get_settings)
        self.method(profile, "Update2", "a{sa{sv}}ua{sv}", "a{sv}", self._update)
        self.method(profile, "Delete", "", "", self._delete)
        self.settable[NM, "WirelessEnabled"] = self._enable

    # The calls

    def _add_and_activate(
        self,
        _path: str,
        settings: dict[str, dict[str, Any]],
        device: str,
        _point: str,
        options: dict[str, Any],
    ) -> tuple[Any, ...]:
        if device != RADIO_PATH or not self.air.radio:
            raise DBusError(f"{NM}.UnknownDevice", "Device not found")
        if options != {"persist": "volatile"}:
            raise DBusError(f"{NM}.InvalidArguments", "Unknown extra option passed")
        if "psk" in settings.get(SECURITY, {}) and not is_password(settings[SECURITY]["psk"]):
            raise DBusError(f"{NM}.InvalidArguments", f"{SECURITY}.psk: property is invalid")
        profile, active = self._new(settings)
        self._steps.run(self._activate(profile, active))
        return profile, active, {}

    def _new(self, settings: dict[str, dict[str, Any]]) -> tuple[str, str]:
        self._number += 1
        profile = f"{SETTINGS}/{self._number}"
        self.profiles[profile] = settings
        self.add(profile, f"{NM}.Settings.Connection")
        self._list_profiles()
        return profile, self._new_active(profile)

    def _new_active(self, profile: str) -> str:
        self._number += 1
        active = f"{ROOT}/ActiveConnection/{self._number}"
        name = self.profiles[profile]["connection"]["id"]
        connection = Variant("o", profile)
        self.add(active, f"{NM}.Connection.Active", Connection=connection, Id=Variant("s", name))
        return active

    def _deactivate(self, _path: str, active: str) -> tuple[Any, ...]:
        if active not in self._active:
            raise DBusError(f"{NM}.ConnectionNotActive", "The connection was not active.")
        self._steps.run(self._leave(Reason.USER_REQUESTED))
        return ()

    def _check(self, _path: str) -> tuple[Any, ...]:
        answer = self.checks.pop(0) if self.checks else self._true_connectivity()
        if self._active:
            self.change(RADIO_PATH, DEVICE, Ip4Connectivity=Variant("u", answer))
        best = Connectivity.FULL if self.air.cable else answer
        self.change(ROOT, NM, Connectivity=Variant("u", best))
        return (int(best),)

    def _request_scan(self, _path: str, _options: dict[str, Any]) -> tuple[Any, ...]:
        state = self.value(RADIO_PATH, DEVICE, "State")
        if state < DeviceState.DISCONNECTED:
            raise DBusError(f"{NM}.Device.NotAllowed", "Scanning not allowed while unavailable")
        if self.scanning and self.value(RADIO_PATH, WIRELESS, "Mode") != MODE_AP:
            self._steps.run(self._scan())
        return ()

    def _get_settings(self, path: str) -> tuple[Any, ...]:
        """Without secrets, as the real one."""
        shown = {
            name: {k: self._typed(k, v) for k, v in setting.items() if k != "psk"}
            for name, setting in self.profiles[path].items()
        }
        return (shown,)

    def _update(
        self, path: str, settings: dict[str, Any], flags: int, _more: dict[str, Any]
    ) -> tuple[Any, ...]:
        if flags != 0x1 or settings:
            raise DBusError(f"{NM}.Settings.InvalidArguments", "Unknown flags")
        self.on_disk.add(path)
        return ({},)

    def _delete(self, path: str) -> tuple[Any, ...]:
        active = path == self._profile_of_radio()
        self._forget(path)
        if active:
            self._steps.run(self._leave(38))  # CONNECTION_REMOVED
        return ()

    def _enable(self, path: str, value: bool) -> None:
        self.change(path, NM, WirelessEnabled=Variant("b", value))
        if value and self.value(RADIO_PATH, DEVICE, "State") < DeviceState.DISCONNECTED:
            self._steps.run(self._unblock())

    # What happens by itself

    async def _unblock(self) -> None:
        await asyncio.sleep(0)
        self._move(DeviceState.DISCONNECTED, 42)  # SUPPLICANT_AVAILABLE

    async def _scan(self) -> None:
        await asyncio.sleep(0)
        for path in self.value(RADIO_PATH, WIRELESS, "AccessPoints"):
            self.remove(path)
        paths = [self._add_point(wifi) for wifi in self.air.wifis.values()]
        self._number += 1
        points, scan = Variant("ao", paths), Variant("x", self._number)
        self.change(RADIO_PATH, WIRELESS, AccessPoints=points, LastScan=scan)

    def _add_point(self, wifi: SimulatedWifi) -> str:
        self._number += 1
        path = f"{ROOT}/AccessPoint/{self._number}"
        flags, wpa, rsn = _FLAGS[wifi.security]
        self.add(
            path,
            f"{NM}.AccessPoint",
            Ssid=Variant("ay", b"" if wifi.hidden else wifi.ssid),
            Strength=Variant("y", wifi.strength),
            Mode=Variant("u", 2),
            Flags=Variant("u", flags),
            WpaFlags=Variant("u", wpa),
            RsnFlags=Variant("u", int(rsn)),
        )
        return path

    async def _activate(self, profile: str, active: str) -> None:
        await asyncio.sleep(0)
        await self._put_down(Reason.NEW_ACTIVATION)
        self._active = {active: profile}
        settings = self.profiles[profile]
        own = settings[WIFI]["mode"] == "ap"
        ends, reason = (DeviceState.ACTIVATED, Reason.NONE) if own else self._end(settings)
        self.change(RADIO_PATH, DEVICE, ActiveConnection=Variant("o", active))
        for state in _WAY_UP:
            if state == DeviceState.ACTIVATED:
                self._get_address(own)
            self._move(state)
            await asyncio.sleep(0)
            if state == self.hold:
                return
            if state == ends:
                break
        if ends is not DeviceState.ACTIVATED:
            await self._fail(profile, reason)

    def _end(self, settings: dict[str, dict[str, Any]]) -> tuple[DeviceState, int]:
        """How far an activation comes, and why not further."""
        wifi = self.air.wifis.get(bytes(settings[WIFI]["ssid"]))
        psk = settings.get(SECURITY, {}).get("psk", "")
        problem = problem_of(wifi, psk, hidden=settings[WIFI]["hidden"])
        if problem is None:
            return DeviceState.ACTIVATED, Reason.NONE
        return _REASONS[problem]

    async def _fail(self, profile: str, reason: int) -> None:
        self._move(DeviceState.FAILED, reason)
        await asyncio.sleep(0)
        self._clear()
        if profile not in self.on_disk:
            self._forget(profile)
        self._move(DeviceState.DISCONNECTED)
        self._autoconnect()

    async def _leave(self, reason: int) -> None:
        await asyncio.sleep(0)
        await self._put_down(reason)
        self._autoconnect()

    async def _put_down(self, reason: int) -> None:
        if not self._active:
            return
        profile = self._profile_of_radio()
        self._move(DeviceState.DEACTIVATING, reason)
        await asyncio.sleep(0)
        self._clear()
        if profile not in self.on_disk:
            self._forget(profile)
        self._move(DeviceState.DISCONNECTED, reason)

    def _autoconnect(self) -> None:
        for path in sorted(self.on_disk, reverse=True):
            settings = self.profiles[path]
            if not self._active and self._end(settings)[0] == DeviceState.ACTIVATED:
                self._steps.run(self._activate(path, self._new_active(path)))
                return

    def _follow_air(self) -> None:
        self._plug()
        if self.air.radio and self._active and not self._still_there():
            self._steps.run(self._lose())
        elif self.air.radio and not self._active:
            self._autoconnect()

    async def _lose(self) -> None:
        await self._fail(self._profile_of_radio(), Reason.SSID_NOT_FOUND)

    def _still_there(self) -> bool:
        settings = self.profiles[self._profile_of_radio()]
        return settings[WIFI]["mode"] == "ap" or self._end(settings)[0] == DeviceState.ACTIVATED

    # Small things

    def _plug(self) -> None:
        if self.air.cable:
            self.add(f"{ROOT}/IP4Config/2", f"{NM}.IP4Config", **_address(CABLE_IP))
        state = DeviceState.ACTIVATED if self.air.cable else DeviceState.UNAVAILABLE
        self.change(
            ETHERNET_PATH,
            DEVICE,
            State=Variant("u", state),
            Ip4Config=Variant("o", f"{ROOT}/IP4Config/2" if self.air.cable else "/"),
            Ip4Connectivity=Variant("u", Connectivity.FULL if self.air.cable else 1),
        )

    def _get_address(self, own: bool) -> None:
        path = f"{ROOT}/IP4Config/3"
        self.add(path, f"{NM}.IP4Config", **_address(HOTSPOT_ADDRESS if own else WIFI_IP))
        self.change(RADIO_PATH, WIRELESS, Mode=Variant("u", MODE_AP if own else 2))
        if own:
            self._see_itself_alone()
        connectivity = Connectivity.NONE if own else self._true_connectivity()
        self.change(
            RADIO_PATH,
            DEVICE,
            Ip4Config=Variant("o", path),
            Ip4Connectivity=Variant("u", connectivity),
        )

    def _see_itself_alone(self) -> None:
        """What the radio saw before is forgotten while it serves."""
        for path in self.value(RADIO_PATH, WIRELESS, "AccessPoints"):
            self.remove(path)
        path = self._add_point(SimulatedWifi(ssid=self.joined(), security=Security.OPEN))
        self.change(path, f"{NM}.AccessPoint", Mode=Variant("u", MODE_AP))
        self.change(RADIO_PATH, WIRELESS, AccessPoints=Variant("ao", [path]))

    def _true_connectivity(self) -> Connectivity:
        wifi = self.air.wifis.get(self.joined())
        if wifi is None:
            return Connectivity.NONE
        return _CONNECTIVITY.get(wifi.behaviour, Connectivity.FULL)

    def _clear(self) -> None:
        for active in self._active:
            self.remove(active)
        self._active = {}
        self.change(RADIO_PATH, WIRELESS, Mode=Variant("u", 2))
        nothing = Variant("o", "/")
        self.change(RADIO_PATH, DEVICE, ActiveConnection=nothing, Ip4Config=nothing)

    def _move(self, state: DeviceState, reason: int = 0) -> None:
        old = self.value(RADIO_PATH, DEVICE, "State")
        self.emit(RADIO_PATH, DEVICE, "StateChanged", "uuu", int(state), old, int(reason))
        self.change(RADIO_PATH, DEVICE, State=Variant("u", state))

    def _forget(self, profile: str) -> None:
        self.on_disk.discard(profile)
        if self.profiles.pop(profile, None) is not None:
            self.remove(profile)
            self._list_profiles()

    def _list_profiles(self) -> None:
        self.change(SETTINGS, f"{NM}.Settings", Connections=Variant("ao", list(self.profiles)))

    def _profile_of_radio(self) -> str:
        return next(iter(self._active.values()), "")

    @staticmethod
    def _typed(key: str, value: Any) -> Variant:
        if key == "address-data":
            entries = [{k: _plain(v) for k, v in entry.items()} for entry in value]
            return Variant("aa{sv}", entries)
        return _plain(value)


def _plain(value: Any) -> Variant:
    if isinstance(value, bool):
        return Variant("b", value)
    if isinstance(value, int):
        return Variant("i", value)
    if isinstance(value, list):
        return Variant("as", value)
    return Variant("ay" if isinstance(value, bytes) else "s", value)


def _address(ip: str) -> dict[str, Variant]:
    entry = {"address": Variant("s", ip), "prefix": Variant("u", 24)}
    return {"AddressData": Variant("aa{sv}", [entry])}


class StandInSupplicant(BusService):
    """wpa_supplicant as far as the country goes; knows the radio when told to."""

    name = SUPPLICANT

    def __init__(self, *, knows_radio: bool = True) -> None:
        super().__init__()
        self.add(SUPPLICANT_PATH, SUPPLICANT)
        self.method(SUPPLICANT, "GetInterface", "s", "o", self._get)
        self.settable[f"{SUPPLICANT}.Interface", "Country"] = self._set_country
        if knows_radio:
            self.find_radio()

    @property
    def country(self) -> str:
        """What the radio obeys."""
        return str(
            self.value(f"{SUPPLICANT_PATH}/Interfaces/0", f"{SUPPLICANT}.Interface", "Country")
        )

    def find_radio(self) -> None:
        """NetworkManager hands the radio over, a moment after it was unblocked."""
        path = f"{SUPPLICANT_PATH}/Interfaces/0"
        self.add(path, f"{SUPPLICANT}.Interface", Country=Variant("s", "00"))
        self.emit(SUPPLICANT_PATH, SUPPLICANT, "InterfaceAdded", "oa{sv}", path, {})

    def _get(self, _path: str, name: str) -> tuple[Any, ...]:
        path = f"{SUPPLICANT_PATH}/Interfaces/0"
        if name != "wlan0" or path not in self.objects:
            raise DBusError(f"{SUPPLICANT}.InterfaceUnknown", "wpa_supplicant knows nothing")
        return (path,)

    def _set_country(self, path: str, value: str) -> None:
        self.change(path, f"{SUPPLICANT}.Interface", Country=Variant("s", value))
