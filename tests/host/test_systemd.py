"""What systemd is told, and that nothing is needed where there is none."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from appliance.host.health import Health
from appliance.host.journal import Fields, JournalHandler
from appliance.host.systemd import (
    NoNotifier,
    SystemdNotifier,
    keep_status,
    notifier,
    set_up_logging,
)

WATCHED = {"WATCHDOG_USEC": "60000", "WATCHDOG_PID": str(os.getpid())}
FED = "WATCHDOG=1"


class Systemd:
    """Hears what is told, and waits for it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._news = asyncio.Event()

    def hear(self, text: str) -> None:
        self.heard.append(text)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def feeds(self) -> int:
        return self.heard.count(FED)


@pytest.fixture
def systemd() -> Systemd:
    return Systemd()


def test_what_systemd_hears(systemd: Systemd) -> None:
    notify = SystemdNotifier(systemd.hear, {})
    notify.ready("It runs.")
    notify.status("It runs.")
    notify.status("It prints\nnow.")
    notify.status("It prints now.")
    notify.stopping()
    assert systemd.heard == ["READY=1\nSTATUS=It runs.", "STATUS=It prints now.", "STOPPING=1"]


async def test_a_part_that_is_late_stops_the_feeding_until_it_turns_again(
    systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    health = Health()
    heart = health.part("engine", 3600.0)
    notify = SystemdNotifier(systemd.hear, WATCHED)
    notify.status("It prints.")
    task = asyncio.create_task(notify.watchdog(health))
    await systemd.until(lambda: systemd.feeds() >= 3)
    heart.beat(-3600.1)  # due a moment ago
    await systemd.until(lambda: systemd.heard[-1] == "STATUS=Hangs: engine.")
    notify.status("It prints more.")
    fed = systemd.feeds()
    heart.beat(-3601.0)
    looked = 0

    def look(pause: float) -> tuple[object, ...]:
        nonlocal looked
        looked += 1
        systemd._news.set()
        return Health.look(health, pause)

    health.look = look  # type: ignore[method-assign, assignment]
    await systemd.until(lambda: looked >= 5)
    assert systemd.feeds() == fed, "fed while a part hangs"
    heart.beat()
    await systemd.until(lambda: systemd.feeds() > fed)
    assert "STATUS=It prints more." in systemd.heard[systemd.heard.index("STATUS=Hangs: engine.") :]
    told = [record.message for record in caplog.records if "engine" in record.message]
    assert len(told) == 2
    assert told[0].startswith("engine hangs: it has not turned for ")
    assert told[1] == "engine turns again"
    task.cancel()


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"}])
async def test_without_a_watchdog_of_ours_nothing_is_fed(
    systemd: Systemd, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.host.systemd.PAUSE", 0.001)
    health = Health()
    heart = health.part("cloud", 10.0)
    heart.beat(-20.0)
    task = asyncio.create_task(SystemdNotifier(systemd.hear, environment).watchdog(health))
    await systemd.until(lambda: systemd.heard == ["STATUS=Hangs: cloud."])
    heart.beat()
    await systemd.until(lambda: systemd.heard[-1] == "STATUS=")
    assert systemd.feeds() == 0
    task.cancel()


async def test_the_status_is_kept_current(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.host.systemd.STATUS_PAUSE", 0.001)
    texts = iter(["one", "one", "two", "two"])
    last = ["two"]
    notify = SystemdNotifier(systemd.hear, {})
    task = asyncio.create_task(keep_status(notify, lambda: next(texts, last[0])))
    await systemd.until(lambda: systemd.heard == ["STATUS=one", "STATUS=two"])
    last[0] = "three"
    await systemd.until(lambda: systemd.heard[-1] == "STATUS=three")
    task.cancel()


async def test_without_systemd_the_log_says_who_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("appliance.host.systemd.PAUSE", 0.001)
    notify = notifier({})
    assert isinstance(notify, NoNotifier)
    notify.ready("It runs.")
    notify.status("It prints.")
    notify.stopping()
    health = Health()
    health.part("jobs", 5.0).beat(-10.0)
    said = asyncio.Event()
    monkeypatch.setattr("appliance.host.systemd.log", SimpleNamespace(error=lambda *_: said.set()))
    task = asyncio.create_task(notify.watchdog(health))
    await asyncio.wait_for(said.wait(), 20)
    task.cancel()


def test_log_lines_name_time_level_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        set_up_logging(environment={}, fields=Fields(clean=lambda _text: "cleaned"))
        logging.getLogger("appliance.test").info("hello")
        assert "INFO    appliance.test: hello" in capsys.readouterr().err
    finally:
        root.handlers[:], root.level = before, level


def test_where_systemd_listens_the_journal_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, object]] = []

    def send(message: str, **fields: object) -> None:
        sent.append({"MESSAGE": message, **fields})

    module = ModuleType("systemd.journal")
    module.send = send  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd", ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.journal", module)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        fields = Fields(unit="polar-agent.service")
        handler = set_up_logging(environment={"JOURNAL_STREAM": "8:1"}, fields=fields)
        assert isinstance(handler, JournalHandler)
        logging.getLogger("appliance.cloud.client").warning("offline: %s", "no way")
    finally:
        root.handlers[:], root.level = before, level
    assert [(one["MESSAGE"], one["UNIT"]) for one in sent] == [
        ("offline: no way", "polar-agent.service")
    ]
