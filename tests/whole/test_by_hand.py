"""Moving the printer from the cloud: it works at rest, and never while a print is active."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

from appliance.agent.client import look
from appliance.config import load
from appliance.polar.messages import Cancel, Command

Whole = Any  # the fixture's class; conftest modules cannot be imported
Square = Callable[[int], bytes]


async def jog(whole: Whole, **wish: object) -> None:
    """As the page of the local cloud does it."""
    path = f"/api/printers/{whole.cloud.printer.serial_number}/jogPrinter"
    http = aiohttp.ClientSession(base_url=whole.cloud.url)
    async with http, http.post(path, json=wish) as answer:
        assert answer.status == 200, await answer.text()


async def head(whole: Whole) -> tuple[float, float, float]:
    x, y, z, _ = (await whole.board.status()).position
    return x, y, z


async def notice(whole: Whole) -> str:
    """What the agent last said; all commands sent before have been decided on."""
    serial = whole.cloud.printer.serial_number
    answers = whole.cloud.state.lives[serial].answers
    before = len(answers)
    await whole.cloud.send(Command(serial_number=serial, command="M105"))
    await whole.wait(lambda _: len(answers) > before)
    view, _ = await look(load(whole.config).settings)
    assert view is not None
    return view.notice


async def test_jogging_from_the_cloud(whole: Whole, square: Square) -> None:
    serial = whole.cloud.printer.serial_number
    await jog(whole, command="jog", x=30)
    assert "Home it first" in await notice(whole)
    await jog(whole, command="home", axes=["x", "y"])
    await whole.board.wait_for(lambda marlin: "G28 X Y" in marlin.executed)
    await jog(whole, command="jog", x=30, y=12.5, speed=2400)
    await jog(whole, command="jog", z=5)
    await whole.board.wait_for(lambda marlin: marlin.machine.motion.target[:3] == (30, 12.5, 5))
    await jog(whole, command="extrude", amount=5)
    assert "Preheat first" in await notice(whole)
    assert await head(whole) == (30, 12.5, 5)
    motion = await whole.board.ask(lambda marlin, now: marlin.machine.motion)
    assert motion.absolute
    assert motion.absolute_e
    assert "G1 X30 Y12.5 F2400" in whole.board.marlin.executed

    await whole.cloud.start_print(whole.cloud.queue("Tower", square(2000)))
    await whole.wait(lambda state: whole.code(state) == 3)
    before = whole.board.marlin.executed.count("G91")
    for wish in ({"command": "jog", "x": 5}, {"command": "home"}):
        await jog(whole, **wish)
        assert "Tower is not over yet" in await notice(whole)
    assert whole.board.marlin.executed.count("G91") == before
    await whole.cloud.send(Cancel(serial_number=serial))
    await whole.wait(lambda state: whole.code(state) == 6)
