"""The announcement in the network, with a stand-in Avahi that restarts and knows the name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from appliance.host.bus import Bus
from appliance.host.mdns import AVAHI, SERVER, Mdns
from appliance.sim.bus_services import StandInAvahi

SERVICE = ("Polar Appliance", "_http._tcp", 80)


@asynccontextmanager
async def serving(mdns: Mdns) -> AsyncIterator[None]:
    task = asyncio.create_task(mdns.serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def avahi(address: str, taken: tuple[str, ...] = ()) -> AsyncIterator[StandInAvahi]:
    service = StandInAvahi(taken)
    await service.start(address)
    yield service
    await service.stop()


async def becomes(service: StandInAvahi, wanted: Callable[[StandInAvahi], bool]) -> None:
    """Each call to the service may be the one that makes it true."""
    async with asyncio.timeout(10):
        while not wanted(service):
            service.heard.clear()
            await service.heard.wait()


async def test_announced_and_taken_back(bus_address: str, bus: Bus) -> None:
    async with avahi(bus_address) as service:
        async with serving(Mdns(bus, "Polar Appliance", 80)):
            await becomes(service, lambda s: list(s.committed.values()) == [SERVICE])
        assert service.groups == {}


async def test_a_name_that_is_taken_gets_a_number(bus_address: str, bus: Bus) -> None:
    mdns = Mdns(bus, "Polar Appliance", 80)
    taken = ("Polar Appliance", "Polar Appliance #2")
    async with avahi(bus_address, taken) as service, serving(mdns):
        await becomes(service, lambda s: bool(s.committed))
        assert mdns.name == "Polar Appliance #3"


async def test_a_name_that_is_taken_later_is_changed(bus_address: str, bus: Bus) -> None:
    mdns = Mdns(bus, "Polar Appliance", 80)
    async with avahi(bus_address) as service, serving(mdns):
        await becomes(service, lambda s: bool(s.committed))
        service.collide()
        await becomes(service, lambda s: bool(s.committed))
        assert mdns.name == "Polar Appliance #2"
        assert len(service.groups) == 1


async def test_the_machine_is_called_what_avahi_calls_it(bus_address: str, bus: Bus) -> None:
    mdns = Mdns(bus, "Polar Appliance", 80)
    assert mdns.host == ""
    async with avahi(bus_address) as service, serving(mdns):
        for host in ("polar", "polar-2", "polar-3"):
            asked = service.calls.count("GetHostName")
            service.call_itself(host)
            await becomes(service, lambda s: s.calls.count("GetHostName") > asked)  # noqa: B023
            await bus.call(AVAHI, "/", SERVER, "GetHostName")  # its answer comes after the other
            assert mdns.host == host
        assert len(service.committed) == 1, "and is announced once"


async def test_said_again_when_avahi_is_restarted(bus_address: str, bus: Bus) -> None:
    async with serving(Mdns(bus, "Polar Appliance", 80)):
        for _ in range(2):
            async with avahi(bus_address) as service:
                await becomes(service, lambda s: list(s.committed.values()) == [SERVICE])


async def test_quiet_without_avahi_and_without_a_bus(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for missing in (bus, Bus("unix:path=/nowhere/bus")):
        task = asyncio.create_task(Mdns(missing, "Polar Appliance", 80).serve())
        done, _ = await asyncio.wait({task}, timeout=0.2)
        assert not done
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert caplog.text == ""
