"""The connection to the bus: what breaks it, what is said then, and that it comes back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import Variant

from appliance.host.bus import Bus, BusError, Signal
from appliance.host.network_api import NetworkError
from appliance.sim.bus_service import BusService, private_bus

NAME = "org.example.Parrot"


class Parrot(BusService):
    """Repeats what it is told."""

    name = NAME

    def __init__(self) -> None:
        super().__init__()
        self.add("/", NAME, Word=Variant("s", "hello"))
        self.method(NAME, "Say", "s", "s", lambda _path, word: (word,))


@pytest.fixture
async def parrot(bus_address: str) -> AsyncIterator[Parrot]:
    service = Parrot()
    await service.start(bus_address)
    yield service
    await service.stop()


async def test_calls_and_properties(parrot: Parrot, bus: Bus) -> None:
    assert await bus.call(NAME, "/", NAME, "Say", "s", "Küche") == ["Küche"]
    assert await bus.get(NAME, "/", NAME, "Word") == "hello"
    assert await bus.get_all(NAME, "/", NAME) == {"Word": "hello"}
    assert await bus.get_all(NAME, "/gone", NAME) == {}


async def test_a_property_that_may_not_be_set(parrot: Parrot, bus: Bus) -> None:
    with pytest.raises(BusError) as failed:
        await bus.set(NAME, "/", NAME, "Word", "s", "other")
    assert failed.value.denied and not failed.value.missing and not failed.value.gone


async def test_signals_reach_every_handler(parrot: Parrot, bus: Bus) -> None:
    heard: list[Signal] = []
    told = asyncio.Event()
    bus.listen((f"sender='{NAME}',member='Squawk'",), heard.append)
    bus.listen((), lambda _signal: told.set())
    await bus.call(NAME, "/", NAME, "Say", "s", "")
    parrot.emit("/", NAME, "Squawk", "sv", "loud", Variant("u", 3))
    async with asyncio.timeout(10):
        await told.wait()
    assert heard == [Signal("/", NAME, "Squawk", ["loud", 3])]


async def test_many_at_once_share_one_connection(parrot: Parrot, bus: Bus) -> None:
    words = [str(number) for number in range(50)]
    calls = [bus.call(NAME, "/", NAME, "Say", "s", word) for word in words]
    assert [answer[0] for answer in await asyncio.gather(*calls)] == words


async def test_after_closing_a_call_connects_again(parrot: Parrot, bus: Bus) -> None:
    await bus.get(NAME, "/", NAME, "Word")
    bus.close()
    bus.close()
    assert await bus.get(NAME, "/", NAME, "Word") == "hello"


async def test_a_bus_that_is_restarted() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, bus = Path(name), Bus(f"unix:path={name}/bus")
        heard = asyncio.Event()
        bus.listen((f"sender='{NAME}',member='Squawk'",), lambda _signal: heard.set())
        for _ in range(2):
            with private_bus(folder) as address:
                parrot = Parrot()
                await parrot.start(address)
                await _reach(bus)
                parrot.emit("/", NAME, "Squawk", "")
                async with asyncio.timeout(10):
                    await heard.wait()
                heard.clear()
                await parrot.stop()
            (folder / "bus").unlink(missing_ok=True)
        with pytest.raises(NetworkError):
            await bus.get(NAME, "/", NAME, "Word")
        bus.close()


async def _reach(bus: Bus) -> None:
    """The first call after a restart may still be the old connection's."""
    for _ in range(3):
        try:
            await bus.get(NAME, "/", NAME, "Word")
        except BusError:
            raise
        except NetworkError:
            continue
        return
    raise AssertionError("the bus was not found again")


async def test_a_service_that_does_not_answer_is_not_waited_for(
    parrot: Parrot, bus_address: str
) -> None:
    parrot.deaf.add("Say")
    bus = Bus(bus_address, patience=0.1)
    with pytest.raises(NetworkError, match="did not answer"):
        await bus.call(NAME, "/", NAME, "Say", "s", "hello")
    assert await bus.get(NAME, "/", NAME, "Word") == "hello"
    bus.close()


async def test_what_does_not_fit_its_type_is_not_quoted(parrot: Parrot, bus: Bus) -> None:
    with pytest.raises(NetworkError) as failed:
        await bus.call(NAME, "/", NAME, "Say", "u", "correct horse")
    assert "correct horse" not in str(failed.value)
    assert failed.value.__suppress_context__
