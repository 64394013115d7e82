"""The MAC address comes out the same after every start."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.host.network import local_ip, mac_address

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
