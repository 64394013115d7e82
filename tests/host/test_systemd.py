"""What systemd is told, and that nothing is needed where there is none."""

from __future__ import annotations

import asyncio
import logging

import pytest

from appliance.host.systemd import NoNotifier, SystemdNotifier, notifier, set_up_logging


def test_what_systemd_hears() -> None:
    heard: list[str] = []
    notify = SystemdNotifier(heard.append, {})
    notify.ready("It runs.")
    notify.stopping()
    assert heard == ["READY=1\nSTATUS=It runs.", "STOPPING=1"]


async def test_the_watchdog_is_fed_three_times_an_interval() -> None:
    heard: list[str] = []
    fed = asyncio.Event()

    def hear(text: str) -> None:
        heard.append(text)
        if len(heard) == 3:
            fed.set()

    task = asyncio.create_task(SystemdNotifier(hear, {"WATCHDOG_USEC": "30000"}).watchdog())
    await asyncio.wait_for(fed.wait(), 10)
    task.cancel()
    assert set(heard) == {"WATCHDOG=1"}


async def test_without_a_watchdog_nothing_is_fed() -> None:
    heard: list[str] = []
    await SystemdNotifier(heard.append, {}).watchdog()
    assert heard == []


async def test_without_systemd() -> None:
    notify = notifier({})
    assert isinstance(notify, NoNotifier)
    notify.ready("It runs.")
    notify.stopping()
    await notify.watchdog()


def test_log_lines_name_time_level_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        set_up_logging(environment={})
        logging.getLogger("appliance.test").info("hello")
        assert "INFO    appliance.test: hello" in capsys.readouterr().err
    finally:
        root.handlers[:], root.level = before, level
