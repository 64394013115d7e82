"""Moves with a printer daemon that has an ideal machine behind it."""

from __future__ import annotations

import asyncio

import msgspec

from appliance.agent.moves import Moves
from appliance.agent.state import AgentState
from appliance.printer.api import Heater, Job, JobState, LinkState, Moment, Snapshot, Source
from appliance.settings_panel import MATERIALS, MoveSettings
from appliance.sim.interpreter import Machine

LIMITS = MoveSettings(size_x=200, size_y=180, size_z=150)
ALL_HOT = {"tool0": Heater(210, 210), "bed": Heater(60, 60)}


class Stuck(Machine):
    """Homing leads nowhere else: the endstop is where the head is."""

    def run(self, command: str) -> list[str]:
        return [] if command.startswith("G28") else super().run(command)


class Bench:
    """Moves with a printer daemon in front of an ideal machine."""

    def __init__(self, limits: MoveSettings = LIMITS) -> None:
        self.machine = Machine()
        self.machine.hotends[0] = 210.0
        self.state = AgentState()
        self.sent: list[list[str]] = []
        self.temperatures: list[tuple[dict[str, float], Moment]] = []
        self.says: list[str] = []  # the printer answers this to the next lines
        self.refusal: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.seen = Snapshot(life="a", link=LinkState.READY, heaters=ALL_HOT)
        self.tell()
        self.now = 0.0
        self.moves = Moves(limits, MATERIALS, self, self.state, clock=lambda: self.now)

    def tell(self, **changes: object) -> None:
        """The printer daemon's snapshot is this from now on."""
        self.seen = msgspec.structs.replace(
            self.seen, **{"revision": self.seen.revision + 1, **changes}
        )
        self.state.see_snapshot(self.seen)

    def printing(self, state: JobState) -> None:
        self.tell(job=job(state))

    async def run_gcode(self, lines: list[str], when: Moment = Moment.ANY) -> list[str]:
        await self.gate.wait()
        if self.refusal is not None and lines != ["M114"]:
            raise self.refusal
        present = self.seen.job.state if self.seen.job else None
        idle = present is None or present.ended
        assert idle if when is Moment.IDLE else present is JobState.PAUSED, (when, present)
        self.sent.append(lines)
        self.tell(lines_sent=self.seen.lines_sent + len(lines))
        said, self.says = self.says, []
        answers = [answer for line in lines for answer in self.machine.run(line)]
        return [*said, *answers]

    async def set_temperature(
        self, targets: dict[str, float], when: Moment = Moment.ANY
    ) -> Snapshot:
        self.temperatures.append((targets, when))
        return self.seen

    def head(self) -> tuple[float, float, float]:
        return self.machine.at["X"], self.machine.at["Y"], self.machine.at["Z"]


def job(state: JobState, key: str = "k1") -> Job:
    return Job(
        job_id="1",
        key=key,
        name="Vase",
        source=Source.CLOUD,
        path="/x",
        state=state,
        started_at=1.0,
        file_size=10,
    )
