"""What a person types into the setup, checked: typed values, or a sentence for each field.

Nothing here raises for bad input, whatever it is; no sentence repeats a secret. ``Wrong``
holds the errors by the name of the field; nothing may be taken then.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import Literal, TypeVar

import msgspec

from appliance.host.network_api import AccessPoint, Security
from appliance.settings_panel import DisplayKind
from appliance.settings_web import (
    MAX_PASSPHRASE,
    MAX_PASSWORD,
    MAX_SSID,
    MIN_PASSPHRASE,
    MIN_PASSWORD,
    is_wifi_password,
)
from appliance.setup.api import Fields
from appliance.setup.countries import COUNTRIES

AUTO = "auto"
MIN_SIZE, MAX_SIZE = 10.0, 2000.0  # mm of the build volume
MAX_EMAIL, MAX_LOCAL_PART = 254, 64  # characters (RFC 5321, 4.5.3.1)
MIN_PIN, MAX_PIN = 4, 16  # digits

OTHER = "other"  # the choice of a Wi-Fi whose name is typed, in the field of that name
MAX_FOCUS = 32.0  # dioptres
BAUDS = (250_000, 115_200, 500_000, 1_000_000, 230_400, 57_600, 38_400, 19_200)

_DIGITS = re.compile(r"[0-9]+")
_DECIMAL = re.compile(r"[0-9]{1,5}(?:[.,][0-9]{0,6})?")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){1,32}")
_DOMAIN = re.compile(r"[^\s@.]+(?:\.[^\s@.]+)+")

_NEVER_IN_EMAIL = '"<>(),;:\\ '
_CONTROLS = "There is a character in it that cannot be seen. Type it by hand."
_REFUSED = {
    Security.ENTERPRISE: (
        "This Wi-Fi asks for a user name (enterprise), which does not work here. "
        "Choose another, or use a cable."
    ),
    Security.OLD: (
        "This Wi-Fi is protected with WEP, which is broken. Set the router to WPA2, "
        "choose another, or use a cable."
    ),
}

T = TypeVar("T")


class Wrong(msgspec.Struct, frozen=True):
    """A sentence for each field that is wrong; at least one."""

    errors: dict[str, str]


class NetworkValues(msgspec.Struct, frozen=True):
    """A Wi-Fi to be joined; an empty password belongs to an open one."""

    country: str
    ssid: bytes
    password: str
    hidden: bool = False

    def __repr__(self) -> str:
        return f"NetworkValues({self.country!r}, {self.ssid!r}, …)"


class PrinterValues(msgspec.Struct, frozen=True):
    """The printer; ``size`` is the build volume in mm."""

    port: str
    baud: Literal["auto"] | int
    make: str
    size: tuple[float, float, float]


class CameraValues(msgspec.Struct, frozen=True):
    """How pictures are turned (section 3.6), and where the lens stands (dioptres)."""

    transform: int
    focus: float | None = None  # None: not asked


class CloudValues(msgspec.Struct, frozen=True):
    """An account of the Polar Cloud."""

    email: str
    pin: str

    def __repr__(self) -> str:
        return f"CloudValues({self.email!r}, …)"


def network(fields: Fields, seen: Sequence[AccessPoint] = ()) -> NetworkValues | Wrong:
    """``country``; ``ssid`` (hex, or "other" with the name in ``other``); ``password``."""
    form = _Form(fields)
    country = form.take("country", country_code, "")
    hidden = fields.get("ssid") == OTHER
    ssid = form.take(OTHER, typed_ssid, b"") if hidden else form.take("ssid", seen_ssid, b"")
    point = None if hidden else next((one for one in seen if one.ssid == ssid), None)
    security = point.security if point else None
    if security in _REFUSED:
        form.complain("ssid", _REFUSED[security])
    password = "" if security is Security.OPEN else form.take("password", wifi_password, "")
    if security is Security.PASSWORD and not fields.get("password"):
        form.complain("password", "Enter the password of this Wi-Fi.")
    return form.done(NetworkValues(country, ssid, password, hidden))


def time(fields: Fields, zones: Collection[str] | None = None) -> str | Wrong:
    """``time_zone``: one of ``zones``, else of those that this machine knows."""
    form = _Form(fields)
    known = time_zones() if zones is None else zones
    return form.done(form.one_of("time_zone", known, "Choose a time zone from the list."))


def printer(
    fields: Fields,
    ports: Collection[str],
    makes: Collection[str],
    bauds: Collection[int] = BAUDS,
) -> PrinterValues | Wrong:
    """``port`` and ``baud`` ("auto", or one of the given), ``printer_make`` (or empty),
    ``size_x``, ``size_y``, ``size_z``; those that are missing are "auto" and empty.
    """
    form = _Form({"port": AUTO, "baud": AUTO} | dict(fields))
    port = form.one_of("port", (AUTO, *ports), "Choose a port from the list, or automatic.")
    speeds = (AUTO, *map(str, bauds))
    baud = form.one_of("baud", speeds, "Choose a speed from the list, or automatic.")
    make = form.one_of("printer_make", ("", *makes), "Choose a make from the list.")
    x, y, z = (form.take(f"size_{axis}", length, 0.0) for axis in "xyz")
    speed = int(baud) if _DIGITS.fullmatch(baud) else None
    return form.done(PrinterValues(port, speed or "auto", make, (x, y, z)))


def camera(fields: Fields) -> CameraValues | Wrong:
    """``transform``: 0 to 7; ``focus``: dioptres, or empty."""
    form = _Form(fields)
    transform = form.one_of("transform", tuple("01234567"), "Turn the picture with the buttons.")
    focus = form.take("focus", dioptres, None) if fields.get("focus", "").strip() else None
    return form.done(CameraValues(int(transform or "0"), focus))


def panel(fields: Fields) -> DisplayKind | Wrong:
    """``display``: what is connected."""
    form = _Form(fields)
    kinds = [kind.value for kind in DisplayKind]
    chosen = form.one_of("display", kinds, "Choose a display from the list.")
    return form.done(DisplayKind(chosen or DisplayKind.NONE))


def cloud(fields: Fields) -> CloudValues | Wrong:
    """``email`` and ``pin`` of the account (section 2.13)."""
    form = _Form(fields)
    return form.done(CloudValues(form.take("email", email, ""), form.take("pin", pin, "")))


def page_password(fields: Fields) -> str | Wrong:
    """``password`` of the local page where there is no panel; empty: keep what is."""
    form = _Form(fields)
    return form.done(form.take("password", own_password, ""))


# One text each. All raise ValueError with the sentence that the person reads.


def country_code(text: str) -> str:
    """Two letters of ISO 3166."""
    code = text.strip().upper()
    if not code:
        raise ValueError("Choose your country: Wi-Fi has different rules in each.")
    if code not in COUNTRIES:
        raise ValueError("Choose a country from the list.")
    return code


def seen_ssid(text: str) -> bytes:
    """The name of a Wi-Fi that was seen, as hexadecimal digits: it may be any bytes."""
    digits = text.strip()
    if not digits:
        raise ValueError("Choose a Wi-Fi.")
    if not _HEX.fullmatch(digits):
        raise ValueError("Choose a Wi-Fi from the list, or look again.")
    return bytes.fromhex(digits)


def typed_ssid(text: str) -> bytes:
    """The name of a hidden Wi-Fi: 1 to 32 bytes of UTF-8, spaces and all."""
    name = _utf8(text)
    if not name:
        raise ValueError("Enter the name of the Wi-Fi.")
    if len(name) > MAX_SSID:
        raise ValueError(
            f"The name of a Wi-Fi has at most {MAX_SSID} bytes; this one has {len(name)}."
        )
    if _has_controls(text):
        raise ValueError(_CONTROLS)
    return name


def wifi_password(text: str) -> str:
    """8 to 63 characters or 64 hexadecimal digits, spaces kept; empty for an open Wi-Fi."""
    if is_wifi_password(text):
        return text
    length = len(_utf8(text))
    if length < MIN_PASSPHRASE:
        raise ValueError(f"A Wi-Fi password has at least {MIN_PASSPHRASE} characters.")
    if length > MAX_PASSPHRASE:
        raise ValueError(f"A Wi-Fi password has at most {MAX_PASSPHRASE} characters.")
    raise ValueError(_CONTROLS)


def own_password(text: str) -> str:
    """Of the local page: 8 to 128 characters, or none."""
    if not text:
        return text
    if len(text) < MIN_PASSWORD:
        raise ValueError(f"Take at least {MIN_PASSWORD} characters.")
    if len(text) > MAX_PASSWORD:
        raise ValueError(f"Take at most {MAX_PASSWORD} characters.")
    _utf8(text)
    if _has_controls(text):
        raise ValueError(_CONTROLS)
    return text


def length(text: str) -> float:
    """A side of the build volume in mm, with a point or a comma."""
    number = text.strip()
    if not number:
        raise ValueError("Enter a length in millimetres.")
    value = _number(number)
    if value is None or not MIN_SIZE <= value <= MAX_SIZE:
        raise ValueError(f"Expected millimetres, from {MIN_SIZE:g} to {MAX_SIZE:g}.")
    return value


def dioptres(text: str) -> float:
    """Where a lens stands; 0 is far away."""
    value = _number(text.strip())
    if value is None or value > MAX_FOCUS:
        raise ValueError(f"Expected a number from 0 (far) to {MAX_FOCUS:g} (near).")
    return value


def email(text: str) -> str:
    """An address that can be one; the cloud knows whether it is."""
    address = text.strip()
    if not address:
        raise ValueError("Enter the e-mail address of your Polar Cloud account.")
    if len(address) > MAX_EMAIL:
        raise ValueError(f"An e-mail address has at most {MAX_EMAIL} characters.")
    _utf8(address)
    name, _, domain = address.rpartition("@")
    sane = name and len(name) <= MAX_LOCAL_PART and "@" not in name and _DOMAIN.fullmatch(domain)
    if not sane or not address.isprintable() or any(mark in address for mark in _NEVER_IN_EMAIL):
        raise ValueError("This is no e-mail address. It looks like name@example.com.")
    return address


def pin(text: str) -> str:
    """The PIN of the account (section 2.13)."""
    digits = text.strip()
    if not digits:
        raise ValueError("Enter the PIN of your Polar Cloud account.")
    if not _DIGITS.fullmatch(digits):
        raise ValueError("A PIN has digits alone.")
    if not MIN_PIN <= len(digits) <= MAX_PIN:
        raise ValueError(f"A PIN has {MIN_PIN} to {MAX_PIN} digits.")
    return digits


@functools.cache
def time_zones() -> tuple[str, ...]:
    """The names that this machine knows, in order. Looks at some 600 files the first time."""
    import zoneinfo  # noqa: PLC0415 - for a page alone

    return tuple(sorted(zoneinfo.available_timezones() | {"UTC"}))


class _Form:
    """Reads field by field, and gathers what is wrong."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._errors: dict[str, str] = {}

    def take(self, name: str, read: Callable[[str], T], instead: T) -> T:
        """The value of a field; ``instead`` where it is wrong."""
        try:
            return read(self._fields.get(name, ""))
        except ValueError as error:
            self.complain(name, str(error))
            return instead

    def one_of(self, name: str, choices: Collection[str], sentence: str) -> str:
        """One of ``choices``, without the spaces around it; empty where it is none."""
        text = self._fields.get(name, "").strip()
        if text in choices:
            return text
        self.complain(name, sentence)
        return ""

    def complain(self, name: str, sentence: str) -> None:
        """The first sentence about a field stands."""
        self._errors.setdefault(name, sentence)

    def done(self, values: T) -> T | Wrong:
        """The values, or what is wrong."""
        return Wrong(self._errors) if self._errors else values


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as a broken browser sends it
        raise ValueError("There is a character in it that is none.") from None


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else None
