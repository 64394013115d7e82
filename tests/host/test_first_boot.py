"""What each device gets of its own, from whatever a cut left behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance import store
from appliance.agent.hotspot import own_hotspot
from appliance.errors import StorageError
from appliance.host import first_boot
from appliance.host.first_boot import FirstBoot, Places

MAC = "b8:27:eb:0a:12:f3"


class Device:
    """A root, the kernel's name and what systemctl would answer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.net = root / "sys"
        self.names: list[str] = []
        self.calls: list[str] = []
        self.waited = 0.0
        self.late: dict[float, tuple[str, str]] = {}  # interfaces that come later
        self.enabled: set[str] = set()
        for folder in ("etc/ssh", "data/system", "run/systemd", "var/lib/polar-appliance", "sys"):
            (root / folder).mkdir(parents=True)
        self.write("etc/hostname", "polar\n")
        self.write("etc/hosts", "127.0.0.1\tlocalhost\n::1\tip6-localhost\n127.0.1.1\tpolar\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def plug(self, name: str, mac: str = MAC) -> None:
        folder = self.net / name
        (folder / "device").mkdir(parents=True)
        if name.startswith("wlan"):
            (folder / "wireless").mkdir()
        for file, text in (("address", mac), ("type", "1"), ("addr_assign_type", "0")):
            (folder / file).write_text(f"{text}\n")

    def call(self, command: Sequence[str]) -> int:
        self.calls.append(" ".join(command))
        if command[1:2] == ["is-enabled"]:
            return 0 if command[-1] in self.enabled else 1
        return 0

    def sleep(self, seconds: float) -> None:
        self.waited += seconds
        for due in [due for due in self.late if due <= self.waited]:
            self.plug(*self.late.pop(due))

    def start(self) -> str:
        """One start of the device; its name from then on."""
        places = Places(self.root, self.net)
        FirstBoot(places, self.call, self.names.append, self.sleep).run()
        return self.names[-1]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_the_name_ends_like_the_hotspots(device: Device) -> None:
    device.plug("wlan0")
    name = device.start()
    assert name == "polar-12f3"
    assert device.read("etc/hostname") == "polar-12f3\n"
    hotspot = own_hotspot(device.root, MAC, protected=False).name
    assert hotspot.removeprefix("PolarAppliance-").lower() == name.removeprefix("polar-")
    assert device.read("etc/hosts").splitlines() == [
        "127.0.0.1\tlocalhost",
        "::1\tip6-localhost",
        "127.0.1.1\tpolar-12f3",
    ]


def test_it_does_nothing_when_all_is_done_but_tell_the_kernel(device: Device) -> None:
    device.plug("wlan0")
    device.start()
    seen = {file: file.stat().st_ino for file in device.root.rglob("host*")}
    device.start()
    assert device.names == ["polar-12f3", "polar-12f3"]
    assert {file: file.stat().st_ino for file in device.root.rglob("host*")} == seen


def test_a_person_s_name_stays(device: Device) -> None:
    device.plug("wlan0")
    device.start()
    device.write("etc/hostname", "workshop\n")
    assert device.start() == "workshop"
    assert device.read("etc/hostname") == "workshop\n"
    assert "127.0.1.1\tworkshop" in device.read("etc/hosts")


def test_an_empty_hosts_file_gets_localhost_back(device: Device) -> None:
    device.plug("wlan0")
    device.write("etc/hosts", "")
    device.start()
    assert device.read("etc/hosts") == "127.0.0.1\tlocalhost\n127.0.1.1\tpolar-12f3\n"


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_cut_between_two_files_is_mended(
    device: Device, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.plug("wlan0")
    write, written = store.write_atomic, 0

    def writing(path: Path, data: bytes, mode: int = 0o600) -> None:
        nonlocal written
        written += 1
        if written == cut:
            raise KeyboardInterrupt
        write(path, data, mode)

    with monkeypatch.context() as patch:
        patch.setattr(first_boot, "write_atomic", writing)
        with pytest.raises(KeyboardInterrupt):
            device.start()
    assert device.start() == "polar-12f3"
    assert device.read("etc/hostname") == "polar-12f3\n"
    device.write("var/lib/polar-appliance/identity.json", '{"mac": "00:00:00:00:ab:cd"}')
    assert device.start() == "polar-abcd", "the name still is nobody's choice"


def test_a_full_disk_still_gets_a_name(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        raise StorageError("The disk is full.", short="Disk full")

    device.plug("wlan0")
    monkeypatch.setattr(first_boot, "write_atomic", full)
    assert device.start() == "polar-12f3"


def test_the_first_start_waits_for_a_late_wifi_chip(device: Device) -> None:
    device.late[9.0] = ("wlan0", MAC)
    assert device.start() == "polar-12f3"
    assert device.waited == 9.0


def test_a_chosen_name_waits_for_the_interface_too(device: Device) -> None:
    """cloud-init has set Imager's name by then, and the agent keeps the address that it finds."""
    device.write("etc/hostname", "workshop\n")
    device.write("proc/device-tree/aliases/ethernet0", "/soc")
    device.plug("wlan0", "b8:27:eb:00:00:99")
    device.late[9.0] = ("eth0", MAC)
    assert device.start() == "workshop"
    assert device.waited == 9.0
    device.write("var/lib/polar-appliance/identity.json", f'{{"mac": "{MAC}"}}')
    assert device.start() == "workshop"
    assert device.waited == 9.0, "the agent has chosen: nothing is waited for any more"


def test_a_start_that_was_cut_before_the_agent_chose_waits_again(device: Device) -> None:
    device.write("data/system/hostname", "polar-12f3\n")
    device.write("etc/hostname", "polar-12f3\n")
    device.late[2.0] = ("wlan0", MAC)
    assert device.start() == "polar-12f3"
    assert device.waited == 2.0


def test_a_board_with_ethernet_is_not_named_after_its_wifi(device: Device) -> None:
    device.write("proc/device-tree/aliases/ethernet0", "/soc")
    device.plug("wlan0", "b8:27:eb:00:00:99")
    device.late[2.0] = ("eth0", MAC)
    assert device.start() == "polar-12f3"
    assert device.waited == 2.0


def test_without_any_interface_the_wait_ends_and_a_later_start_names_it(device: Device) -> None:
    assert device.start() == "polar-appliance"
    assert device.waited == first_boot.LONGEST_WAIT
    device.plug("wlan0")
    assert device.start() == "polar-appliance", "kept until the agent has chosen an address"
    assert device.waited == first_boot.LONGEST_WAIT, "nothing to wait for"
    device.write("var/lib/polar-appliance/identity.json", f'{{"mac": "{MAC}"}}')
    assert device.start() == "polar-12f3"


def test_a_container_is_not_waited_for(device: Device) -> None:
    device.write("run/systemd/container", "systemd-nspawn")
    assert device.start() == "polar-appliance"
    assert device.waited == 0.0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"mac": 1}', '{"mac": ""}', "\xff"])
def test_an_identity_that_says_nothing_is_no_matter(device: Device, text: str) -> None:
    device.plug("wlan0")
    device.write("var/lib/polar-appliance/identity.json", text)
    assert device.start() == "polar-12f3"


def test_host_keys_only_where_ssh_is_on(device: Device) -> None:
    device.plug("wlan0")
    device.start()
    assert "ssh-keygen -A" not in device.calls
    device.enabled.add("ssh.service")
    device.write("etc/ssh/ssh_host_rsa_key", "")  # what a cut left
    device.write("etc/ssh/ssh_host_ed25519_key", "key")
    device.start()
    assert device.calls[-1] == "ssh-keygen -A"
    assert not (device.root / "etc/ssh/ssh_host_rsa_key").exists()
    assert device.read("etc/ssh/ssh_host_ed25519_key") == "key"


def test_units_that_a_person_switched_on_are_started(device: Device) -> None:
    device.plug("wlan0")
    device.start()
    assert not any("daemon-reload" in call for call in device.calls)
    (device.root / "data/system/etc/systemd/system").mkdir(parents=True)
    device.start()
    reload = device.calls.index("systemctl daemon-reload")
    assert device.calls[reload + 1] == "systemctl --no-block start default.target"
