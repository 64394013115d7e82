"""The wizard's test of a printer: it homes and warms a little, and never leaves a heater on."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from appliance.agent.printer_test import PrinterTest
from appliance.agent.state import AgentState
from appliance.errors import JobRefused, PrinterError
from appliance.printer.api import Heater, Job, JobState, LinkState, Moment, Snapshot, Source

TARGETS = tuple[dict[str, float], Moment]


class Bench:
    """A printer whose nozzle gets as warm as it was told, unless it is broken."""

    def __init__(self) -> None:
        self.state = AgentState()
        self.homed = 0
        self.targets: list[float] = []
        self.heats = True
        self.warm_asked = asyncio.Event()
        self.refusal: Exception | None = None
        self.seen = Snapshot(
            life="a", link=LinkState.READY, heaters={"tool0": Heater(21.0), "bed": Heater(21.0)}
        )
        self.tell()
        self.test = PrinterTest(self, self, self.state, limit=0.2)

    def tell(self, **changes: object) -> None:
        self.seen = msgspec.structs.replace(
            self.seen, **{"revision": self.seen.revision + 1, **changes}
        )
        self.state.see_snapshot(self.seen)

    def printing(self) -> None:
        self.tell(
            job=Job(
                job_id="7",
                key="k",
                name="Vase",
                source=Source.CLOUD,
                path="/x",
                state=JobState.PRINTING,
                started_at=1.0,
                file_size=1,
            )
        )

    async def home(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.homed += 1

    async def set_temperature(
        self, targets: dict[str, float], when: Moment = Moment.ANY
    ) -> Snapshot:
        assert when is Moment.IDLE
        job = self.seen.job
        if job is not None and not job.state.ended:
            raise JobRefused("A print is there.")
        target = targets["tool0"]
        self.targets.append(target)
        if target:
            self.warm_asked.set()
            if self.heats:
                asyncio.get_running_loop().call_soon(self._warm, target)
        return self.seen

    def _warm(self, target: float) -> None:
        self.tell(heaters={"tool0": Heater(target - 0.5, target)})


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_it_homes_warms_and_switches_off(bench: Bench) -> None:
    said = await bench.test.run()
    assert (bench.homed, bench.targets) == (1, [40.0, 0.0])
    assert said.startswith("The printer was homed, and its nozzle went from 21 to 40 °C.")


async def test_a_warm_nozzle_is_made_a_little_warmer_and_a_hot_one_is_not(bench: Bench) -> None:
    bench.tell(heaters={"tool0": Heater(45.0)})
    await bench.test.run()
    assert bench.targets == [50.0, 0.0]
    bench.tell(heaters={"tool0": Heater(180.0)})
    assert "180 °C" in await bench.test.run()
    assert bench.targets == [50.0, 0.0, 0.0]


async def test_refused_while_printing(bench: Bench) -> None:
    bench.printing()
    with pytest.raises(JobRefused, match="Vase is not over yet"):
        await bench.test.run()
    assert (bench.homed, bench.targets) == (0, [])


async def test_what_homing_says_is_handed_on(bench: Bench) -> None:
    bench.refusal = PrinterError("The printer could not be homed.")
    with pytest.raises(PrinterError, match="could not be homed"):
        await bench.test.run()
    assert bench.targets == []


async def test_a_nozzle_that_stays_cold_is_said_and_switched_off(bench: Bench) -> None:
    bench.heats = False
    with pytest.raises(PrinterError, match=r"did not get to 40 °C.*it tells 21 °C"):
        await bench.test.run()
    assert bench.targets == [40.0, 0.0]


async def test_no_thermometer(bench: Bench) -> None:
    bench.tell(heaters={})
    with pytest.raises(PrinterError, match="tells no temperature"):
        await bench.test.run()
    assert bench.targets == []


async def test_broken_off_it_is_switched_off_too(bench: Bench) -> None:
    bench.heats = False
    bench.test = PrinterTest(bench, bench, bench.state)
    run = asyncio.create_task(bench.test.run())
    await asyncio.wait_for(bench.warm_asked.wait(), 10)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert bench.targets == [40.0, 0.0]


async def test_a_print_that_begins_meanwhile_keeps_its_heat(bench: Bench) -> None:
    bench.heats = False
    bench.test = PrinterTest(bench, bench, bench.state)
    run = asyncio.create_task(bench.test.run())
    await asyncio.wait_for(bench.warm_asked.wait(), 10)
    bench.printing()
    with pytest.raises(JobRefused):
        await run
    assert bench.targets == [40.0]


async def test_a_printer_service_that_ends_meanwhile(bench: Bench) -> None:
    bench.heats = False
    bench.test = PrinterTest(bench, bench, bench.state)
    run = asyncio.create_task(bench.test.run())
    await asyncio.wait_for(bench.warm_asked.wait(), 10)
    bench.state.see_snapshot(None)
    with pytest.raises(PrinterError, match="ended during the test"):
        await run
