"""The time zone through a stand-in timedated, and the simulated one, by the same tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from appliance.host.bus import Bus, BusError
from appliance.host.network_api import Clock, NetworkError
from appliance.host.timedate import TimeDate
from appliance.sim.bus_services import StandInTimeDate
from appliance.sim.network import SimulatedClock


@pytest.fixture
async def service(bus_address: str) -> AsyncIterator[StandInTimeDate]:
    service = StandInTimeDate()
    await service.start(bus_address)
    yield service
    await service.stop()


@pytest.fixture(params=["simulated", "timedate1"])
def clock(request: pytest.FixtureRequest, service: StandInTimeDate, bus: Bus) -> Clock:
    return SimulatedClock() if request.param == "simulated" else TimeDate(bus)


async def test_a_zone_is_set(clock: Clock) -> None:
    assert await clock.time_zone() == "Etc/UTC"
    await clock.set_time_zone("America/Argentina/Ushuaia")
    assert await clock.time_zone() == "America/Argentina/Ushuaia"


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "Europe/Berlin\0", "\ud800", "x" * 5000]
)
async def test_what_is_no_zone_is_refused(clock: Clock, name: str) -> None:
    with pytest.raises(NetworkError, match="time zone") as failed:
        await clock.set_time_zone(name)
    assert len(failed.value.long) < 200
    assert await clock.time_zone() == "Etc/UTC"


async def test_without_the_polkit_rule_it_is_said(service: StandInTimeDate, bus: Bus) -> None:
    service.denied.add("SetTimezone")
    with pytest.raises(BusError, match="polkit"):
        await TimeDate(bus).set_time_zone("Europe/Berlin")


async def test_without_timedated_it_is_said(bus: Bus) -> None:
    with pytest.raises(BusError, match="timedated does not run"):
        await TimeDate(bus).time_zone()
