"""Both wire generations, against real socket.io servers: 1.4.6, 2.x and 4.x (no allowEIO3)."""

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from appliance.cloud import transport
from appliance.cloud.connection import CloudConnection
from appliance.cloud.transport import MAX_MESSAGE, Generation
from appliance.errors import CloudError
from tests.cloud.peers import PATIENCE, VERSIONS, StatusServer, status_server

GENERATION = {"v1": Generation.THREE, "v2": Generation.THREE, "v4": Generation.FOUR}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def server(version: str) -> AsyncIterator[StatusServer]:
    async with status_server(version) as server:
        yield server


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[CloudConnection]:
    connection = await CloudConnection.open(url)
    try:
        yield connection
    finally:
        await connection.close()


async def arrivals(connection: CloudConnection, count: int) -> list[tuple[str, object]]:
    collected: list[tuple[str, object]] = []
    async with asyncio.timeout(PATIENCE):
        async for arrival in connection:
            collected.append(arrival)
            if len(collected) == count:
                break
    return collected


async def ending(connection: CloudConnection) -> str:
    """Why the connection was lost."""
    with pytest.raises(CloudError) as lost:
        async with asyncio.timeout(PATIENCE):
            async for _ in connection:
                pass
    return lost.value.long


async def test_stays_connected_for_three_ping_timeouts_and_hears_everything_once(
    version: str,
) -> None:
    interval, patience = 0.3, 0.8  # s
    async with (
        status_server(
            version, ping_interval=int(interval * 1000), ping_timeout=int(patience * 1000)
        ) as server,
        connected(server.url) as connection,
    ):
        assert connection.generation is GENERATION[version]
        # Time itself is what is tested here: an idle connection must outlive the servers' clocks.
        await asyncio.sleep(3 * (interval + patience) + 0.2)
        for number in range(20):
            server.order(emit=["command", {"number": number}])
            await connection.emit("status", {"number": number})
        received = await arrivals(connection, 21)
        await server.heard_event("status", 20)
        report = await server.report()
    assert [event for event, _ in received] == ["welcome"] + ["command"] * 20
    assert [payload for _, payload in received[1:]] == [{"number": n} for n in range(20)]
    assert report == {"connections": 1, "clients": 1, "events": {"status": 20}}
    assert not any("disconnect" in line for line in server.lines)
    assert [line["payload"]["number"] for line in server.lines if "event" in line] == [*range(20)]


async def test_node_verifies_our_signature(server: StatusServer) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    server.order(printer={"serialNumber": "P3D00001", "publicKey": public.decode()})
    async with connected(server.url) as connection:
        [(_, welcome)] = await arrivals(connection, 1)
        assert isinstance(welcome, dict)
        challenge = welcome["challenge"].encode()
        signature = key.sign(challenge, padding.PKCS1v15(), hashes.SHA256())
        await connection.emit(
            "hello", {"serialNumber": "P3D00001", "signature": b64encode(signature).decode()}
        )
        assert await arrivals(connection, 1) == [
            ("helloResponse", {"status": "SUCCESS", "message": ""})
        ]


async def test_the_answer_before_the_server_hangs_up_is_delivered(server: StatusServer) -> None:
    async with connected(server.url) as connection:
        await connection.emit("hello", {"serialNumber": "P3D00002", "signature": ""})
        assert (await arrivals(connection, 2))[1] == (
            "helloResponse",
            {"status": "DELETED", "message": ""},
        )
        assert "Polar Cloud" in await ending(connection)


async def test_unicode_and_large_messages_pass_both_ways(server: StatusServer) -> None:
    payload = {"text": "Größe ✓ 漢字 🖨 \u2028 \\ \"'", "long": "ß" * 300_000, "nothing": None}
    async with connected(server.url) as connection:
        await connection.emit("commandResponse", payload)
        assert await server.heard_event("commandResponse") == payload
        server.order(emit=["print", payload])
        assert (await arrivals(connection, 2))[1] == ("print", payload)


async def test_a_message_too_long_closes_the_connection_with_the_reason(
    server: StatusServer,
) -> None:
    async with connected(server.url) as connection:
        server.order(emit=["print", {"jobName": "x" * MAX_MESSAGE}])
        assert f"more than {MAX_MESSAGE} bytes" in await ending(connection)
    await server.heard(lambda line: "disconnect" in line)
    async with connected(server.url) as connection:
        assert (await arrivals(connection, 1))[0][0] == "welcome"


