"""A card, and the container that boots it: systemd-nspawn with a read-only root, /data and
/boot/firmware bound from outside.

All of this runs inside ``image/vm/common/isolated``: mounts, processes and networks made here
are gone with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from image.vm.container.journal import Journal

BOOT_LIMIT = 90.0  # seconds until all jobs of the boot are done, on a loaded machine
STOP_LIMIT = 180.0  # a shutdown waits for what the whole machine is writing
COMMAND_LIMIT = 60.0
PORTS = Path("/dev/pts")  # of this namespace alone; see offline
INSIDE_PORTS = "/dev/serial-ports"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
_numbers = itertools.count(1)


def run(*command: str | Path) -> str:
    """Run a program of this machine; its output. Raises with what it said on stderr."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def await_true(condition: Callable[[], object], what: str, limit: float = 60.0) -> None:
    """Until ``condition`` holds, for what tells nobody that it has changed."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {limit:.0f} s: {what}")
        time.sleep(0.1)


@dataclass
class Card:
    """What outlives a restart: the root, /data (a tmpfs of ``data_size``), the boot partition.

    ``layers`` make the root, the upper one first, and stay as they are: what a boot writes to
    it is kept with the card.
    """

    layers: Sequence[Path]
    folder: Path
    data_size: str = "512M"
    plain: bool = False  # a stock system: its root can be written, it has no partitions of ours
    name: str = field(init=False)
    number: int = field(init=False)

    def __post_init__(self) -> None:
        self.number = next(_numbers)
        self.name = f"card{self.number}"
        self.folder = self.folder / self.name
        for part in ("upper", "work", "root", "data", "boot"):
            (self.folder / part).mkdir(parents=True)
        self._mount_root()
        if self.plain:
            for place in ("data", "boot/firmware"):
                (self.root / place).mkdir(parents=True, exist_ok=True)
        self.mount_data()
        # The FAT partition of a card knows no owners: mounted for the group `polar`.
        os.chown(self.boot, 0, 870)
        self.boot.chmod(0o2770)

    @property
    def root(self) -> Path:
        """The root, seen from outside."""
        return self.folder / "root"

    @property
    def upper(self) -> Path:
        """What was written to the root."""
        return self.folder / "upper"

    @property
    def data(self) -> Path:
        """/data, seen from outside."""
        return self.folder / "data"

    @property
    def boot(self) -> Path:
        """/boot/firmware, seen from outside."""
        return self.folder / "boot"

    @property
    def boot_file(self) -> Path:
        """The file that a person may put there."""
        return self.boot / "polar-appliance.toml"

    @property
    def problem_file(self) -> Path:
        """What the device writes beside it when it is wrong."""
        return self.boot / "polar-appliance-problem.txt"

    def write_boot_file(self, text: str) -> None:
        """Put the file there, as a person's computer would."""
        self.boot_file.write_text(text)
        os.chown(self.boot_file, 0, 870)
        self.boot_file.chmod(0o660)

    def _mount_root(self) -> None:
        lower = ":".join(map(str, self.layers))
        options = f"lowerdir={lower},upperdir={self.upper},workdir={self.folder / 'work'}"
        run("mount", "-t", "overlay", "overlay", "-o", options, self.root)

    def keep_machine_id(self) -> None:
        """After the first start: what data-partition writes into the root of a card, and leaves
        alone in a container, whose root belongs to somebody else.
        """
        kept = self.data / "system/etc/machine-id"
        run("umount", self.root)
        self._mount_root()  # it was made read-only from inside
        shutil.copyfile(kept, self.root / "etc/machine-id")

    def mount_data(self) -> None:
        """An empty data partition."""
        run("mount", "-t", "tmpfs", "-o", f"size={self.data_size},mode=755", "data", self.data)

    def erase_data(self) -> None:
        """As from a new card: nothing on the data partition."""
        run("umount", self.data)
        self.mount_data()

    def add(self, path: str, text: str) -> None:
        """Lay a file into the root before it is booted: a setting of one test."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def remove(self) -> None:
        """Unmount and delete it; nothing may run on it."""
        run("umount", self.data)
        run("umount", self.root)
        shutil.rmtree(self.folder)


class Container:
    """A card in a running machine; may be stopped and started again.

    ``router`` is a root with dnsmasq in it, which gives the container its address.
    """

    running: ClassVar[list[Container]] = []

    def __init__(self, card: Card, router: Path) -> None:
        self.card = card
        self.pid = 0  # of its systemd, seen from outside
        self.console = bytearray()
        self._router = router
        self._dhcp: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._notices: socket.socket | None = None
        self._journal: Journal | None = None

    # Beginning and end

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Switch it on, and wait until all jobs of the boot are done. Raises with its console."""
        self.pid = 0
        self.console.clear()
        try:
            self._start()
            self._await_boot()
        except BaseException as error:
            story = self._story()
            self.kill()
            raise AssertionError(f"{error}\n{story}") from error
        follow = ("journalctl", "-b", "-f", "-o", "json", "-n", "all")
        self._journal = Journal([*self._enter(), *follow])
        self.running.append(self)

    def _start(self) -> None:
        self._make_network()
        notices = self.card.folder / "notify"
        notices.unlink(missing_ok=True)
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(str(notices))
        master, slave = pty.openpty()
        environment = os.environ | {
            "NOTIFY_SOCKET": str(notices),
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        self._process = subprocess.Popen(
            self._command(), stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        threading.Thread(target=self._read_console, args=(master,), daemon=True).start()

    def _command(self) -> Sequence[str]:
        card = self.card
        return [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
            *("--capability=all", "--notify-ready=yes", f"--machine={card.name}"),
            # The clock and the kernel are this machine's own.
            "--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE,CAP_SYS_BOOT",
            *(() if card.plain else ("--read-only",)),
            # Nothing of this machine gets in.
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            f"--directory={card.root}",
            f"--bind={card.data}:/data",
            f"--bind={card.boot}:/boot/firmware",
            f"--bind={PORTS}:{INSIDE_PORTS}",
            "--network-interface=eth0",
        ]

    def _make_network(self) -> None:
        """A cable: eth0 inside, and this end of it with a DHCP server, as a home router has."""
        here = self._cable
        run("ip", "link", "add", here, "type", "veth", "peer", "name", "eth0")
        run("ip", "link", "set", "eth0", "address", f"b8:27:eb:00:00:{self.card.number:02x}")
        run("ip", "address", "add", f"{self.gateway}/24", "dev", here)
        run("ip", "link", "set", here, "up")
        self._dhcp = subprocess.Popen(
            [
                *("chroot", str(self._router), "/usr/sbin/dnsmasq", "--keep-in-foreground"),
                *("--conf-file=/dev/null", "--port=0", f"--interface={here}"),
                *("--bind-interfaces", "--leasefile-ro", "--user=root", "--pid-file="),
                f"--dhcp-range={self.address},{self.address},1h",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def _cable(self) -> str:
        return f"net{self.card.number}"

    @property
    def gateway(self) -> str:
        """The address of the tests' end of the cable."""
        return f"10.77.{self.card.number}.1"

    @property
    def address(self) -> str:
        """The address that the container is given."""
        return f"10.77.{self.card.number}.2"

    def _await_boot(self) -> None:
        """Until systemd said that all jobs of the boot are done."""
        assert self._notices is not None
        assert self._process is not None
        end = time.monotonic() + BOOT_LIMIT
        with _PidFd(self._process.pid) as died:
            while True:
                left = end - time.monotonic()
                told = self._notices.fileno()
                ready, _, _ = select.select([told, died], [], [], max(0.0, left))
                if told not in ready:
                    raise AssertionError("It did not boot.")
                message = self._notices.recv(65536).decode(errors="replace")
                if found := re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", message, re.M):
                    self.pid = int(found[1])
                if re.search(r"^READY=1$", message, re.M):
                    break
        # A full socket would make systemd itself wait for us.
        threading.Thread(target=_drain, args=(self._notices,), daemon=True).start()

    def _read_console(self, master: int) -> None:
        try:
            while data := os.read(master, 65536):
                self.console += data
        except OSError:  # EIO: the other side is closed
            pass
        finally:
            os.close(master)

    def _story(self) -> str:
        """Why it may not have booted."""
        parts = [self.console_text()]
        if self.pid and self._process is not None and self._process.poll() is None:
            for question in ("systemctl list-jobs", "systemctl --failed", "journalctl -b -n 80"):
                answer = self.run(*question.split(), "--no-pager", check=False)
                parts.append(f"# {question}\n{answer.stdout}{answer.stderr}")
        return "\n".join(parts)

    def stop(self) -> None:
        """Shut down in good order, as the power key does."""
        if self._process is not None and self._process.poll() is None:
            if self._journal is not None:
                self._journal.close()  # its process in there would keep file systems busy
            # It may be gone before it could say that all is well.
            asked = self.run("systemctl", "poweroff", "--no-block", check=False)
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired as error:
                text = f"{asked.returncode} {asked.stdout}{asked.stderr}\n{self._story()}"
                self.kill()
                raise AssertionError(f"It did not shut down.\n{text}") from error
        self.kill()

    def kill(self) -> None:
        """Pull the plug."""
        if self in self.running:
            self.running.remove(self)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._journal is not None:
            self._journal.close()
        if Path(f"/sys/class/net/{self._cable}").exists():
            run("ip", "link", "del", self._cable)  # nspawn gives the other end back
        if self._dhcp is not None:
            self._dhcp.kill()
            self._dhcp.wait()
            self._dhcp = None
        if self._notices is not None:
            self._notices.shutdown(socket.SHUT_RDWR)  # ends the thread that reads it
            self._notices.close()
            self._notices = None

    def console_text(self) -> str:
        """The last of what the console showed, without its colours."""
        return re.sub(r"\x1b\[[0-9;:?]*[A-Za-z]|\r", "", self.console.decode(errors="replace"))[
            -6000:
        ]

    # Inside

    @property
    def journal(self) -> Journal:
        """What it logs."""
        assert self._journal is not None
        return self._journal

    def path(self, inside: str) -> Path:
        """A file of the container, as its PID 1 sees it."""
        return Path(f"/proc/{self.pid}/root") / inside.lstrip("/")

    def _enter(self) -> list[str]:
        words = [f"{key}={value}" for key, value in _ENVIRONMENT.items()]
        return ["nsenter", f"--target={self.pid}", "--all", "/usr/bin/env", "-i", *words]

    def run(
        self, *command: str, check: bool = True, user: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as root or ``user``."""
        as_user = ["runuser", "-u", user, "--"] if user else []
        done = subprocess.run(
            [*self._enter(), *as_user, *command],
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def out(self, *command: str) -> str:
        """The output of a command that must succeed."""
        return self.run(*command).stdout.strip()

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit; of the manager when ``unit`` is empty."""
        wanted = [word for name in names for word in ("-p", name)]
        lines = self.out("systemctl", "show", *([unit] if unit else []), *wanted).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def prop(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.show(unit, name)[name]

    def await_change(self, unit: str, name: str, before: str, limit: float = 60.0) -> str:
        """What a property is once it is no longer ``before``; systemd tells nobody of these."""
        await_true(lambda: self.prop(unit, name) != before, f"{unit}: {name} moves", limit)
        return self.prop(unit, name)

    def boot_seconds(self) -> float:
        """From the start of systemd to multi-user.target."""
        begun = int(self.show("", "UserspaceTimestampMonotonic")["UserspaceTimestampMonotonic"])
        done = int(self.prop("multi-user.target", "ActiveEnterTimestampMonotonic"))
        return (done - begun) / 1e6


def _drain(notices: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed meanwhile
        while notices.recv(65536):
            pass


class _PidFd:
    """Becomes readable when a process ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> int:
        self._handle = os.pidfd_open(self._pid)
        return self._handle

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
