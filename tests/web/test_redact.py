"""No secret passes, whatever line it stands in."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.polar.keys import PrinterKey
from appliance.web.redact import GONE, redact

WORDS = st.text(string.ascii_letters + string.digits + "-_.", min_size=6, max_size=40)
# Beginning and end may be anything but what could be read as more of the same word.
ANY = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(
    [
        "pin",
        "PIN",
        "password",
        "psk",
        "web.password_hash",
        "wifi.password",
        "802-11-wireless-security.psk",
        "apikey",
        "X-Api-Key",
        "api_key",
        "web.api_key",
        "token",
        "signature",
        "Policy",
        "X-Amz-Signature",
        "x-amz-security-token",
        "AWSAccessKeyId",
        "x-amz-credential",
        "private_key",
        "feed_key",
        "key",
        "session",
        "csrf",
        "X-CSRF",
    ]
)
WAYS = st.sampled_from(
    [
        "{name}={value}",
        "{name} = {value}",
        "{name}: {value}",
        '"{name}": "{value}"',
        "'{name}': '{value}'",
        "b'{name}': b'{value}'",
        '\\"{name}\\": \\"{value}\\"',
        "Fields({name}='{value}', other=1)",
        "GET /x?{name}={value}&b=1 HTTP/1.1",
        "https://bucket.example.com/a/b?{name}={value}&c=2",
        '{{"a": 1, "{name}":"{value}"}}',
        "{name} => '{value}'",
    ]
)


@given(NAMES, WAYS, WORDS)
def test_the_value_of_a_secret_name_is_gone(name: str, way: str, value: str) -> None:
    assume(value not in name and value not in way and value not in GONE)
    line = f"2026-11-22T13:00:00+0000 host polar-agent[12]: sent {way}"
    line = line.format(name=name, value=value)
    assert value not in redact(line)


@given(ANY, st.text(min_size=8, max_size=63), ANY)
def test_a_secret_of_our_own_is_gone_wherever_it_stands(
    before: str, secret: str, after: str
) -> None:
    assume(secret not in GONE and secret not in before + "?" + after and not secret.isspace())
    for written in (secret, json.dumps(secret, ensure_ascii=False)[1:-1]):
        clean = redact(f"{before} {written} {after}", [secret])
        assert secret not in clean.replace(GONE, "\0")


@given(st.from_regex(r"[0-9]{4,7}", fullmatch=True))
def test_a_pin_of_our_own_is_gone_where_it_stands_alone(pin: str) -> None:
    assert pin not in redact(f"asked with {pin}, refused", [pin])
    assert redact(f"job P3D{pin}9x", [pin]) == f"job P3D{pin}9x"


KEY = PrinterKey.generate().private_pem().decode()


@given(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from(["", "h polar[1]: "]))
def test_no_part_of_a_private_key_passes_even_when_the_log_is_cut(
    start: int, length: int, lead: str
) -> None:
    lines = [f"{lead}{line}" for line in KEY.splitlines()]
    log = "\n".join([f"{lead}made a key", *lines, f"{lead}done"])
    clean = redact(log[start : start + length])
    for line in KEY.splitlines()[1:-2]:
        assert line not in clean


def test_a_key_in_one_line_is_gone() -> None:
    clean = redact(f"key {KEY!r} loaded")
    assert KEY.splitlines()[3] not in clean
    assert clean == f"key '{GONE}\\n' loaded"


@given(st.binary(min_size=48, max_size=400))
def test_long_base64_is_gone_by_itself(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert text not in redact(f"signed {text}")


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("owner@example.com was registered", "o…@example.com was registered"),
        ("Cookie: session=abc; visitor=def", f"Cookie: {GONE}"),
        ("Set-Cookie: session=abc", f"Set-Cookie: {GONE}"),
        ("Authorization: Basic abc=", f"Authorization: {GONE}"),
        ("to https://user:pw@host.example/x", f"to https://{GONE}@host.example/x"),
        ("password: correct horse battery", f"password: {GONE}"),
        (
            "RegisterAs(email='a.b@c.example', pin=1234)",
            f"RegisterAs(email='a…@c.example', pin={GONE}",
        ),
    ],
)
def test_in_particular(line: str, clean: str) -> None:
    assert redact(line) == clean


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22T13:00:00+0000 host polar-agent[12]: job P3D1-7: completed",
        "The printer is at /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0, 250000 baud",
        "echo:busy: processing",
        "T:23.1 /0.0 B:22.0 /0.0 @:0 B@:0",
        "http://printer4.polar3d.com: connected",
        "camera: no picture within 10 s; it is started again",
        "GET /state.json 200, monkey=3, spin: 4, passing: 5, keyboard: x, design=new",
        "the local page is on port 80",
        '  File "/usr/lib/python3/dist-packages/appliance/agent/main.py", line 12, in run',
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == line


@given(st.text(max_size=300), st.lists(st.text(max_size=10), max_size=3))
def test_any_text_is_taken_and_cleaned_once(text: str, secrets: list[str]) -> None:
    clean = redact(text, secrets)
    assert redact(clean) == redact(redact(clean))


def test_it_is_quick_for_a_large_log() -> None:
    line = 'h polar-agent[1]: "a": "' + "b" * 200 + '" c=d e.f.g.h.i.j.k.l: m ' + "x.y-z_" * 20
    text = "\n".join([line] * 5000)
    assert len(redact(text)) > 500_000
