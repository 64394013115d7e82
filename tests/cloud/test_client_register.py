"""Registering with and leaving a scripted cloud."""

import asyncio

import pytest

from appliance.polar.actions import (
    Deleted,
    Registered,
    RegistrationFailed,
    Unregistered,
    UnregisterFailed,
)
from tests.cloud.scripted import (
    KEY,
    PATIENCE,
    SERIAL,
    Rig,
    ScriptedConnection,
    running,
    soon,
    until,
)


async def register(rig: Rig, pin: str = "1234") -> asyncio.Task[Registered | RegistrationFailed]:
    return asyncio.create_task(rig.client.register("maker@example.com", pin))


async def answer_registration(connection: ScriptedConnection, reason: str = "SUCCESS") -> None:
    connection.say("welcome", {"challenge": "x"})
    asked = await connection.heard("register")
    assert (asked["mfg"], asked["myInfo"]) == ("test", {"MAC": "00:11"})
    status = "SUCCESS" if reason == "SUCCESS" else "FAILED"
    connection.say(
        "registerResponse", {"serialNumber": "P3D77777", "status": status, "reason": reason}
    )


async def test_without_identity_there_is_no_connection() -> None:
    async with running(None) as rig:
        rig.client.reconnect_now()
        await asyncio.sleep(0.01)
        assert rig.cloud.opened == []
        assert rig.client.status_text == "Not registered with the Polar Cloud."


async def test_registers_and_comes_back_at_once_with_the_new_identity() -> None:
    async with running(None) as rig:
        registering = await register(rig)
        connection = await rig.cloud.connection()
        await answer_registration(connection)
        assert await soon(registering) == Registered("P3D77777")
        again = await rig.cloud.connection()
        assert connection.closed.is_set()
        await again.greet(serial_number="P3D77777")
        await soon(rig.client.wait_online())
        assert rig.clock.sleeps == [0]
        assert rig.news(Registered) == [Registered("P3D77777")]


async def test_registering_waits_for_the_network() -> None:
    async with running(None, "It is down.", "It is down.") as rig:
        registering = await register(rig)
        await answer_registration(await rig.cloud.connection())
        assert await soon(registering) == Registered("P3D77777")
        assert rig.clock.sleeps == [1, 2, 0]


async def test_a_wrong_pin_is_said_and_the_cloud_left_in_peace() -> None:
    async with running(None) as rig:
        registering = await register(rig)
        connection = await rig.cloud.connection()
        await answer_registration(connection, "EMAIL_PIN_ERROR")
        outcome = await soon(registering)
        assert isinstance(outcome, RegistrationFailed)
        assert outcome.reason == "EMAIL_PIN_ERROR"
        await soon(connection.closed.wait())
        await asyncio.sleep(0.01)
        assert len(rig.cloud.opened) == 1
        registering = await register(rig, "4321")
        await answer_registration(await rig.cloud.connection())
        assert await soon(registering) == Registered("P3D77777")


@pytest.mark.parametrize("pin", ["", "12", "abcd", "1" * 17])
async def test_a_pin_that_cannot_be_one_is_refused_without_a_connection(pin: str) -> None:
    async with running(None) as rig:
        outcome = await soon(await register(rig, pin))
        assert isinstance(outcome, RegistrationFailed)
        await asyncio.sleep(0.01)
        assert rig.cloud.opened == []


@pytest.mark.parametrize("how", ["lost", "unsent", "silence"])
async def test_a_connection_lost_while_registering_is_said(how: str) -> None:
    async with running(None, hello=1.0 if how == "silence" else PATIENCE) as rig:
        registering = await register(rig)
        connection = await rig.cloud.connection()
        connection.broken = how == "unsent"
        connection.say("welcome", {"challenge": "x"})
        if how != "unsent":
            await connection.heard("register")
        if how == "lost":
            connection.lose()
        outcome = await soon(registering)
        assert isinstance(outcome, RegistrationFailed)
        assert outcome.reason == "CONNECTION_LOST"
        await soon(connection.closed.wait())
        assert "1234" not in rig.client.status_text


