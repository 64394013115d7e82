"""A board without a battery, and no network yet: it is 1970."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.vm.container.browser import Browser
from image.vm.container.conftest import NewCard
from image.vm.container.machine import Container
from image.vm.container.world import ADDRESS, World

CLOCK = "/run/polar-appliance/clock"  # what libfaketime reads, each time it is asked
LIBRARY = "usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
PRELOAD = "/usr/lib/clock.preload"
# Not LD_PRELOAD: the agent starts with a capability, and the loader ignores that then.
DROP_IN = f"""\
[Service]
BindReadOnlyPaths={PRELOAD}:/etc/ld.so.preload
Environment=FAKETIME_TIMESTAMP_FILE={CLOCK} FAKETIME_NO_CACHE=1
Environment=FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1
"""
SETTINGS = """\
[cloud]
url = "https://{host}:{port}"
email = "owner@example.com"
pin = "4711"
[camera]
source = "none"
"""


@pytest.fixture(scope="module")
def secure(world: World) -> Iterator[socket.socket]:
    """Where the cloud is, for whoever connects."""
    assert world.loop
    with socket.create_server((ADDRESS, 0)) as listener:
        yield listener


@pytest.fixture(scope="module")
def early(new_card: NewCard, base: Path, secure: socket.socket) -> Iterator[Container]:
    """The agent's clock begins at 1970: no other process may set this machine's."""
    card = new_card()
    card.write_boot_file(SETTINGS.format(host=ADDRESS, port=secure.getsockname()[1]))
    card.add("/usr/lib/systemd/system/polar-agent.service.d/clock.conf", DROP_IN)
    card.add(PRELOAD, f"/{LIBRARY}\n")
    card.add("/usr/lib/tmpfiles.d/clock.conf", f"f {CLOCK} 0644 root root - 1970-01-02 00:00:00\n")
    with Container(card, base) as container:
        yield container


def test_waits_for_the_time_and_goes_on(early: Container, secure: socket.socket) -> None:
    """A secure connection is not tried before; the agent says so, and serves its page."""
    unit = "polar-agent.service"
    early.journal.wait_for_text("Waits for the time", unit)
    early.journal.wait_for_text("new lease, address=", "NetworkManager.service")
    assert "Polar Appliance" in Browser(early.address).open("/")
    status = early.out("polar-appliance", "status")
    assert "Waits for the time" in status, status
    secure.setblocking(False)
    with pytest.raises(BlockingIOError):
        secure.accept()
    mark = early.journal.mark()
    early.path(CLOCK).write_text("2026-11-22 12:00:00\n")
    early.journal.wait_for_text("the clock was set", unit, mark)
    secure.settimeout(60.0)
    secure.accept()[0].close()
