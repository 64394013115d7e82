"""A clock that nobody has set yet is waited for, and said to be; one that was set is noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance import RELEASED
from appliance.host.clock import HostClock, needs_time, plausible, unsynchronized

TODAY = RELEASED + 20_000_000.0


class Host:
    """A clock that is set after some looks."""

    def __init__(self, wall: float) -> None:
        self.wall = wall
        self.steady = 7.0
        self.slept: list[float] = []
        self.set_after = -1
        self.clock = HostClock(
            wall=lambda: self.wall, monotonic=lambda: self.steady, sleep=self.sleep
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wall += seconds
        self.steady += seconds
        if len(self.slept) == self.set_after:
            self.wall = TODAY
        await asyncio.sleep(0)

    async def looks(self, number: int) -> None:
        """Let whoever sleeps here do so so often."""
        before = len(self.slept)
        for _ in range(10 * number):
            await asyncio.sleep(0)
        assert len(self.slept) >= before + number


@pytest.mark.parametrize(
    ("wall", "right"), [(0.0, False), (RELEASED - 1, False), (RELEASED, True), (TODAY, True)]
)
def test_no_true_clock_is_before_the_release(wall: float, right: bool) -> None:
    assert plausible(wall) is right
    assert Host(wall).clock.known is right


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("https://printer4.polar3d.com", True),
        ("WSS://cloud", True),
        ("http://127.0.0.1:9000", False),
        ("ws://cloud", False),
        ("", False),
    ],
)
def test_only_what_is_secured_needs_the_time(url: str, needed: bool) -> None:
    assert needs_time(url) is needed


def test_a_time_service_that_has_reached_nobody_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "timesync"
    assert not unsynchronized(folder), "no time service runs: nothing can be said"
    folder.mkdir()
    assert unsynchronized(folder)
    (folder / "synchronized").touch()
    assert not unsynchronized(folder)


async def test_waiting_ends_by_itself_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    host = Host(12.0)
    host.set_after = 90
    await host.clock.wait()
    assert host.slept == [1.0] * 90
    assert host.clock.known
    host.wall = 12.0
    host.set_after = 100
    await host.clock.wait()
    assert [record.message[:19] for record in caplog.records] == ["Waits for the time:"]


async def test_a_clock_that_is_set_is_not_waited_for() -> None:
    host = Host(TODAY)
    await host.clock.wait()
    assert host.slept == []


async def test_setting_the_clock_is_noticed_and_trimming_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = Host(12.0)
    seen = asyncio.Event()
    watch = asyncio.create_task(host.clock.watch(seen.set))
    await host.looks(5)
    host.wall += 0.4
    await host.looks(5)
    assert not seen.is_set()
    host.wall = TODAY
    await asyncio.wait_for(seen.wait(), 20)
    watch.cancel()
    assert len([record for record in caplog.records if "was set" in record.message]) == 1
