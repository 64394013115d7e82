"""The local cloud's folder may be removed as soon as the cloud has ended."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.store import Record


async def test_the_end_waits_for_a_write_that_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    save = Record.save

    def slow(record: Record[object], value: object) -> None:
        writing.set()
        go_on.wait(20)
        save(record, value)

    monkeypatch.setattr(Record, "save", slow)
    folder = tmp_path / "cloud"
    cloud = LocalCloud(CloudOptions(folder=folder))
    await cloud.__aenter__()
    assert await asyncio.to_thread(writing.wait, 20)
    ending = asyncio.create_task(cloud.__aexit__(None, None, None))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    await asyncio.wait_for(ending, 20)
    assert (folder / "cloud.json").exists(), "it ended before the write did"
