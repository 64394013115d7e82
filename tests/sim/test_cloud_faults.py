"""The local cloud when it is cut off, lies, is restarted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.errors import CloudError
from appliance.polar.keys import PrinterKey
from appliance.sim.cloud import CloudOptions, LocalCloud, run_cloud
from appliance.sim.cloud_records import Direction
from tests.sim.steps import register, upload

Make = Callable[..., Any]


# Faults


async def test_the_connection_lives_on_for_several_ping_timeouts(new_printer: Make) -> None:
    async with LocalCloud(CloudOptions(ping=(0.2, 1.0))) as cloud:
        serial = (await register(new_printer, cloud))["serialNumber"]
        printer = new_printer(serial=serial, cloud=cloud)
        await printer.hello(await printer.connect())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.3):  # more than three ping timeouts
                await printer.closed.wait()
        assert cloud.state.lives[serial].connected == 1
        assert cloud.state.connections == 2
        await printer.close()


async def test_dropped_connections_are_counted_out(cloud: LocalCloud, printer: Any) -> None:
    cloud.drop_connections()
    async with asyncio.timeout(10):
        await printer.closed.wait()
    await cloud.wait_for(lambda state: state.lives[printer.serial].connected == 0)
    with pytest.raises(CloudError, match="not connected"):
        await cloud.pause()


async def test_refusing_silent_slow_and_closing(
    cloud: LocalCloud, printer: Any, new_printer: Make
) -> None:
    cloud.faults.refuse = True
    with pytest.raises(Exception, match=r"503|Connection|connection"):
        await new_printer().connect()
    cloud.faults.refuse = False
    cloud.faults.close_on.add("getQueue")
    await printer.tell("getQueue")
    async with asyncio.timeout(10):
        await printer.closed.wait()
    cloud.faults.hello_delay = 0.2
    slow = new_printer(serial=printer.serial)
    challenge = await slow.connect()
    before = asyncio.get_running_loop().time()
    await slow.hello(challenge)
    assert asyncio.get_running_loop().time() - before >= 0.2
    cloud.faults.silent = True
    heard = len(cloud.state.seen(direction=Direction.TO_PRINTER))
    await slow.tell("capabilities")
    await cloud.wait_for(lambda state: state.seen("capabilities"))
    assert len(cloud.state.seen(direction=Direction.TO_PRINTER)) == heard


async def test_huge_messages_to_the_printer(cloud: LocalCloud, printer: Any) -> None:
    await cloud.server.send_raw(printer.serial, "pause", ["x" * 200_000])
    assert len((await printer.next("pause"))[0]) == 200_000


async def test_garbage_to_the_printer(
    cloud: LocalCloud, printer: Any, printer_key: PrinterKey
) -> None:
    await printer.close()
    async with aiohttp.ClientSession() as http:
        address = f"{cloud.url}/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(address, timeout=aiohttp.ClientWSTimeout(10)) as wire:
            assert (await wire.receive_str()).startswith("0{")
            await wire.send_str("40")
            assert (await wire.receive_str()).startswith("40{")
            _, welcome = json.loads((await wire.receive_str())[2:])
            signature = printer_key.sign(welcome["challenge"])
            hello = {"serialNumber": printer.serial, "signature": signature, "protocol": "2"}
            await wire.send_str("42" + json.dumps(["hello", hello]))
            assert "SUCCESS" in await wire.receive_str()
            await cloud.server.send_frame(printer.serial, "2[not json")
            assert await wire.receive_str() == "42[not json"
            await cloud.server.send_frame(printer.serial, b"\x00\xff")
            assert await wire.receive_bytes() == b"\x00\xff"


async def test_the_network_goes_and_comes_back_on_the_same_port(
    cloud: LocalCloud, printer: Any, new_printer: Make
) -> None:
    url = cloud.url
    await cloud.go_offline()
    async with asyncio.timeout(10):
        await printer.closed.wait()
    with pytest.raises(Exception, match=r"[Cc]onnect"):
        await new_printer().connect()
    await cloud.go_online()
    assert cloud.url == url
    again = new_printer(serial=printer.serial)
    assert (await again.hello(await again.connect()))["status"] == "SUCCESS"


async def test_waiting_in_vain_tells_the_last_messages(cloud: LocalCloud, printer: Any) -> None:
    with pytest.raises(TimeoutError, match="helloResponse"):
        await cloud.wait_for(lambda state: state.seen("nothing"), timeout=0.05)


# A life longer than one process


async def test_a_restart_keeps_printer_queue_files_and_slots(
    tmp_path: Path, new_printer: Make
) -> None:
    options = CloudOptions(folder=tmp_path)
    async with LocalCloud(options) as cloud:
        serial = (await register(new_printer, cloud))["serialNumber"]
        job = cloud.queue("cube.gcode", b"G28\n")
    async with LocalCloud(options) as cloud:
        assert cloud.printer.queue[0].job_id == job
        printer = new_printer(serial=serial, cloud=cloud)
        assert (await printer.hello(await printer.connect()))["status"] == "SUCCESS"
        await cloud.start_print(job)
        message = await printer.next("print")
        async with aiohttp.ClientSession() as http, http.get(message["gcodeFile"]) as answer:
            assert await answer.read() == b"G28\n"
        slot = await printer.ask("getUrl", "getUrlResponse", method="post", type="idle")
        assert await upload(slot, b"jpeg", "image/jpeg") == 204
        await printer.close()
    async with LocalCloud(options) as cloud:
        picture = cloud.state.lives[serial].picture
        assert picture
        assert picture.size == 4


async def test_run_cloud_serves_until_cancelled_and_says_when_the_port_is_taken(
    tmp_path: Path,
) -> None:
    ready: asyncio.Future[LocalCloud] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        run_cloud(port=0, folder=tmp_path, pin="4711", ready=ready.set_result)
    )
    async with asyncio.timeout(10):
        cloud = await ready
    async with aiohttp.ClientSession() as http, http.get(f"{cloud.url}/api/state") as answer:
        assert (await answer.json())["account"]["pin"] == "4711"
    with pytest.raises(CloudError, match="Port"):
        await run_cloud(port=int(cloud.url.rpartition(":")[2]))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as http, http.get(cloud.url):
            pass