MALFORMED = ["4", "42", "42{}", "42[]", "42[5]", '42["x"', "4[]", "47[]", "43[]", "44", "451-[]"]


async def test_malformed_packets_are_ignored() -> None:
    frames = [*MALFORMED, "9", "x", "b4", "4" * 99, "42" + "[" * 99_999]
    async with status_server("v4") as server, connected(server.url) as connection:
        await arrivals(connection, 1)
        for frame in frames:
            server.order(text=frame)
            server.order(emit=["after", frame])
            assert await arrivals(connection, 1) == [("after", frame)]


async def test_a_frozen_server_is_noticed(version: str) -> None:
    async with (
        status_server(version, ping_interval=200, ping_timeout=500) as server,
        connected(server.url) as connection,
    ):
        await arrivals(connection, 1)
        server.freeze()
        try:
            assert "silent" in await ending(connection)
            started = time.monotonic()
            await connection.close()
            assert time.monotonic() - started < transport.CLOSING_TIMEOUT + 3
        finally:
            server.thaw()


async def test_a_frozen_server_with_full_buffers_blocks_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "WRITE_TIMEOUT", 0.3)
    async with status_server("v1") as server, connected(server.url) as connection:
        server.freeze()
        try:
            with pytest.raises(CloudError, match="takes no data"):
                while True:
                    await connection.emit("status", {"progressDetail": "x" * 500_000})
            async with asyncio.timeout(PATIENCE):
                await connection.close()
        finally:
            server.thaw()


async def test_an_old_server_that_opens_late_is_found_out(version: str) -> None:
    delay = int(transport.NAMESPACE_GRACE * 1000) + 500
    async with (
        status_server(version, open_delay=delay) as server,
        connected(server.url) as connection,
    ):
        assert connection.generation is GENERATION[version]
        assert [event for event, _ in await arrivals(connection, 1)] == ["welcome"]
        await connection.emit("status", {})
        await server.heard_event("status")
        server.order(emit=["once", {}])
        server.order(emit=["last", {}])
        assert [event for event, _ in await arrivals(connection, 2)] == ["once", "last"]
        report = await server.report()
    assert (report["clients"], report["events"]) == (1, {"status": 1})


@asynccontextmanager
async def scripted_server(*frames: str, answer: str = "") -> AsyncIterator[tuple[str, list[str]]]:
    """A WebSocket that says `frames` at once and `answer` to the first text; (url, heard)."""
    heard: list[str] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in frames:
            await socket.send_str(frame)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                heard.append(message.data)
            if len(heard) == 1 and answer:
                await socket.send_str(answer)
        return socket

    application = web.Application()
    application.router.add_get("/socket.io/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", heard
    finally:
        await runner.cleanup()


OPEN = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'


async def test_generation_4_before_it_named_max_payload() -> None:
    async with scripted_server(OPEN, answer='40{"sid":"t"}') as (url, heard):
        async with connected(url) as connection:
            assert connection.generation is Generation.FOUR
        assert heard == ["40{}"]


async def test_generation_4_that_pings_at_once() -> None:
    async with scripted_server(OPEN, "2", answer='40{"sid":"t"}') as (url, heard):
        async with connected(url) as connection:
            assert connection.generation is Generation.FOUR
        assert heard[:2] == ["40{}", "3"]


async def test_a_refused_namespace_is_said() -> None:
    frames = ('0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":9}',)
    async with scripted_server(*frames, answer='44{"message":"not you"}') as (url, _):
        with pytest.raises(CloudError, match="not you"):
            await CloudConnection.open(url)


@pytest.mark.parametrize(
    "frame",
    ["", "hello", "0", "0{}", "40", OPEN.replace("25000", "0"), OPEN.replace("25000", '"a"')],
)
async def test_a_websocket_that_is_no_status_server_is_said(frame: str) -> None:
    async with scripted_server(frame) as (url, _):
        with pytest.raises(CloudError, match=r"cloud\.url") as refused:
            await CloudConnection.open(url)
    assert refused.value.short == "Not a Polar Cloud"
