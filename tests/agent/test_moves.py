"""Moves by hand: never beside a print, soon over, and only where the head is known to be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from appliance.agent import reach
from appliance.agent.moves import MOTORS_HOLD, WAITING
from appliance.errors import JobRefused, PrinterError
from appliance.printer.api import Heater, JobState, LinkState, Moment, Problem
from tests.agent.bench import Bench, Stuck


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


async def by_motors_that_were_let_go(bench: Bench) -> None:
    bench.now += MOTORS_HOLD + 0.1


async def by_typed_release(bench: Bench) -> None:
    bench.moves.typed(["G4 P1", "m84 X"])


@pytest.mark.parametrize(
    "happens",
    [
        by_motors_that_were_let_go,
        by_typed_release,
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


async def test_each_move_keeps_the_motors_on(bench: Bench) -> None:
    await bench.moves.home()
    for _ in range(3):
        bench.now += MOTORS_HOLD
        assert await bench.moves.jog({"x": 20})
    bench.moves.typed(["M105", "M104 S84", "M840", "G1 X18"])
    assert await bench.moves.jog({"x": 20})


async def test_what_stands_against_a_move_is_asked_when_its_turn_comes(bench: Bench) -> None:
    def shut() -> None:
        raise JobRefused("The door is open.")

    deeds = (
        bench.moves.home(check=shut),
        bench.moves.jog({"x": 1}, check=shut),
        bench.moves.extrude(1, check=shut),
    )
    bench.gate.clear()
    first = asyncio.create_task(bench.moves.jog({"y": 1}))
    rest = [asyncio.create_task(deed) for deed in deeds[:WAITING]]
    await asyncio.sleep(0)
    assert not any(task.done() for task in rest), "asked too early"
    bench.gate.set()
    await first
    sent = list(bench.sent)
    for deed in (*rest, *deeds[WAITING:]):
        with pytest.raises(JobRefused, match="door is open"):
            await deed
    assert bench.sent == sent


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
