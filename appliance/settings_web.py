"""The settings of the local page, of the Wi-Fi to be joined, and of the setup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_SSID = 32  # bytes (IEEE 802.11, 9.4.2.2)
MIN_PASSPHRASE, MAX_PASSPHRASE = 8, 63  # bytes (IEEE 802.11, J.4)
MIN_PASSWORD, MAX_PASSWORD = 8, 128  # characters of the page's own

Seconds = Annotated[float, Meta(gt=0, le=86_400)]

_KEY = re.compile(r"[0-9A-Fa-f]{64}")


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page that a browser in the local network sees."""

    enabled: bool = True
    host: Annotated[str, Meta(min_length=1, max_length=255)] = "0.0.0.0"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 80  # 0 = any that is free
    max_upload: Annotated[int, Meta(gt=0)] = 500_000_000  # bytes of a G-code file
    api_key: Annotated[str, Meta(max_length=128)] = ""  # empty: made once, kept with the state
    password_hash: Annotated[str, Meta(max_length=512)] = ""  # empty: a code at the panel
    password: str = ""  # on the boot partition alone: its hash is kept, then it is wiped

    def __repr__(self) -> str:
        return f"WebSettings({self.host!r}, {self.port}, …)"


class WifiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Wi-Fi to be joined, on the boot partition; NetworkManager keeps it from then on."""

    ssid: str = ""
    password: str = ""
    country: str = ""  # two letters of ISO 3166: without it the radio stays off
    hidden: bool = False

    @property
    def name(self) -> bytes:
        """The SSID as it is sent."""
        return self.ssid.encode()

    def __repr__(self) -> str:
        return f"WifiSettings({self.ssid!r}, …)"


class SetupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wizard and our own Wi-Fi."""

    hotspot: Literal["wpa2", "open"] = "wpa2"  # some Zero 2 W boards cannot serve wpa2
    hotspot_after: Seconds = 600.0  # without any network
    simulated_network: bool = False  # for the demo and tests: nothing of this machine is touched


def web_problems(web: WebSettings, wifi: WifiSettings) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) for what types alone cannot say. Repeats no secret."""
    if web.api_key and not (web.api_key.isascii() and web.api_key.isalnum()):
        yield "web.api_key", "Expected letters and digits alone."
    if web.password and not MIN_PASSWORD <= len(web.password) <= MAX_PASSWORD:
        yield "web.password", f"Expected {MIN_PASSWORD} to {MAX_PASSWORD} characters, or nothing."
    if not web.password.isprintable():
        yield "web.password", "Expected characters that can be typed."
    if wifi.password and not wifi.ssid:
        yield "wifi.ssid", "Expected the name of the Wi-Fi that the password belongs to."
    if len(wifi.name) > MAX_SSID:
        yield "wifi.ssid", f"Expected a name of at most {MAX_SSID} bytes."
    if not is_wifi_password(wifi.password):
        yield "wifi.password", "Expected 8 to 63 characters, or nothing for an open Wi-Fi."
    if wifi.ssid and not wifi.country:
        yield "wifi.country", 'Expected two letters, such as "DE": the radio is off without them.'
    if wifi.country and not _is_country(wifi.country):
        yield "wifi.country", 'Expected two capital letters of a country, such as "DE" or "US".'


def is_wifi_password(text: str) -> bool:
    """Whether it can be that of a WPA2 or WPA3 Wi-Fi; an empty one belongs to an open Wi-Fi."""
    if not text or _KEY.fullmatch(text):
        return True
    try:
        length = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return MIN_PASSPHRASE <= length <= MAX_PASSPHRASE and text.isprintable()


def _is_country(code: str) -> bool:
    from appliance.setup.countries import COUNTRIES  # noqa: PLC0415 - most files name none

    return code in COUNTRIES
