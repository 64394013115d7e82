"""What the tests around the emulated machine have in common: settings, a small print, waiting."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from appliance.printer.api import Snapshot
from appliance.sim.cloud import DEFAULT_EMAIL, DEFAULT_PIN, LocalCloud
from appliance.sim.cloud_state import CloudState
from image.vm.machine.card import TOP
from image.vm.machine.emulator import Machine

LOGS = TOP / ".vm/logs"
REGISTER_LIMIT = 300.0  # seconds from a start to an authenticated connection
PRINT_LIMIT = 600.0
VIDEO_LIMIT = 600.0
STATE = "/var/lib/polar-appliance"
T = TypeVar("T")

SETTINGS = """\
[cloud]
url = "{url}"
mfg = "test"
{account}status_interval = 3.0
printing_image_interval = 10.0
[camera]
source = "synthetic"
width = 320
height = 240
[timelapse]
interval = 1.0
"""


def boot_file(cloud: LocalCloud, *, account: bool = True, more: str = "") -> str:
    """The card's polar-appliance.toml; 10.0.2.2 is this machine as the emulated one sees it."""
    url = cloud.url.replace("127.0.0.1", "10.0.2.2")
    who = f'email = "{DEFAULT_EMAIL}"\npin = "{DEFAULT_PIN}"\n' if account else ""
    return SETTINGS.format(url=url, account=who) + more


def model(layers: int) -> bytes:
    """A hexagon that grows: some 0.1 s for each of its seven lines on the simulated printer."""
    lines = ["M140 S40", "M104 S60", "M109 S60", "G28", "G90", "M82", "G92 E0"]
    extruded = 0.0
    for layer in range(layers):
        lines.append(f"G1 Z{0.2 * (layer + 1):.2f} F600")
        for corner in range(6):
            angle = math.radians(60 * corner + 5 * layer)
            extruded += 1.5
            x, y = 100 + 30 * math.cos(angle), 100 + 30 * math.sin(angle)
            lines.append(f"G1 X{x:.3f} Y{y:.3f} E{extruded:.3f} F900")
    return "\n".join([*lines, "M104 S0", "M140 S0", "M84", ""]).encode()


def is_connected(state: CloudState) -> str:
    """The serial number of a registered printer with an authenticated connection, or nothing."""
    for life_serial, life in state.lives.items():
        if life.connected:
            return life_serial
    return ""


def code_is(*codes: int) -> Callable[[CloudState], bool]:
    """Whether the last status of the printer is one of ``codes`` (protocol section 3.12)."""

    def asked(state: CloudState) -> bool:
        status = state.lives[state.printer().serial_number].status
        return status is not None and status.code in codes

    return asked


async def snapshot(machine: Machine) -> Snapshot:
    """The printer daemon's state, asked at its socket."""
    path = "/run/polar-appliance/printer.sock"
    text = await machine.shell.run(f"curl -sS --max-time 30 --unix-socket {path} http://p/snapshot")
    return msgspec.json.decode(text, type=Snapshot)


async def until(
    ask: Callable[[], Awaitable[T]], right: Callable[[T], bool], limit: float, what: str
) -> T:
    """The first right answer, asked again and again. Raises AssertionError with the last one."""
    last: T | None = None
    try:
        async with asyncio.timeout(limit):
            while True:
                last = await ask()
                if right(last):
                    return last
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise AssertionError(f"not within {limit} s: {what}. Last: {last}") from None


async def keep_journal(machine: Machine, name: str) -> None:
    """The machine's log beside the others, for whoever must find out why a test failed."""
    done = await machine.shell.ask("journalctl -b --no-pager -o short-monotonic", 300.0)
    (LOGS / f"{name}.journal").write_text(done.output)
