"""Talking to the daemons of a container through their own sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance import ipc
from appliance.agent.api import AgentView
from appliance.printer.api import Job, LinkState, Snapshot, StartJob
from appliance.printer.client import PrinterClient
from image.vm.container.loop import LIMIT, Loop
from image.vm.container.machine import Container, await_true

STATE = "/var/lib/polar-appliance"

T = TypeVar("T")


class Talk:
    """The printer daemon and the agent, from outside."""

    def __init__(self, container: Container, loop: Loop) -> None:
        self._container = container
        self._loop = loop

    def snapshot(self) -> Snapshot:
        """The printer daemon's state."""
        return self.wait_snapshot(lambda _: True)

    def wait_snapshot(self, wanted: Callable[[Snapshot], bool], limit: float = LIMIT) -> Snapshot:
        """The first state that is ``wanted``; also over restarts of the daemon."""
        seen: list[Snapshot] = []
        try:
            return self._loop.run(self._wait(wanted, seen), limit)
        except TimeoutError:
            last = msgspec.json.encode(seen[-1]).decode() if seen else "none"
            raise AssertionError(f"Not within {limit:.0f} s. The last snapshot: {last}") from None

    async def _wait(self, wanted: Callable[[Snapshot], bool], seen: list[Snapshot]) -> Snapshot:
        async with PrinterClient(self._run("printer.sock")) as client:
            async for snapshot in client.snapshots():
                if snapshot is not None:
                    seen[:] = [snapshot]
                    if wanted(snapshot):
                        return snapshot
        raise AssertionError("The stream ended.")

    def wait_job(self, wanted: Callable[[Job], bool], limit: float = LIMIT) -> Job:
        """The first state of the present job that is ``wanted``."""
        snapshot = self.wait_snapshot(lambda one: one.job is not None and wanted(one.job), limit)
        assert snapshot.job is not None
        return snapshot.job

    def view(self) -> AgentView:
        """The agent's state."""
        return self._ask("GET", "/state", None, AgentView)

    def serial(self) -> str:
        """Its serial number, once it is registered."""
        await_true(lambda: self.view().serial_number, "it is registered")
        return self.view().serial_number or ""

    def be_ready(self) -> None:
        """Until the printer answers; a print that is still there ends, the plate is cleared."""
        self.wait_snapshot(lambda one: one.link is LinkState.READY)
        job = self.snapshot().job
        if job is not None and not job.state.ended:
            self.cancel()
            self.wait_snapshot(lambda one: one.job is None or one.job.state.ended)
        if self.view().plate_full:
            self.clear_plate()

    def cancel(self) -> None:
        """End the present print."""
        self._ask("POST", "/cancel", None, AgentView)

    def clear_plate(self) -> None:
        """The print was taken off."""
        self._ask("POST", "/plate-clear", None, AgentView)

    def print(self, name: str, gcode: str) -> Snapshot:
        """Start a print of this device, through the agent. Raises what it is refused with."""
        inside = f"{STATE}/{name}"
        path = self._container.path(inside)
        path.write_text(gcode)
        path.chmod(0o644)
        request = StartJob(path=inside, key=name, name=name)
        return self._ask("POST", "/print", request, Snapshot)

    def _run(self, name: str) -> Path:
        return self._container.path(f"/run/polar-appliance/{name}")

    def _ask(self, method: str, path: str, content: msgspec.Struct | None, answer: type[T]) -> T:
        async def ask() -> T:
            http = ipc.connect(self._run("agent.sock"))
            try:
                return await ipc.ask(http, (method, path), content, answer, LIMIT)
            finally:
                await http.close()

        return self._loop.run(ask())
