"""The setup in a small world: simulated Wi-Fis, a cloud and a printer that do as told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from appliance import config
from appliance.agent.api import RegisterAs
from appliance.agent.network_watch import NetworkWatch
from appliance.agent.setup_answers import Devices, OwnSettings
from appliance.agent.setup_desk import Desk
from appliance.agent.state import AgentState
from appliance.config import CameraSettings, PathSettings, Settings
from appliance.errors import CloudError
from appliance.host.network_api import Hotspot, Link, NetworkState
from appliance.printer.api import Snapshot
from appliance.revision import Revision
from appliance.setup.api import SetupRecord, Step
from appliance.setup.radio import Radio
from appliance.sim.network import Air, SimulatedClock, SimulatedNetwork

HOTSPOT = Hotspot("PolarAppliance-AB12", "abcdefgh23")
PATIENCE = 20.0  # seconds of a loaded machine


async def at_once(_seconds: float) -> None:
    """Time that passes by itself in a simulated network."""
    await asyncio.sleep(0)


class Counting(SimulatedNetwork):
    """Knows how often it was looked at."""

    def __init__(self, air: Air) -> None:
        super().__init__(air, sleep=at_once)
        self.looks = Revision()

    async def state(self) -> NetworkState:
        self.looks.bump()
        return await super().state()


class Networked:
    """The network's part of the agent."""

    def __init__(self, air: Air | None = None, hotspot_after: float = 600.0) -> None:
        self.now = 1000.0
        self.air = air or Air()
        self.network = Counting(self.air)
        self.state = AgentState()
        self.returned = 0
        self.watch = NetworkWatch(
            self.network,
            self.state,
            HOTSPOT,
            Radio(hotspot_after),
            self._count,
            clock=lambda: self.now,
        )

    def _count(self) -> None:
        self.returned += 1

    @contextlib.asynccontextmanager
    async def alive(self, country: str = "") -> AsyncIterator[None]:
        task = asyncio.create_task(self.watch.run(country))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.state.revision.wait_beyond(self.state.revision.number)

    async def link(self, link: Link) -> None:
        await self.until(lambda: self.state.network.link is link)

    def is_open(self) -> bool:
        return self.network.hotspot is not None

    async def pass_time(self, seconds: float) -> None:
        """So much time is over, and the watch has looked and acted."""
        self.now += seconds
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):  # the second look begins when the first has been acted on
                seen = self.network.looks.number
                self.watch.look()
                await self.network.looks.wait_beyond(seen)


class Cloud:
    """Registers, or refuses with the next reason."""

    def __init__(self) -> None:
        self.serial_number: str | None = None
        self.asked: list[RegisterAs] = []
        self.refusals: list[CloudError] = []
        self.allowed = asyncio.Event()
        self.allowed.set()

    async def register(self, account: RegisterAs) -> None:
        self.asked.append(account)
        await self.allowed.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        self.serial_number = "P3D1"


class SetUp(Networked):
    """The setup on one disk; :meth:`begin` is a life of the agent, and a kill the next one."""

    def __init__(self, folder: Path, air: Air | None = None, more: Settings | None = None) -> None:
        super().__init__(air)
        self.clock = SimulatedClock()
        self.cloud = Cloud()
        self.printer_restarts = 0
        self.restart_asked = asyncio.Event()
        self.restart_allowed = asyncio.Event()
        self.restart_allowed.set()
        self.turned: list[int] = []
        self.tests = 0
        self.test_allowed = asyncio.Event()
        self.test_allowed.set()
        self.restarts = asyncio.Semaphore(0)
        self.camera = True
        self.settings = msgspec.structs.replace(
            more or Settings(),
            paths=PathSettings(state=str(folder / "state"), run=str(folder / "run")),
        )
        self.tasks: list[asyncio.Task[None]] = []
        self.begin()

    def begin(self) -> None:
        """The agent starts: nothing but the disk, the network and the cloud is as it was."""
        self.state = AgentState()
        self.watch = NetworkWatch(
            self.network, self.state, HOTSPOT, Radio(600.0), self._count, clock=lambda: self.now
        )
        self.own = OwnSettings(self._stored())
        devices = Devices(
            watch=self.watch,
            clock=self.clock,
            account=self.cloud,
            own=self.own,
            printer=self,
            test_printer=self._test,
            change_camera=self._change_camera,
            restart=self.restarts.release,
            makes=lambda: ("Cartesian", "Delta <3>"),
            has_camera=lambda: self.camera,
            ports=lambda: ("/dev/serial/by-id/usb-1", "/dev/ttyUSB1"),
            answer_time=0.0,
        )
        self.desk = Desk(self.own.settings, self.state, devices, now=lambda: self.now)
        parts = (self.watch.run(), self.desk.run())
        self.tasks = [asyncio.create_task(part) for part in parts]

    def _stored(self) -> Settings:
        """As the next start reads them: the device's own file above the usual ones."""
        file = self.settings.device_file
        return (
            config.check(config.read_file(file, device=True), "", self.settings)
            if (file.exists())
            else self.settings
        )

    async def kill(self) -> None:
        """As by SIGKILL: nothing is written on the way out."""
        for task in self.tasks:
            task.cancel()
        await self.desk.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def restart(self) -> Snapshot:
        self.restart_asked.set()
        await self.restart_allowed.wait()
        self.printer_restarts += 1
        return Snapshot()

    async def _test(self) -> str:
        self.tests += 1
        await self.test_allowed.wait()
        return "The printer was homed."

    async def _change_camera(self, camera: CameraSettings) -> None:
        self.turned.append(camera.transform)

    @property
    def record(self) -> SetupRecord:
        return self.desk.view().record

    def step(self) -> Step:
        return self.record.step

    def active(self) -> bool:
        return self.desk.active

    async def at(self, step: Step) -> None:
        await self.until(lambda: self.step() is step)
