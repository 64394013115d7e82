"""A private bus with stand-in services, and the same network twice: simulated and over D-Bus."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from appliance.host.bus import Bus
from appliance.host.network_api import Network, NetworkState
from appliance.host.network_manager import NetworkManager, Times
from appliance.sim.bus_network_manager import StandInNetworkManager, StandInSupplicant
from appliance.sim.bus_service import private_bus
from appliance.sim.network import Air, SimulatedNetwork

QUICK = Times(scan=5.0, radio=5.0, activation=10.0, internet=0.2, ask_again=0.05)


@pytest.fixture(scope="module")
def bus_address() -> Iterator[str]:
    # A socket's path is 107 bytes at most, and pytest's folders have long names.
    with tempfile.TemporaryDirectory() as folder, private_bus(Path(folder)) as address:
        yield address


@pytest.fixture
async def bus(bus_address: str) -> AsyncIterator[Bus]:
    bus = Bus(bus_address)
    yield bus
    bus.close()


@pytest.fixture
def air() -> Air:
    return Air()


@pytest.fixture
async def stand_in(bus_address: str, air: Air) -> AsyncIterator[StandInNetworkManager]:
    service = StandInNetworkManager(air)
    await service.start(bus_address)
    yield service
    await service.stop()


@pytest.fixture
async def supplicant(bus_address: str) -> AsyncIterator[StandInSupplicant]:
    service = StandInSupplicant()
    await service.start(bus_address)
    yield service
    await service.stop()


@pytest.fixture
def manager(stand_in: StandInNetworkManager, bus: Bus) -> NetworkManager:
    return NetworkManager(bus, times=QUICK)


@pytest.fixture(params=["simulated", "network-manager"])
async def network(request: pytest.FixtureRequest, air: Air) -> AsyncIterator[Network]:
    """Both implementations in the same air."""
    if request.param == "simulated":
        yield SimulatedNetwork(air, sleep=lambda _seconds: asyncio.sleep(0))
        return
    address: str = request.getfixturevalue("bus_address")
    service, supplicant = StandInNetworkManager(air), StandInSupplicant()
    await service.start(address)
    await supplicant.start(address)
    network = NetworkManager(Bus(address), times=QUICK)
    yield network
    await network.close()
    await supplicant.stop()
    await service.stop()


Until = Callable[[Network, Callable[[NetworkState], bool]], Awaitable[NetworkState]]


@pytest.fixture
def until() -> Until:
    """Wait for a state by listening, as the agent does."""

    async def wait(network: Network, wanted: Callable[[NetworkState], bool]) -> NetworkState:
        news = asyncio.Event()
        network.listen(news.set)
        async with asyncio.timeout(20):
            while True:
                news.clear()
                state = await network.state()
                if wanted(state):
                    return state
                await news.wait()

    return wait
