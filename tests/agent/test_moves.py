"""Moves by hand: within the limits whatever is asked, never beside a print, soon over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.agent import reach
from appliance.agent.moves import WAITING, Moves
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, JobRefused, PrinterError
from appliance.printer.api import (
    Heater,
    Job,
    JobState,
    LinkState,
    Moment,
    Problem,
    Snapshot,
    Source,
)
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
        self.moves = Moves(limits, MATERIALS, self, self.state)

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


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_what_the_printer_is_told(bench: Bench) -> None:
    await bench.moves.home(["y", "x"])
    await bench.moves.home()
    await bench.moves.jog({"x": 10, "y": 20.5})
    await bench.moves.jog({"z": 0.1})
    await bench.moves.jog({"x": 50, "z": 0}, absolute=True, speed=1200)
    await bench.moves.extrude(-5)
    assert [lines for lines in bench.sent if lines != ["M114"]] == [
        ["G28 X Y", "M114"],
        ["G28", "M114"],
        ["G21", "G91", "G1 X10 Y20.5 F3000", "G90", "M400"],
        ["G21", "G91", "G1 Z0.1 F600", "G90", "M400"],
        ["G21", "G91", "G1 X40 Z-0.1 F1200", "G90", "M400"],
        ["G21", "M83", "G1 E-5 F150", "M400", "G92 E0", "M82"],
    ]
    assert bench.head() == (50, 20.5, 0)


@pytest.mark.parametrize("firmware", [(True, False), (False, True), (False, False)])
async def test_the_next_print_finds_the_modes_of_a_new_start(firmware: tuple[bool, bool]) -> None:
    """What a file that sets no modes at all expects, and how the tracker of a print begins."""
    bench = Bench()
    bench.machine.e_follows_g90, bench.machine.g91_rules_e = firmware
    bench.machine.unit = 25.4
    for deed in (bench.moves.jog({"x": 1}), bench.moves.extrude(3), bench.moves.jog({"z": -1})):
        await deed
        machine = bench.machine
        assert (machine.relative, machine.e_relative, machine.unit) == (False, False, 1.0)
        assert machine.at["E"] == 0
    assert machine.filament == pytest.approx(3)


async def test_homing_makes_a_place_known(bench: Bench) -> None:
    bench.machine.at.update(X=80.0, Y=90.0)  # nobody knows
    with pytest.raises(JobRefused, match="Home it first") as caught:
        await bench.moves.jog({"x": reach.UNHOMED_LONGEST + 0.1})
    assert caught.value.short == "Home first"
    with pytest.raises(JobRefused, match="Home it first"):
        await bench.moves.jog({"x": 5}, absolute=True)
    assert await bench.moves.jog({"x": -reach.UNHOMED_LONGEST})
    assert bench.head()[0] == 70
    await bench.moves.home(["x"])
    await bench.moves.jog({"x": 60})
    await bench.moves.jog({"x": 100}, absolute=True)
    with pytest.raises(JobRefused, match="Home it first"):
        await bench.moves.jog({"x": 1, "y": 20})  # Y was not homed
    await bench.moves.jog({"x": 99.5, "z": 1})
    with pytest.raises(JobRefused, match="within 0 to 200 mm") as limit:
        await bench.moves.jog({"x": 0.6})
    assert bench.head() == (199.5, 90, 1)
    assert limit.value.short == "X limit reached"


async def by_print(bench: Bench) -> None:
    bench.printing(JobState.PRINTING)
    await asyncio.sleep(0)
    bench.tell(job=None)


async def by_reconnecting(bench: Bench) -> None:
    bench.tell(link=LinkState.DISCONNECTED)
    await asyncio.sleep(0)
    bench.tell(link=LinkState.READY)


async def by_new_daemon(bench: Bench) -> None:
    bench.tell(life="b")


async def by_fewer_lines(bench: Bench) -> None:
    bench.tell(lines_sent=1)


async def by_other_hands(bench: Bench) -> None:
    bench.machine.run("G1 Y3")


async def by_failed_move(bench: Bench) -> None:
    bench.refusal = PrinterError("The printer is gone.")
    with pytest.raises(PrinterError):
        await bench.moves.jog({"x": 1})
    bench.refusal = None


async def by_failed_homing(bench: Bench) -> None:
    bench.says = ["echo:Homing Failed"]
    with pytest.raises(JobRefused, match="could not be homed"):
        await bench.moves.home(["y"])


@pytest.mark.parametrize(
    "happens",
    [
        by_print,
        by_reconnecting,
        by_new_daemon,
        by_fewer_lines,
        by_other_hands,
        by_failed_move,
        by_failed_homing,
    ],
)
async def test_a_place_is_forgotten(
    bench: Bench, happens: Callable[[Bench], Awaitable[None]]
) -> None:
    watch = asyncio.create_task(bench.moves.run())
    await bench.moves.home()
    await bench.moves.jog({"x": 50})
    await asyncio.sleep(0)
    await happens(bench)
    with pytest.raises(JobRefused, match="Home it first"):
        await bench.moves.jog({"x": 50})
    assert await bench.moves.jog({"x": 5}), "small moves are still possible"
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_from_outside_the_volume_only_back_to_it(bench: Bench) -> None:
    """Many endstops stand a little outside."""
    await bench.moves.home()
    bench.machine.at["X"] = -4.0
    bench.machine = Stuck(at=bench.machine.at)
    await bench.moves.home(["x"])
    await bench.moves.jog({"x": 1})
    assert bench.head()[0] == -3
    with pytest.raises(JobRefused, match="within 0 to 200"):
        await bench.moves.jog({"x": -1})
    await bench.moves.jog({"x": 3})
    assert bench.head()[0] == 0


@pytest.mark.parametrize("state", [state for state in JobState if not state.ended])
async def test_nothing_while_a_print_is_active(bench: Bench, state: JobState) -> None:
    await bench.moves.home()
    bench.sent.clear()
    bench.printing(state)
    for deed in (
        bench.moves.home(),
        bench.moves.jog({"x": 1}),
        bench.moves.preheat("PLA"),
        bench.moves.cool_down(),
        *(() if state is JobState.PAUSED else (bench.moves.extrude(1),)),
    ):
        with pytest.raises(JobRefused, match="Vase is not over yet") as caught:
            await deed
        assert caught.value.short == "Not while printing"
    assert (bench.sent, bench.temperatures) == ([], [])


async def test_filament_while_paused_leaves_the_extruder_to_the_resume(bench: Bench) -> None:
    bench.printing(JobState.PAUSED)
    await bench.moves.extrude(10, speed=100)
    assert bench.sent == [["G21", "M83", "G1 E10 F100", "M400"]]


async def test_the_daemon_has_the_last_word(bench: Bench) -> None:
    bench.refusal = JobRefused("A print is not over yet.", short="Not while printing")
    for deed in (bench.moves.home(), bench.moves.jog({"x": 1}), bench.moves.extrude(1)):
        with pytest.raises(JobRefused, match="not over yet"):
            await deed


@pytest.mark.parametrize("state", [state for state in JobState if state.ended])
async def test_an_ended_print_is_over(bench: Bench, state: JobState) -> None:
    bench.printing(state)
    assert await bench.moves.jog({"z": 5})


async def test_a_printer_that_is_not_ready_says_why(bench: Bench) -> None:
    def deeds() -> list[Awaitable[object]]:
        moves = bench.moves
        return [moves.home(), moves.jog({"x": 1}), moves.extrude(1), moves.cool_down()]

    bench.tell(link=LinkState.HALTED, problem=Problem("Printer halted", "It stopped itself."))
    for deed in deeds():
        with pytest.raises(PrinterError, match="It stopped itself") as caught:
            await deed
        assert caught.value.short == "Printer halted"
    bench.tell(link=LinkState.CONNECTING, problem=None)
    for deed in deeds():
        with pytest.raises(PrinterError, match="not connected yet"):
            await deed
    bench.state.see_snapshot(None)
    for deed in deeds():
        with pytest.raises(PrinterError, match="service is not running"):
            await deed
    assert bench.sent == []


@pytest.mark.parametrize(
    ("heaters", "words"),
    [
        ({"tool0": Heater(169.4, 210)}, "169 °C"),
        ({}, "not known"),
        ({"bed": Heater(200)}, "not known"),
        ({"tool0": Heater(20), "tool1": Heater(90)}, "90 °C"),
    ],
)
async def test_filament_needs_a_hot_nozzle(
    bench: Bench, heaters: dict[str, Heater], words: str
) -> None:
    bench.tell(heaters=heaters)
    with pytest.raises(JobRefused, match=words) as caught:
        await bench.moves.extrude(1)
    assert caught.value.short == "Nozzle too cold"
    assert bench.sent == []


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("echo:Home XYZ first", "wants to be homed"),
        ("echo:Home X First", "wants to be homed"),
        ("echo: cold extrusion prevented", "too cold"),
        ("echo: too long extrusion prevented", "so much filament"),
        ("Error:Probing Failed", "could not be homed"),
        ("Error:Something new\x07", "The printer refused: Something new$"),
    ],
)
async def test_what_the_printer_complains_of(bench: Bench, says: str, words: str) -> None:
    for deed in (bench.moves.jog({"x": 1}), bench.moves.extrude(1), bench.moves.home()):
        bench.says = [says]
        with pytest.raises(PrinterError, match=words):
            await deed


async def test_what_is_no_complaint(bench: Bench) -> None:
    bench.says = ['echo:Unknown command: "G21"', "X:1.00 Y:0.00 Z:0.00 E:0.00", "echo:busy"]
    assert await bench.moves.jog({"x": 1})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
async def test_numbers_that_are_none(bench: Bench, bad: float) -> None:
    await bench.moves.home()
    bench.sent.clear()
    for deed in (
        bench.moves.jog({"x": bad}),
        bench.moves.jog({"x": 1, "y": bad}, absolute=True),
        bench.moves.jog({"x": 1}, speed=bad),
        bench.moves.extrude(bad),
        bench.moves.extrude(1, speed=bad),
    ):
        with pytest.raises(JobRefused, match="must be a number"):
            await deed
    assert [lines for lines in bench.sent if lines != ["M114"]] == []


async def test_unknown_axes_and_none(bench: Bench) -> None:
    for deed in (
        bench.moves.jog({"e": 1.0}),
        bench.moves.jog({}),
        bench.moves.home(["X"]),
        bench.moves.home([]),
        bench.moves.home(["x", "x y z\nM112"]),
    ):
        with pytest.raises(JobRefused, match="x, y or z"):
            await deed
    assert bench.sent == []


async def test_too_long(bench: Bench) -> None:
    await bench.moves.home()
    with pytest.raises(JobRefused, match="100 mm long at most"):
        await bench.moves.jog({"x": 80, "y": 80})
    with pytest.raises(JobRefused, match="50 mm of filament"):
        await bench.moves.extrude(50.01)
    await bench.moves.jog({"x": 60, "y": 80})
    await bench.moves.extrude(50)


async def test_a_speed_is_held_to_the_limits_of_each_axis(bench: Bench) -> None:
    await bench.moves.home()
    for speed, feed in ((None, 3000.0), (99999, 3000.0), (1500, 1500.0), (0.001, 60.0)):
        bench.sent.clear()
        await bench.moves.jog({"x": 1}, speed=speed)
        assert f"G1 X1 F{feed:g}" in bench.sent[-1]
    await bench.moves.jog({"x": 3, "z": 4}, speed=3000)
    assert "G1 X3 Z4 F750" in bench.sent[-1], "Z alone moves at 600 mm/min"


async def test_preheat_and_cool_down(bench: Bench) -> None:
    await bench.moves.preheat("PETG")
    bench.tell(heaters={"tool0": Heater(20), "tool1": Heater(20)})
    await bench.moves.preheat("PLA")
    await bench.moves.cool_down()
    bench.tell(heaters={})
    await bench.moves.cool_down()
    assert bench.temperatures == [
        ({"tool0": 235.0, "bed": 80.0}, Moment.IDLE),
        ({"tool0": 205.0}, Moment.IDLE),
        ({"tool0": 0.0, "tool1": 0.0}, Moment.IDLE),
        ({"tool0": 0.0, "bed": 0.0}, Moment.IDLE),
    ]
    with pytest.raises(JobRefused, match="no material 'Wood'") as caught:
        await bench.moves.preheat("Wood")
    assert len(caught.value.short) <= 20


async def test_a_held_key_piles_nothing_up(bench: Bench) -> None:
    bench.gate.clear()
    keys = [asyncio.create_task(bench.moves.jog({"x": 1})) for _ in range(30)]
    await asyncio.sleep(0)
    with pytest.raises(JobRefused, match="still busy"):
        await bench.moves.home()
    with pytest.raises(JobRefused, match="still busy"):
        await bench.moves.extrude(1)
    bench.gate.set()
    done = await asyncio.gather(*keys)
    assert done == [True] * (1 + WAITING) + [False] * (29 - WAITING)
    assert len(bench.sent) == 1 + WAITING
    assert await bench.moves.jog({"x": 1}), "the next press counts again"


async def test_one_that_is_cancelled_does_not_block_the_rest(bench: Bench) -> None:
    bench.gate.clear()
    first = asyncio.create_task(bench.moves.jog({"x": 1}))
    second = asyncio.create_task(bench.moves.jog({"x": 1}))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    bench.gate.set()
    assert await second


# Any numbers at all.

NUMBERS = st.one_of(
    st.floats(-10, 10),
    st.floats(-120, 120),
    st.sampled_from([-0.0, 1e-9, 0.0005, -0.005, 199.999, 1e300]),
    st.floats(),
)
AXES = st.dictionaries(st.sampled_from(["x", "y", "z"]), NUMBERS, min_size=1, max_size=2)
SPEEDS = st.none() | st.floats(0.01, 40_000) | st.floats()
JOGS = st.tuples(st.just("jog"), AXES, st.booleans(), SPEEDS)
WISHES = st.one_of(
    JOGS,
    JOGS,
    st.just(("home", ["x", "y", "z"])),
    st.tuples(st.just("home"), st.lists(st.sampled_from(["x", "y", "z", "q"]), max_size=4)),
    st.tuples(st.just("extrude"), NUMBERS, SPEEDS),
    st.tuples(st.just("print"), st.sampled_from([None, None, *JobState])),
    st.just(("jog", {"x": 1.0, "": 2.0, "e": 3.0}, False, None)),
)
MEASURES = st.floats(5, 400).map(lambda mm: round(mm, 1))
SETTINGS = st.builds(
    MoveSettings,
    size_x=MEASURES,
    size_y=MEASURES,
    size_z=MEASURES,
    longest=MEASURES,
    longest_extrusion=st.floats(0.5, 200),
    feed_xy=st.floats(1, 30_000),
    feed_z=st.floats(1, 30_000),
    feed_e=st.floats(1, 30_000),
)


@settings(max_examples=300, deadline=None)
@given(SETTINGS, st.lists(WISHES, max_size=12))
def test_no_wish_leads_out_of_the_limits(
    limits: MoveSettings, wishes: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_wish(limits, wishes))


async def _wish(limits: MoveSettings, wishes: list[tuple[Any, ...]]) -> None:
    bench = Bench(limits)
    homed: set[str] = set()
    for wish in wishes:
        sent, before = len(bench.sent), dict(bench.machine.at)
        try:
            match wish:
                case ("jog", dict(axes), bool(absolute), speed):
                    await bench.moves.jog(axes, absolute=absolute, speed=speed)
                case ("home", list(axes)):
                    await bench.moves.home(axes)
                    homed |= {axis.upper() for axis in axes}
                case ("extrude", float(amount), speed):
                    await bench.moves.extrude(amount, speed)
                case ("print", None):
                    bench.tell(job=None)
                case ("print", state):
                    bench.tell(job=job(state, key=f"k{sent}-{bench.seen.revision}"))
                    homed.clear()
        except ApplianceError as error:
            assert len(error.short) <= 20
            assert bench.machine.at == before
        for lines in bench.sent[sent:]:
            _check_feeds(limits, lines)
        _check_places(limits, bench.machine.at, before, homed)


def _check_places(
    limits: MoveSettings, at: dict[str, float], before: dict[str, float], homed: set[str]
) -> None:
    assert all(map(math.isfinite, at.values()))
    if not homed >= set("XYZ"):  # homing itself leads anywhere
        assert all(abs(at[a] - before[a]) <= reach.UNHOMED_LONGEST for a in set("XYZ") - homed)
    for axis in homed:
        size = getattr(limits, f"size_{axis.lower()}")
        # As exact as M114, which tells two digits.
        assert -0.0051 <= at[axis] <= size + 0.0051 or at[axis] == before[axis]
    assert at["E"] == 0 or abs(at["E"] - before["E"]) <= limits.longest_extrusion + 0.001


def _check_feeds(limits: MoveSettings, lines: list[str]) -> None:
    for line in lines:
        if not line.startswith("G1 "):
            continue
        words = {word[0]: float(word[1:]) for word in line.split()[1:]}
        feed = words.pop("F")
        assert feed > 0
        if "E" in words:
            assert feed <= limits.feed_e
            continue
        length = math.hypot(*words.values())
        assert length <= limits.longest + 0.001
        share = feed / length
        assert share * math.hypot(words.get("X", 0), words.get("Y", 0)) <= limits.feed_xy * 1.0001
        assert share * abs(words.get("Z", 0)) <= limits.feed_z * 1.0001
