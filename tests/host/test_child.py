from __future__ import annotations

import asyncio
import os
import select
from pathlib import Path

import pytest

from appliance.host import child


def test_each_limit_is_a_prefix_that_replaces_itself() -> None:
    command = child.limited(["work", "hard"], nice=7, idle_io=True, memory=1000)
    assert command[-2:] == ["work", "hard"]
    line = " ".join(command)
    assert "setpriv --pdeathsig KILL" in line
    assert "nice -n 7" in line
    assert "ionice -c 3" in line
    assert "prlimit --as=1000" in line


def test_a_tool_that_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert child.limited(["work"], nice=7, memory=1000) == ["work"]


@pytest.mark.parametrize("rounds", range(12))
async def test_cancelled_at_any_moment_of_the_start_nothing_lives_on(
    tmp_path: Path, rounds: int
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    script = f"sleep 1000 & exec 3> {fifo}; echo $! >&3; wait"
    task = asyncio.create_task(child.start(["sh", "-c", script]))
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    if task in (await asyncio.wait([task]))[0] and not task.cancelled():
        await child.kill_group(task.result())  # it had been started before the cancellation
    # The sleep holds the fifo's other end only by inheritance; whoever lives shows here.
    text = os.read(reader, 100)
    os.close(reader)
    if text:
        try:
            process = os.pidfd_open(int(text))
        except ProcessLookupError:
            return
        assert await asyncio.to_thread(select.select, [process], [], [], 30) == ([process], [], [])
        os.close(process)


async def test_a_command_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        await child.start(["/nonexistent/command"])
