"""The reconnect loop against a scripted cloud: no sockets, no waiting, a clock of its own."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.cloud.client import STEADY, CloudClient, Connection, Timing
from appliance.cloud.reconnect import Backoff
from appliance.errors import CloudError
from appliance.polar import messages
from appliance.polar.actions import (
    Action,
    Close,
    Deleted,
    Deliver,
    HelloFailed,
    Ignored,
    Online,
    Registered,
    RegistrationFailed,
    Send,
    Unregistered,
    UnregisterFailed,
)
from appliance.polar.keys import PrinterKey, verify
from appliance.polar.session import HelloFacts, Session

PATIENCE = 20.0  # s
SERIAL = "P3D12345"
KEY = PrinterKey.generate()
STATUS = messages.Status(serial_number=SERIAL, status=0)


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, PATIENCE)


class ScriptedConnection:
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[tuple[str, object] | CloudError | None] = asyncio.Queue()
        self._sent: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.broken = False

    async def __aiter__(self) -> AsyncIterator[tuple[str, object]]:
        while (item := await self._inbox.get()) is not None:
            if isinstance(item, CloudError):
                raise item
            yield item

    async def emit(self, event: str, payload: object) -> None:
        await asyncio.sleep(0)
        if self.broken or self.closed.is_set():
            raise CloudError("It cannot be sent.")
        self._sent.put_nowait((event, payload))

    async def close(self) -> None:
        self.closed.set()
        self._inbox.put_nowait(None)

    def say(self, event: str, payload: object) -> None:
        self._inbox.put_nowait((event, payload))

    def lose(self, reason: str = "The line went dead.") -> None:
        self._inbox.put_nowait(CloudError(reason))

    async def heard(self, event: str) -> Any:
        """The payload of the next message, which must be this one."""
        name, payload = await soon(self._sent.get())
        assert name == event
        return payload

    def unheard(self) -> list[str]:
        return [self._sent.get_nowait()[0] for _ in range(self._sent.qsize())]

    async def greet(self, status: str = "SUCCESS", serial_number: str = SERIAL) -> None:
        """Play the server's part up to its helloResponse."""
        self.say("welcome", {"challenge": "c" * 8})
        hello = await self.heard("hello")
        assert hello["serialNumber"] == serial_number
        assert verify(KEY.public_pem(), "c" * 8, hello["signature"])
        self.say("helloResponse", {"status": status, "message": ""})
        if status == "SUCCESS":
            await self.heard("capabilities")


class Cloud:
    """What is behind the opener: connections, or the failures that come first."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.opened: list[ScriptedConnection] = []
        self._new: asyncio.Queue[ScriptedConnection] = asyncio.Queue()

    async def open(self) -> Connection:
        assert all(connection.closed.is_set() for connection in self.opened), "two at once"
        if self.failures:
            raise CloudError(self.failures.pop(0))
        connection = ScriptedConnection()
        self.opened.append(connection)
        self._new.put_nowait(connection)
        return connection

    async def connection(self) -> ScriptedConnection:
        connection: ScriptedConnection = await soon(self._new.get())
        return connection


class Clock:
    """Time passes only while the loop sleeps, or when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()
        self.wake.set()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.asleep.set()
        await asyncio.sleep(0)
        await self.wake.wait()
        self.now += seconds

    def timing(self, hello: float) -> Timing:
        return Timing(
            monotonic=lambda: self.now, wall=lambda: 1.7e9 + self.now, sleep=self.sleep, hello=hello
        )


