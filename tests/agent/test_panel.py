"""The panel's course: keys become deeds, and every change becomes a screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.agent.panel import Panel
from appliance.agent.state import AgentState
from appliance.errors import JobRefused
from appliance.panel import menu
from appliance.panel.actions import (
    Action,
    Cancel,
    ConfirmCode,
    Jog,
    JoinWifi,
    PlateCleared,
    Preheat,
    RegisterAccount,
    Resume,
    SetupMode,
    ShutDown,
)
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.screen import Screen
from appliance.panel.state import PanelState
from appliance.panel.wire import DoorSeen, Health, Stroked
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.printer.api import Problem
from appliance.sim.panel_examples import EXAMPLES
from appliance.sim.panel_setups import HOTSPOT, JOINED, SETUPS


class Rig:
    """A panel between what it is told and what it does."""

    def __init__(self) -> None:
        self.state = AgentState()
        self.seen = EXAMPLES["idle"]
        self.done: list[Action] = []
        self.error: Exception | None = None
        self.broken: Exception | None = None
        self.pictures = 0
        self.doors: list[int | None] = []
        self.screens: list[Screen] = []
        self.drawn = asyncio.Event()
        self.forgotten = 0
        self.uptime = 30.0
        self.panel = Panel(
            self.state, self, self._do, self.doors.append, uptime=lambda: self.uptime
        )
        self.panel.show_on(self._display)

    def look(self) -> PanelState:
        if self.broken is not None:
            raise self.broken
        return msgspec.structs.replace(self.seen, problem=self.state.problem)

    async def _do(self, action: Action) -> None:
        self.done.append(action)
        if self.error is not None:
            raise self.error

    async def take_picture(self) -> None:
        self.pictures += 1

    def forget_picture(self) -> None:
        self.forgotten += 1

    def _display(self, screen: Screen) -> None:
        self.screens.append(screen)
        self.drawn.set()

    def show(self, example: str) -> None:
        """This state, which was to be seen for long enough."""
        self.seen = EXAMPLES[example]
        self.show_now()

    def show_now(self) -> None:
        """The home screen of what is seen."""
        self.panel.hear(Stroked(KeyStroke(Key.LEFT, Stroke.HOLD)))

    def press(self, *keys: Key) -> Screen:
        for key in keys:
            self.panel.hear(Stroked(KeyStroke(key)))
        return self.screens[-1]

    def find(self, text: str) -> None:
        """Move the selection of the open list to the line that begins with ``text``."""
        screen = self.screens[-1]
        wanted = next(i for i, line in enumerate(screen.lines) if line.text.startswith(text))
        assert screen.selected is not None
        step = Key.DOWN if wanted > screen.selected else Key.UP
        self.press(*[step] * abs(wanted - screen.selected))

    def enter(self, *words: str) -> None:
        """Turn the wheel to each of these, and take it."""
        for word in words:
            for _ in range(60):
                entry = self.screens[-1].entry
                assert entry is not None
                if entry.choice == word:
                    break
                self.press(Key.DOWN)
            self.press(Key.OK)

    def in_front(self, short: str) -> bool:
        return self.state.problem is not None and self.state.problem.short == short

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.drawn.clear()
                await self.drawn.wait()


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """A panel on which everything was to be seen for long enough."""
    monkeypatch.setattr("appliance.agent.panel.SETTLED", 0.0)
    monkeypatch.setattr("appliance.agent.panel.READ", 0.0)
    rig = Rig()
    async with _running(rig):
        await rig.until(lambda: bool(rig.screens))
        yield rig


@asynccontextmanager
async def _running(rig: Rig) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(rig.panel.run()), asyncio.create_task(rig.panel.watch())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await rig.panel.close()


async def test_a_key_changes_the_screen_before_anything_else_runs(rig: Rig) -> None:
    before = rig.screens[-1]
    after = rig.press(Key.OK)  # no await in between
    assert after != before
    assert after.selected == 0


async def test_a_screen_that_did_not_change_is_not_sent_again(rig: Rig) -> None:
    count = len(rig.screens)
    rig.state.revision.bump()
    rig.press(Key.UP)
    assert len(rig.screens) == count


async def test_what_a_person_asks_for_is_done(rig: Rig) -> None:
    rig.show("paused")
    rig.press(Key.OK)
    await asyncio.sleep(0)
    assert rig.done == [Resume()]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The panel's clock, to be moved by hand."""
    now = [1000.0]
    monkeypatch.setattr("appliance.agent.panel.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("before", "after", "key", "deed"),
    [
        ("idle", "clear_plate", Key.OK, PlateCleared()),
        ("printing", "paused", Key.OK, Resume()),  # paused from afar: hands may be inside
    ],
)
async def test_a_key_does_not_reach_what_has_just_come(
    now: list[float], before: str, after: str, key: Key, deed: Action
) -> None:
    rig = Rig()
    rig.seen = EXAMPLES[before]
    rig.press(Key.UP)  # the first picture
    now[0] += 10
    rig.seen = EXAMPLES[after]
    rig.press(key)  # meant for what was shown before
    now[0] += 0.4
    rig.press(key)
    await asyncio.sleep(0)
    assert rig.done == []
    now[0] += 0.2
    rig.press(key)
    await asyncio.sleep(0)
    assert rig.done == [deed]
    await rig.panel.close()


