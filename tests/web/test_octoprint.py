"""Requests as slicers send them, byte for byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from appliance.errors import JobRefused
from appliance.printer import api
from tests.web import slicers
from tests.web.local_world import GCODE, World, served

NAME = "Schale größer; v2.gcode"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        yield one


def prusa(world: World, content: bytes, *, printing: bool, name: str = NAME) -> bytes:
    port, key = world.server.port, world.access.api_key
    return slicers.prusa(port, key, content, printing=printing, name=name)


def cura(world: World, content: bytes, *, printing: bool) -> bytes:
    return slicers.cura(world.server.port, world.access.api_key, content, printing=printing)


async def send(world: World, request: bytes) -> tuple[int, dict[str, str], bytes]:
    return await slicers.send(world.server.port, request)


async def test_prusaslicer_starts_a_print(world: World) -> None:
    status, headers, body = await send(world, prusa(world, GCODE, printing=True))
    assert status == 201
    answer = json.loads(body)
    assert answer["done"] is True
    assert answer["effectivePrint"] is True
    entry = answer["files"]["local"]
    # ";" separates parameters in a header, and stands in the name all the same
    assert (entry["name"], entry["origin"]) == ("Schale größer; v2.gcode", "local")
    assert headers["location"] == entry["refs"]["resource"]
    (job,) = world.deeds.started
    assert (job.job_id, job.source, job.name) == ("123", api.Source.NETWORK, NAME)
    assert world.deeds.contents == [GCODE]
    assert world.deeds.view().status == 11


async def test_prusaslicer_may_only_send(world: World) -> None:
    status, _, body = await send(world, prusa(world, GCODE, printing=False))
    assert (status, json.loads(body)["effectivePrint"]) == (201, False)
    assert world.deeds.started == []
    assert world.left() == [NAME]


async def test_cura_starts_a_print_though_it_says_so_after_the_file(world: World) -> None:
    status, headers, _ = await send(world, cura(world, GCODE, printing=True))
    assert status == 201
    assert [job.name for job in world.deeds.started] == ["UM_Vase.gcode"]
    # Cura cuts the address at "/api/" and goes on with the rest.
    assert headers["location"].split("/api/")[1] == "files/local/UM_Vase.gcode"


async def test_a_refused_print_is_told_and_its_file_kept(world: World) -> None:
    world.deeds.refusal = JobRefused("The build plate is not clear.")
    status, headers, body = await send(world, prusa(world, GCODE, printing=True))
    assert status == 503
    assert headers["content-type"] == "text/plain"
    assert body.decode().startswith("The build plate is not clear. The file is kept")
    assert world.left() == [NAME]


async def test_what_is_no_gcode_is_told(world: World) -> None:
    request = prusa(world, b"solid x\nfacet normal\n", printing=True)
    status, headers, body = await send(world, request)
    assert (status, headers["content-type"]) == (400, "text/plain")
    assert b"model (STL)" in body
    assert world.left() == []


async def test_a_wrong_key_is_refused_before_the_file(world: World) -> None:
    request = prusa(world, GCODE, printing=True).replace(world.access.api_key.encode(), b"0" * 32)
    status, _, body = await send(world, request)
    assert status == 403
    assert b"API key" in body
    assert world.left() == []


async def test_every_address_wants_the_key(world: World) -> None:
    routes = [route for route in world.server.routes if route.path.startswith("/api/")]
    assert len(routes) > 10
    async with world.stranger() as http:
        for route in routes:
            path = route.path.replace("{name}", "x.gcode")
            async with http.request(route.method, path) as answer:
                assert answer.status == 403, path


async def get(world: World, path: str) -> Any:
    async with world.slicer() as http, http.get(path) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        return await answer.json()


async def test_the_version_is_what_prusaslicer_wants(world: World) -> None:
    version = await get(world, "/api/version")
    assert version["api"] == "0.1"
    assert version["text"].startswith("OctoPrint")


async def test_settings_lead_cura_to_the_picture(world: World) -> None:
    settings = await get(world, "/api/settings")
    assert settings["feature"]["sdSupport"] is False
    async with world.stranger() as http, http.get(settings["webcam"]["snapshotUrl"]) as answer:
        assert answer.content_type == "image/jpeg"
    world.deeds.camera = "none"
    assert (await get(world, "/api/settings"))["webcam"]["streamUrl"] == ""


FLAGS = {
    api.JobState.PRINTING: ("Printing", "printing"),
    api.JobState.PAUSING: ("Pausing", "pausing"),
    api.JobState.PAUSED: ("Paused", "paused"),
    api.JobState.RESUMING: ("Printing", "resuming"),
    api.JobState.CANCELING: ("Cancelling", "cancelling"),
    api.JobState.COMPLETED: ("Operational", "ready"),
}


@pytest.mark.parametrize("state", list(FLAGS))
async def test_the_state_is_told_in_octoprints_words(world: World, state: api.JobState) -> None:
    world.deeds.printing(state)
    text, flag = FLAGS[state]
    printer, job = await get(world, "/api/printer"), await get(world, "/api/job")
    assert printer["state"]["text"] == job["state"] == text
    assert printer["state"]["flags"][flag] is True
    assert printer["temperature"]["bed"] == {"actual": 58.0, "target": 60.0, "offset": 0}
    ended = state.ended
    assert job["job"]["file"]["name"] == (None if ended else "Vase")
    expected = (None, None) if ended else (42.3, 3100)
    assert (job["progress"]["completion"], job["progress"]["printTimeLeft"]) == expected


async def test_numbers_that_are_none_are_null(world: World) -> None:
    assert world.deeds.snapshot is not None
    world.deeds.snapshot = msgspec.structs.replace(
        world.deeds.snapshot, heaters={"tool0": api.Heater(float("nan"))}
    )
    printer = await get(world, "/api/printer")
    assert printer["temperature"]["tool0"]["actual"] is None


async def test_a_printer_that_is_away_is_not_operational(world: World) -> None:
    world.deeds.snapshot = None
    async with world.slicer() as http, http.get("/api/printer") as answer:
        assert answer.status == 409
    assert (await get(world, "/api/job"))["state"] == "Offline"
    assert (await get(world, "/api/connection"))["current"]["state"] == "Offline"
    world.deeds.snapshot = api.Snapshot(link=api.LinkState.HALTED)
    assert (await get(world, "/api/printer"))["state"]["flags"]["error"] is True


async def post(world: World, path: str, **command: object) -> tuple[int, str]:
    async with world.slicer() as http, http.post(path, json=command) as answer:
        return answer.status, await answer.text()


async def test_the_job_is_paused_and_canceled(world: World) -> None:
    world.deeds.printing()
    assert await post(world, "/api/job", command="pause") == (204, "")
    assert await post(world, "/api/job", command="pause") == (204, "")  # Cura resumes so
    assert await post(world, "/api/job", command="pause", action="pause") == (204, "")
    assert await post(world, "/api/job", command="pause", action="resume") == (204, "")
    assert await post(world, "/api/job", command="cancel") == (204, "")
    assert world.deeds.asked == ["pause pause", "resume", "pause pause", "resume", "cancel"]
    assert await post(world, "/api/job", command="cancel") == (409, "Nothing is being printed.")


async def test_other_commands_are_refused(world: World) -> None:
    for path, command in (
        ("/api/job", {"command": "start"}),
        ("/api/job", {"command": 7}),
        ("/api/files/local/x.gcode", {"command": "slice"}),
    ):
        assert (await post(world, path, **command))[0] == 400
    async with world.slicer() as http, http.post("/api/job", data=b"\xff{") as answer:
        assert answer.status == 400
    assert world.deeds.asked == []


async def test_cura_prints_what_it_sent_before(world: World) -> None:
    await send(world, cura(world, GCODE, printing=False))
    path = "/api/files/local/UM_Vase.gcode"
    assert (await get(world, path))["name"] == "UM_Vase.gcode"
    assert [one["name"] for one in (await get(world, "/api/files"))["files"]] == ["UM_Vase.gcode"]
    assert await post(world, path, command="select") == (204, "")
    assert world.deeds.started == []
    assert await post(world, path, command="select", print=True) == (204, "")
    assert [job.name for job in world.deeds.started] == ["UM_Vase.gcode"]
    for name in ("gone.gcode", "..%2F..%2Fsecret", "%2Eabc.part"):
        status, _ = await post(world, f"/api/files/local/{name}", command="select", print=True)
        assert status == 404


async def test_the_rest_of_what_cura_asks(world: World) -> None:
    profile = (await get(world, "/api/printerprofiles"))["profiles"]["_default"]
    assert (profile["current"], profile["model"]) == (True, "Ender-3")
    async with world.slicer() as http:
        async with http.post("/api/login", json={"passive": True}) as answer:
            assert (await answer.json())["name"] == "polar"
        async with http.post("/api/connection", json={"command": "connect"}) as answer:
            assert answer.status == 204


async def test_a_request_without_a_file_is_refused(world: World) -> None:
    data = aiohttp.FormData({"print": "true"})
    data.add_field("path", "", content_type="text/plain")
    async with world.slicer() as http, http.post("/api/files/local", data=data) as answer:
        assert answer.status == 400
        assert "no file" in await answer.text()


async def test_the_key_may_come_in_the_address(world: World) -> None:
    async with world.stranger() as http:
        async with http.get(f"/api/version?apikey={world.access.api_key}") as answer:
            assert answer.status == 200
        async with http.get("/api/version?apikey=0") as answer:
            assert answer.status == 403
        # and opens nothing else
        async with http.get(f"/state.json?apikey={world.access.api_key}") as answer:
            assert answer.status == 403
