from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Settings, check
from appliance.host.network_api import AccessPoint, Security
from appliance.settings_panel import DisplayKind
from appliance.setup import fields
from appliance.setup.countries import COUNTRIES
from appliance.setup.fields import (
    CameraValues,
    CloudValues,
    NetworkValues,
    PrinterValues,
    Wrong,
)

HOME = AccessPoint(b"home", 80, Security.PASSWORD)
CAFE = AccessPoint(b"\xff\x00caf\xe9", 50, Security.OPEN)
WORK = AccessPoint(b"work", 40, Security.ENTERPRISE)
OLD = AccessPoint(b"1999", 30, Security.OLD)
SEEN = (HOME, CAFE, WORK, OLD)
PRINTER = {"port": "auto", "baud": "auto", "printer_make": "", "size_x": "220", "size_y": "220"}


def errors(result: object) -> dict[str, str]:
    assert isinstance(result, Wrong), result
    assert result.errors
    for sentence in result.errors.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    return result.errors


def join(ssid: str, password: str = "", country: str = "DE", **more: str) -> Any:
    return fields.network({"ssid": ssid, "password": password, "country": country} | more, SEEN)


# Wi-Fi


def test_a_wifi_that_was_seen() -> None:
    assert join(b"home".hex(), " pass word ") == NetworkValues("DE", b"home", " pass word ")
    assert join(b"home".hex().upper(), "12345678", " de ").country == "DE"


def test_a_name_may_be_any_bytes_and_an_open_wifi_needs_no_password() -> None:
    assert join(CAFE.ssid.hex(), "typed before") == NetworkValues("DE", CAFE.ssid, "")


def test_a_wifi_that_has_gone_from_the_list_is_taken() -> None:
    assert join(b"gone".hex(), "12345678").ssid == b"gone"


def test_a_hidden_wifi_is_typed_with_its_spaces() -> None:
    wanted = NetworkValues("DE", " café ".encode(), "12345678", True)
    assert join("other", "12345678", other=" café ") == wanted
    assert join("other", other="home") == NetworkValues("DE", b"home", "", True)


@pytest.mark.parametrize(
    ("ssid", "more", "field", "words"),
    [
        (WORK.ssid.hex(), {}, "ssid", "enterprise"),
        (OLD.ssid.hex(), {}, "ssid", "WEP"),
        ("", {}, "ssid", "Choose a Wi-Fi."),
        ("xyz", {}, "ssid", "look again"),
        ("abc", {}, "ssid", "look again"),
        ("00" * 33, {}, "ssid", "look again"),
        ("٣٣", {}, "ssid", "look again"),
        ("other", {}, "other", "Enter the name"),
        ("other", {"other": "é" * 17}, "other", "has 34"),
        ("other", {"other": "a\x00b"}, "other", "cannot be seen"),
        ("other", {"other": "\ud800"}, "other", "none"),
    ],
)
def test_a_wifi_that_cannot_be_joined(
    ssid: str, more: dict[str, str], field: str, words: str
) -> None:
    found = errors(join(ssid, "12345678", **more))
    assert list(found) == [field]
    assert words in found[field]


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "Enter the password"),
        ("1234567", "at least 8"),
        ("x" * 64, "at most 63"),
        ("é" * 32, "at most 63"),
        ("1234567\n", "cannot be seen"),
        ("1234567\x7f", "cannot be seen"),
        ("1234567\udc80", "none"),
    ],
)
def test_a_password_that_cannot_be_right(password: str, words: str) -> None:
    found = errors(join(b"home".hex(), password))
    assert list(found) == ["password"]
    assert words in found["password"]
    assert not password or password not in found["password"]


@pytest.mark.parametrize("password", ["12345678", "x" * 63, "aB" * 32, "\"'<>&\\;$(", "ümläut77"])
def test_a_password_is_taken_as_it_is(password: str) -> None:
    assert join(b"home".hex(), password).password == password


@pytest.mark.parametrize("country", ["", "  ", "XX", "Germany", "D", "DE\x00", "🇩🇪"])
def test_a_country_is_chosen_and_never_guessed(country: str) -> None:
    assert list(errors(join(b"home".hex(), "12345678", country))) == ["country"]


def test_countries_are_in_the_order_of_their_names() -> None:
    assert len(COUNTRIES) == 249
    assert (COUNTRIES["DE"], COUNTRIES["GB"]) == ("Germany", "United Kingdom")
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert set(errors(fields.network({}))) == {"country", "ssid"}
    assert set(errors(fields.cloud({}))) == {"email", "pin"}
    wrong = errors(fields.printer({}, [], []))
    assert set(wrong) == {"size_x", "size_y", "size_z"}


def test_no_secret_is_shown_by_a_repr() -> None:
    assert "12345678" not in repr(join(b"home".hex(), "12345678"))
    assert "4321" not in repr(CloudValues("a@b.c", "4321"))


# The other steps


def test_a_time_zone() -> None:
    assert fields.time({"time_zone": " Europe/Berlin "}) == "Europe/Berlin"
    assert fields.time({"time_zone": "UTC"}) == "UTC"
    for text in ("", "Mars/Base", "../../etc/passwd", "europe/berlin", "Europe", "\x00"):
        assert list(errors(fields.time({"time_zone": text}))) == ["time_zone"]
    assert fields.time({"time_zone": "A/B"}, ["A/B"]) == "A/B"
    assert set(fields.time_zones()) == zoneinfo.available_timezones() | {"UTC"}


