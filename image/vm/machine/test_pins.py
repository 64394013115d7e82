# ruff: noqa: D103 - the names of the tests say what they show
"""Front-panel keys and the door on GPIO lines: the kernel's gpio-sim, and the module RPi.GPIO."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.sim.cloud import LocalCloud
from image.vm.machine.card import Card
from image.vm.machine.emulator import Machine
from image.vm.machine.world import boot_file, keep_journal, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PINS = """\
[buttons]
up = 5
down = 6
ok = 26
[door]
pin = 17
"""
CHIP = "/sys/kernel/config/gpio-sim/header"
LABEL = "header-sim"
START_LIMIT = 180.0
EDGE_LIMIT = 30.0
LISTEN = 600  # seconds
ENVIRONMENT = f"POLAR_GPIO_LABEL={LABEL} RPI_LGPIO_REVISION=a02082"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(folder: Path, cloud: LocalCloud) -> AsyncIterator[Machine]:
    """A card whose boot file names the pins, and a chip with the header's 54 lines."""
    card = Card.flashed(folder / "card.qcow2", boot_file(cloud, more=PINS))
    async with Machine(card, folder) as started:
        await started.booted()
        await started.shell.run("systemctl stop polar-agent")  # it would hold the lines
        await started.shell.run(
            "modprobe vm-gpio-sim && mountpoint -q /sys/kernel/config && "
            f"mkdir -p {CHIP}/bank0 && echo 54 >{CHIP}/bank0/num_lines && "
            f"echo {LABEL} >{CHIP}/bank0/label && echo 1 >{CHIP}/live"
        )
        yield started
        await keep_journal(started, "pins")


def _pull(pin: int) -> str:
    """Where the level that a line is given from outside is written."""
    return (
        f"/sys/devices/platform/$(cat {CHIP}/dev_name)/"
        f"$(cat {CHIP}/bank0/chip_name)/sim_gpio{pin}/pull"
    )


async def drive(machine: Machine, pin: int, *, high: bool) -> None:
    """Give the line a level from outside, as a switch does."""
    await machine.shell.run(f"echo {'pull-up' if high else 'pull-down'} >{_pull(pin)}")


async def press(machine: Machine, pin: int) -> None:
    """A short press of a button that pulls its line down."""
    place = _pull(pin)
    await machine.shell.run(f"line={place}; echo pull-down >$line; sleep 0.2; echo pull-up >$line")


async def test_the_doctor_hears_keys_and_the_door(machine: Machine) -> None:
    log = "/run/keys.log"
    await machine.shell.run(
        f"systemd-run --quiet --unit=keys -p User=polar-agent -p SupplementaryGroups=gpio "
        f"-p StandardOutput=file:{log} -p StandardError=file:{log} "
        f"-E {ENVIRONMENT.replace(' ', ' -E ')} "
        f"polar-appliance doctor --gpio --seconds {LISTEN}"
    )
    await machine.shell.wait(f"grep -q 'works buttons' {log}", START_LIMIT)
    # The chip obeys the pull-up that was asked for, so the lines are driven only now.
    for pin in (5, 6, 26):
        await press(machine, pin)
    await machine.shell.wait(f"grep -q 'key ok press' {log}", EDGE_LIMIT)
    await machine.shell.wait(f"grep -q 'door 0 open' {log}", EDGE_LIMIT)
    await drive(machine, 17, high=False)
    await machine.shell.wait(f"grep -q 'door 1 closed' {log}", EDGE_LIMIT)
    told = await machine.shell.run(f"cat {log}")
    print(told)  # noqa: T201
    keys = re.findall(r"key (\w+) press", told)
    assert keys == ["up", "down", "ok"]
    assert LABEL in told
    await machine.shell.run("systemctl stop keys")


async def _door(machine: Machine) -> str:
    view = await machine.shell.run(
        "curl -sS --max-time 30 --unix-socket /run/polar-appliance/agent.sock http://a/state"
    )
    found = re.search(r'"door": ?(\w+)', view)
    return found.group(1) if found else view


async def test_the_agent_sees_the_door(machine: Machine) -> None:
    """In its own sandbox, as its own user."""
    folder = "/run/systemd/system/polar-agent.service.d"
    lines = "\\n".join(f"Environment={word}" for word in ENVIRONMENT.split())
    await machine.shell.run(
        f"mkdir -p {folder} && printf '[Service]\\n{lines}\\n' >{folder}/vm.conf && "
        "systemctl daemon-reload && systemctl start polar-agent",
        START_LIMIT,
    )
    # The chip obeys the pull-up that the agent asks for, so the switch acts once it watches.
    await until(lambda: _door(machine), lambda door: door == "0", START_LIMIT, "door open")
    await drive(machine, 17, high=False)
    await until(lambda: _door(machine), lambda door: door == "1", EDGE_LIMIT, "door closed")
    await drive(machine, 17, high=True)
    await until(lambda: _door(machine), lambda door: door == "0", EDGE_LIMIT, "door open again")