async def test_giving_up_on_registering_stops_the_tries() -> None:
    async with running(None, *["It is down."] * 1000) as rig:
        registering = await register(rig)
        await soon(until(lambda: len(rig.clock.sleeps) == 3))
        registering.cancel()
        await asyncio.wait({registering})
        await asyncio.sleep(0.01)
        tried = len(rig.cloud.failures)
        await asyncio.sleep(0.01)
        assert len(rig.cloud.failures) == tried


async def test_who_gave_up_before_it_was_sent_is_not_registered_later() -> None:
    async with running(None, "It is down.") as rig:
        rig.clock.wake.clear()
        given_up = asyncio.create_task(rig.client.register("old@example.com", "1234"))
        await soon(rig.clock.asleep.wait())
        given_up.cancel()
        await asyncio.wait({given_up})
        rig.clock.wake.set()
        rig.session.connected()
        assert rig.session.received("welcome", {"challenge": "x"}) == []
        rig.session.disconnected()


async def test_who_gave_up_while_the_cloud_made_a_key_is_not_registered_later() -> None:
    async with running(None) as rig:
        given_up = asyncio.create_task(rig.client.register("old@example.com", "1234", True))
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "x"})
        await connection.heard("makeKeyPair")
        given_up.cancel()
        await asyncio.wait({given_up})
        pair = {"status": "SUCCESS", "private": KEY.private_pem().decode()}
        connection.say("keyPair", {**pair, "public": KEY.public_pem()})
        await soon(connection.closed.wait())
        assert connection.unheard() == []
        assert rig.news(RegistrationFailed) == []


async def test_the_answer_to_one_who_gave_up_is_not_told_to_the_next() -> None:
    async with running(None) as rig:
        given_up = asyncio.create_task(rig.client.register("old@example.com", "1234"))
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "x"})
        await connection.heard("register")
        given_up.cancel()
        await asyncio.wait({given_up})
        outcome = await soon(await register(rig))
        assert isinstance(outcome, RegistrationFailed)
        assert outcome.reason == "STILL_REGISTERING"
        assert connection.unheard() == []
        answer = {"serialNumber": "P3D77777", "status": "SUCCESS", "reason": "SUCCESS"}
        connection.say("registerResponse", answer)
        await (await rig.cloud.connection()).greet(serial_number="P3D77777")
        assert rig.news(Registered) == [Registered("P3D77777")], "the cloud has decided"


async def test_registering_twice_is_refused_and_the_session_goes_on() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        outcome = await soon(await register(rig))
        assert isinstance(outcome, RegistrationFailed)
        assert outcome.reason == "ALREADY_REGISTERED"
        assert rig.client.online
        assert not connection.closed.is_set()


async def test_a_deleted_printer_registers_again() -> None:
    async with running() as rig:
        await (await rig.cloud.connection()).greet("DELETED")
        await soon(until(lambda: bool(rig.news(Deleted))))
        registering = await register(rig)
        await answer_registration(await rig.cloud.connection())
        assert await soon(registering) == Registered("P3D77777")


async def test_unregisters_and_leaves_the_cloud_in_peace() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        leaving = asyncio.create_task(rig.client.unregister())
        await connection.heard("unregister")
        connection.say("unregisterResponse", {"serialNumber": SERIAL, "status": "SUCCESS"})
        assert await soon(leaving) == Unregistered()
        await soon(connection.closed.wait())
        await asyncio.sleep(0.01)
        assert len(rig.cloud.opened) == 1


@pytest.mark.parametrize("how", ["offline", "refused", "lost", "unsent"])
async def test_failing_to_unregister_is_said(how: str) -> None:
    async with running(SERIAL, *(["It is down."] * 1000 if how == "offline" else [])) as rig:
        if how != "offline":
            connection = await rig.go_online()
            connection.broken = how == "unsent"
        leaving = asyncio.create_task(rig.client.unregister())
        if how in ("refused", "lost"):
            await connection.heard("unregister")
        if how == "refused":
            connection.say("unregisterResponse", {"status": "FAILED", "message": "Not found"})
        if how == "lost":
            connection.lose()
        assert isinstance(await soon(leaving), UnregisterFailed)
        assert rig.session.registered
