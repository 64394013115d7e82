"""What stands around a container: a printer on a serial port, and the Polar Cloud."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account
from appliance.sim.cloud_state import CloudState
from appliance.sim.marlin import VirtualMarlin
from appliance.sim.options import MarlinOptions
from appliance.sim.printer import PtyPrinter
from image.vm.container.machine import INSIDE_PORTS, Container, run

T = TypeVar("T")
LIMIT = 60.0  # seconds
PORT = "/dev/ttyUSB0"
CLOUD = "10.76.0.1"  # reached through any container's gateway
CLOUD_PORT = 8700
ACCOUNT = Account("owner@example.com", "4711")


class Loop:
    """An event loop on a thread of its own: the tests are plain functions."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], limit: float = LIMIT) -> T:
        """The result of ``work``. Raises TimeoutError after ``limit`` seconds."""
        return asyncio.run_coroutine_threadsafe(_within(work, limit), self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _within(work: Coroutine[Any, Any, T], limit: float) -> T:
    async with asyncio.timeout(limit):
        return await work


class World:
    """Printer and cloud; a context manager."""

    def __init__(self) -> None:
        self.loop = Loop()
        # Faster than a real one: a print of some thousand moves takes some ten seconds. Opening
        # the port resets the board, as with most.
        self.printer = PtyPrinter(MarlinOptions(speed=20.0), reset_on_open=True)
        self.cloud = LocalCloud(CloudOptions(host=CLOUD, port=CLOUD_PORT, accounts=(ACCOUNT,)))

    def __enter__(self) -> Self:
        run("ip", "link", "add", "cloud", "type", "dummy")
        run("ip", "address", "add", f"{CLOUD}/32", "dev", "cloud")
        run("ip", "link", "set", "cloud", "up")
        self.loop.run(self.printer.__aenter__())
        self.loop.run(self.cloud.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.loop.run(self.cloud.__aexit__(kind, error, trace))
        self.loop.run(self.printer.__aexit__(kind, error, trace))
        self.loop.close()

    # The cloud

    def boot_file(self) -> str:
        """What a person writes who wants a card that asks nothing."""
        return (
            "# Written by hand.\n"
            f'[cloud]\nurl = "{self.cloud.url}"\n'
            f'email = "{ACCOUNT.email}"\npin = "{ACCOUNT.pin}"\n\n'
            f'[printer]\nport = "{PORT}"  # it has no name by id\nbaud = 250000\n\n'
            '[camera]\nsource = "none"\n'
        )

    def wait_cloud(self, predicate: Callable[[CloudState], T], limit: float = LIMIT) -> T:
        """The first true answer of ``predicate``, asked again after each change."""
        return self.loop.run(self.cloud.wait_for(predicate, limit), limit + 5)

    # The printer

    def attach(self, container: Container) -> None:
        """Put the adapter into the container's socket."""
        name = self.printer.path.removeprefix("/dev/pts/")
        port = container.path(PORT)
        port.unlink(missing_ok=True)
        port.symlink_to(f"{INSIDE_PORTS}/{name}")

    def unplug(self, container: Container) -> None:
        """Pull the adapter out."""
        container.path(PORT).unlink()
        self.loop.run(self.printer.unplug())

    def plug(self, container: Container) -> None:
        """Put it in again: the port is a new one, the board keeps what it did."""
        self.loop.run(self.printer.plug())
        self.attach(container)

    def ask_printer(self, order: Callable[[VirtualMarlin], T]) -> T:
        """What the board says of itself."""
        return self.loop.run(self.printer.ask(lambda marlin, _: order(marlin)))

    def wait_printer(
        self, condition: Callable[[VirtualMarlin], bool], limit: float = LIMIT
    ) -> None:
        """Until the board is so."""
        self.loop.run(self.printer.wait_for(condition, limit), limit + 5)
