"""The line to the cloud while the key is in use: slow, failing, or asked for no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from appliance.cloud.key_tool import KeyToolFailed
from appliance.polar.actions import Registered, RegistrationFailed
from appliance.polar.key_pair import KeyPair
from appliance.polar.keys import PrinterKey, verify
from tests.cloud.scripted import KEY, SERIAL, Rig, running, soon, until
from tests.polar.signing import KeysHere

OTHER_KEY = PrinterKey.generate()


class SlowKeys(KeysHere):
    """Answers when the test lets it; counts what was cancelled."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None

    async def sign(self, key: KeyPair, challenge: str) -> str:
        await self._wait(challenge)
        return await super().sign(key, challenge)

    async def check(self, private: str, public: str) -> KeyPair:
        await self._wait("pair")
        return await super().check(private, public)

    async def _wait(self, what: str) -> None:
        self.asked.append(what)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(what)
            raise
        if self.failure is not None:
            raise self.failure


def slow(rig: Rig) -> SlowKeys:
    keys = SlowKeys()
    rig.use(keys)
    return keys


async def test_only_the_last_challenge_is_signed() -> None:
    async with running() as rig:
        keys = slow(rig)
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "one"})
        await soon(until(lambda: keys.asked == ["one"]))
        connection.say("welcome", {"challenge": "two"})
        await soon(until(lambda: keys.asked == ["one", "two"]))
        await soon(until(lambda: keys.cancelled == ["one"]))
        assert not connection.unheard()
        keys.go.set()
        hello = await connection.heard("hello")
        assert verify(KEY.public_pem(), "two", hello["signature"])
        connection.say("helloResponse", {"status": "SUCCESS"})
        await soon(rig.client.wait_online())


async def test_a_cut_ends_the_work_and_the_next_connection_begins_anew() -> None:
    async with running() as rig:
        keys = slow(rig)
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "one"})
        await soon(until(lambda: keys.asked == ["one"]))
        connection.lose()
        second = await rig.cloud.connection()
        assert keys.cancelled == ["one"]
        keys.go.set()
        await second.greet()
        await soon(rig.client.wait_online())
        assert not connection.unheard()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (KeyToolFailed("The worker is ill."), "The worker is ill."),
        (RuntimeError("a mistake of ours"), "The printer's key could not be used."),
    ],
)
async def test_without_a_signature_the_loop_says_why_and_tries_again(
    failure: Exception, words: str
) -> None:
    async with running() as rig:
        keys = slow(rig)
        keys.failure = failure
        keys.go.set()
        rig.clock.wake.clear()
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "one"})
        await soon(connection.closed.wait())
        await soon(rig.clock.asleep.wait())
        assert words in rig.client.status_text
        keys.failure = None
        rig.clock.wake.set()
        await rig.go_online()


async def test_a_signature_that_takes_too_long_is_given_up() -> None:
    async with running(hello=0.2) as rig:
        keys = slow(rig)
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "one"})
        await soon(connection.closed.wait())
        await soon(until(lambda: keys.cancelled[:1] == ["one"]))


@pytest.mark.parametrize(
    ("public", "outcome"),
    [(OTHER_KEY.public_pem, Registered), (KEY.public_pem, RegistrationFailed)],
)
async def test_the_clouds_pair_is_checked_beside_the_connection(
    public: Callable[[], str], outcome: type[Registered | RegistrationFailed]
) -> None:
    async with running(None) as rig:
        keys = slow(rig)
        registering = asyncio.create_task(rig.client.register("a@b.c", "1234", use_cloud_key=True))
        connection = await rig.cloud.connection()
        connection.say("welcome", {"challenge": "one"})
        await connection.heard("makeKeyPair")
        pair = {"public": public(), "private": OTHER_KEY.private_pem().decode()}
        connection.say("keyPair", pair)
        await soon(until(lambda: keys.asked == ["pair"]))
        keys.go.set()
        if outcome is Registered:
            register = await connection.heard("register")
            assert register["publicKey"] == OTHER_KEY.public_pem()
            connection.say("registerResponse", {"serialNumber": SERIAL, "status": "SUCCESS"})
        assert isinstance(await soon(registering), outcome)
        await soon(connection.closed.wait())
        assert rig.client.offline is None or outcome is Registered
