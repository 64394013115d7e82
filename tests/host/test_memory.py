"""Memory that start-up left behind goes back to the system."""

from __future__ import annotations

import asyncio

import pytest

from appliance.host import memory


def resident() -> int:
    """Kilobytes of this process in memory."""
    with open("/proc/self/status") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_freed_memory_is_given_back() -> None:
    memory.give_back()
    before = resident()
    blocks = [bytes(2000) for _ in range(30_000)]  # 60 MB in blocks that malloc keeps
    blocks = blocks[-1:]
    memory.give_back()
    assert resident() - before < 30_000
    assert len(blocks) == 1


async def test_it_is_done_soon_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    done = asyncio.Event()
    monkeypatch.setattr(memory, "SETTLED", 0.0)
    monkeypatch.setattr(memory, "give_back", done.set)
    task = asyncio.create_task(memory.keep_small())
    await asyncio.wait_for(done.wait(), 10)
    task.cancel()