def test_a_printer() -> None:
    taken = fields.printer(
        PRINTER
        | {"port": "/dev/ttyUSB0", "baud": "115200", "printer_make": "Voron", "size_z": " 250,5 "},
        ["/dev/ttyUSB0"],
        ["Voron"],
    )
    assert taken == PrinterValues("/dev/ttyUSB0", 115_200, "Voron", (220.0, 220.0, 250.5))
    least = fields.printer({"size_x": "10", "size_y": "2000", "size_z": "10.00"}, [], [])
    assert least == PrinterValues("auto", "auto", "", (10.0, 2000.0, 10.0))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("port", "/dev/sda"),
        ("port", ""),
        ("baud", "9600"),
        ("baud", "fast"),
        ("baud", "²"),
        ("printer_make", "voron"),
        ("size_z", ""),
        ("size_z", "9.99"),
        ("size_z", "2000.1"),
        ("size_z", "-20"),
        ("size_z", "1e3"),
        ("size_z", "inf"),
        ("size_z", "nan"),
        ("size_z", "٣٣"),
        ("size_z", "2 0"),
        ("size_z", "9" * 5000),
    ],
)
def test_a_printer_that_cannot_be(field: str, text: str) -> None:
    form = PRINTER | {"size_z": "250", field: text}
    assert list(errors(fields.printer(form, ["/dev/ttyUSB0"], ["Voron"]))) == [field]


def test_a_camera() -> None:
    assert fields.camera({"transform": "7"}) == CameraValues(7)
    assert fields.camera({"transform": "0", "focus": " 2,5 "}) == CameraValues(0, 2.5)
    for text in ("", "8", "-1", "01", "12", "x", "٣"):
        assert list(errors(fields.camera({"transform": text}))) == ["transform"]
    for text in ("-1", "33", "near"):
        assert list(errors(fields.camera({"transform": "1", "focus": text}))) == ["focus"]


def test_a_display() -> None:
    assert fields.panel({"display": "ssd1306"}) is DisplayKind.SSD1306
    for text in ("", "SSD1306", "paper"):
        assert list(errors(fields.panel({"display": text}))) == ["display"]


@pytest.mark.parametrize(
    "email",
    [
        "owner@example.com",
        "o'brien+3d@mail.example.co.uk",
        "jörg@münchen.example",
        "x@" + "a" * 249 + ".de",
    ],
)
def test_an_address_is_taken(email: str) -> None:
    assert fields.cloud({"email": f"  {email}\n", "pin": " 1234 "}) == CloudValues(email, "1234")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "   ",
        "owner",
        "@example.com",
        "owner@",
        "owner@localhost",
        "a@b@c.de",
        "own er@example.com",
        '"owner"@example.com',
        "owner@example..com",
        "owner@.com",
        "owner@example.com\x00",
        "owner\u202e@example.com",
        "owner@example.com\ud800",
        "x" * 65 + "@example.com",
        "x@" + "a" * 250 + ".de",
    ],
)
def test_an_address_that_is_none(email: str) -> None:
    assert list(errors(fields.cloud({"email": email, "pin": "1234"}))) == ["email"]


@pytest.mark.parametrize("pin", ["", "123", "1" * 17, "12 34", "12a4", "١٢٣٤", "-123", "１２３４"])
def test_a_pin_that_cannot_be_right(pin: str) -> None:
    found = errors(fields.cloud({"email": "a@b.de", "pin": pin}))
    assert list(found) == ["pin"]
    assert not pin or pin not in found["pin"]


def test_the_password_of_the_page() -> None:
    assert fields.page_password({"password": " with spaces "}) == " with spaces "
    assert fields.page_password({}) == ""
    for text in ("short", "x" * 129, "12345678\x00", "12345678\ud800"):
        assert list(errors(fields.page_password({"password": text}))) == ["password"]


# Anything


ANY = st.text(st.characters(), max_size=70) | st.sampled_from(
    ["", " ", "other", "auto", b"home".hex(), "0", "220", "DE", "12345678", "a@b.de", "UTC"]
)
FORM = st.dictionaries(
    st.sampled_from(
        [
            "country",
            "ssid",
            "other",
            "password",
            "time_zone",
            "port",
            "baud",
            "printer_make",
            "size_x",
            "size_y",
            "size_z",
            "transform",
            "focus",
            "display",
            "email",
            "pin",
        ]
    ),
    ANY,
)
READERS: list[Callable[[dict[str, str]], object]] = [
    lambda form: fields.network(form, SEEN),
    lambda form: fields.time(form, ["UTC", "Europe/Berlin"]),
    lambda form: fields.printer(form, ["/dev/ttyUSB0"], ["Voron"]),
    fields.camera,
    fields.panel,
    fields.cloud,
    fields.page_password,
]


@given(form=FORM)
def test_any_form_gives_values_or_sentences(form: dict[str, str]) -> None:
    for read in READERS:
        result = read(form)
        if isinstance(result, Wrong):
            errors(result)


@given(form=FORM)
def test_what_is_taken_is_a_setting_that_the_configuration_takes(form: dict[str, str]) -> None:
    printer, camera = fields.printer(form, ["/dev/ttyUSB0"], ["Voron"]), fields.camera(form)
    account, wifi = fields.cloud(form), fields.network(form, SEEN)
    layer: dict[str, Any] = {}
    if isinstance(printer, PrinterValues):
        layer["printer"] = {"port": printer.port, "baud": printer.baud}
        layer["moves"] = dict(zip(("size_x", "size_y", "size_z"), printer.size, strict=True))
    if isinstance(camera, CameraValues):
        layer["camera"] = {"transform": camera.transform}
    if isinstance(account, CloudValues):
        layer["cloud"] = {"email": account.email, "pin": account.pin}
    if isinstance(wifi, NetworkValues) and wifi.hidden:
        name = wifi.ssid.decode()
        layer["wifi"] = {"ssid": name, "password": wifi.password, "country": wifi.country}
    assert isinstance(check(layer, "form"), Settings)
