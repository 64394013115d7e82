"""The whole agent in this process: it finds its cloud, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.agent import client
from appliance.agent.main import hello_facts, run
from appliance.config import (
    CameraSettings,
    CameraSource,
    CloudSettings,
    CustomCommand,
    PathSettings,
    Settings,
)
from appliance.errors import ApplianceError
from appliance.polar import messages
from appliance.settings_web import SetupSettings, WebSettings
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account

EMAIL, PIN = "owner@example.com", "90817263"
PROMISE = 5.0  # seconds until it has ended


@pytest.fixture
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(accounts=(Account(EMAIL, PIN),))) as one:
        yield one


@pytest.fixture
def settings(tmp_path: Path, cloud: LocalCloud) -> Settings:
    return Settings(
        cloud=CloudSettings(url=cloud.url, mfg="test", email=EMAIL, pin=PIN, status_interval=0.05),
        camera=CameraSettings(source=CameraSource.NONE),
        paths=PathSettings(state=str(tmp_path / "state"), run=str(tmp_path / "run")),
        commands=[CustomCommand(label="Again", action="restart-agent")],
        web=WebSettings(port=0),
        setup=SetupSettings(simulated_network=True),
    )


async def ended(agent: asyncio.Task[None]) -> float:
    began = time.monotonic()
    await asyncio.wait_for(agent, 20)
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_from_the_first_start_to_the_signal(
    settings: Settings,
    cloud: LocalCloud,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    number: signal.Signals,
) -> None:
    caplog.set_level("DEBUG")
    agent = asyncio.create_task(run(settings))
    serial = await cloud.wait_for(
        lambda state: next((s for s, life in state.lives.items() if len(life.statuses) > 1), None),
        20,
    )
    assert serial is not None
    life = cloud.state.lives[serial]
    assert life.status is not None
    assert life.status.code == 13, "the printer daemon is away"
    assert life.hello["camOff"] == 1
    view, _ = await client.look(settings)
    assert view is not None
    assert (view.serial_number, view.online) == (serial, True)
    assert stat.S_IMODE(settings.agent_socket.stat().st_mode) == 0o660
    os.kill(os.getpid(), number)
    assert await ended(agent) < PROMISE
    await cloud.wait_for(lambda state: not life.connected, 20)
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or PIN.encode() not in path.read_bytes(), path
    assert PIN not in caplog.text
    assert "Traceback" not in caplog.text


async def test_restart_agent_ends_it_so_that_it_is_started_again(
    settings: Settings, cloud: LocalCloud
) -> None:
    agent = asyncio.create_task(run(settings))
    await cloud.wait_for(lambda state: state.printers and state.printer().commands, 20)
    entry, plate = cloud.printer.commands
    assert plate.label == "Build plate is clear", "listed by itself"
    serial = cloud.printer.serial_number
    await cloud.send(messages.CustomCommand(serial_number=serial, custom_command=entry.command))
    assert await ended(agent) < PROMISE


async def test_a_second_agent_is_told_so(settings: Settings, cloud: LocalCloud) -> None:
    agent = asyncio.create_task(run(settings))
    await cloud.wait_for(lambda state: state.printers and state.printer().commands, 20)
    with pytest.raises(ApplianceError, match="runs already"):
        await asyncio.wait_for(run(settings), 20)
    assert not agent.done()
    os.kill(os.getpid(), signal.SIGTERM)
    agent.cancel()  # the second one's handler took the signal
    await asyncio.gather(agent, return_exceptions=True)


async def test_a_part_that_fails_takes_the_agent_down(
    settings: Settings, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("appliance.agent.reporter.Reporter.run", fail)
    with pytest.raises(ExceptionGroup) as group:
        await asyncio.wait_for(run(settings), 20)
    assert group.group_contains(RuntimeError, match="a mistake of ours")
    view, _ = await client.look(settings)
    assert view is None, "its socket is closed, not left half alive"


def test_what_hello_says_of_us(settings: Settings) -> None:
    facts = hello_facts(settings, "02:00:00:00:00:01", lambda: True)
    assert (facts.mac, facts.mfg, facts.camera) == ("02:00:00:00:00:01", "test", True)
    assert facts.transform_img == 0, "pictures are sent upright"