async def test_back_does_not_dismiss_a_problem_that_nobody_saw(now: list[float]) -> None:
    rig = Rig()
    rig.press(Key.OK)
    now[0] += 10
    rig.state.see_problem(Problem("Print failed", "The thermistor came off."))
    rig.press(Key.LEFT)
    rig.panel.hear(Stroked(KeyStroke(Key.LEFT, Stroke.HOLD)))
    assert rig.state.problem is not None
    now[0] += 1
    rig.press(Key.LEFT)
    assert rig.state.problem is None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(EXAMPLES)), st.sampled_from(list(Key)), st.floats(0, 2)),
        max_size=25,
    )
)
async def test_a_deed_is_always_one_that_was_to_be_seen(
    steps: list[tuple[str, Key, float]],
) -> None:
    """Whatever changes as a person presses: what is done is what the display said."""
    with pytest.MonkeyPatch.context() as patch:
        now = [1000.0]
        patch.setattr("appliance.agent.panel.time.monotonic", lambda: now[0])
        rig = Rig()
        begun: list[Action] = []
        patch.setattr(rig.panel, "_begin", begun.append)
        for example, key, seconds in steps:
            rig.panel._draw()
            seen, open_menu = rig.look(), rig.panel._menu
            now[0] += seconds
            rig.seen = EXAMPLES[example]  # changes as the finger goes down
            rig.panel.hear(Stroked(KeyStroke(key)))
            if begun:
                _, meant = menu.press(open_menu, KeyStroke(key), seen)
                assert begun == [meant]
            begun.clear()


async def test_a_mistake_in_a_screen_is_shown_and_ends_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.broken = RuntimeError("oh")
    rig.press(Key.OK)
    rig.press(Key.OK)
    assert rig.screens[-1].title == "Panel problem"
    assert caplog.text.count("Traceback") == 1
    rig.broken = None
    rig.state.revision.bump()
    await rig.until(lambda: rig.screens[-1].title != "Panel problem")


async def test_a_cancel_is_never_dropped(rig: Rig) -> None:
    gate = asyncio.Event()
    begun: list[Action] = []

    async def slow(action: Action) -> None:
        begun.append(action)
        await gate.wait()

    panel = Panel(rig.state, rig, slow, rig.doors.append)
    for _ in range(6):
        panel._begin(Jog("x", 1.0))
    panel._begin(Cancel())
    await asyncio.sleep(0)
    assert [type(action) for action in begun] == [Jog] * 4 + [Cancel]
    gate.set()
    await panel.close()


async def test_the_last_word_stays_when_the_device_goes_off(rig: Rig) -> None:
    rig.press(Key.OK)
    rig.find("System")
    rig.press(Key.OK)
    rig.find("Shut down")
    rig.press(Key.OK)
    rig.find("Yes")
    rig.press(Key.OK)
    await rig.until(lambda: rig.screens[-1].title == "Shutting down")
    assert rig.done == [ShutDown()]
    assert rig.screens[-1].farewell
    rig.state.revision.bump()
    rig.press(Key.OK)
    assert rig.screens[-1].title == "Shutting down"


async def test_a_refusal_is_shown_in_its_own_words(rig: Rig) -> None:
    rig.show("paused")
    rig.error = JobRefused("The door is open. Close it, then resume.", short="Door open")
    rig.press(Key.OK)
    await rig.until(lambda: "Close it" in rig.screens[-1].text)
    rig.press(Key.OK)  # any key removes it
    assert "Close it" not in rig.screens[-1].text
    assert rig.done == [Resume()]