class Ceiling(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Rig:
    def __init__(self, serial_number: str | None, hello: float) -> None:
        self.cloud = Cloud()
        self.clock = Clock()
        self.actions: list[Action] = []
        self.session = Session(KEY, serial_number, HelloFacts(mfg="test", mac="00:11"))
        self.client = CloudClient(
            "http://unused",
            self.session,
            self.actions.append,
            backoff=Backoff(Ceiling()),
            open_connection=self.cloud.open,
            timing=self.clock.timing(hello),
        )

    def news(self, kind: type[Action]) -> list[Action]:
        return [action for action in self.actions if isinstance(action, kind)]

    async def go_online(self) -> ScriptedConnection:
        connection = await self.cloud.connection()
        await connection.greet()
        await soon(self.client.wait_online())
        return connection


@asynccontextmanager
async def running(
    serial_number: str | None = SERIAL, *failures: str, hello: float = PATIENCE
) -> AsyncIterator[Rig]:
    rig = Rig(serial_number, hello)
    rig.cloud.failures.extend(failures)
    task = asyncio.create_task(rig.client.run())
    try:
        yield rig
        assert not task.done(), "the loop must never end"
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert all(connection.closed.is_set() for connection in rig.cloud.opened)
    assert not rig.news(Send)
    assert not rig.news(Close)


# Connecting, and connecting again.


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


async def test_patience_ends_only_before_hello_is_answered() -> None:
    async with running(hello=1.0) as rig:
        connection = await rig.go_online()
        await asyncio.sleep(1.2)  # longer than patience, which must not count any more
        assert rig.client.online
        assert not connection.closed.is_set()


async def test_a_second_welcome_is_answered_and_patience_counts_again() -> None:
    async with running(hello=1.0) as rig:
        connection = await rig.go_online()
        connection.say("welcome", {"challenge": "again"})
        await connection.heard("hello")
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


async def test_a_wrong_clock_does_not_falsify_since_when() -> None:
    wall = [0.0]
    cloud = Cloud()
    cloud.failures.append("It is down.")
    clock = Clock()
    clock.wake.clear()
    client = CloudClient(
        "http://unused",
        Session(KEY, SERIAL, HelloFacts()),
        lambda _: None,
        backoff=Backoff(Ceiling()),
        open_connection=cloud.open,
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
        "http://unused",
        rig.session,
        fail,
        backoff=Backoff(Ceiling()),
        open_connection=rig.cloud.open,
        timing=rig.clock.timing(PATIENCE),
    )
    task = asyncio.create_task(client.run())
    connection = await rig.cloud.connection()
    await connection.greet()
    connection.say("cancel", {"serialNumber": SERIAL})
    connection.say("resume", {"serialNumber": SERIAL})
    await soon(_until(lambda: len(rig.news(Deliver)) == 2))
    assert client.online
    task.cancel()
    await asyncio.wait({task})


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # turns of the loop, not time
        await asyncio.sleep(0)


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
        await soon(_until(lambda: bool(rig.news(Ignored))))
        connection.say("cancel", {"serialNumber": SERIAL})
        await soon(_until(lambda: bool(rig.news(Deliver))))
        assert rig.client.online


# Sending and asking.


async def test_sends_only_when_online() -> None:
    async with running(SERIAL, "It is down.") as rig:
        with pytest.raises(CloudError, match="no session"):
            await rig.client.send(STATUS)
        connection = await rig.go_online()
        await rig.client.send(STATUS)
        assert (await connection.heard("status"))["serialNumber"] == SERIAL
        connection.lose()
        await soon(connection.closed.wait())
        with pytest.raises(CloudError, match="no session"):
            await rig.client.send(STATUS)


async def test_a_connection_that_takes_nothing_is_replaced() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        connection.broken = True
        with pytest.raises(CloudError, match="cannot be sent"):
            await rig.client.send(STATUS)
        await rig.go_online()
        await rig.client.send(STATUS)


async def test_a_hello_that_cannot_be_sent_is_tried_again() -> None:
    async with running() as rig:
        connection = await rig.cloud.connection()
        connection.broken = True
        connection.say("welcome", {"challenge": "x"})
        await soon(connection.closed.wait())
        await rig.go_online()
        assert rig.clock.sleeps == [1]


def get_url(kind: messages.UploadType = messages.UploadType.IDLE) -> messages.GetUrl:
    return messages.GetUrl(serial_number=SERIAL, type=kind)


def slot(kind: str = "idle") -> dict[str, object]:
    return {
        "status": "SUCCESS",
        "serialNumber": SERIAL,
        "type": kind,
        "expires": 3600,
        "maxSize": 76800,
        "contentType": "image/jpeg",
        "method": "post",
        "url": "https://x/",
        "fields": {"key": "snapshot.jpg"},
    }


async def test_a_question_gets_its_answer_and_nobody_else_does() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        asking = asyncio.create_task(rig.client.ask(get_url(), messages.GetUrlResponse, PATIENCE))
        await connection.heard("getUrl")
        connection.say("pause", {"serialNumber": SERIAL})
        connection.say("getUrlResponse", slot())
        answer = await soon(asking)
        assert answer.url == "https://x/"
        delivered = [action.message for action in rig.actions if isinstance(action, Deliver)]
        assert [type(message) for message in delivered] == [messages.Pause]


async def test_questions_of_one_kind_take_turns() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        kinds = list(messages.UploadType)
        asking = [
            asyncio.create_task(rig.client.ask(get_url(kind), messages.GetUrlResponse, PATIENCE))
            for kind in kinds
        ]
        for kind in kinds:
            assert (await connection.heard("getUrl"))["type"] == kind.value
            await asyncio.sleep(0)
            assert connection.unheard() == []
            connection.say("getUrlResponse", slot(kind.value))
        answers = [await soon(task) for task in asking]
        assert [answer.type for answer in answers] == kinds


async def test_questions_of_different_kinds_do_not_wait_for_each_other() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        first = asyncio.create_task(rig.client.ask(get_url(), messages.GetUrlResponse, PATIENCE))
        await connection.heard("getUrl")
        queue = messages.GetQueue(serial_number=SERIAL)
        second = asyncio.create_task(rig.client.ask(queue, messages.GetQueueResponse, PATIENCE))
        await connection.heard("getQueue")
        connection.say("getQueueResponse", {"totalCount": 0, "jobCount": 0, "jobs": []})
        assert (await soon(second)).jobs == []
        assert not first.done()
        first.cancel()


async def test_no_answer_in_time_frees_the_next_question() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        with pytest.raises(CloudError, match="did not answer getUrl"):
            await rig.client.ask(get_url(), messages.GetUrlResponse, 0.02)
        connection.say("getUrlResponse", slot("printing"))  # late: to the agent
        await soon(_until(lambda: bool(rig.news(Deliver))))
        asking = asyncio.create_task(rig.client.ask(get_url(), messages.GetUrlResponse, PATIENCE))
        await connection.heard("getUrl")
        await connection.heard("getUrl")
        connection.say("getUrlResponse", slot())
        assert (await soon(asking)).type is messages.UploadType.IDLE


async def test_only_an_answer_that_fits_counts() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        asking = asyncio.create_task(
            rig.client.ask(
                get_url(),
                messages.GetUrlResponse,
                PATIENCE,
                fits=lambda answer: answer.type is messages.UploadType.IDLE,
            )
        )
        await connection.heard("getUrl")
        connection.say("getUrlResponse", slot("timelapse"))
        connection.say("getUrlResponse", slot("idle"))
        assert (await soon(asking)).type is messages.UploadType.IDLE
        assert len(rig.news(Deliver)) == 1


async def test_a_lost_connection_answers_every_question() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        asking = [
            asyncio.create_task(rig.client.ask(get_url(), messages.GetUrlResponse, PATIENCE))
            for _ in range(3)
        ]
        await connection.heard("getUrl")
        connection.lose()
        results = await soon(asyncio.gather(*asking, return_exceptions=True))
        assert [type(result) for result in results] == [CloudError] * 3


async def test_asking_offline_is_refused_at_once() -> None:
    async with running(None) as rig:
        with pytest.raises(CloudError, match="Not registered"):
            await rig.client.ask(get_url(), messages.GetUrlResponse, PATIENCE)


# Registering.


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
        await soon(_until(lambda: len(rig.clock.sleeps) == 3))
        registering.cancel()
        await asyncio.wait({registering})
        await asyncio.sleep(0.01)
        tried = len(rig.cloud.failures)
        await asyncio.sleep(0.01)
        assert len(rig.cloud.failures) == tried


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
        await soon(_until(lambda: bool(rig.news(Deleted))))
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


# Whatever happens.

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
