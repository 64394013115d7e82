"""The first start and the ones after it: what a device is told, makes of its own, and keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from image.vm.container.adapter import Adapter
from image.vm.container.browser import Browser
from image.vm.container.conftest import NewCard
from image.vm.container.machine import Container, await_true
from image.vm.container.talk import Talk
from image.vm.container.world import ACCOUNT, World

IDENTITY = "/var/lib/polar-appliance/identity.json"


@pytest.fixture(scope="module")
def empty(new_card: NewCard, base: Path) -> Iterator[Container]:
    """A card of which nobody has filled in the boot partition; it has not even the example."""
    with Container(new_card(), base) as container:
        yield container


def test_starts_without_a_boot_file(empty: Container) -> None:
    """Nothing is complained of, and nothing is registered."""
    assert not empty.card.problem_file.exists()
    assert empty.prop("polar-agent.service", "ActiveState") == "active"


def test_wizard_is_on_port_80(empty: Container) -> None:
    """The first browser in the network is asked whether it begins, and does."""
    empty.journal.wait_for_text("new lease, address=", "NetworkManager.service")
    browser = Browser(empty.address)
    assert "no browser set it up yet" in browser.open("/")
    assert "<h1>Welcome</h1>" in browser.send()
    assert "<h1>Network</h1>" in browser.send()
    assert "is new" not in Browser(empty.address).open("/")  # the next one is a stranger


def test_name_is_polar_and_four_digits_of_the_address(empty: Container) -> None:
    """The name on the network fits the hardware's address."""
    address = empty.out("cat", "/sys/class/net/eth0/address")
    expected = "polar-" + address.replace(":", "")[-4:]
    assert empty.out("hostname") == expected
    assert empty.out("cat", "/etc/hostname") == expected
    empty.journal.wait_for_text(f"Host name is {expected}.local", "avahi-daemon.service")


def test_what_is_kept_over_a_restart(empty: Container) -> None:
    """Machine id, name, identity, a change in /etc; and the journal stays in one folder."""
    empty.run("sh", "-c", "echo kept >/etc/kept && echo kept >/var/lib/kept && sync")
    before = _own(empty)
    empty.stop()
    empty.start()
    assert _own(empty) == before
    assert empty.out("cat", "/etc/kept", "/var/lib/kept").split() == ["kept", "kept"]
    machine = empty.out("cat", "/etc/machine-id")
    assert empty.out("ls", "/var/log/journal").split() == [machine]
    assert len(empty.out("journalctl", "--list-boots", "--no-pager", "-q").splitlines()) == 2


def test_reset_of_the_data_is_a_first_start(empty: Container) -> None:
    """With an empty data partition it is a new device that works."""
    before = _own(empty)
    empty.stop()
    empty.card.erase_data()
    empty.start()
    assert empty.out("systemctl", "is-system-running", "--wait") == "running"
    after = _own(empty)
    assert after["machine"] != before["machine"]
    assert after["key"] != before["key"]
    assert after["name"] == before["name"]  # of the same hardware
    empty.journal.wait_for_text("new lease, address=", "NetworkManager.service")
    assert "no browser set it up yet" in Browser(empty.address).open("/")


def _own(container: Container) -> dict[str, str]:
    """What makes this device this one."""
    return {
        "machine": container.out("cat", "/etc/machine-id"),
        "name": container.out("hostname"),
        "key": container.out("sha256sum", "/var/lib/polar-appliance/key.pem"),
        "identity": container.out("cat", IDENTITY),
    }


def test_boot_file_with_a_mistake(empty: Container) -> None:
    """It starts all the same, and what is wrong stands beside it in words, without the PIN."""
    empty.stop()
    empty.card.write_boot_file('[cloud]\npin = "12345678"\n[printer]\nbaud = "fast"\n')
    empty.start()
    assert empty.prop("polar-agent.service", "ActiveState") == "active"
    problem = empty.card.problem_file.read_text()
    assert "printer.baud" in problem, problem
    assert "12345678" not in problem + empty.journal.text()


def test_boot_file_that_is_no_toml(empty: Container) -> None:
    """The same for one that cannot be read at all; once it is right, the text goes away."""
    empty.stop()
    empty.card.write_boot_file('[cloud\nemail = "x"\n')
    empty.start()
    assert "polar-appliance.toml" in empty.card.problem_file.read_text()
    empty.stop()
    empty.card.write_boot_file('[camera]\nsource = "none"\n')
    empty.start()
    assert not empty.card.problem_file.exists()
    assert empty.out("polar-appliance", "config", "show").count("/boot/firmware/") >= 1


def test_boot_file_is_taken_over(appliance: Container, talk: Talk, world: World) -> None:
    """The account in it registers the device; the PIN is wiped, all else is left as it was."""
    serial = talk.serial()
    assert world.wait(lambda state: state.printer(serial)).owner == ACCOUNT.email
    file = appliance.card.boot_file
    await_true(lambda: ACCOUNT.pin not in file.read_text(), "the PIN is wiped")
    text = file.read_text()
    assert text == world.boot_file().replace(f'"{ACCOUNT.pin}"', '""')
    assert not appliance.card.problem_file.exists()
    assert ACCOUNT.pin not in appliance.journal.text()


def test_restart_keeps_the_serial_number(
    appliance: Container, talk: Talk, world: World, printer: Adapter
) -> None:
    """The same printer of the same account, with the same key."""
    before, serial = _own(appliance), talk.serial()
    appliance.stop()
    world.wait(lambda state: not state.lives[serial].connected)
    appliance.start()
    printer.attach(appliance)
    assert _own(appliance) == before
    world.wait_online(serial)
    assert talk.serial() == serial
