"""The reconnect loop against a scripted cloud."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.cloud.client import STEADY, CloudClient, Timing
from appliance.cloud.reconnect import Backoff
from appliance.polar.actions import (
    Action,
    Deleted,
    Deliver,
    HelloFailed,
    Ignored,
    Online,
)
from appliance.polar.session import HelloFacts, Session
from tests.cloud.scripted import (
    KEY,
    PATIENCE,
    SERIAL,
    Ceiling,
    Clock,
    Cloud,
    Rig,
    running,
    soon,
    until,
)
from tests.polar.signing import KeysHere

Patch = pytest.MonkeyPatch


def pass_time(patch: Patch, seconds: float) -> None:
    """The loop's clock leaps: what was to happen by then happens in the next turns."""
    loop = asyncio.get_running_loop()
    real = loop.time
    patch.setattr(loop, "time", lambda: real() + seconds)


async def test_says_hello_and_goes_online() -> None:
    async with running() as rig:
        assert rig.client.status_text == "Connecting to the Polar Cloud."
        await rig.go_online()
        assert rig.client.online
        assert rig.client.status_text == "Connected to the Polar Cloud."
        assert rig.news(Online) == [Online()]
        assert rig.clock.sleeps == []


@pytest.mark.parametrize("failures", [1, 2, 5, 9])
async def test_tries_again_with_growing_delays_until_it_works(failures: int) -> None:
    async with running(SERIAL, *["It is down."] * failures) as rig:
        await rig.go_online()
        assert rig.clock.sleeps == [1, 2, 4, 8, 16, 32, 60, 60, 60][:failures]


@pytest.mark.parametrize("losses", [1, 3])
async def test_says_hello_on_each_connection(losses: int) -> None:
    async with running() as rig:
        for _ in range(losses):
            connection = await rig.go_online()
            connection.lose()
            await soon(connection.closed.wait())
            assert not rig.client.online
        await rig.go_online()
        assert len(rig.cloud.opened) == losses + 1
        assert len(rig.news(Online)) == losses + 1


async def test_a_connection_that_proved_good_resets_the_delays() -> None:
    async with running(SERIAL, *["It is down."] * 4) as rig:
        connection = await rig.go_online()
        rig.clock.now += STEADY
        connection.lose()
        await rig.go_online()
        assert rig.clock.sleeps == [1, 2, 4, 8, 1]


async def test_being_thrown_out_right_after_hello_keeps_the_delays_growing() -> None:
    async with running() as rig:
        for _ in range(4):
            (await rig.go_online()).lose()
        await rig.go_online()
        assert rig.clock.sleeps == [1, 2, 4, 8]


async def test_an_open_connection_alone_does_not_reset_the_delays() -> None:
    async with running(SERIAL, "It is down.", "It is down.") as rig:
        connection = await rig.cloud.connection()
        rig.clock.now += 100 * STEADY
        connection.lose()
        await rig.go_online()
        assert rig.clock.sleeps == [1, 2, 4]


@pytest.mark.parametrize("welcome", [False, True])
async def test_a_server_that_does_not_let_us_in_is_left(welcome: bool) -> None:
    async with running(hello=0.05) as rig:
        connection = await rig.cloud.connection()
        if welcome:
            connection.say("welcome", {"challenge": "x"})
        await soon(connection.closed.wait())
        assert "did not let us in" in rig.client.status_text
        await rig.cloud.connection()


async def test_patience_ends_only_before_hello_is_answered(monkeypatch: Patch) -> None:
    async with running() as rig:
        connection = await rig.go_online()
        pass_time(monkeypatch, 2 * PATIENCE)
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.client.online
        assert not connection.closed.is_set()


async def test_a_second_welcome_is_answered_and_patience_counts_again(
    monkeypatch: Patch,
) -> None:
    async with running() as rig:
        connection = await rig.go_online()
        connection.say("welcome", {"challenge": "again"})
        await connection.heard("hello")
        pass_time(monkeypatch, 2 * PATIENCE)
        await soon(connection.closed.wait())
        assert not rig.client.online
        await rig.cloud.connection()


async def test_a_refused_signature_is_tried_again_slower_and_slower() -> None:
    async with running() as rig:
        for _ in range(3):
            connection = await rig.cloud.connection()
            await connection.greet("FAILED")
            await soon(connection.closed.wait())
        await rig.go_online()
        assert rig.clock.sleeps == [1, 2, 4]
        assert len(rig.news(HelloFailed)) == 3


async def test_a_deleted_printer_leaves_the_cloud_in_peace() -> None:
    async with running() as rig:
        connection = await rig.cloud.connection()
        await connection.greet("DELETED")
        await soon(connection.closed.wait())
        rig.client.reconnect_now()
        await asyncio.sleep(0.01)
        assert len(rig.cloud.opened) == 1
        assert rig.clock.sleeps == []
        assert rig.client.status_text == "Not registered with the Polar Cloud."
        assert len(rig.news(Deleted)) == 1


async def test_delete_while_online_ends_in_peace_too() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        connection.say("delete", {"serialNumber": SERIAL})
        await soon(connection.closed.wait())
        assert not rig.client.online
        assert not rig.session.registered


async def test_the_network_is_back_so_the_wait_is_over() -> None:
    async with running(SERIAL, "It is down.") as rig:
        rig.clock.wake.clear()
        await soon(rig.clock.asleep.wait())
        rig.client.reconnect_now()
        await rig.go_online()
        assert rig.clock.now == 1000  # nothing was slept


