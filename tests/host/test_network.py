"""The MAC address comes out the same after every start; the network has a readable name."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.host.network import (
    device_name,
    hardware_rank,
    local_ip,
    mac_address,
    network_name,
    readable,
    short_name,
    ssid_of,
)

Make = Callable[..., None]


@pytest.fixture
def interface(tmp_path: Path) -> Make:
    def make(name: str, address: str, *, wifi: bool = False, permanent: bool = True) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "address").write_text(f"{address}\n")
        (folder / "type").write_text("772\n" if name == "lo" else "1\n")
        (folder / "addr_assign_type").write_text("0\n" if permanent else "3\n")
        if permanent:
            (folder / "device").mkdir()
        if wifi:
            (folder / "wireless").mkdir()

    return make


def test_ethernet_comes_before_wifi(tmp_path: Path, interface: Make) -> None:
    interface("lo", "00:00:00:00:00:00")
    interface("aa-wifi", "b8:27:eb:00:00:02", wifi=True)
    interface("eth0", "B8:27:EB:00:00:01")
    interface("docker0", "02:42:00:00:00:01", permanent=False)
    assert mac_address(tmp_path) == "b8:27:eb:00:00:01"


def test_the_first_in_name_order_whatever_the_folder_says(tmp_path: Path, interface: Make) -> None:
    names = [f"eth{n}" for n in range(8)]
    for name in random.Random(1).sample(names, len(names)):
        interface(name, f"b8:27:eb:00:00:0{name[-1]}")
    assert mac_address(tmp_path) == "b8:27:eb:00:00:00"


def test_what_the_address_is_of(tmp_path: Path, interface: Make) -> None:
    interface("docker0", "02:42:00:00:00:01", permanent=False)
    assert hardware_rank(tmp_path) is None
    interface("wlan0", "b8:27:eb:00:00:02", wifi=True)
    assert hardware_rank(tmp_path) == 1
    interface("eth0", "b8:27:eb:00:00:01")
    assert hardware_rank(tmp_path) == 0
    assert hardware_rank(tmp_path / "missing") is None


def test_people_tell_devices_apart_by_four_digits() -> None:
    assert short_name("b8:27:eb:0a:12:f3") == "12F3"
    assert short_name("") == "0000"


def test_wifi_alone(tmp_path: Path, interface: Make) -> None:
    interface("wlan0", "b8:27:eb:00:00:02", wifi=True)
    assert mac_address(tmp_path) == "b8:27:eb:00:00:02"


def test_a_container_has_only_virtual_ones(tmp_path: Path, interface: Make) -> None:
    interface("eth0", "02:42:ac:11:00:02", permanent=False)
    assert mac_address(tmp_path) == "02:42:ac:11:00:02"


def test_none_at_all(tmp_path: Path, interface: Make) -> None:
    interface("lo", "00:00:00:00:00:00")
    assert mac_address(tmp_path) is None
    assert mac_address(tmp_path / "missing") is None


def test_the_local_address_is_an_address_or_nothing() -> None:
    parts = local_ip().split(".")
    assert parts == [""] or (len(parts) == 4 and all(0 <= int(part) < 256 for part in parts))


HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def route(name: str, metric: int, target: str = "00000000", flags: str = "0003") -> str:
    mask = "00000000" if target == "00000000" else "00FFFFFF"
    return f"{name}\t{target}\t0101A8C0\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"


Named = Callable[..., str]


@pytest.fixture
def named(tmp_path: Path, interface: Make) -> Named:
    """The network's name with these routes, where wlan0 is joined to ``ssid``."""
    interface("eth0", "b8:27:eb:00:00:01")
    interface("wlan0", "b8:27:eb:00:00:02", wifi=True)
    interface("tun0", "00:00:00:00:00:00", permanent=False)
    (tmp_path / "tun0" / "type").write_text("65534\n")

    def name(*routes: str, ssid: bytes | OSError = b"Home") -> str:
        def ask(interface: str) -> bytes:
            assert interface == "wlan0"
            if isinstance(ssid, OSError):
                raise ssid
            return ssid

        (tmp_path / "route").write_text(HEAD + "".join(routes))
        return network_name(tmp_path / "route", tmp_path, ask)

    return name


def test_the_network_is_that_of_the_best_default_route(named: Named) -> None:
    near = route("wlan0", 0, "0001A8C0")
    assert named(near, route("eth0", 100), route("wlan0", 600)) == "Ethernet"
    assert named(near, route("eth0", 700), route("wlan0", 600)) == "Home"
    assert named(route("eth0", 100, flags="0000"), route("wlan0", 600)) == "Home"


def test_no_name_where_there_is_none(named: Named, tmp_path: Path) -> None:
    assert named() == ""
    assert named(route("wlan0", 0, "0001A8C0")) == ""
    assert named(route("tun0", 0)) == ""
    assert named(route("gone0", 0)) == ""
    assert named("cut\n") == ""
    assert network_name(tmp_path / "missing", tmp_path) == ""


@pytest.mark.parametrize(
    ("ssid", "name"),
    [
        ("Küche 5 GHz".encode(), "Küche 5 GHz"),
        (b"old\xfcmlaut", "old\ufffdmlaut"),
        (b"two\nlines\x1b[2J", "two\ufffdlines\ufffd[2J"),
        (b"padded\0\0\0", "padded"),
        (b"", "Wi-Fi"),
        (b"\0" * 32, "Wi-Fi"),
        (OSError("Operation not supported"), "Wi-Fi"),
    ],
)
def test_any_ssid_is_readable(named: Named, ssid: bytes | OSError, name: str) -> None:
    assert named(route("wlan0", 600), ssid=ssid) == name


@given(st.binary(max_size=32))
def test_any_bytes_at_all(ssid: bytes) -> None:
    text = readable(ssid)
    assert text.isprintable()
    assert len(text) <= 32


def test_a_kernel_that_knows_no_such_wifi_says_so() -> None:
    with pytest.raises(OSError, match="Errno"):
        ssid_of("lo")
    with pytest.raises(OSError, match="Errno"):
        ssid_of("no-such-interface-and-a-name-too-long")


def test_this_device_has_a_name() -> None:
    assert device_name() == socket.gethostname().split(".")[0]
    assert network_name() == "" or network_name().isprintable()
