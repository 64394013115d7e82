"""Nobody who waits for a change misses one, and nobody is woken without one."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from appliance.revision import Revision


async def test_a_change_that_has_been_is_told_at_once() -> None:
    revision = Revision()
    revision.bump()
    assert await revision.wait_beyond(0) == 1
    assert revision.number == 1


async def test_everybody_is_woken_by_one_change() -> None:
    revision = Revision()
    waiting = [asyncio.create_task(revision.wait_beyond(0)) for _ in range(5)]
    late = asyncio.create_task(revision.wait_beyond(1))
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    revision.bump()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert not late.done(), "one change is not two"
    revision.bump()
    assert await late == 2


async def test_a_listener_that_gave_up_leaves_nothing_behind() -> None:
    revision = Revision()
    gone = asyncio.create_task(revision.wait_beyond(0))
    stays = asyncio.create_task(revision.wait_beyond(0))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    revision.bump()
    assert await stays == 1


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(1, 5))
def test_a_listener_sees_the_last_change_however_they_bunch(
    bunches: list[int], listeners: int
) -> None:
    """Each listener follows with the number it saw; all end at the last number."""
    last = sum(bunches)

    async def follow(revision: Revision) -> list[int]:
        seen = [0]
        while seen[-1] < last:
            seen.append(await revision.wait_beyond(seen[-1]))
        return seen

    async def play() -> list[list[int]]:
        revision = Revision()
        tasks = [asyncio.create_task(follow(revision)) for _ in range(listeners)]
        for bunch in bunches:
            for _ in range(bunch):
                revision.bump()
            await asyncio.sleep(0)
        return await asyncio.wait_for(asyncio.gather(*tasks), 10)

    for seen in asyncio.run(play()):
        assert seen == sorted(set(seen))
        assert seen[-1] == last
