"""The front panel's bridge to browsers: one WebSocket, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from appliance.panel.keys import Key
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.panel_wire import DoorMoved, Finger

Peer = Any  # the fixture's class; conftest modules cannot be imported
Paint = Callable[..., bytes]
Wire = aiohttp.ClientWebSocketResponse


@pytest.fixture
async def with_panel(panel_socket: Path) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(panel=panel_socket)) as cloud:
        yield cloud


@pytest.fixture
async def page(with_panel: LocalCloud) -> AsyncIterator[Wire]:
    async with (
        aiohttp.ClientSession(with_panel.url) as http,
        http.ws_connect("/api/panel", origin=with_panel.url) as wire,
    ):
        yield wire


async def told(wire: Wire, **wanted: object) -> dict[str, Any]:
    """The first JSON message with these fields; pictures are passed over."""
    while True:
        message = await wire.receive(timeout=10)
        if message.type is aiohttp.WSMsgType.TEXT:
            body: dict[str, Any] = msgspec.json.decode(message.data)
            if all(body.get(key) == value for key, value in wanted.items()):
                return body
        else:
            assert message.type is aiohttp.WSMsgType.BINARY


async def test_the_picture_goes_over_as_it_is_and_once(
    panel: Peer, page: Wire, paint: Paint
) -> None:
    assert await told(page, there=True) == {
        "there": True,
        "width": 12,
        "height": 8,
        "rows": ["Ready"],
        "doorOpen": None,
        "keys": [],
    }
    panel.show(png=paint("red"))
    assert await page.receive_bytes(timeout=10) == paint("red")
    await told(page, there=True)
    panel.show(rows=("Printing",))
    message = await page.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.TEXT  # the same picture is not sent again
    assert msgspec.json.decode(message.data)["rows"] == ["Printing"]


async def test_fingers_and_door_of_the_page_reach_the_panel(panel: Peer, page: Wire) -> None:
    await told(page, there=True)
    await page.send_str('{"type":"finger","key":"left","down":true}')
    await told(page, keys=["left"])
    await page.send_str('{"type":"door","open":true}')
    await told(page, doorOpen=True)
    await page.send_str('{"type":"finger","key":"left","down":false}')
    await told(page, keys=[])
    assert panel.heard == [Finger(Key.LEFT, True), DoorMoved(True), Finger(Key.LEFT, False)]


async def test_a_page_that_goes_away_lifts_its_keys_and_only_its(
    panel: Peer, page: Wire, with_panel: LocalCloud
) -> None:
    await told(page, there=True)
    await page.send_str('{"type":"finger","key":"up","down":true}')
    await told(page, keys=["up"])
    async with (
        aiohttp.ClientSession(with_panel.url) as http,
        http.ws_connect("/api/panel") as other,
    ):
        await told(other, there=True)
        await other.send_str('{"type":"finger","key":"ok","down":true}')
        await told(page, keys=["up", "ok"])
    assert (await told(page, keys=["up"]))["there"]
    await panel.until(lambda: panel.watchers == 1)


async def test_a_panel_that_is_off_is_said_and_comes_back(
    panel: Peer, page: Wire, paint: Paint
) -> None:
    await told(page, there=True)
    await panel.stop()
    assert await told(page, there=False) == {"there": False}
    await page.send_str('{"type":"finger","key":"up","down":true}')  # nobody is there
    panel.show(png=paint("green"), keys=())
    await panel.start()
    assert (await told(page, there=True))["keys"] == []
    await page.send_str('{"type":"door","open":false}')
    await told(page, doorOpen=False)
    assert panel.heard == [DoorMoved(False)]


async def test_nonsense_is_passed_over(panel: Peer, page: Wire) -> None:
    await told(page, there=True)
    for nonsense in ("", "{}", "[]", '{"type":"finger","key":"power","down":true}', "\ud7ff"):
        await page.send_str(nonsense)
    await page.send_bytes(b"\xff")
    await page.send_str('{"type":"door","open":true}')
    await told(page, doorOpen=True)
    assert panel.heard == [DoorMoved(True)]


async def test_only_the_own_page_may_press(panel: Peer, with_panel: LocalCloud) -> None:
    async with aiohttp.ClientSession(with_panel.url) as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await http.ws_connect("/api/panel", origin="http://elsewhere.example")
    assert refusal.value.status == 403
    assert panel.watchers == 0


async def test_the_state_tells_whether_there_is_a_panel(
    with_panel: LocalCloud, cloud: LocalCloud
) -> None:
    for one, wanted in ((with_panel, True), (cloud, False)):
        async with aiohttp.ClientSession(one.url) as http:
            async with http.get("/api/state") as answer:
                assert (await answer.json())["panel"] is wanted
            async with http.get("/api/panel") as answer:
                assert answer.status == (400 if wanted else 404)  # 400: it is no WebSocket


async def test_the_cloud_ends_although_a_page_looks_on(panel: Peer, panel_socket: Path) -> None:
    async with aiohttp.ClientSession() as http:
        async with LocalCloud(CloudOptions(panel=panel_socket)) as cloud:
            wire = await http.ws_connect(f"{cloud.url}/api/panel")
            await told(wire, there=True)
            ended = asyncio.create_task(_drain(wire))
        assert await ended is aiohttp.WSMsgType.CLOSE


async def _drain(wire: Wire) -> aiohttp.WSMsgType:
    while (message := await wire.receive(timeout=10)).type in (
        aiohttp.WSMsgType.TEXT,
        aiohttp.WSMsgType.BINARY,
    ):
        pass
    return message.type
