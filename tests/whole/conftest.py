"""The whole appliance as processes, between a local Polar Cloud and a virtual Marlin."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.agent.api import AgentView
from appliance.agent.client import clear_plate, look
from appliance.config import load
from appliance.printer.client import PrinterClient
from appliance.sim.cloud import DEFAULT_EMAIL, DEFAULT_PIN, CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account
from appliance.sim.cloud_state import CloudState
from appliance.sim.marlin import MarlinOptions
from appliance.sim.printer import PtyPrinter

CONFIG = """\
[cloud]
url = "{url}"
mfg = "test"
{account}status_interval = 0.5
idle_image_interval = 1.0
printing_image_interval = 1.0
[printer]
port = "{port}"
baud = 250000
[camera]
source = "synthetic"
width = 320
height = 240
[timelapse]
interval = 0.2
[web]
port = {page_port}
[setup]
simulated_network = true
[paths]
state = "{folder}/state"
run = "{folder}/run"
[[commands]]
label = "Say hello"
gcode = ["M117 hello"]
[[commands]]
label = "Restart the agent"
action = "restart-agent"
"""

ACCOUNT = f'email = "{DEFAULT_EMAIL}"\npin = "{DEFAULT_PIN}"\n'
STRANGER = Account("other@example.com", "987654")  # whose printer it may be already

PANEL = """\
[panel]
display = "hd44780-20x4"
simulated = "{folder}/run/panel.sock"
[buttons]
up = 5
down = 6
left = 13
right = 19
ok = 26
[door]
pin = 17
while_printing = "pause"
[plate]
print_next = true
"""


class Daemon:
    """One of our processes."""

    def __init__(self, name: str, config: Path, log: Path) -> None:
        self._command = [sys.executable, "-m", "appliance", "--config", str(config), name]
        self._log = log
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdout=log, stderr=log
            )

    async def keep_running(self) -> None:
        """Start it, and start it again whenever it ends, as systemd does."""
        while True:
            await self.start()
            assert self.process is not None
            await self.process.wait()

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await asyncio.wait_for(self.process.wait(), 10)

    def log(self) -> str:
        return self._log.read_text(errors="replace")


class Whole:
    """Cloud, printer and both daemons."""

    def __init__(
        self,
        folder: Path,
        cloud: LocalCloud,
        board: PtyPrinter,
        further: str = "",
        *,
        account: str = ACCOUNT,
        page_port: int = 0,
    ) -> None:
        self.folder = folder
        self.cloud = cloud
        self.board = board
        self.page = f"http://127.0.0.1:{page_port}"
        self.config = folder / "config.toml"
        self.config.write_text(
            (CONFIG + further).format(
                url=cloud.url,
                account=account,
                page_port=page_port,
                port=board.path,
                folder=folder,
            )
        )
        self.printer = Daemon("printer", self.config, folder / "printer.log")
        self.agent = Daemon("agent", self.config, folder / "agent.log")

    async def start(self) -> None:
        await self.printer.start()
        await self.agent.start()
        await self.wait(lambda state: self.code(state) == 0, 40)

    async def wait(self, condition: Callable[[CloudState], Any], timeout: float = 60) -> Any:
        return await self.cloud.wait_for(condition, timeout)

    def code(self, state: CloudState) -> int | None:
        if not state.printers:
            return None
        status = state.lives[state.printer().serial_number].status
        return status.code if status else None

    def fields(self) -> dict[str, Any]:
        status = self.cloud.state.lives[self.cloud.printer.serial_number].status
        assert status is not None
        return status.fields

    def client(self) -> PrinterClient:
        return PrinterClient(load(self.config).settings.printer_socket)

    def hellos(self) -> int:
        return self.cloud.state.lives[self.cloud.printer.serial_number].hellos

    async def view(self) -> AgentView:
        view, _ = await look(load(self.config).settings)
        assert view is not None, "the agent is off"
        return view

    async def clear_plate(self) -> None:
        """A print ended: the plate is to be cleared, and then the printer is ready."""
        await self.wait(lambda state: self.code(state) == 15)
        await clear_plate(load(self.config).settings)
        await self.wait(lambda state: self.code(state) == 0)

    def logs(self) -> str:
        return self.printer.log() + self.agent.log()


@asynccontextmanager
async def _world(folder: Path, further: str = "") -> AsyncIterator[Whole]:
    board = PtyPrinter(MarlinOptions(speed=200.0), link=folder / "ttyPrinter")
    async with LocalCloud(CloudOptions(folder=folder / "cloud")) as cloud, board:
        world = Whole(folder, cloud, board, further)
        await world.start()
        try:
            yield world
        finally:
            await world.agent.stop()
            await world.printer.stop()


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with _world(tmp_path) as world:
        yield world


@pytest.fixture
async def panelled(tmp_path: Path) -> AsyncIterator[Whole]:
    """With a front panel, whose keys and display are at `run/panel.sock`."""
    async with _world(tmp_path, PANEL) as world:
        yield world


@pytest.fixture
def page_port() -> Iterator[int]:
    """One that stays the same when the agent begins anew, as port 80 of a device does.

    Nobody is given it meanwhile; who asks for it by its number may listen all the same, since
    both sockets allow that and this one never listens.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("", 0))
        yield holder.getsockname()[1]


@pytest.fixture
async def flashed(tmp_path: Path, page_port: int) -> AsyncIterator[Whole]:
    """From a flashed card: nothing is set up; with a panel. Daemons that end are started again."""
    board = PtyPrinter(MarlinOptions(speed=200.0), link=tmp_path / "ttyPrinter")
    accounts = (Account(DEFAULT_EMAIL, DEFAULT_PIN), STRANGER)
    async with (
        LocalCloud(CloudOptions(folder=tmp_path / "cloud", accounts=accounts)) as cloud,
        board,
    ):
        world = Whole(tmp_path, cloud, board, PANEL, account="", page_port=page_port)
        daemons = (world.printer, world.agent)
        tasks = [asyncio.create_task(one.keep_running()) for one in daemons]
        try:
            yield world
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in daemons:
                await one.stop()


@pytest.fixture
def square() -> Callable[[int], bytes]:
    """G-code of a square tower: short moves, heating first, everything off at the end."""

    def make(layers: int) -> bytes:
        lines = ["M104 S200", "G28", "M109 S200", "G90", "M82"]
        extruded = 0.0
        for layer in range(layers):
            lines.append(f"G1 Z{0.2 + 0.2 * layer:.2f} F600")
            for x, y in ((20, 20), (40, 20), (40, 40), (20, 40)):
                extruded += 0.5
                lines.append(f"G1 X{x} Y{y} E{extruded:.2f} F3000")
        lines += ["M104 S0", "M107", "M84"]
        return ("\n".join(lines) + "\n").encode()

    return make


@pytest.fixture
def make_whole() -> Callable[[Path, str], AbstractAsyncContextManager[Whole]]:
    """A world whose settings have a further section."""
    return _world
