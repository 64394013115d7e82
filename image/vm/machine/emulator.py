"""The emulated machine: arm64, no KVM, 512 MB, started from a :class:`Card`.

A power cut is ``kill``. qemu's cache is ``writeback`` above qcow2: a write is said to be done
before the overlay's own tables are on the disk, and they get there with the machine's flushes.
So a kill loses or keeps what was not flushed, in no certain order, as a card's own cache does;
what was flushed stays. (``unsafe`` would ignore flushes, ``writethrough`` would lose nothing.)
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from image.vm.machine.card import NOW, Card
from image.vm.machine.qmp import Qmp
from image.vm.machine.shell import Shell

BOOT_LIMIT = 600.0  # seconds; about 90 on an idle machine
QEMU_LIMIT = 60.0
ADAPTERS = 2
MEMORY = 512  # MB: a Raspberry Pi Zero 2 W


class Machine:
    """An async context manager around one run of qemu; leaving it pulls the plug."""

    def __init__(
        self, card: Card, folder: Path, *, name: str = "machine", network: bool = True,
        clock: str = "utc", page_port: int = 0, arguments: str = "",
    ) -> None:  # fmt: skip
        self.card = card
        self.folder = folder
        self.console = folder / f"{name}.console"
        self.started = 0.0
        self._network = network
        self._clock = clock
        self._page_port = page_port
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._name = name

    async def __aenter__(self) -> Self:
        await self.switch_on()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.cut()

    # Power

    async def switch_on(self) -> None:
        """Start qemu; the machine has only begun to boot when this returns."""
        for socket in ("shell", "qmp", "adapter0", "adapter1"):
            (self.folder / socket).unlink(missing_ok=True)
        self.started = time.monotonic()
        with (self.folder / f"{self._name}.qemu").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(QEMU_LIMIT):
            self.qmp = await self._connect(Path(log.name))
        self.shell = await Shell.connect(self.folder / "shell")
        await self.qmp.order("cont")

    async def _connect(self, log: Path) -> Qmp:
        """The monitor, once qemu listens; its socket has a name some moments before."""
        assert self._process is not None
        while True:
            assert self._process.returncode is None, f"qemu ended: see {log}"
            try:
                return await Qmp.connect(self.folder / "qmp")
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.05)

    async def cut(self) -> None:
        """The power cut: qemu is killed at once."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        self.qmp.close()
        self.shell.close()

    async def switch_off(self, limit: float = BOOT_LIMIT) -> None:
        """Shut down in order."""
        assert self._process is not None
        await self.shell.run("systemctl --no-block poweroff")
        async with asyncio.timeout(limit):
            await self._process.wait()
        await self.cut()

    @property
    def on(self) -> bool:
        """Whether qemu runs."""
        return self._process is not None and self._process.returncode is None

    async def booted(self, limit: float = BOOT_LIMIT) -> str:
        """Until all that a start begins has begun; systemd's word for the state."""
        async with asyncio.timeout(limit):
            await self.shell.hello()
            while True:
                state = (await self.shell.ask("systemctl is-system-running")).output.strip()
                if state in ("running", "degraded", "maintenance"):
                    return state
                await asyncio.sleep(1.0)

    async def boot_time(self) -> float:
        """Seconds from the kernel's start to multi-user.target, by the machine's own clock."""
        told = await self.shell.run(
            "systemctl show -P ActiveEnterTimestampMonotonic multi-user.target"
        )
        return int(told) / 1e6

    def said(self, pattern: str) -> bool:
        """Whether the serial console has shown something like this."""
        return re.search(pattern, self.console.read_text(errors="replace")) is not None

    # qemu

    def _command(self) -> list[str]:
        kernel = (NOW / "kernel").resolve()
        return [
            *("setpriv", "--pdeathsig", "KILL"),  # it does not outlive tests that are broken off
            "qemu-system-aarch64",
            *("-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", str(MEMORY)),
            *("-accel", "tcg,thread=multi,tb-size=256", "-display", "none", "-S"),
            *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(kernel / "initrd")),
            *("-append", f"{kernel_arguments()} {self._arguments}".strip()),
            *("-rtc", f"base={self._clock}"),
            *("-chardev", f"file,id=console,path={self.console},append=on"),
            *("-serial", "chardev:console", "-device", "virtio-rng-pci"),
            *("-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off"),
            *("-drive", f"if=none,id=card,file={self.card.path},format=qcow2,cache=writeback"),
            *("-device", "virtio-blk-pci,drive=card", "-device", "virtio-serial-pci"),
            *self._port("shell", "virtserialport,name=vm.shell"),
            *("-device", "qemu-xhci,id=usb"),
            *self._port("adapter0", "usb-serial,bus=usb.0"),
            *self._port("adapter1", "usb-serial,bus=usb.0"),
            *self._network_card(),
        ]

    def _port(self, name: str, device: str) -> list[str]:
        chardev = f"socket,id={name},path={self.folder / name},server=on,wait=off"
        return ["-chardev", chardev, "-device", f"{device},chardev={name}"]

    def _network_card(self) -> list[str]:
        if not self._network:
            return ["-nic", "none"]
        forward = f",hostfwd=tcp:127.0.0.1:{self._page_port}-:80" if self._page_port else ""
        return [
            *("-netdev", f"user,id=net{forward}"),
            *("-device", "virtio-net-pci,netdev=net,mac=b8:27:eb:12:34:56"),
        ]


def kernel_arguments() -> str:
    """The card's own command line, but on the console that the emulated machine has."""
    boot = (NOW / "card/cmdline").resolve()
    words = boot.read_text().split()
    kept = [word for word in words if not word.startswith("console=") and word != "quiet"]
    return " ".join(["console=ttyAMA0", *kept])
