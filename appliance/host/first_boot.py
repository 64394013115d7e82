"""What each device has of its own, and nothing else makes: ``python -m appliance first-boot``.

Run by root at every start, before the network and the daemons; what is there already is left
alone, so that a cut at any point is mended by the next start. Everything lies in ``/etc``,
whose changes are on the data partition.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.errors import ApplianceError, StorageError
from appliance.host.network import INTERFACES, hardware_rank, mac_address, short_name
from appliance.store import write_atomic

log = logging.getLogger(__name__)

NOT_CHOSEN = frozenset({"", "localhost", "raspberrypi", "polar", "polar-appliance"})
"""Names that an image comes with: nobody chose them."""

LONGEST_WAIT = 30.0  # seconds for a network interface: a Wi-Fi chip gets its firmware late
LOOK_AGAIN = 0.25
_OWN_LINE = "127.0.1.1"  # where Debian has the machine's own name

Run = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Places:
    """Where it reads and writes; ``root`` is another one in tests."""

    root: Path = Path("/")
    interfaces: Path = INTERFACES

    @property
    def hostname(self) -> Path:
        """The name for the next start, too."""
        return self.root / "etc/hostname"

    @property
    def hosts(self) -> Path:
        """Names that need no network."""
        return self.root / "etc/hosts"

    @property
    def made(self) -> Path:
        """The name that was made here, so that it is known from a person's."""
        return self.root / "data/system/hostname"

    @property
    def identity(self) -> Path:
        """The agent's; its address is the one that this device goes by."""
        return self.root / "var/lib/polar-appliance/identity.json"

    @property
    def ethernet(self) -> Path:
        """There on boards with a socket for Ethernet, long before the interface."""
        return self.root / "proc/device-tree/aliases/ethernet0"

    @property
    def container(self) -> Path:
        """There in a container, which gets no interface later than at its start."""
        return self.root / "run/systemd/container"


def _call(command: Sequence[str]) -> int:
    return subprocess.run(command, check=False).returncode


@dataclass
class FirstBoot:
    """The work of one start; what it does to the kernel and the clock is handed in."""

    places: Places = field(default_factory=Places)
    call: Run = _call
    set_name: Callable[[str], None] = socket.sethostname
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Do what is missing; what cannot be kept is logged. Raises OSError for a wrong name."""
        mac = self._known_mac()
        if mac is None:
            self._await_interface()  # whoever chose the name: the agent takes its address next
        name = self._name(mac)
        self.set_name(name)
        self._write_hosts(name)
        self._heed_units()
        if self._ssh_is_on():
            self._make_host_keys()

    def _name(self, mac: str | None) -> str:
        """A person's choice; else the one that fits the address, kept for the next start."""
        present, made = _read(self.places.hostname), _read(self.places.made)
        if present not in NOT_CHOSEN and present != made:
            return present
        name = self._own_name(mac, made)
        # The mark first: a cut between the two leaves a name that still is nobody's choice.
        _write_if_new(self.places.made, name)
        _write_if_new(self.places.hostname, name)
        return name

    def _own_name(self, mac: str | None, made: str) -> str:
        if mac is None and made:
            return made
        mac = mac or mac_address(self.places.interfaces)
        # None without any interface: it gets another name once there is one.
        return f"polar-{short_name(mac).lower()}" if mac else "polar-appliance"

    def _known_mac(self) -> str | None:
        """The address that the agent keeps; it may differ from what is plugged in today."""
        try:
            known = json.loads(self.places.identity.read_bytes())
        except (OSError, ValueError):
            return None  # none yet, or the agent sets the damaged one aside itself
        mac = known.get("mac") if isinstance(known, dict) else None
        return mac if isinstance(mac, str) and mac else None

    def _await_interface(self) -> None:
        """Wait until the interface is there by which the rule names this device.

        The agent keeps the address it finds at its first start, so it must not be early.
        """
        waited = 0.0
        while not self._has_interface() and waited < LONGEST_WAIT:
            self.sleep(LOOK_AGAIN)
            waited += LOOK_AGAIN

    def _has_interface(self) -> bool:
        rank = hardware_rank(self.places.interfaces)
        if rank is None:
            return self.places.container.exists()
        return rank == 0 or not self.places.ethernet.exists()

    def _write_hosts(self, name: str) -> None:
        lines = _read(self.places.hosts).splitlines()
        kept = [line for line in lines if line.split()[:1] != [_OWN_LINE]]
        if not any("localhost" in line.split()[1:] for line in kept):
            kept.insert(0, "127.0.0.1\tlocalhost")
        _write_if_new(self.places.hosts, "\n".join([*kept, f"{_OWN_LINE}\t{name}"]))

    def _heed_units(self) -> None:
        """Units that a person switched on: PID 1 read ``/etc`` before the overlay was there."""
        if (self.places.root / "data/system/etc/systemd/system").is_dir():
            self._must(["systemctl", "daemon-reload"])
            self._must(["systemctl", "--no-block", "start", "default.target"])

    def _ssh_is_on(self) -> bool:
        return any(
            self.call(["systemctl", "is-enabled", "--quiet", unit]) == 0
            for unit in ("ssh.service", "ssh.socket")
        )

    def _make_host_keys(self) -> None:
        """Those that are missing; an empty one is what a cut left."""
        for key in (self.places.root / "etc/ssh").glob("ssh_host_*"):
            if key.stat().st_size == 0:
                key.unlink()
        self._must(["ssh-keygen", "-A"])
        os.sync()

    def _must(self, command: Sequence[str]) -> None:
        if status := self.call(command):
            log.error("%s ended with %d", " ".join(command), status)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _write_if_new(path: Path, text: str) -> None:
    if _read(path) == text:
        return
    try:
        write_atomic(path, f"{text}\n".encode(), 0o644)
    except StorageError as error:  # a full disk: it is made again at every start
        log.error("%s is not kept: %s", path, error.long)


def run() -> None:
    """What the unit runs. Raises ApplianceError."""
    try:
        FirstBoot().run()
    except OSError as error:
        raise ApplianceError(f"The device could not be named ({error}).") from error
