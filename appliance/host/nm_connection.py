"""NetworkManager's connection profiles as dictionaries; pure.

Settings of the "NetworkManager Reference Manual" (nm-settings-dbus). Values are pairs of a
D-Bus signature and a value, so that this file needs no D-Bus library.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Any

import msgspec

from appliance.host.network import readable
from appliance.host.network_api import HOTSPOT_ADDRESS, Hotspot, Security

Setting = dict[str, tuple[str, Any]]
Profile = dict[str, Setting]

HOTSPOT_ID = "Polar Appliance hotspot"
WIFI_TYPE = "802-11-wireless"
SECURITY = "802-11-wireless-security"
MODE_AP = "ap"


class ApFlags(IntFlag):
    """NM80211ApFlags."""

    PRIVACY = 0x1


class ApSecurity(IntFlag):
    """NM80211ApSecurityFlags; the key managements alone."""

    PSK = 0x100
    ENTERPRISE = 0x200  # 802.1X
    SAE = 0x400
    OWE = 0x800
    OWE_TRANSITION = 0x1000
    SUITE_B_192 = 0x2000


class KeyManagement(msgspec.Struct, frozen=True):
    """How one access point wants to be joined; ``name`` is NetworkManager's ``key-mgmt``."""

    security: Security
    name: str = ""


_OFFERS = (
    (ApSecurity.PSK, KeyManagement(Security.PASSWORD, "wpa-psk")),  # and SAE, where both can
    (ApSecurity.SAE, KeyManagement(Security.PASSWORD, "sae")),
    (ApSecurity.ENTERPRISE | ApSecurity.SUITE_B_192, KeyManagement(Security.ENTERPRISE)),
    (ApSecurity.OWE, KeyManagement(Security.OPEN, "owe")),
)


def key_management(flags: int, wpa: int, rsn: int) -> KeyManagement:
    """What an access point's Flags, WpaFlags and RsnFlags mean.

    Where it offers a password beside enterprise, the password is taken. Unknown key
    managements are refused like enterprise: they are no open Wi-Fi.
    """
    # The open half of a transition pair is an open Wi-Fi. As a number: an inverted IntFlag
    # forgets the bits that it has no names for, and would make open what nobody knows.
    offers = (wpa | rsn) & ~int(ApSecurity.OWE_TRANSITION)
    for offer, meaning in _OFFERS:
        if offers & offer:
            return meaning
    if offers:
        return KeyManagement(Security.ENTERPRISE)
    return KeyManagement(Security.OLD if flags & ApFlags.PRIVACY else Security.OPEN)


def wifi_profile(ssid: bytes, key: KeyManagement, password: str, *, hidden: bool) -> Profile:
    """A Wi-Fi to be joined. ``key`` is one that is not refused."""
    profile: Profile = {
        "connection": {
            "id": ("s", readable(ssid) or "Wi-Fi"),
            "type": ("s", WIFI_TYPE),
            "autoconnect": ("b", True),
            # For ever: a router that is off over the weekend is joined again on Monday.
            "autoconnect-retries": ("i", 0),
        },
        WIFI_TYPE: {"ssid": ("ay", ssid), "mode": ("s", "infrastructure"), "hidden": ("b", hidden)},
        "ipv4": {"method": ("s", "auto")},
        "ipv6": {"method": ("s", "auto")},
    }
    if key.security is Security.PASSWORD:
        profile[SECURITY] = {"key-mgmt": ("s", key.name or "wpa-psk"), "psk": ("s", password)}
    elif key.name:
        profile[SECURITY] = {"key-mgmt": ("s", key.name)}
    return profile


def hotspot_profile(hotspot: Hotspot) -> Profile:
    """Our own Wi-Fi: address, DHCP and DNS come from ``ipv4.method=shared``."""
    address = {"address": ("s", HOTSPOT_ADDRESS), "prefix": ("u", 24)}
    profile: Profile = {
        "connection": {
            "id": ("s", HOTSPOT_ID),
            "type": ("s", WIFI_TYPE),
            "autoconnect": ("b", False),
        },
        WIFI_TYPE: {
            "ssid": ("ay", hotspot.name.encode()),
            "mode": ("s", MODE_AP),
            "band": ("s", "bg"),  # every phone and every Pi has it, in every country
        },
        "ipv4": {"method": ("s", "shared"), "address-data": ("aa{sv}", [address])},
        "ipv6": {"method": ("s", "disabled")},
    }
    if hotspot.password:
        profile[SECURITY] = {
            "key-mgmt": ("s", "wpa-psk"),
            "psk": ("s", hotspot.password),
            "proto": ("as", ["rsn"]),
            "pairwise": ("as", ["ccmp"]),
            "group": ("as", ["ccmp"]),
            # Off: with it the Pi's own radio lets some phones in only at the second attempt.
            "pmf": ("i", 1),
        }
    return profile


def ssid_of(settings: dict[str, dict[str, Any]]) -> bytes:
    """The SSID of a profile as the bus gives it; empty when it is no Wi-Fi to be joined."""
    wifi = settings.get(WIFI_TYPE, {})
    return b"" if wifi.get("mode") == MODE_AP else bytes(wifi.get("ssid", b""))


def is_known(settings: dict[str, dict[str, Any]]) -> bool:
    """Whether a profile is a Wi-Fi that NetworkManager joins by itself."""
    return bool(ssid_of(settings)) and settings.get("connection", {}).get("autoconnect", True)
