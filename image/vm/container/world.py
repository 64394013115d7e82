"""The Polar Cloud, as all containers see it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account, PastPrint
from appliance.sim.cloud_state import CloudState
from image.vm.container.adapter import PORT
from image.vm.container.loop import LIMIT, Loop
from image.vm.container.machine import run

T = TypeVar("T")
ADDRESS = "10.76.0.1"  # reached through any container's gateway
ACCOUNT = Account("owner@example.com", "4711")


class World:
    """The local cloud with one account, and the loop that it runs on; a context manager."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.cloud = LocalCloud(CloudOptions(host=ADDRESS, port=8700, accounts=(ACCOUNT,)))

    def __enter__(self) -> Self:
        run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        self.loop.run(self.cloud.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.loop.run(self.cloud.__aexit__(kind, error, trace))
        self.loop.close()

    def boot_file(self) -> str:
        """What a person writes who wants a card that asks nothing."""
        return (
            "# Written by hand.\n"
            f'[cloud]\nurl = "{self.cloud.url}"\n'
            f'email = "{ACCOUNT.email}"\npin = "{ACCOUNT.pin}"\n\n'
            f'[printer]\nport = "{PORT}"  # it has no name by id\nbaud = 250000\n\n'
            '[camera]\nsource = "none"\n'
        )

    def wait(self, predicate: Callable[[CloudState], T], limit: float = LIMIT) -> T:
        """The first true answer of ``predicate``, asked again after each change."""
        return self.loop.run(self.cloud.wait_for(predicate, limit), limit + 5)

    def wait_online(self, serial: str) -> None:
        """Until this printer has said hello, and is still there."""
        self.wait(lambda state: state.lives[serial].connected)

    def wait_end(self, serial: str, job_id: str) -> PastPrint:
        """How a job ended, as the cloud was told."""
        found = self.wait(
            lambda state: [p for p in state.printer(serial).past if p.job_id == job_id]
        )
        return found[0]

    def start(self, serial: str, name: str, gcode: str) -> str:
        """Queue a file for a printer and let it print it, once it is there; the job's id."""
        self.wait_online(serial)

        async def ask() -> str:
            job_id = self.cloud.queue(name, gcode.encode(), serial)
            await self.cloud.start_print(job_id)
            return job_id

        return self.loop.run(ask())