async def test_a_call_to_reconnect_while_online_is_not_kept_for_later() -> None:
    async with running() as rig:
        rig.client.reconnect_now()
        connection = await rig.go_online()
        rig.clock.wake.clear()
        connection.lose()
        await soon(rig.clock.asleep.wait())
        await asyncio.sleep(0.01)
        assert len(rig.cloud.opened) == 1


async def test_status_text_says_since_when_until_when_and_why() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        rig.clock.wake.clear()
        rig.clock.now += 3600
        connection.lose("The line went dead.")
        await soon(rig.clock.asleep.wait())
        at_loss = rig.client.status_text
        assert at_loss.startswith("Offline since ")
        assert at_loss.endswith(", next try in 1 s: The line went dead.")
        rig.clock.now += 0.8
        assert ", next try in 0 s: " in rig.client.status_text
        assert rig.client.status_text[:19] == at_loss[:19]


async def test_offline_gives_the_moments_that_the_panel_shows() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        online = rig.client.offline
        rig.clock.wake.clear()
        connection.lose("The line went dead.")
        await soon(rig.clock.asleep.wait())
        since, next_try = rig.client.offline or (0.0, 0.0)
        assert online is None
        assert next_try == pytest.approx(since + 1.0, abs=0.2)


async def test_a_wrong_clock_does_not_falsify_since_when() -> None:
    wall = [0.0]
    cloud = Cloud()
    cloud.failures.append("It is down.")
    clock = Clock()
    clock.wake.clear()
    client = CloudClient(
        cloud.open,
        Session(KEY.pair(), SERIAL, HelloFacts()),
        lambda _: None,
        keys=KeysHere(),
        backoff=Backoff(Ceiling()),
        timing=Timing(monotonic=lambda: clock.now, wall=lambda: wall[0], sleep=clock.sleep),
    )
    task = asyncio.create_task(client.run())
    await soon(clock.asleep.wait())
    clock.now += 60
    wall[0] = 1_800_000_060.0  # the time server was reached, from 1970 to now
    expected = time.strftime("%H:%M", time.localtime(1_800_000_000))
    assert client.status_text.startswith(f"Offline since {expected},")
    task.cancel()
    await asyncio.wait({task})


async def test_the_loop_outlives_an_agent_that_raises() -> None:
    rig = Rig(SERIAL, PATIENCE)

    def fail(action: Action) -> None:
        rig.actions.append(action)
        raise RuntimeError("a bug in the agent")

    client = CloudClient(
        rig.cloud.open,
        rig.session,
        fail,
        keys=KeysHere(),
        backoff=Backoff(Ceiling()),
        timing=rig.clock.timing(PATIENCE),
    )
    task = asyncio.create_task(client.run())
    connection = await rig.cloud.connection()
    await connection.greet()
    connection.say("cancel", {"serialNumber": SERIAL})
    connection.say("resume", {"serialNumber": SERIAL})
    await soon(until(lambda: len(rig.news(Deliver)) == 2))
    assert client.online
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("cancel", None),
        ("cancel", {"serialNumber": 5}),
        ("print", "text"),
        ("noSuchEvent", {}),
        ("helloResponse", []),
        ("cancel", {"serialNumber": "P3D99999"}),
    ],
)
async def test_bad_messages_are_told_and_change_nothing(event: str, payload: object) -> None:
    async with running() as rig:
        connection = await rig.go_online()
        connection.say(event, payload)
        await soon(until(lambda: bool(rig.news(Ignored))))
        connection.say("cancel", {"serialNumber": SERIAL})
        await soon(until(lambda: bool(rig.news(Deliver))))
        assert rig.client.online


FATES = st.lists(
    st.sampled_from(["down", "lost", "unwelcome", "FAILED", "short", "steady", "broken"]),
    max_size=12,
)


async def _suffer(rig: Rig, fate: str) -> None:
    if fate == "down":
        return
    connection = await rig.cloud.connection()
    if fate == "unwelcome":
        connection.say("welcome", None)
    if fate == "FAILED":
        await connection.greet("FAILED")
    if fate in ("short", "steady"):
        await connection.greet()
        rig.clock.now += STEADY if fate == "steady" else 0
    if fate == "broken":
        connection.broken = True
        connection.say("welcome", {"challenge": "x"})
    else:
        connection.lose()
    await soon(connection.closed.wait())


@given(FATES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_it_comes_back_and_never_hurries(fates: list[str]) -> None:
    async def live() -> None:
        rig = Rig(SERIAL, PATIENCE)
        expected: list[float] = []
        ceiling = 1.0
        task = asyncio.create_task(rig.client.run())
        for fate in fates:
            if fate == "down":
                rig.cloud.failures.append("It is down.")
        # All failures come first, since they are taken before a connection is made.
        for fate in sorted(fates, key=lambda fate: fate != "down"):
            ceiling = 1.0 if fate == "steady" else ceiling
            expected.append(ceiling)
            ceiling = min(60.0, ceiling * 2)
            await _suffer(rig, fate)
        await rig.go_online()
        assert rig.clock.sleeps == expected
        assert len(rig.cloud.opened) == sum(fate != "down" for fate in fates) + 1
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(live())