async def test_a_mistake_of_ours_is_told_and_logged(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.show("paused")
    rig.error = RuntimeError("oh")
    rig.press(Key.OK)
    await rig.until(lambda: "made a mistake" in rig.screens[-1].text)
    assert rig.done == [Resume()]
    assert "RuntimeError: oh" in caplog.text


async def test_a_deed_that_shows_nothing_by_itself_is_confirmed(rig: Rig) -> None:
    rig.press(Key.OK)
    rig.find("Prepare")
    rig.press(Key.OK)
    rig.find("Preheat")
    rig.press(Key.OK)
    rig.find("PLA")
    rig.press(Key.OK)
    await rig.until(lambda: rig.screens[-1].title == "Heating")
    assert rig.done == [Preheat("PLA")]


async def test_a_failed_print_stays_in_front_until_it_was_read(rig: Rig) -> None:
    failed = CloudJob(
        job_id="1",
        key="k",
        received_at=0.0,
        phase=Phase.ENDED,
        outcome=Outcome.FAILED,
        reason="The thermistor came off.",
    )
    rig.state.see_job(failed)
    await rig.until(lambda: rig.in_front("Print failed"))
    assert rig.state.problem == Problem("Print failed", "The thermistor came off.")
    rig.state.see_job(None)
    assert "The thermistor came off." in rig.press(Key.OK).text
    rig.press(Key.OK)
    await rig.until(lambda: not rig.in_front("Print failed"))
    rig.state.see_job(failed)  # seen again: it was read already
    rig.panel.hear(Stroked(KeyStroke(Key.LEFT, Stroke.HOLD)))
    assert not rig.in_front("Print failed")


async def test_the_camera_page_takes_pictures_while_it_is_open(rig: Rig) -> None:
    rig.seen = msgspec.structs.replace(rig.seen, graphic=True, camera=True)
    assert rig.pictures == 0
    rig.press(Key.OK)
    rig.find("Camera")
    rig.press(Key.OK)
    async with asyncio.timeout(5):
        while not rig.pictures:
            await rig.state.revision.wait_beyond(rig.state.revision.number)


async def test_the_door_is_handed_on_and_health_is_logged(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rig.panel.hear(DoorSeen(0))
    rig.panel.hear(DoorSeen(None))
    rig.panel.hear(Health("display", Problem("No display", "Nothing answers at 0x27.")))
    assert rig.doors == [0, None]
    assert "Nothing answers at 0x27." in caplog.text


HELD_OK = Stroked(KeyStroke(Key.OK, Stroke.HOLD))


@pytest.mark.parametrize(
    ("before", "after", "uptime", "asked"),
    [
        ([], 4.0, 30.0, [SetupMode()]),
        ([], 19.0, 170.0, [SetupMode()]),
        ([], 21.0, 30.0, []),  # later than any finger that was there when power came
        ([], 4.0, 190.0, []),  # the agent alone was started again
        ([Stroked(KeyStroke(Key.OK))], 4.0, 30.0, []),  # a hold that began with a press
        ([HELD_OK], 4.0, 30.0, []),
    ],
)
async def test_ok_that_is_held_since_power_came_opens_the_setup(
    now: list[float],
    before: list[Stroked],
    after: float,
    uptime: float,
    asked: list[Action],
) -> None:
    rig = Rig()
    rig.uptime = 1000.0
    rig.panel.hear(Health("buttons"))
    for stroke in before:
        rig.panel.hear(stroke)
    await asyncio.sleep(0)
    rig.done.clear()
    rig.uptime = uptime
    now[0] += after
    rig.panel.hear(HELD_OK)
    await asyncio.sleep(0)
    assert rig.done == asked
    await rig.panel.close()


async def test_every_stroke_is_heard_while_the_menu_goes_on(rig: Rig) -> None:
    heard: list[KeyStroke] = []
    rig.panel.listen(heard.append)
    rig.seen = SETUPS["setup_cable"]
    assert rig.press(Key.OK).title == "Menu"
    rig.press(Key.DOWN)
    assert heard == [KeyStroke(Key.OK), KeyStroke(Key.DOWN)]


async def test_fast_fingers_let_no_browser_in(now: list[float]) -> None:
    rig = Rig()
    rig.press(Key.UP)
    now[0] += 10
    rig.seen = SETUPS["code"]
    for _ in range(4):
        rig.press(Key.OK)
        await asyncio.sleep(0)
        now[0] += 0.4
    assert rig.done == []
    rig.press(Key.OK)
    await asyncio.sleep(0)
    assert rig.done == [ConfirmCode("4071")]
    await rig.panel.close()


async def test_what_is_entered_is_asked_for_and_in_no_log(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    rig.seen = HOTSPOT
    rig.show_now()
    rig.press(Key.RIGHT, Key.OK)
    rig.enter("D", "E", "Done")
    rig.press(Key.OK)  # the first Wi-Fi of the list
    rig.enter(*"secretword", "Done")
    await asyncio.sleep(0)
    rig.seen = JOINED
    rig.show_now()
    rig.press(Key.RIGHT)
    rig.find("Cloud")
    rig.press(Key.OK)
    rig.enter("Done", *"90817", "Done")
    await asyncio.sleep(0)
    assert rig.done[1:] == [
        JoinWifi(b"Workshop", "secretword", "DE"),
        RegisterAccount("ada@example.com", "90817"),
    ]
    assert "JoinWifi" in caplog.text
    assert "secretword" not in caplog.text
    assert "90817" not in caplog.text
    rig.broken = RuntimeError("a mistake")
    rig.press(Key.OK)
    assert "a mistake" in caplog.text
    assert "90817" not in caplog.text
