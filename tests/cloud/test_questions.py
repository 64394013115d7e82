"""Sending to and asking a scripted cloud."""

import asyncio

import pytest

from appliance.errors import CloudError
from appliance.polar import messages
from appliance.polar.actions import (
    Deliver,
)
from tests.cloud.scripted import (
    PATIENCE,
    SERIAL,
    STATUS,
    Rig,
    ScriptedConnection,
    running,
    soon,
    until,
)


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
        await soon(until(lambda: bool(rig.news(Deliver))))
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


REPORT = messages.Job(serial_number=SERIAL, job_id="j1", state=messages.FinalState.COMPLETED)
CAPABLE = {"serialNumber": SERIAL, "capabilities": []}


async def send_surely(
    rig: Rig, connection: ScriptedConnection, timeout: float = PATIENCE
) -> asyncio.Task[None]:
    """The task, once message and question were heard."""
    sending = asyncio.create_task(rig.client.send_surely(REPORT, timeout))
    await connection.heard("job")
    await connection.heard("capabilities")
    return sending


async def test_sent_surely_once_the_answer_to_its_own_question_is_there() -> None:
    async with running() as rig:
        connection = await rig.go_online()  # the session has asked for capabilities as well
        sending = await send_surely(rig, connection)
        connection.say("capabilitiesResponse", CAPABLE)
        await soon(until(lambda: len(rig.news(Deliver)) == 1))
        assert not sending.done()
        connection.say("capabilitiesResponse", CAPABLE)
        await soon(sending)
        again = await send_surely(rig, connection)
        connection.say("capabilitiesResponse", CAPABLE)
        await soon(again)
        assert len(rig.news(Deliver)) == 1


async def test_a_late_answer_to_an_earlier_question_makes_nothing_sure() -> None:
    async with running() as rig:
        connection = await rig.go_online()
        connection.say("capabilitiesResponse", CAPABLE)
        with pytest.raises(CloudError, match="did not answer capabilities"):
            await (await send_surely(rig, connection, timeout=0.02))
        sending = await send_surely(rig, connection)
        connection.say("capabilitiesResponse", CAPABLE)
        await soon(until(lambda: len(rig.news(Deliver)) == 2))
        assert not sending.done()
        connection.say("capabilitiesResponse", CAPABLE)
        await soon(sending)


@pytest.mark.parametrize("event", ["job", "capabilities"])
async def test_a_connection_lost_before_the_answer_makes_nothing_sure(event: str) -> None:
    async with running() as rig:
        connection = await rig.go_online()
        sending = asyncio.create_task(rig.client.send_surely(REPORT, PATIENCE))
        while await connection.heard(None) != event:
            pass
        connection.lose()
        again = await rig.go_online()
        again.say("capabilitiesResponse", CAPABLE)
        with pytest.raises(CloudError):
            await soon(sending)
