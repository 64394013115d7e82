"""Each command of the cloud does its thing; a refusal becomes words, never an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import pytest

from appliance.agent.commands import Commands, Doers
from appliance.agent.custom import CustomCommands, wire_name
from appliance.agent.door import Door
from appliance.agent.jobs import CloudJobs
from appliance.agent.moves import Moves
from appliance.agent.queue import NEXT_PRINT_TEXT, Queue
from appliance.agent.state import AgentState
from appliance.config import CustomCommand
from appliance.errors import CloudError, JobRefused, PrinterError
from appliance.host.power import PowerAction
from appliance.polar import messages
from appliance.polar.messages import CloudMessage, PauseKind, PrinterMessage, Result
from appliance.printer import api
from appliance.printer.client import PrinterClient
from appliance.printer.console import checked
from appliance.settings_panel import DoorSettings

SN = "P3D1"

LISTED = [
    CustomCommand(label="Preheat", gcode=["M104 S200", "M140 S60"]),
    CustomCommand(label="Again", action="restart-agent"),
    CustomCommand(label="Reboot", action="reboot"),
    CustomCommand(label="Off", action="shutdown"),
    CustomCommand(label="Clear", action="plate-clear"),
]
NAMES = [wire_name(one) for one in LISTED]


class Printer:
    """Notes what is asked of the printer daemon, and refuses as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None
        self.slow = asyncio.Event()
        self.slow.set()

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal

    async def pause(self, kind: str) -> None:
        self._note("pause", str(kind))

    async def resume(self) -> api.Snapshot:
        self._note("resume")
        return api.Snapshot()

    async def cancel(self) -> None:
        self._note("cancel")

    async def connect(self) -> None:
        self._note("connect")

    async def set_temperature(self, targets: dict[str, float]) -> None:
        self._note("temperature", targets)

    async def run_gcode(self, lines: list[str]) -> list[str]:
        kept = checked(lines)
        self._note("gcode", kept)
        if kept[:1] == ["M190 S60"]:
            await self.slow.wait()
        return [f"{line}!" for line in kept]


class Jobs:
    def __init__(self) -> None:
        self.requested: list[str] = []
        self.running = False
        self.canceled = 0

    def request(self, message: messages.Print) -> None:
        if self.running:
            raise JobRefused("A print of Two was refused: One is still printing.")
        self.running = True
        self.requested.append(message.job_id)

    async def cancel_any(self) -> None:
        self.canceled += 1


class Hands:
    """Moves that are only noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None
        self.turn: Callable[[], None] = lambda: None  # happens until it is a move's turn
        self.past: list[str] = []  # lines that were sent past the moves

    def typed(self, lines: Sequence[str]) -> None:
        self.past += lines

    async def home(self, axes: Sequence[str], *, check: Callable[[], None]) -> None:
        self._its_turn(check)
        self._note("home", list(axes))

    async def jog(
        self,
        distances: dict[str, float],
        *,
        absolute: bool,
        speed: float,
        check: Callable[[], None],
    ) -> None:
        self._its_turn(check)
        self._note("jog", distances, absolute, speed)

    async def extrude(
        self, amount: float, speed: float | None, *, check: Callable[[], None]
    ) -> None:
        self._its_turn(check)
        self._note("extrude", amount, speed)

    def _its_turn(self, check: Callable[[], None]) -> None:
        self.turn()
        check()

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal


class Waiter:
    """Somebody who waits for a print."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def print_came(self, message: messages.Print) -> None:
        self.told.append(("came", message.job_id))

    def print_refused(self, message: messages.Print, error: Exception) -> None:
        assert isinstance(error, JobRefused)
        self.told.append(("refused", message.job_id))


class Power:
    def __init__(self) -> None:
        self.requests: list[PowerAction] = []

    async def request(self, action: PowerAction) -> None:
        self.requests.append(action)


