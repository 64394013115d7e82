"""The data partition is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.vm.container.adapter import Adapter, moves, moves_of
from image.vm.container.browser import Browser
from image.vm.container.conftest import NewCard, NewPrinter
from image.vm.container.machine import Container
from image.vm.container.talk import STATE, Talk
from image.vm.container.world import World

SIZE = "256M"  # some 200 MB of it are a reserve that no download takes


@pytest.fixture(scope="module")
def small(new_card: NewCard, base: Path, world: World) -> Iterator[Container]:
    """A card with little room for data."""
    card = new_card(data_size=SIZE)
    card.write_boot_file(world.boot_file())
    with Container(card, base) as container:
        yield container


@pytest.fixture(scope="module")
def its_printer(small: Container, new_printer: NewPrinter) -> Adapter:
    """The printer on it."""
    return new_printer(small)


def test_on_a_full_disk(small: Container, world: World, its_printer: Adapter) -> None:
    """All goes on, also after a restart; a job ends with the reason, and once there is room
    again one is printed.
    """
    talk = Talk(small, world.loop)
    serial = talk.serial()
    talk.be_ready()
    filler = fill(small)
    refused = world.start(serial, "refused.gcode", moves(100))
    assert world.wait_end(serial, refused).ending == "canceled"
    assert "The disk has no room for this job" in said(talk)
    lives(small)
    small.run("systemctl", "restart", "polar-agent.service", "polar-printer.service")
    talk.be_ready()
    lives(small)
    filler.unlink()
    gcode = moves(100)
    printed = world.start(serial, "printed.gcode", gcode)
    assert world.wait_end(serial, printed).ending == "completed"
    assert its_printer.executed(gcode) == moves_of(gcode)


def fill(container: Container) -> Path:
    """Use up the last byte; root may use no more than others on this file system."""
    path = container.card.data / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            _write_all(file.fileno(), size)
    done = container.run("sh", "-c", f"dd if=/dev/zero of={STATE}/probe bs=1 count=1", check=False)
    assert "No space left" in done.stderr
    return path


def _write_all(handle: int, size: int) -> None:
    try:
        while True:
            os.write(handle, bytes(size))
    except OSError:
        return


def said(talk: Talk) -> str:
    """What a person can read of it."""
    view = talk.view()
    return " ".join(
        (view.notice, view.progress_detail, view.last_job.reason if view.last_job else "")
    )


def lives(container: Container) -> None:
    """Both daemons run, and the page is answered."""
    for daemon in ("polar-printer", "polar-agent"):
        assert container.prop(f"{daemon}.service", "ActiveState") == "active"
    assert "Polar Appliance" in Browser(container.address).open("/")
