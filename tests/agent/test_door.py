"""The door: what it blocks, what it does to a running print, and how the print goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from appliance.agent.door import Door, DoorOpen
from appliance.agent.state import AgentState
from appliance.errors import JobRefused, PrinterError
from appliance.printer import api
from appliance.printer.api import JobState, PauseKind
from appliance.printer.client import PrinterUnreachable
from appliance.settings_panel import DoorPolicy, DoorSettings

FakePrinter = Any  # of the fixture `world`; conftest modules cannot be imported

OPEN, CLOSED = (0, 2), (1, 3)


class Porch:
    """A door before a printer; the clock moves by hand."""

    def __init__(self, printer: FakePrinter) -> None:
        self.printer = printer
        self.now = 100.0
        self._task: asyncio.Task[None] | None = None

    def build(
        self,
        policy: DoorPolicy = DoorPolicy.PAUSE,
        *,
        has_ok: bool = True,
        patience: float = 600.0,
        pin: int = 4,
    ) -> Door:
        """The agent starts."""
        self.state = self.printer.state = AgentState()
        settings = DoorSettings(pin=pin, while_printing=policy, patience=patience)
        self.door = Door(settings, self.state, self.printer, has_ok=has_ok, clock=lambda: self.now)
        self._task = asyncio.create_task(self.door.run())
        self.printer.tell()
        return self.door

    async def end(self) -> None:
        if self._task is not None:
            assert not self._task.done(), "it must never end"
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def print(self, key: str = "k1") -> None:
        self.printer.job = None
        await self.printer.start(api.StartJob(path="/a", key=key, name="Vase"))
        self.printer.tell()
        await turns()

    async def become(self, state: JobState) -> None:
        self.printer.become(state)
        await turns()

    async def see(self, value: int | None) -> None:
        self.door.see(value)
        await turns()

    def asks(self) -> bool:
        return self.state.door_asks

    def print_state(self) -> JobState:
        state: JobState = self.printer.job.state
        return state


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def porch(world: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Porch]:
    await world.kill()  # only its printer is of use here
    monkeypatch.setattr("appliance.agent.door.RETRY_PAUSE", 0.0)
    one = Porch(world.printer)
    yield one
    await one.end()


# --- opened while printing -------------------------------------------------------------------


@pytest.mark.parametrize("opened", OPEN)
async def test_the_door_pauses_once_and_waits_for_closing_and_ok(porch: Porch, opened: int) -> None:
    door = porch.build()
    await porch.see(opened + 1)
    await porch.print()
    await porch.see(opened)
    assert porch.printer.pauses == [PauseKind.PAUSE]
    assert porch.asks()
    assert porch.state.notice == (
        "The door was opened, so Vase was paused. Close the door, then press OK or resume it."
    )
    with pytest.raises(DoorOpen, match="Close it, then resume"):
        await door.resume()
    await porch.see(opened + 1)
    assert porch.print_state() is JobState.PAUSED, "closing alone does not do it"
    assert porch.asks()
    await door.resume()
    await turns()
    assert porch.print_state() is JobState.PRINTING
    assert not porch.asks()
    assert porch.printer.pauses == [PauseKind.PAUSE]


async def test_an_opening_while_it_heats_back_counts(porch: Porch) -> None:
    porch.build()
    await porch.print()
    await porch.become(JobState.RESUMING)
    await porch.see(0)
    assert porch.printer.pauses == [PauseKind.PAUSE]
    assert porch.asks()


@pytest.mark.parametrize("state", [JobState.PAUSING, JobState.PAUSED, JobState.CANCELING])
async def test_a_print_that_stands_is_left_alone(porch: Porch, state: JobState) -> None:
    porch.build()
    await porch.print()
    await porch.become(state)
    await porch.see(0)
    assert porch.printer.pauses == []
    assert not porch.asks(), "somebody else paused it"
    assert porch.state.notice == ""


async def test_a_print_that_goes_on_behind_an_open_door_is_paused_again(porch: Porch) -> None:
    """A resume was under way when the door was opened: the pause of before comes to its end."""
    porch.build()
    await porch.print()
    await porch.become(JobState.PAUSING)
    await porch.see(0)
    await porch.become(JobState.RESUMING)
    assert porch.print_state() is JobState.PAUSED


async def test_a_pause_that_is_refused_is_asked_again(porch: Porch) -> None:
    porch.build()
    await porch.print()
    porch.printer.refusal = JobRefused("The print cannot be paused just now.")
    await porch.see(0)
    assert porch.print_state() is JobState.PRINTING
    assert porch.state.notice == "", "a person can do nothing about that"
    porch.printer.refusal = None
    await turns()
    assert porch.print_state() is JobState.PAUSED
    assert porch.asks()


async def test_a_pause_that_cannot_be_had_is_said_once_and_asked_again(porch: Porch) -> None:
    porch.build()
    await porch.print()
    porch.printer.refusal = PrinterUnreachable("The printer service does not answer.")
    await porch.see(0)
    assert "could not be paused" in porch.state.notice
    said_at = porch.state.notice_since
    await turns()
    assert porch.state.notice_since == said_at
    porch.printer.refusal = None
    await turns()
    assert porch.print_state() is JobState.PAUSED


async def test_report_says_each_opening_once(porch: Porch) -> None:
    porch.build(DoorPolicy.REPORT)
    await porch.print()
    for _ in range(2):
        porch.state.see_notice("")
        await porch.see(0)
        assert porch.state.notice == "The door was opened while Vase is being printed."
        porch.state.see_notice("")
        porch.printer.tell()
        await turns()
        assert porch.state.notice == ""
        await porch.see(1)
    assert porch.printer.pauses == []


async def test_nothing_does_nothing_but_still_lets_nothing_start(porch: Porch) -> None:
    door = porch.build(DoorPolicy.NOTHING)
    await porch.print()
    await porch.see(0)
    assert (porch.printer.pauses, porch.state.notice) == ([], "")
    assert porch.state.door == 0, "the status tells it all the same"
    assert "open" in door.why_not()
    await porch.become(JobState.PAUSED)
    with pytest.raises(DoorOpen):
        await door.resume()


async def test_without_a_switch_there_is_no_door(porch: Porch) -> None:
    door = porch.build(pin=-1)
    assert door.why_not() == ""
    await porch.print()
    await porch.become(JobState.PAUSED)
    await door.resume()
    assert porch.print_state() is JobState.PRINTING


# --- how the question ends -------------------------------------------------------------------


@pytest.mark.parametrize(
    "end", [JobState.PRINTING, JobState.RESUMING, JobState.CANCELED, JobState.FAILED]
)
async def test_the_question_ends_with_the_pause_whoever_ended_it(
    porch: Porch, end: JobState
) -> None:
    porch.build()
    await porch.print()
    await porch.see(0)
    await porch.see(1)
    assert porch.asks()
    await porch.become(end)
    assert not porch.asks()


async def test_the_question_is_not_for_the_next_print(porch: Porch) -> None:
    porch.build()
    await porch.print("k1")
    await porch.see(0)
    await porch.see(1)
    await porch.print("k2")
    await porch.become(JobState.PAUSED)
    assert not porch.asks()


async def test_the_question_outlives_the_printer_services_absence(porch: Porch) -> None:
    porch.build()
    await porch.print()
    await porch.see(0)
    porch.state.see_snapshot(None)
    await turns()
    assert porch.asks()


async def test_after_a_restart_of_the_agent_nothing_is_stuck(porch: Porch) -> None:
    porch.build()
    await porch.print()
    await porch.see(0)
    await porch.end()
    door = porch.build()
    await porch.see(0)
    assert porch.printer.pauses == [PauseKind.PAUSE], "it stands already"
    with pytest.raises(DoorOpen):
        await door.resume()
    await porch.see(1)
    await door.resume()
    assert porch.print_state() is JobState.PRINTING


# --- going on ----------------------------------------------------------------------------------


async def test_without_an_ok_key_the_wish_is_kept_until_the_door_is_closed(porch: Porch) -> None:
    door = porch.build(has_ok=False)
    await porch.print()
    await porch.see(0)
    with pytest.raises(DoorOpen, match="when it is closed"):
        await door.resume()
    await porch.see(2)
    await porch.see(None)
    assert porch.printer.resumes == 0, "neither the lock nor a dead switch closes a door"
    await porch.see(1)
    assert (porch.printer.resumes, porch.print_state()) == (1, JobState.PRINTING)
    await porch.see(0)
    await porch.see(1)
    assert porch.printer.resumes == 1, "one wish, one resume"
    assert porch.print_state() is JobState.PAUSED


async def test_without_a_wish_closing_does_nothing(porch: Porch) -> None:
    porch.build(has_ok=False)
    await porch.print()
    await porch.see(0)
    await porch.see(1)
    assert porch.print_state() is JobState.PAUSED


async def test_a_wish_ends_with_its_print(porch: Porch) -> None:
    door = porch.build(has_ok=False)
    await porch.print("k1")
    await porch.see(0)
    with pytest.raises(DoorOpen):
        await door.resume()
    await porch.become(JobState.CANCELED)
    await porch.print("k2")
    await porch.see(1)
    assert porch.printer.resumes == 0


async def test_a_wish_that_the_printer_cannot_grant_yet_is_kept(porch: Porch) -> None:
    door = porch.build(has_ok=False)
    await porch.print()
    await porch.see(0)
    with pytest.raises(DoorOpen):
        await door.resume()
    porch.printer.refusal = PrinterError("The printer is not connected yet.")
    await porch.see(1)
    assert porch.print_state() is JobState.PAUSED
    porch.printer.refusal = None
    await turns()
    assert porch.print_state() is JobState.PRINTING


async def test_a_wish_that_is_refused_is_over_and_said(porch: Porch) -> None:
    door = porch.build(has_ok=False)
    await porch.print()
    await porch.see(0)
    with pytest.raises(DoorOpen):
        await door.resume()
    porch.printer.refusal = JobRefused("Press the button on the printer to go on.")
    await porch.see(1)
    assert porch.state.notice == "Press the button on the printer to go on."
    porch.printer.refusal = None
    await turns()
    assert porch.printer.resumes == 0


async def test_what_the_printer_refuses_is_said_in_its_words(porch: Porch) -> None:
    door = porch.build()
    await porch.see(0)
    with pytest.raises(JobRefused, match="Nothing is being printed"):
        await door.resume()


@pytest.mark.parametrize("has_ok", [True, False])
async def test_nothing_goes_on_before_the_switch_was_read(porch: Porch, has_ok: bool) -> None:
    door = porch.build(has_ok=has_ok)
    await porch.print()
    await porch.become(JobState.PAUSED)
    with pytest.raises(DoorOpen, match="not read yet"):
        await door.resume()
    porch.now += 10.0
    await door.resume()
    assert porch.print_state() is JobState.PRINTING, "nobody knows of a door"


async def test_nothing_goes_on_behind_a_door_whose_switch_was_lost_open(porch: Porch) -> None:
    door = porch.build()
    await porch.print()
    await porch.see(0)
    await porch.see(None)
    for _ in range(2):
        with pytest.raises(DoorOpen):
            await door.resume()
        porch.now += 1000.0
    with pytest.raises(DoorOpen, match="now it cannot be read"):
        door.refuse("move the printer")
    assert porch.printer.resumes == 0
    await porch.see(1)
    await porch.see(None)
    porch.now += 10.0
    await door.resume()
    assert porch.print_state() is JobState.PRINTING, "it was closed when it was last read"


# --- before a print ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", CLOSED)
async def test_a_closed_door_lets_everything_begin(porch: Porch, value: int) -> None:
    door = porch.build()
    await porch.see(value)
    assert door.why_not() == ""
    async with asyncio.timeout(5):
        await door.closed("Vase", lambda: False)


async def test_waiting_ends_when_it_is_closed(porch: Porch) -> None:
    door = porch.build()
    await porch.see(0)
    waiting = asyncio.create_task(door.closed("Vase", lambda: False))
    await turns()
    await porch.see(2)
    assert not waiting.done()
    await porch.see(3)
    assert waiting.done()


async def test_waiting_ends_when_it_is_not_wanted_any_more(porch: Porch) -> None:
    door = porch.build()
    await porch.see(0)
    wanted = True
    waiting = asyncio.create_task(door.closed("Vase", lambda: not wanted))
    await turns()
    wanted = False
    porch.state.revision.bump()
    await turns()
    assert waiting.done()


@pytest.mark.parametrize(("patience", "words"), [(0.01, "0 seconds"), (0.0, "0 seconds")])
async def test_waiting_ends_when_patience_does(porch: Porch, patience: float, words: str) -> None:
    door = porch.build(patience=patience)
    await porch.see(0)
    with pytest.raises(DoorOpen, match=f"Vase was not printed: the door stayed open for {words}"):
        await door.closed("Vase", lambda: False)


async def test_a_switch_that_was_not_read_yet_is_waited_for_and_no_longer(porch: Porch) -> None:
    door = porch.build()
    assert "not read yet" in door.why_not()
    waiting = asyncio.create_task(door.closed("Vase", lambda: False))
    await turns()
    assert not waiting.done()
    porch.now += 10.0
    assert door.why_not() == ""
    porch.state.revision.bump()
    await turns()
    assert waiting.done(), "a door that nobody knows of blocks nothing"


async def test_a_switch_that_is_lost_is_waited_for_again(porch: Porch) -> None:
    """The panel worker is started again: an open door must not look closed meanwhile."""
    door = porch.build()
    await porch.see(0)
    porch.now += 1000.0
    waiting = asyncio.create_task(door.closed("Vase", lambda: False))
    await porch.see(None)
    assert "not read yet" in door.why_not()
    await porch.see(0)
    assert "open" in door.why_not()
    waiting.cancel()


async def test_the_same_reading_again_is_no_news(porch: Porch) -> None:
    door = porch.build()
    await porch.see(1)
    before = porch.state.revision.number
    door.see(1)
    assert porch.state.revision.number == before
