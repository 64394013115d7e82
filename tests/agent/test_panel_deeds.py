"""What the actions of the panel do."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.agent.panel_deeds import LAST_WORDS, CodeGone, NoSetupYet, PanelDeeds, SetupRefused
from appliance.errors import JobRefused
from appliance.host.power import PowerAction
from appliance.panel import actions
from appliance.printer.api import Job, JobState, PauseKind, Snapshot, Source
from appliance.printer.client import PrinterUnreachable
from appliance.setup import fields
from appliance.setup.api import Facts, Fields, SetupRecord, SetupView, Step


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


class Desk(Anything):
    """A setup that takes everything, or refuses with ``wrong``."""

    finished = False

    def __init__(self, asked: list[tuple[Any, ...]]) -> None:
        super().__init__("setup", asked)
        self.wrong: dict[str, str] = {}

    def view(self) -> SetupView:
        record = SetupRecord(finished=self.finished)
        return SetupView(active=True, record=record, facts=Facts(), steps=())

    async def submit(self, step: Step, fields: Fields) -> dict[str, str]:
        self._asked.append(("setup.submit", step, fields))
        return self.wrong


class Codes:
    """One code is the pending one."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def confirm(self, code: str) -> bool:
        self.said.append(("confirm", code))
        return code == "4071"

    def refuse(self, code: str) -> bool:
        self.said.append(("refuse", code))
        return code == "4071"


class SetupBench(Bench):
    """With a wizard and browsers."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.codes = Desk(self.asked), Codes()
        doers: Any = type(
            "Doers",
            (),
            {
                name: Anything(name, self.asked)
                for name in ("printer", "jobs", "door", "moves", "queue")
            },
        )
        plate: Any = Anything("plate", self.asked)
        self.deeds = PanelDeeds(
            doers, plate, plate, plate.clear, setup=self.desk, access=self.codes
        )


NAMES = {"country": "DE", "password": "secretword"}


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        (actions.SetupMode(), ("setup.open_setup",)),
        (actions.ScanWifi(), ("setup.scan",)),
        (
            actions.JoinWifi(b"\xff Caf\xc3\xa9", "secretword", "DE"),
            ("setup.submit", Step.NETWORK, {**NAMES, "ssid": "ff20436166c3a9"}),
        ),
        (
            actions.JoinWifi("Café".encode(), "secretword", "DE", hidden=True),
            ("setup.submit", Step.NETWORK, {**NAMES, "ssid": "other", "other": "Café"}),
        ),
        (
            actions.RegisterAccount("ada@example.com", "1234"),
            ("setup.submit", Step.CLOUD, {"email": "ada@example.com", "pin": "1234"}),
        ),
        (actions.LeaveSetup(), ("setup.submit", Step.DONE, {})),
    ],
    ids=repr,
)
async def test_the_setup(action: actions.Action, asked: tuple[Any, ...]) -> None:
    bench = SetupBench()
    await bench.deeds.do(action)
    assert bench.asked == [asked]


async def test_the_names_of_the_fields_are_those_of_the_wizards_form() -> None:
    """What is handed over is what the forms read."""
    bench = SetupBench()
    for action in (
        actions.JoinWifi(b"\x00\xff", "secretword", "DE"),
        actions.JoinWifi(b"home", "secretword", "DE", hidden=True),
    ):
        await bench.deeds.do(action)
        values = fields.network(bench.asked[-1][2])
        assert values == fields.NetworkValues("DE", action.ssid, "secretword", action.hidden)
    await bench.deeds.do(actions.RegisterAccount("ada@example.com", "1234"))
    assert fields.cloud(bench.asked[-1][2]) == fields.CloudValues("ada@example.com", "1234")


async def test_setup_mode_is_left_without_an_answer() -> None:
    bench = SetupBench()
    bench.desk.finished = True
    await bench.deeds.do(actions.LeaveSetup())
    assert bench.asked == [("setup.close_setup",)]


async def test_what_is_wrong_is_told_in_words() -> None:
    bench = SetupBench()
    bench.desk.wrong = {"password": "Too short.", "ssid": "Too short.", "country": "Choose one."}
    with pytest.raises(SetupRefused, match=r"^Too short\. Choose one\.$"):
        await bench.deeds.do(actions.JoinWifi(b"home", "x", ""))


async def test_a_browser_is_let_in_or_not() -> None:
    bench = SetupBench()
    await bench.deeds.do(actions.ConfirmCode("4071"))
    await bench.deeds.do(actions.RefuseCode("4071"))
    await bench.deeds.do(actions.RefuseCode("0000"))  # gone: nobody comes in by it
    with pytest.raises(CodeGone, match="too old"):
        await bench.deeds.do(actions.ConfirmCode("0000"))
    assert [said for said, _ in bench.codes.said] == ["confirm", "refuse", "refuse", "confirm"]


async def test_without_a_wizard_nobody_is_let_in(bench: Bench) -> None:
    with pytest.raises(CodeGone):
        await bench.deeds.do(actions.ConfirmCode("4071"))
    for action in (actions.ScanWifi(), actions.LeaveSetup()):
        with pytest.raises(NoSetupYet):
            await bench.deeds.do(action)


@pytest.mark.parametrize(
    "action",
    [
        actions.JoinWifi(b"home", "secretword", "DE"),
        actions.RegisterAccount("ada@example.com", "secretword"),
    ],
)
def test_no_secret_stands_in_an_action_that_is_logged(action: actions.Action) -> None:
    assert "secretword" not in f"{action!r} {action} {[action]} {(action,)}"
