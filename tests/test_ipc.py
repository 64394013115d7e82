"""The local API: refusals cross it unchanged, mistakes do not take the service down."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from appliance import ipc
from appliance.errors import ApplianceError, JobRefused, PrinterError


class Number(msgspec.Struct, frozen=True):
    value: int


async def double(request: web.Request) -> web.Response:
    number = await ipc.body(request, Number)
    if number.value == 1:
        raise JobRefused("Not while printing.", short="Busy")
    if number.value == 2:
        raise PrinterError("The cable is loose.")
    if number.value == 3:
        raise RuntimeError("a mistake")
    return ipc.reply(Number(2 * number.value))


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    app = ipc.application()
    app.add_routes([web.post("/double", double)])
    socket = tmp_path / "run" / "test.sock"
    socket.parent.mkdir()
    socket.touch()  # left over from a daemon that was killed
    runner = await ipc.serve(app, socket)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o660
    session = ipc.connect(socket)
    yield session
    await session.close()
    await runner.cleanup()


async def ask(http: aiohttp.ClientSession, value: int) -> Number:
    return await ipc.ask(http, ("POST", "/double"), Number(value), Number, 5)


async def test_question_and_answer(http: aiohttp.ClientSession) -> None:
    assert await ask(http, 21) == Number(42)


async def test_a_refusal_is_the_same_on_both_sides(http: aiohttp.ClientSession) -> None:
    with pytest.raises(JobRefused) as refusal:
        await ask(http, 1)
    assert (refusal.value.long, refusal.value.short) == ("Not while printing.", "Busy")
    with pytest.raises(PrinterError, match="loose"):
        await ask(http, 2)


async def test_a_mistake_of_ours_is_logged_and_the_service_goes_on(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ApplianceError, match="see its log"):
        await ask(http, 3)
    assert "RuntimeError: a mistake" in caplog.text
    assert await ask(http, 4) == Number(8)


@pytest.mark.parametrize("content", [b"", b"{", b'{"value": "x"}', b"\xff\xfe", b"[]"])
async def test_bad_bodies_are_named(http: aiohttp.ClientSession, content: bytes) -> None:
    async with http.post("/double", data=content) as response:
        assert response.status == 400
        assert "/double" in msgspec.json.decode(await response.read(), type=ipc.Refusal).long


async def test_nobody_there(tmp_path: Path) -> None:
    http = ipc.connect(tmp_path / "missing.sock")
    with pytest.raises(ipc.Unreachable):
        await ask(http, 1)
    await http.close()


async def test_a_service_that_runs_already_is_not_robbed_of_its_socket(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with pytest.raises(ApplianceError, match="runs already") as refusal:
        await ipc.serve(ipc.application(), tmp_path / "run" / "test.sock")
    assert refusal.value.short == "Runs already"
    assert await ask(http, 21) == Number(42)


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplianceError, match=r"\[paths\] run"):
        await ipc.serve(ipc.application(), tmp_path / "file" / "test.sock")
    too_long = tmp_path / ("x" * 120) / "test.sock"
    with pytest.raises(ApplianceError, match=r"\[paths\] run"):
        await ipc.serve(ipc.application(), too_long)


def test_who_answers(tmp_path: Path) -> None:
    assert not ipc.answers(tmp_path / "none.sock")
    (tmp_path / "stale.sock").touch()
    assert not ipc.answers(tmp_path / "stale.sock")
