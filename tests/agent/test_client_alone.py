"""What the command line does, and does not do, where no agent answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from appliance import ipc
from appliance.agent import client
from appliance.agent.plate import PlateRecord
from appliance.config import Settings
from appliance.errors import ApplianceError, JobRefused
from appliance.settings_panel import DoorSettings, PlateSettings
from appliance.store import Record
from tests.agent.daemon import FakeDaemon, ended_print

Serve = Callable[[web.Application, Path], Awaitable[None]]

FILE = Path("/spool/a.gcode")
ASKING: list[Callable[..., Awaitable[object]]] = [
    lambda settings, **flags: client.print_local(
        settings, FILE, lambda *_: None, wait=False, **flags
    ),
    client.resume,
]


@pytest.mark.parametrize("ask", ASKING)
async def test_nothing_is_done_past_an_agent_that_does_not_answer(
    settings: Settings,
    serve: Serve,
    ask: Callable[..., Awaitable[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be just about to do it, or about to refuse it."""
    monkeypatch.setattr(client, "START_LIMIT", 0.05)
    daemon, stuck = FakeDaemon(), ipc.application()

    async def silence(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    stuck.router.add_route("*", "/{any}", silence)
    await serve(daemon.app(), settings.printer_socket)
    await serve(stuck, settings.agent_socket)
    with pytest.raises(ApplianceError, match="did not answer"):
        await ask(settings, without_agent=True)
    assert (daemon.started, daemon.resumes) == (None, 0)


@pytest.mark.parametrize("ask", ASKING)
async def test_a_door_that_nobody_reads_needs_a_persons_word(
    settings: Settings, serve: Serve, ask: Callable[..., Awaitable[object]]
) -> None:
    daemon = FakeDaemon()
    await serve(daemon.app(), settings.printer_socket)
    settings.agent_socket.parent.mkdir(parents=True, exist_ok=True)
    settings.agent_socket.touch()  # left over, and nobody listens
    with_door = msgspec.structs.replace(settings, door=DoorSettings(pin=4))
    with pytest.raises(JobRefused, match="--without-agent"):
        await ask(with_door)
    assert (daemon.started, daemon.resumes) == (None, 0)
    await ask(with_door, without_agent=True)
    assert (daemon.started is not None) + daemon.resumes == 1


async def test_a_full_plate_is_respected_while_the_agent_is_off(
    settings: Settings, serve: Serve
) -> None:
    daemon = FakeDaemon()
    await serve(daemon.app(), settings.printer_socket)
    record = Record(settings.state_folder / "plate.json", PlateRecord)
    record.save(PlateRecord(full=True, prints=("k1",)))
    for ask in (ASKING[0](settings), ASKING[0](settings, without_agent=True)):
        with pytest.raises(JobRefused, match="plate-clear"):
            await ask
    assert daemon.started is None
    record.save(PlateRecord(prints=("k1",)))
    daemon.present = ended_print("k2")
    with pytest.raises(JobRefused, match="plate-clear"):
        await ASKING[0](settings)
    daemon.present = ended_print("k1")  # taken off before
    await ASKING[0](settings)
    assert daemon.started is not None


async def test_where_the_plate_is_nobodys_business_it_is_not_looked_at(
    settings: Settings, serve: Serve
) -> None:
    daemon = FakeDaemon()
    daemon.present = ended_print("k2")
    await serve(daemon.app(), settings.printer_socket)
    await ASKING[0](msgspec.structs.replace(settings, plate=PlateSettings(confirm=False)))
    assert daemon.started is not None
