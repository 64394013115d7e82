"""What the actions of the panel do."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.agent.panel_deeds import LAST_WORDS, NoSetupYet, PanelDeeds
from appliance.errors import JobRefused
from appliance.host.power import PowerAction
from appliance.panel import actions
from appliance.printer.api import Job, JobState, PauseKind, Snapshot, Source
from appliance.printer.client import PrinterUnreachable


class Anything:
    """Notes what is asked of it, and answers with ``answer``."""

    def __init__(self, name: str, asked: list[tuple[Any, ...]]) -> None:
        self._name = name
        self._asked = asked

    def __getattr__(self, method: str) -> Any:
        async def note(*arguments: Any) -> None:
            self._asked.append((f"{self._name}.{method}", *arguments))

        return note


class Printer(Anything):
    """With a snapshot, or away."""

    present: Snapshot | None = Snapshot()

    async def snapshot(self) -> Snapshot:
        if self.present is None:
            raise PrinterUnreachable("The printer service does not answer.")
        return self.present


class Bench:
    """The deeds between stand-ins."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.printer = Printer("printer", self.asked)
        doers: Any = type(
            "Doers",
            (),
            {
                "printer": self.printer,
                **{name: Anything(name, self.asked) for name in ("jobs", "door", "moves", "queue")},
            },
        )
        plate: Any = Anything("plate", self.asked)
        power: Any = Anything("power", self.asked)
        self.deeds = PanelDeeds(doers, plate, power, Anything("cloud", self.asked).unregister)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        (actions.Pause(PauseKind.COLD), ("printer.pause", PauseKind.COLD)),
        (actions.Resume(), ("door.resume",)),
        (actions.Cancel(), ("jobs.cancel_any",)),
        (actions.LoadQueue(8), ("queue.load", 8)),
        (actions.PrintQueued("7"), ("queue.print_next", "7")),
        (actions.PlateCleared(), ("plate.clear",)),
        (actions.Preheat("PLA"), ("moves.preheat", "PLA")),
        (actions.CoolDown(), ("moves.cool_down",)),
        (actions.Home(("z",)), ("moves.home", ("z",))),
        (actions.Jog("x", -0.1), ("moves.jog", {"x": -0.1})),
        (actions.Extrude(-10.0), ("moves.extrude", -10.0)),
        (actions.ConnectPrinter(), ("printer.connect",)),
        (actions.Unregister(), ("cloud.unregister",)),
        (actions.RestartDevice(), ("power.request", PowerAction.REBOOT)),
        (actions.ShutDown(), ("power.request", PowerAction.SHUTDOWN)),
    ],
    ids=str,
)
async def test_each_action(bench: Bench, action: actions.Action, asked: tuple[Any, ...]) -> None:
    await bench.deeds.do(action)
    assert bench.asked == [asked]


def job(state: JobState) -> Job:
    return Job(
        job_id="1",
        key="k",
        name="Vase",
        source=Source.CLOUD,
        path="/vase.gcode",
        state=state,
        started_at=0.0,
        file_size=1,
    )


@pytest.mark.parametrize("action", [actions.RestartDevice(), actions.ShutDown()])
async def test_no_power_off_beside_a_print(bench: Bench, action: actions.Action) -> None:
    """Whatever was shown last: the printer daemon is asked."""
    bench.printer.present = Snapshot(job=job(JobState.PAUSED))
    with pytest.raises(JobRefused, match="not over yet"):
        await bench.deeds.do(action)
    assert bench.asked == []
    for present in (Snapshot(job=job(JobState.COMPLETED)), None):
        bench.printer.present = present
        await bench.deeds.do(action)
    assert len(bench.asked) == 2
    assert LAST_WORDS[type(action)].farewell


async def test_setup_mode_says_how(bench: Bench) -> None:
    with pytest.raises(NoSetupYet, match=r"polar-appliance\.toml"):
        await bench.deeds.do(actions.SetupMode())
