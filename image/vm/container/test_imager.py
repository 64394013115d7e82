"""Raspberry Pi Imager 2's answers on the boot partition: cloud-init carries them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.vm.container.conftest import NewCard
from image.vm.container.machine import Container

HASH = "$5$saltsalt$YAGHK.h6j5UQYm6hFi5jIcPRBqIgQEV8NvpzPHhmnZC"
# As Imager writes it, but for the keyboard, whose packages are those of Raspberry Pi OS.
USER_DATA = f"""\
#cloud-config
hostname: workshop
manage_etc_hosts: true
packages:
- avahi-daemon
apt:
  conf: |
    Acquire {{
      Check-Date "false";
    }};
timezone: Europe/Berlin
users:
- name: maker
  groups: users,adm,dialout,audio,netdev,video,plugdev,games,input,gpio,spi,i2c,render,sudo
  shell: /bin/bash
  lock_passwd: false
  passwd: {HASH}
ssh_pwauth: true
"""
# Where Raspberry Pi OS looks for it.
SYSTEM = """\
datasource_list: [NoCloud]
datasource:
  NoCloud:
    seedfrom: file:///boot/firmware/
"""


@pytest.fixture(scope="module")
def answered(new_card: NewCard, base: Path) -> Iterator[Container]:
    """A card that Imager has written, at its first start."""
    card = new_card(cloud_init=True)
    card.add("/etc/cloud/cloud.cfg.d/80-raspberry-pi.cfg", SYSTEM)
    (card.boot / "user-data").write_text(USER_DATA)
    (card.boot / "meta-data").write_text("instance-id: rpi-imager-1767225600\n")
    with Container(card, base) as container:
        yield container


def test_the_answers_are_taken(answered: Container) -> None:
    """Name, time zone and user; the device's own name gives way to the person's."""
    # It warns of what the container lacks, and of root's own folder, which cannot be written.
    told = answered.run("cloud-init", "status", "--wait", "--format", "json", check=False)
    result = json.loads(told.stdout)
    assert (result["status"], result["errors"]) == ("done", [])
    _is_as_answered(answered)
    answered.journal.wait_for_text("Host name is workshop.local", "avahi-daemon.service")


def test_nothing_is_installed_on_a_root_that_cannot_be_written(answered: Container) -> None:
    """Imager asks for a package together with the name."""
    told = answered.out("cat", "/var/log/cloud-init.log")
    assert "config-timezone" in told and "package_update_upgrade_install" not in told
    assert answered.out("find", "/var/lib/apt/lists", "-name", "*_Packages") == ""
    assert answered.out("systemctl", "is-system-running", "--wait") == "running"


def test_they_are_kept_over_a_restart(answered: Container) -> None:
    """They were taken once; what they made lies on the data partition."""
    answered.stop()
    answered.start()
    _is_as_answered(answered)
    assert answered.out("systemctl", "is-system-running", "--wait") == "running"


def _is_as_answered(container: Container) -> None:
    assert container.out("hostname") == "workshop"
    assert container.out("cat", "/etc/hostname") == "workshop"
    assert container.out("readlink", "-f", "/etc/localtime").endswith("/Europe/Berlin")
    assert container.out("getent", "shadow", "maker").split(":")[1] == HASH
    assert {"dialout", "gpio", "sudo"} <= set(container.out("id", "-nG", "maker").split())
    assert container.out("stat", "-c", "%U", "/home/maker") == "maker"
