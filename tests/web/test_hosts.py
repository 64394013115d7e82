from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.hosts import ENDINGS, LOCAL, host_of, is_ours, same_origin

NAMES = frozenset({"Polar-1A2B"})


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("polar.local", "polar.local"),
        ("POLAR.local.:8080", "polar.local"),
        ("192.168.1.5:80", "192.168.1.5"),
        ("[fe80::1]:80", "fe80::1"),
        ("", ""),
        ("polar.local:80x", ""),
        ("user@polar.local", ""),
        ("polar.local/x", ""),
        ("polar.local?x", ""),
        ("[::1", ""),
    ],
)
def test_the_host_is_read_from_its_header(header: str, host: str) -> None:
    assert host_of(header) == host


@given(st.text())
def test_any_header_is_read_without_an_error(header: str) -> None:
    host = host_of(header)
    ours = is_ours(host, "192.168.1.5", NAMES, frozenset(), False)
    short = {"192.168.1.5", *LOCAL, *("polar-1a2b" + ending for ending in ENDINGS)}
    assert ours == (host in short)


@pytest.mark.parametrize(
    "host",
    ["polar-1a2b", "polar-1a2b.local", "polar-1a2b.lan", "localhost", "192.168.1.5", "10.0.0.9"],
)
def test_the_devices_names_and_addresses_are_ours(host: str) -> None:
    assert is_ours(host, "192.168.1.5", NAMES, frozenset({"10.0.0.9"}), False)


@pytest.mark.parametrize(
    "host", ["evil.com", "polar-1a2b.evil.com", "polar-1a2b.local.evil.com", "192.168.1.6", "local"]
)
def test_every_other_name_is_not(host: str) -> None:
    assert not is_ours(host, "192.168.1.5", NAMES, frozenset(), True)


def test_the_hotspots_address_is_ours_while_it_is_open() -> None:
    assert is_ours("10.42.0.1", "192.168.1.5", NAMES, frozenset(), True)
    assert not is_ours("10.42.0.1", "192.168.1.5", NAMES, frozenset(), False)


@pytest.mark.parametrize(
    ("origin", "site", "right"),
    [
        (None, None, True),
        ("http://polar.local", None, True),
        ("http://POLAR.local", "same-origin", True),
        ("http://evil.com", None, False),
        ("http://polar.local:8000", None, False),
        ("null", None, False),
        ("file://polar.local", None, False),
        ("http://[", None, False),
        (None, "cross-site", False),
        (None, "same-site", False),
        ("http://polar.local", "cross-site", False),
    ],
)
def test_what_changes_something_comes_from_our_own_page(
    origin: str | None, site: str | None, right: bool
) -> None:
    assert same_origin(origin, site, "polar.local") is right
