from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from appliance.setup import makes
from appliance.setup.makes import PrinterMakes, address_of, parsed, shipped
from appliance.sim.cloud_web import PRINTER_MAKES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def cloud_with(handler: Handler) -> AsyncIterator[PrinterMakes]:
    """A cloud of which nothing but the list is asked."""
    app = web.Application()
    app.router.add_get("/api/v1/printer_makes", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as http:
            yield PrinterMakes(http, f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


def answer(body: bytes | str, status: int = 200) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        data = body.encode() if isinstance(body, str) else body
        return web.Response(body=data, status=status)

    return handler


@pytest.mark.parametrize(
    ("cloud", "address"),
    [
        ("https://printer4.polar3d.com", "https://polar3d.com/api/v1/printer_makes"),
        ("https://Polar3D.com:443/x", "https://polar3d.com/api/v1/printer_makes"),
        ("http://localhost:8700", "http://localhost:8700/api/v1/printer_makes"),
        ("http://[::1]:8700/", "http://[::1]:8700/api/v1/printer_makes"),
        ("https://evilpolar3d.com", "https://evilpolar3d.com/api/v1/printer_makes"),
        ("https://cloud.example/polar/", "https://cloud.example/polar/api/v1/printer_makes"),
    ],
)
def test_the_web_of_the_cloud_is_asked(cloud: str, address: str) -> None:
    assert address_of(cloud) == address


def test_the_copy_on_the_device_is_in_order_and_holds_the_local_clouds() -> None:
    copy = shipped()
    assert list(copy) == sorted(copy, key=str.casefold)
    assert set(PRINTER_MAKES) <= set(copy)
    assert len(copy) > 40


async def test_the_clouds_list_takes_the_place_of_the_copy() -> None:
    asked = 0

    async def handler(_request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.json_response({"printerMakes": ["Voron", " anet ", "Voron", 5, "", "Zonestar"]})

    async with cloud_with(handler) as list_of_makes:
        assert list_of_makes.names == shipped()
        assert await list_of_makes.refresh()
        assert list_of_makes.names == ("anet", "Voron", "Zonestar")
        assert await list_of_makes.refresh()
    assert asked == 1


@pytest.mark.parametrize(
    "handler",
    [
        answer("", 500),
        answer("<html>"),
        answer("[]"),
        answer('{"printerMakes": []}'),
        answer('{"printerMakes": "Voron"}'),
        answer(b'{"printerMakes": ["\xff"]}'),
        answer(msgspec.json.encode({"printerMakes": ["x" * 60] * 10_000})),
        answer(msgspec.json.encode({"printerMakes": [str(each) for each in range(2001)]})),
    ],
)
async def test_a_list_that_cannot_be_used_leaves_the_copy(handler: Handler) -> None:
    async with cloud_with(handler) as list_of_makes:
        assert not await list_of_makes.refresh()
        assert list_of_makes.names == shipped()


async def test_without_a_network_the_copy_is_used_and_asked_again_later() -> None:
    broken = True

    async def handler(request: web.Request) -> web.StreamResponse:
        if broken:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"printerMakes": ["Voron"]})

    async with cloud_with(handler) as list_of_makes:
        assert not await list_of_makes.refresh()
        broken = False
        assert await list_of_makes.refresh()
        assert list_of_makes.names == ("Voron",)


async def test_a_cloud_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(makes, "TIME_LIMIT", 0.05)
    let_go = asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        await let_go.wait()
        return web.Response()

    async with cloud_with(handler) as list_of_makes:
        assert not await list_of_makes.refresh()
        let_go.set()


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(listed=ANY)
def test_any_list_gives_names_or_none(listed: object) -> None:
    try:
        names = parsed(msgspec.json.encode({"printerMakes": listed}))
    except ValueError:
        return
    assert names
    assert all(name == name.strip() and name.isprintable() and len(name) <= 64 for name in names)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_no_trouble(data: bytes) -> None:
    with pytest.raises(ValueError, match="list"):
        parsed(data)
