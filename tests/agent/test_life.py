"""The whole agent under a watchdog, and on a board whose clock nobody has set."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from appliance.agent import client, main
from appliance.config import CameraSettings, CameraSource, CloudSettings, PathSettings, Settings
from appliance.errors import CloudError
from appliance.host.clock import HostClock
from appliance.host.journal import Fields
from appliance.host.systemd import SystemdNotifier
from appliance.settings_web import SetupSettings, WebSettings
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account

EMAIL, PIN = "owner@example.com", "90817263"
FED = "WATCHDOG=1"
LIMIT = 0.7  # seconds, of every part here


class Life:
    """One life of the agent in this process, and what its systemd hears."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.fields = Fields()
        self.heard: list[str] = []
        self._news = asyncio.Event()

    def hear(self, text: str) -> None:
        self.heard.append(text)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(30):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(self.heard[-5:]) from None

    async def says(self, words: str) -> None:
        await self.until(lambda: any(words in text for text in self.heard))

    async def fed_for(self, seconds: float) -> None:
        """Let it live for so long by the number of feeds, without one being left out."""
        wanted = self.heard.count(FED) + round(seconds * 20)
        await self.until(lambda: self.heard.count(FED) >= wanted or self.hangs != "")
        assert self.hangs == ""

    @property
    def hangs(self) -> str:
        return next((text for text in self.heard if "Hangs" in text), "")


@asynccontextmanager
async def living(settings: Settings) -> AsyncIterator[Life]:
    life = Life(settings)
    # Six looks within WatchdogSec: one each 50 ms.
    notify = SystemdNotifier(life.hear, {"WATCHDOG_USEC": "300000"})
    agent = asyncio.create_task(main.run(settings, life.fields, notify))
    await life.says("READY=1")
    yield life
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(agent, 30)
    assert "STOPPING=1" in life.heard


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
        web=WebSettings(port=0),
        setup=SetupSettings(simulated_network=True),
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUD", "STATUS", "JOBS", "REPORTS", "VIDEOS"):
        monkeypatch.setattr(main, f"{name}_LIMIT", LIMIT)
    monkeypatch.setattr("appliance.host.systemd.STATUS_PAUSE", 0.05)
    monkeypatch.setattr("appliance.host.clock.LOOK", 0.05)


class Wall:
    """The wall's clock as the agent sees it: at 1970 until it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 60.0 - time.time()
        monkeypatch.setattr(main, "HostClock", lambda: HostClock(wall=self.time))

    def time(self) -> float:
        return time.time() + self._ahead

    def set(self) -> None:
        self._ahead = 0.0


async def test_online_and_idle_it_is_fed(settings: Settings, cloud: LocalCloud) -> None:
    async with living(settings) as life:
        await life.says("STATUS=Online as ")
        await life.fed_for(2 * LIMIT)
        assert life.heard[-1] == FED
        assert f"STATUS=Online as {cloud.printer.serial_number}." in life.heard
        await cloud.go_offline()
        await life.says("STATUS=Offline: ")
        await life.fed_for(2 * LIMIT)
    texts = [text for text in life.heard if text != FED]
    assert len(texts) < 12, "few writes"


async def test_a_status_that_never_gets_away_is_a_hang(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("appliance.agent.reporter.Reporter._report", never)
    async with living(settings) as life:
        await life.says("Hangs")
        assert life.hangs == "STATUS=Hangs: status."
        fed = life.heard.count(FED)
        await asyncio.wait({asyncio.create_task(asyncio.sleep(LIMIT / 2))})
        assert life.heard.count(FED) == fed


async def test_a_connection_that_never_opens_or_fails_is_a_hang(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(main, "opener", lambda *_: never)
    async with living(settings) as life:
        await life.says("Hangs")
        assert life.hangs == "STATUS=Hangs: line to the cloud."


async def test_without_an_account_it_is_fed_for_ever(settings: Settings) -> None:
    alone = msgspec.structs.replace(
        settings, cloud=msgspec.structs.replace(settings.cloud, email="", pin="")
    )
    async with living(alone) as life:
        await life.says("Not registered")
        await life.fed_for(2 * LIMIT)


async def test_in_1970_a_secured_cloud_waits_for_the_time_and_all_else_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wall = Wall(monkeypatch)
    opened = asyncio.Event()

    async def open_connection() -> object:
        opened.set()
        raise CloudError("The certificate was looked at.")

    monkeypatch.setattr(main, "opener", lambda *_: open_connection)
    secured = msgspec.structs.replace(
        settings, cloud=msgspec.structs.replace(settings.cloud, url="https://127.0.0.1:9")
    )
    async with living(secured) as life:
        await life.says("STATUS=Waits for the time: ")
        view, _ = await client.look(secured)
        assert view is not None, "the agent is there for its page and the command line"
        assert view.cloud.startswith("Waits for the time: ")
        assert view.page_port != 0
        await life.fed_for(2 * LIMIT)
        assert not opened.is_set()
        wall.set()
        await asyncio.wait_for(opened.wait(), 30)
        await life.until(lambda: "certificate was looked at" in caplog.text or life.hangs != "")
    said = [record.message for record in caplog.records]
    assert len([text for text in said if text.startswith("Waits for the time")]) == 1
    assert len([text for text in said if text.startswith("the clock was set")]) == 1


async def test_in_1970_a_cloud_without_tls_is_not_kept_waiting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall(monkeypatch)
    async with living(settings) as life:
        await life.says("STATUS=Online as ")
        wall.set()
        await life.fed_for(LIMIT)
