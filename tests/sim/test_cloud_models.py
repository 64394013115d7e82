"""Jobs of models in the local cloud: their files, their configuration, and what is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from appliance.sim.cloud import LocalCloud
from appliance.sim.cloud_records import FileKind

STL, INI = b"solid x\nendsolid x\n", b"layer_height = 0.2\n"


@pytest.fixture
async def http(cloud: LocalCloud) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=cloud.url) as session:
        yield session


def model_form(name: str, *, config: bytes | None = INI) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", STL, filename=name, content_type="model/stl")
    if config is not None:
        form.add_field("config", config, filename="profile.ini", content_type="text/plain")
    return form


async def test_a_model_is_added_on_the_page_and_sent_with_its_configuration(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    async with http.post("/api/jobs", data=model_form("Part.STL")) as answer:
        assert answer.status == 201
        job = (await answer.json())["jobId"]
    async with http.get("/api/state") as answer:
        [shown] = (await answer.json())["printer"]["queue"]
    assert (shown["name"], shown["kind"], shown["size"]) == ("Part.STL", "stl", len(STL))
    await cloud.start_print(job)
    message = await printer.next("print")
    assert message["stlFile"].endswith(f"/files/{job}.stl")
    assert "gcodeFile" not in message
    for address, content in ((message["stlFile"], STL), (message["configFile"], INI)):
        async with http.get(address) as answer:
            assert await answer.read() == content
    await printer.tell("job", jobId=job, state="canceled")
    await cloud.wait_for(lambda state: state.printer().past)
    async with http.delete(f"/api/jobs/{job}") as answer:
        assert answer.status == 200
    assert list(cloud.files.path(job, "stl").parent.iterdir()) == []


async def test_an_stl_needs_a_configuration_and_a_3mf_does_not(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    async with http.post("/api/jobs", data=model_form("Part.stl", config=None)) as answer:
        assert answer.status == 400
        assert "needs a configuration" in (await answer.json())["error"]
    async with http.post("/api/jobs", data=model_form("Part.3mf", config=None)) as answer:
        job = (await answer.json())["jobId"]
    await cloud.start_print(job)
    message = await printer.next("print")
    assert message["threemfFile"].endswith(f"/files/{job}.3mf")
    assert "configFile" not in message
    folder = cloud.files.path(job, "stl").parent
    assert [path.name for path in folder.iterdir()] == [f"{job}.3mf"]


async def test_a_test_queues_models_too(cloud: LocalCloud, printer: Any) -> None:
    job = cloud.queue("Part", STL, kind=FileKind.STL, config=INI)
    assert cloud.printer.queue[0].config
    await cloud.start_print(job)
    assert (await printer.next("print"))["configFile"].endswith(f"{job}.ini")


@pytest.mark.parametrize("ending", ["json", "part", "gcode.ini", "%00"])
async def test_other_files_are_not_served(http: aiohttp.ClientSession, ending: str) -> None:
    async with http.get(f"/files/OP000001-1.{ending}") as answer:
        assert answer.status == 404


async def test_how_far_slicing_is_shows_as_progress(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    detail = "Slicing Job: OP000001-1 - 34 %: Infilling layers"
    await printer.tell("status", status=2, progress="Preparing", progressDetail=detail)
    await cloud.wait_for(lambda state: state.lives[state.printer().serial_number].status)
    async with http.get("/api/state") as answer:
        shown = (await answer.json())["printer"]["status"]
    assert (shown["percent"], shown["left"]) == (34, None)