class Desk:
    """Commands with everybody around them."""

    def __init__(self) -> None:
        self.state = AgentState()
        self.printer, self.jobs, self.power = Printer(), Jobs(), Power()
        self.sent: list[PrinterMessage] = []
        self.online = True
        self.serial: str | None = SN
        self.restarts = 0
        self.cleared = 0
        printer = cast(PrinterClient, self.printer)
        custom = CustomCommands(LISTED, printer, self.power, self._restart, self._clear)
        jobs = cast(CloudJobs, self.jobs)
        self.now = 0.0
        door = Door(DoorSettings(pin=4), self.state, printer, has_ok=True, clock=lambda: self.now)
        self.state.see_door(1)
        self.moves, self.queue = Hands(), Waiter()
        doers = Doers(jobs, printer, custom, door, cast(Moves, self.moves), cast(Queue, self.queue))
        self.commands = Commands(self.state, doers, self._send, lambda: self.serial)

    def _restart(self) -> None:
        self.restarts += 1

    async def _clear(self) -> None:
        self.cleared += 1

    async def _send(self, message: PrinterMessage) -> None:
        if not self.online:
            raise CloudError("There is no connection.")
        self.sent.append(message)

    async def do(self, *all_of_them: CloudMessage) -> None:
        """Carry out to the end; the loop has no more to do for them."""
        for message in all_of_them:
            self.commands.handle(message)
        await self.rest()

    async def rest(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    def answers(self) -> list[str]:
        return [one.response for one in self.sent if isinstance(one, messages.CommandResponse)]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    one = Desk()
    yield one
    await one.commands.close()


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        (messages.Pause(serial_number=SN), ("pause", "pause")),
        (messages.Pause(serial_number=SN, type=PauseKind.COLD), ("pause", "cold")),
        (messages.Pause(serial_number=SN, type=PauseKind.FILAMENT), ("pause", "filament")),
        (messages.Resume(serial_number=SN), ("resume",)),
        (messages.ConnectPrinter(serial_number=SN), ("connect",)),
        (
            messages.Temperature(serial_number=SN, targets={"tool0": 200.0}),
            ("temperature", {"tool0": 200.0}),
        ),
        (messages.Command(serial_number=SN, command="M105\r\n\nM115"), ("gcode", ["M105", "M115"])),
        (
            messages.CustomCommand(serial_number=SN, custom_command=NAMES[0]),
            ("gcode", ["M104 S200", "M140 S60"]),
        ),
    ],
)
async def test_what_the_printer_is_asked(
    desk: Desk, message: CloudMessage, asked: tuple[Any, ...]
) -> None:
    await desk.do(message)
    assert desk.printer.asked == [asked]
    assert desk.state.notice == ""


async def test_cancel_goes_to_the_cloud_job_when_there_is_one(desk: Desk) -> None:
    await desk.do(messages.Print(job_id="P3D1-1"), messages.Cancel(serial_number=SN))
    assert (desk.jobs.requested, desk.jobs.canceled) == (["P3D1-1"], 1)
    assert desk.printer.asked == []


async def test_a_second_print_is_refused_in_words(desk: Desk) -> None:
    await desk.do(messages.Print(job_id="P3D1-1"), messages.Print(job_id="P3D1-2"))
    assert desk.jobs.requested == ["P3D1-1"]
    assert "still printing" in desk.state.notice


