"""The agent's side: a worker is kept running, told the newest screen, and never waited for."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.panel.keys import Key, KeyStroke
from appliance.panel.process import PanelProcess, worker_command
from appliance.panel.screen import Picture, Screen
from appliance.panel.wire import DoorSeen, Hardware, Health, Stroked, Up
from appliance.settings_panel import ButtonSettings, DisplayKind, DoorSettings, PanelSettings

HARDWARE = Hardware(PanelSettings(), ButtonSettings(), DoorSettings())
PRELUDE = """
import json, os, sys, time
def say(**message): print(json.dumps(message), flush=True)
def told():
    for line in sys.stdin: yield json.loads(line)["screen"]["title"]
def back(title): say(type="health", part=title)
"""
ECHO = "for title in told(): back(title)"
MakeCommand = Callable[[str], list[str]]


@pytest.fixture
def worker(tmp_path: Path) -> MakeCommand:
    """The command of a worker with this body; it may say, be told, and count its lives."""

    def make(body: str) -> list[str]:
        script = tmp_path / "worker.py"
        lives = f"""
lives = {str(tmp_path / "lives")!r}
with open(lives, "a") as file: file.write("x")
life = os.path.getsize(lives)
"""
        script.write_text(PRELUDE + lives + textwrap.dedent(body), encoding="utf-8")
        return [sys.executable, str(script)]

    return make


class Bench:
    def __init__(self, command: list[str], **times: float) -> None:
        self.said: asyncio.Queue[Up] = asyncio.Queue()
        self.panel = PanelProcess(
            HARDWARE,
            self.said.put_nowait,
            command=command,
            **{"first_pause": 0.01, "silence": 60.0, **times},
        )

    async def next(self) -> Up:
        async with asyncio.timeout(30):
            return await self.said.get()


@asynccontextmanager
async def running(command: list[str], **times: float) -> AsyncIterator[Bench]:
    bench = Bench(command, **times)
    task = asyncio.create_task(bench.panel.run())
    try:
        yield bench
    finally:
        await bench.panel.close()
        async with asyncio.timeout(30):
            await task


def titled(title: str) -> Health:
    """What the echoing worker says to a screen."""
    return Health(title)


async def test_screens_go_down_and_messages_come_up(worker: MakeCommand) -> None:
    body = 'say(type="key", stroke={"key": "ok", "stroke": "press"})\n' + ECHO
    async with running(worker(body)) as bench:
        assert await bench.next() == Stroked(KeyStroke(Key.OK))
        bench.panel.show(Screen(title="one"))
        assert await bench.next() == titled("one")
        bench.panel.show(Screen(title="one"))  # nothing new
        bench.panel.show(Screen(title="two"))
        assert await bench.next() == titled("two")


async def test_of_many_screens_only_the_newest_is_sent(worker: MakeCommand) -> None:
    async with running(worker(ECHO)) as bench:
        for number in range(1000):
            bench.panel.show(Screen(title=str(number)))
        assert await bench.next() == titled("999")
        assert bench.said.empty()


async def test_a_new_worker_gets_the_present_screen_at_once(worker: MakeCommand) -> None:
    async with running(worker("for title in told():\n    back(title)\n    break")) as bench:
        bench.panel.show(Screen(title="present"))
        assert [await bench.next() for _ in range(3)] == [titled("present")] * 3


async def test_a_worker_that_stays_away_leaves_nothing_known(worker: MakeCommand) -> None:
    body = """
        if life == 1:
            say(type="door", door=1)
            back("display")
        else:
            time.sleep(60)
    """
    async with running(worker(body), away_time=0.3) as bench:
        assert await bench.next() == DoorSeen(1)
        assert await bench.next() == Health("display")
        away = [await bench.next() for _ in range(3)]
        assert {one.part for one in away if isinstance(one, Health) and one.problem} == {
            "display",
            "door",
        }
        assert away[-1] == DoorSeen(None)


async def test_a_short_absence_is_not_told(worker: MakeCommand) -> None:
    body = """
        say(type="door", door=1)
        if life > 1:
            for title in told(): back(title)
    """
    async with running(worker(body), away_time=30.0) as bench:
        assert [await bench.next(), await bench.next()] == [DoorSeen(1), DoorSeen(1)]


async def test_a_worker_that_takes_no_input_is_killed_and_replaced(worker: MakeCommand) -> None:
    body = """
        if life == 1:
            back("deaf")
            time.sleep(600)
        for title in told(): back(title)
    """
    async with running(worker(body), input_time=0.3) as bench:
        assert await bench.next() == titled("deaf")
        first = bench.panel.pid
        number = 0
        while bench.panel.pid == first:  # until its pipe is full
            number += 1
            picture = Picture(jpeg=os.urandom(30_000))
            bench.panel.show(Screen(title=str(number), picture=picture))
            await asyncio.sleep(0.01)
        assert await bench.next() == titled(str(number))


async def test_a_worker_that_freezes_is_killed_and_nothing_more_is_known(
    worker: MakeCommand,
) -> None:
    body = """
        say(type="door", door=1)
        if life == 1:
            time.sleep(600)
        while True:
            say(type="alive")
            time.sleep(0.01)
    """
    async with running(worker(body), away_time=600.0, silence=0.5) as bench:
        assert await bench.next() == DoorSeen(1)
        away, unknown = await bench.next(), await bench.next()
        assert isinstance(away, Health)
        assert away.problem
        assert unknown == DoorSeen(None)
        assert await bench.next() == DoorSeen(1), "a new one lives"


async def test_signs_of_life_keep_a_worker_that_has_nothing_to_say(worker: MakeCommand) -> None:
    body = """
        for _ in range(100):
            say(type="alive")
            time.sleep(0.02)
        back(str(life))
        time.sleep(600)
    """
    async with running(worker(body), silence=1.0) as bench:
        assert await bench.next() == titled("1"), "two seconds later, and nothing before it"


async def test_a_worker_that_never_says_a_word_is_killed_after_a_longer_time(
    worker: MakeCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.panel.process.START", 1.0)
    body = """
        if life == 1:
            time.sleep(600)
        while True:
            back(str(life))
            time.sleep(0.01)
    """
    async with running(worker(body), silence=0.5) as bench:
        message = await bench.next()
        assert isinstance(message, Health)
        assert message.part != "1"


async def test_a_last_screen_is_handed_over_before_the_end(
    worker: MakeCommand, tmp_path: Path
) -> None:
    body = f"""
        back("ready")
        for title in told(): open({str(tmp_path / "last")!r}, "w").write(title)
    """
    async with running(worker(body)) as bench:
        assert await bench.next() == titled("ready")
        bench.panel.show(Screen(title="goodbye"))
        await bench.panel.close()
    assert (tmp_path / "last").read_text() == "goodbye"


async def test_what_cannot_be_read_is_logged_and_passed_by(
    worker: MakeCommand, caplog: pytest.LogCaptureFixture
) -> None:
    body = """
        print("nonsense", flush=True)
        sys.stderr.write("WARNING a warning\\nchatter of a library\\n")
        back("after")
        for title in told(): pass
    """
    with caplog.at_level(logging.DEBUG):
        async with running(worker(body)) as bench:
            assert await bench.next() == titled("after")
    levels = {record.getMessage(): record.levelno for record in caplog.records}
    assert levels["a warning"] == logging.WARNING
    assert levels["chatter of a library"] == logging.DEBUG
    assert any("cannot be read" in text for text in levels)


async def test_a_worker_that_cannot_be_started_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(["/nowhere/worker"]):
        while caplog.text.count("cannot be started") < 2:  # noqa: ASYNC110 - a log has no events
            await asyncio.sleep(0.01)


async def test_closing_ends_a_stubborn_worker_and_its_children(worker: MakeCommand) -> None:
    body = """
        import signal, subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"])
        back(str(child.pid))
        time.sleep(600)
    """
    async with running(worker(body)) as bench:
        message = await bench.next()
        assert isinstance(message, Health)
        pid = int(message.part)
    end = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    assert bench.panel.pid is None


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_cancelling_the_run_ends_the_worker(worker: MakeCommand) -> None:
    bench = Bench(worker(ECHO))
    bench.panel.show(Screen(title="one"))
    task = asyncio.create_task(bench.panel.run())
    assert await bench.next() == titled("one")
    pid = bench.panel.pid
    assert pid is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)
    await bench.panel.close()


def test_the_command_is_humble_and_knows_the_simulation() -> None:
    real = worker_command(HARDWARE)
    assert real[:3] == ["nice", "-n", "5"]
    assert "appliance.panel.worker" in real
    panel = PanelSettings(display=DisplayKind.HD44780_20X4, simulated="/tmp/panel.sock")
    simulated = worker_command(Hardware(panel, ButtonSettings(), DoorSettings()))
    assert "appliance.sim.panel_worker" in simulated
    assert "/tmp/panel.sock" in simulated[-1]


def test_the_agent_pays_for_no_library_of_displays_or_pins() -> None:
    script = (
        "import sys, appliance.panel.process\n"
        "print({'luma', 'gpiozero', 'PIL', 'segno', 'smbus2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"
