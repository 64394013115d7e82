"""The whole line to the cloud against real Status Servers, which die, freeze and come back."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.cloud.client import CloudClient, Timing, opener
from appliance.cloud.reconnect import Backoff
from appliance.polar import messages
from appliance.polar.actions import Action, Deleted, Deliver, HelloFailed, Online, Registered
from appliance.polar.keys import PrinterKey
from appliance.polar.session import HelloFacts, RegistrationFailed, Session
from tests.cloud.peers import PATIENCE, VERSIONS, StatusServer, network, status_server
from tests.polar.signing import KeysHere

SERIAL = "P3D00007"
KEY = PrinterKey.generate()
OTHER_KEY = PrinterKey.generate()
PRINTER = json.dumps({"serialNumber": SERIAL, "publicKey": KEY.public_pem()})
STATUS = messages.Status(serial_number=SERIAL, status=0, progress="Größe 😀")
HASTY = {"ping_interval": 300, "ping_timeout": 1500}  # ms

versions = pytest.mark.parametrize("version", VERSIONS)


class Agent:
    """A client that runs, and what it told."""

    def __init__(self, client: CloudClient, news: asyncio.Queue[Action]) -> None:
        self.client = client
        self._news = news

    async def told(self, kind: type[Action]) -> Action:
        """The next news of this kind."""
        async with asyncio.timeout(PATIENCE):
            while not isinstance(action := await self._news.get(), kind):
                pass
        return action


@asynccontextmanager
async def agent(
    url: str, *, key: PrinterKey = KEY, serial_number: str | None = SERIAL, ca_file: str = ""
) -> AsyncIterator[Agent]:
    news: asyncio.Queue[Action] = asyncio.Queue()
    client = CloudClient(
        opener(url, ca_file),
        Session(key.pair(), serial_number, HelloFacts(mfg="test", mac="00:11:22:33:44:55")),
        news.put_nowait,
        keys=KeysHere(),
        backoff=Backoff(random.Random(1), first=0.05, longest=0.4),
        timing=Timing(hello=PATIENCE),
    )
    task = asyncio.create_task(client.run())
    try:
        yield Agent(client, news)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def assert_in_touch(agent: Agent, server: StatusServer, connections: int) -> None:
    """One client, and one message each way arrives once."""
    await agent.client.send(STATUS)
    await server.heard_event("status", 1)
    if connections > 1:
        await server.heard(lambda line: "disconnect" in line, connections - 1)
    server.order(emit=["cancel", {"serialNumber": SERIAL}])
    server.order(emit=["resume", {"serialNumber": SERIAL}])
    delivered = [await agent.told(Deliver) for _ in range(2)]
    assert delivered == [
        Deliver(messages.Cancel(serial_number=SERIAL)),
        Deliver(messages.Resume(serial_number=SERIAL)),
    ]
    report = await server.report()
    assert (report["connections"], report["clients"]) == (connections, 1)
    # The question that follows each hello may be lost with its connection.
    assert 1 <= report["events"].pop("capabilities") <= connections
    assert report["events"] == {"hello": connections, "status": 1}


@versions
async def test_says_hello_that_node_verifies(version: str) -> None:
    async with status_server(version, printer=PRINTER) as server, agent(server.url) as ours:
        await ours.told(Online)
        hello = await server.heard(lambda line: "hello" in line)
        assert hello["hello"] == "SUCCESS"
        assert hello["payload"]["MAC"] == "00:11:22:33:44:55"
        await assert_in_touch(ours, server, 1)


@versions
async def test_registers_and_says_hello_with_the_new_identity(version: str) -> None:
    async with status_server(version) as server, agent(server.url, serial_number=None) as ours:
        wrong = await ours.client.register("maker@example.com", "9999")
        assert isinstance(wrong, RegistrationFailed)
        assert wrong.reason == "EMAIL_PIN_ERROR"
        outcome = await ours.client.register("maker@example.com", "1234")
        assert isinstance(outcome, Registered)
        await ours.told(Online)
        hello = await server.heard(lambda line: "hello" in line)
        assert hello["hello"] == "SUCCESS"
        assert hello["payload"]["serialNumber"] == outcome.serial_number
        await server.heard(lambda line: "disconnect" in line, 2)
        assert (await server.report())["clients"] == 1


@versions
async def test_comes_back_after_the_server_cut_the_line(version: str) -> None:
    async with status_server(version, printer=PRINTER) as server, agent(server.url) as ours:
        for _ in range(3):
            await ours.told(Online)
            server.order(drop=True)
        await ours.told(Online)
        await assert_in_touch(ours, server, 4)


@versions
async def test_comes_back_after_the_server_died(version: str) -> None:
    async with status_server(version, printer=PRINTER) as server, agent(server.url) as ours:
        await ours.told(Online)
        await server.kill()
        async with status_server(version, port=server.port, printer=PRINTER) as heir:
            await ours.told(Online)
            await assert_in_touch(ours, heir, 1)


@versions
async def test_comes_back_after_the_server_froze(version: str) -> None:
    async with (
        status_server(version, printer=PRINTER, **HASTY) as server,
        agent(server.url) as ours,
    ):
        await ours.told(Online)
        server.freeze()
        try:
            async with asyncio.timeout(PATIENCE):
                while ours.client.online:  # noqa: ASYNC110  # found by the ping time-out alone
                    await asyncio.sleep(0.05)
            assert "silent" in ours.client.status_text
        finally:
            server.thaw()
        await ours.told(Online)
        await ours.client.send(STATUS)
        await server.heard_event("status")


@versions
async def test_comes_back_after_the_network_was_stalled_and_cut(version: str) -> None:
    async with (
        status_server(version, printer=PRINTER, **HASTY) as server,
        network(server.port) as between,
        agent(between.url) as ours,
    ):
        await ours.told(Online)
        between.stall()
        await server.heard(lambda line: line.get("disconnect") == "ping timeout")
        between.cut()
        await between.restore()
        await ours.told(Online)
        between.cut()
        async with asyncio.timeout(PATIENCE):
            while "refused" not in ours.client.status_text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert ours.client.status_text.startswith("Offline since")
        await between.restore()
        ours.client.reconnect_now()
        await ours.told(Online)
        await assert_in_touch(ours, server, 3)


async def test_a_server_may_change_its_generation() -> None:
    async with status_server("v1", printer=PRINTER) as old, agent(old.url) as ours:
        await ours.told(Online)
        await old.kill()
        async with status_server("v4", port=old.port, printer=PRINTER) as new:
            await ours.told(Online)
            await assert_in_touch(ours, new, 1)


@versions
async def test_a_wrong_key_is_refused_by_node_and_said(version: str) -> None:
    async with (
        status_server(version, printer=PRINTER) as server,
        agent(server.url, key=OTHER_KEY) as ours,
    ):
        await ours.told(HelloFailed)
        await server.heard(lambda line: line.get("hello") == "FAILED", 2)
        assert not ours.client.online


@versions
async def test_a_deleted_printer_stays_away(version: str) -> None:
    async with status_server(version) as server, agent(server.url) as ours:
        await ours.told(Deleted)
        await server.heard(lambda line: "disconnect" in line)
        assert ours.client.status_text == "Not registered with the Polar Cloud."
        report = await server.report()
        assert (report["connections"], report["clients"]) == (1, 0)


async def test_tls_with_an_authority_of_ones_own(certificate: Path) -> None:
    key = certificate.with_name("key.pem")
    async with status_server("v4", printer=PRINTER, cert=certificate, key=key) as server:
        url = server.url.replace("http:", "https:")
        async with agent(url, ca_file=str(certificate)) as ours:
            await ours.told(Online)
            await assert_in_touch(ours, server, 1)