async def test_a_refusal_is_seen_and_the_next_command_works(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.printer.refusal = JobRefused("Nothing is being printed.")
    await desk.do(messages.Resume(serial_number=SN))
    assert desk.state.notice == "Nothing is being printed."
    assert "resume: Nothing is being printed." in caplog.text
    desk.printer.refusal = None
    await desk.do(messages.Pause(serial_number=SN))
    assert desk.printer.asked[-1] == ("pause", "pause")


@pytest.mark.parametrize("door", [0, 2])
async def test_a_resume_is_refused_while_the_door_is_open(desk: Desk, door: int) -> None:
    desk.state.see_door(door)
    await desk.do(messages.Resume(serial_number=SN))
    assert desk.printer.asked == []
    assert desk.state.notice == "The door is open. Close it, then resume."
    desk.state.see_door(door + 1)
    await desk.do(messages.Resume(serial_number=SN))
    assert desk.printer.asked == [("resume",)]


async def test_a_mistake_of_ours_is_logged_and_ends_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.printer.refusal = RuntimeError("a mistake")
    await desk.do(messages.Resume(serial_number=SN))
    assert "RuntimeError: a mistake" in caplog.text
    desk.printer.refusal = None
    await desk.do(messages.Resume(serial_number=SN))
    assert len(desk.printer.asked) == 2


async def test_answers_come_in_the_order_of_the_questions(desk: Desk) -> None:
    desk.printer.slow.clear()
    await desk.do(
        messages.Command(serial_number=SN, command="M190 S60"),
        messages.Command(serial_number=SN, command="M105"),
        messages.Command(serial_number=SN, command="M115\nM114"),
    )
    assert desk.answers() == []
    desk.printer.slow.set()
    await desk.rest()
    assert desk.answers() == ["M190 S60!", "M105!", "M115!\nM114!"]
    assert {cast(messages.CommandResponse, one).serial_number for one in desk.sent} == {SN}


@pytest.mark.parametrize("gcode", ["M105\x07", "G1\x00", "M105\x1b[2J"])
async def test_control_characters_are_refused_in_words(desk: Desk, gcode: str) -> None:
    await desk.do(messages.Command(serial_number=SN, command=gcode))
    assert desk.printer.asked == [], "nothing of it reached the printer"
    [answer] = desk.answers()
    assert "control" in answer
    assert answer.isprintable()


async def test_a_printer_that_cannot_answer_says_why(desk: Desk) -> None:
    desk.printer.refusal = PrinterError("The printer is switched off.")
    await desk.do(messages.Command(serial_number=SN, command="M105"))
    assert desk.answers() == ["The printer is switched off."]


async def test_an_answer_that_cannot_be_sent_is_lost_and_nothing_else(desk: Desk) -> None:
    desk.online = False
    await desk.do(messages.Command(serial_number=SN, command="M105"))
    assert desk.sent == []
    desk.online, desk.serial = True, None
    await desk.do(messages.Command(serial_number=SN, command="M105"))
    assert desk.sent == []


async def test_a_custom_command_that_was_never_listed(desk: Desk) -> None:
    for name in ("custom-5", "custom-0", "Preheat", "M112", "", "reboot", "x" * 5000):
        await desk.do(messages.CustomCommand(serial_number=SN, custom_command=name))
        assert "not in the settings" in desk.state.notice
        assert len(desk.state.notice) < 200
    assert (desk.printer.asked, desk.power.requests, desk.restarts) == ([], [], 0)


async def test_what_the_host_is_asked(desk: Desk) -> None:
    await desk.do(*(messages.CustomCommand(serial_number=SN, custom_command=n) for n in NAMES[1:]))
    assert desk.restarts == 1
    assert desk.power.requests == [PowerAction.REBOOT, PowerAction.SHUTDOWN]
    assert desk.cleared == 1


@pytest.mark.parametrize("word", [*NEXT_PRINT_TEXT, "SOMETHING_NEW"])
async def test_no_next_print_is_said_in_words(desk: Desk, word: str) -> None:
    answer = messages.SendNextPrintResponse(serial_number=SN, status=Result.NONE, message=word)
    await desk.do(answer)
    long, _ = NEXT_PRINT_TEXT.get(word, ("The Polar Cloud sends no print (SOMETHING_NEW).", ""))
    assert desk.state.notice == long


async def test_an_update_says_how_it_is_done(desk: Desk) -> None:
    await desk.do(messages.Update(serial_number=SN))
    assert "SD card" in desk.state.notice


@pytest.mark.parametrize(
    ("wish", "asked"),
    [
        (
            {"command": "jog", "x": 1, "z": "-0.5", "speed": 300},
            ("jog", {"x": 1.0, "z": -0.5}, False, 300.0),
        ),
        ({"command": "jog", "y": 0, "absolute": True}, ("jog", {"y": 0.0}, True, None)),
        ({"command": "home", "axes": ["y", "x"]}, ("home", ["y", "x"])),
        ({"command": "home", "axes": []}, ("home", ["x", "y", "z"])),
        ({"command": "home"}, ("home", ["x", "y", "z"])),
        ({"command": "extrude", "amount": -5}, ("extrude", -5.0, None)),
    ],
)
async def test_moves_by_hand(desk: Desk, wish: dict[str, Any], asked: tuple[Any, ...]) -> None:
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": wish}))
    assert desk.moves.asked == [asked]
    assert desk.state.notice == ""


async def test_a_move_that_is_refused_is_said(desk: Desk) -> None:
    desk.moves.refusal = JobRefused("Vase is not over yet.")
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": {"command": "home"}}))
    assert desk.state.notice == "Vase is not over yet."
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": {"command": "extrude"}}))
    assert "how much filament" in desk.state.notice


async def test_nothing_is_moved_from_afar_behind_an_open_door(desk: Desk) -> None:
    desk.state.see_door(0)
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": {"command": "home"}}))
    assert desk.moves.asked == []
    assert desk.state.notice == "The door is open. Close it, then move the printer."
    desk.state.see_door(1)
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": {"command": "home"}}))
    assert desk.moves.asked


async def test_nothing_is_moved_from_afar_before_the_switch_was_read(desk: Desk) -> None:
    desk.state.see_door(None)
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": {"command": "home"}}))
    assert desk.moves.asked == []
    assert "not read yet" in desk.state.notice


@pytest.mark.parametrize(
    "wish",
    [{"command": "home"}, {"command": "jog", "x": 1}, {"command": "extrude", "amount": 1}],
)
async def test_the_door_is_looked_at_again_when_it_is_the_moves_turn(
    desk: Desk, wish: dict[str, Any]
) -> None:
    desk.moves.turn = lambda: desk.state.see_door(0)
    await desk.do(messages.parse("jogPrinter", {"jogPrinter": wish}))
    assert desk.moves.asked == []
    assert desk.state.notice == "The door is open. Close it, then move the printer."


async def test_the_moves_hear_what_was_typed_past_them(desk: Desk) -> None:
    await desk.do(messages.Command(serial_number=SN, command="G28\nM84"))
    await desk.do(messages.CustomCommand(serial_number=SN, custom_command=NAMES[0]))
    await desk.do(messages.CustomCommand(serial_number=SN, custom_command="custom-unknown"))
    assert desk.moves.past == ["G28", "M84", "M104 S200", "M140 S60"]


async def test_who_asked_for_a_print_hears_of_it(desk: Desk) -> None:
    await desk.do(messages.Print(job_id="P3D1-1"), messages.Print(job_id="P3D1-2"))
    assert desk.queue.told == [("came", "P3D1-1"), ("refused", "P3D1-2")]


async def test_answers_that_nobody_waits_for_are_passed_over(desk: Desk) -> None:
    await desk.do(
        messages.CapabilitiesResponse(serial_number=SN, capabilities=["x"]),
        messages.GetQueueResponse(serial_number=SN, total_count=0, job_count=0, jobs=[]),
        messages.GetUrlResponse(status=Result.FAILED),
    )
    assert (desk.sent, desk.printer.asked, desk.state.notice) == ([], [], "")


async def test_the_end_of_the_agent_drops_what_is_under_way(desk: Desk) -> None:
    desk.printer.slow.clear()
    await desk.do(messages.Command(serial_number=SN, command="M190 S60"))
    async with asyncio.timeout(5):
        await desk.commands.close()
    desk.printer.slow.set()
    await desk.rest()
    assert desk.answers() == []


async def test_an_emergency_does_not_stand_behind_a_heater(desk: Desk) -> None:
    desk.printer.slow.clear()
    await desk.do(
        messages.Command(serial_number=SN, command="M190 S60"),
        messages.Command(serial_number=SN, command="M112"),
    )
    assert desk.answers() == ["M112!"]
    desk.printer.slow.set()
    await desk.rest()
    assert desk.answers() == ["M112!", "M190 S60!"]


async def test_commands_do_not_pile_up_without_end(desk: Desk) -> None:
    desk.printer.slow.clear()
    waiting = [messages.Command(serial_number=SN, command="M190 S60") for _ in range(30)]
    await desk.do(*waiting, messages.Pause(serial_number=SN))
    assert "Too many commands" in desk.state.notice
    assert desk.printer.asked[-1] == ("pause", "pause")
    desk.printer.slow.set()
    await desk.rest()
    assert len(desk.answers()) == 20
