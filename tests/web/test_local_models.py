"""STL and 3MF on the local page, and the slicing settings that the device keeps."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from appliance.agent.api import AgentView
from appliance.polar.job import CloudJob, Phase
from tests.slicing.shapes import ascii_stl, binary, box, legacy, prusa
from tests.web.local_world import World, served
from tests.web.test_local import look
from tests.web.test_uploads import form

STL = binary(box())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        yield one


async def send(world: World, path: str, name: str, content: bytes, **fields: str) -> Any:
    """Status and text of the answer; where a redirection leads is not followed."""
    async with world.browser() as http:
        data = form(name, content, **fields)
        async with http.post(path, data=data, allow_redirects=False) as answer:
            return answer.status, await answer.text()


def profiles(world: World) -> list[str]:
    folder = world.folder.parent / "profile"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_an_stl_is_sliced_with_the_settings_kept_here(world: World) -> None:
    status, text = await send(world, "/upload", "part.stl", STL, print="true")
    assert status == 400
    assert "needs slicing settings" in text
    assert (await send(world, "/profile", "My PLA.ini", prusa()))[0] == 303
    assert "sliced here with the settings of My PLA.ini" in (await look(world)).text
    assert (await send(world, "/upload", "part.stl", STL, print="true"))[0] == 303
    [(model, config, name)] = world.deeds.models
    assert (model.read_bytes(), name) == (STL, "part.stl")
    assert config is not None
    assert config.read_bytes() == prusa()
    assert world.deeds.started == [], "nothing is printed that is not sliced"
    async with world.browser() as http:
        await http.post("/do/print", data={"name": "part.stl"})
    assert len(world.deeds.models) == 2


async def test_a_3mf_is_taken_without_settings(world: World) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("3D/3dmodel.model", "<model/>")
    assert (await send(world, "/upload", "b.3MF", archive.getvalue(), print="true"))[0] == 303
    assert [(config, name) for _, config, name in world.deeds.models] == [(None, "b.3MF")]


async def test_new_settings_take_the_place_of_the_old(world: World) -> None:
    for name, content in (("a.ini", prusa()), ("Old Cura.cfg", legacy()), ("b.ini", prusa())):
        assert (await send(world, "/profile", name, content))[0] == 303
        assert profiles(world) == [name]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"G28\nG1 X1\n", ""),
        (b"x" * 2_000_000, "too large"),
    ],
)
async def test_what_are_no_settings_is_told_and_not_kept(
    world: World, content: bytes, words: str
) -> None:
    status, text = await send(world, "/profile", "x.ini", content)
    assert status in (400, 413)
    assert words in text
    assert 'role="alert"' in text
    assert profiles(world) == []


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"G28\n", STL[:-20]])
async def test_what_is_no_model_is_told_and_not_kept(world: World, content: bytes) -> None:
    status, text = await send(world, "/upload", "x.stl", content, print="true")
    assert status == 400
    assert "no STL" in text
    assert world.left() == []
    assert world.deeds.models == []


async def test_an_ascii_stl_is_a_model_too(world: World) -> None:
    assert (await send(world, "/upload", "x.STL", ascii_stl(box()), print="false"))[0] == 303
    assert world.left() == ["x.STL"]


async def test_slicers_send_gcode_alone(world: World) -> None:
    """What they upload is printed as it is; a model is refused, with the way that it goes."""
    assert (await send(world, "/upload", "part.stl", STL, print="false"))[0] == 303
    async with world.slicer() as http:
        data = form("part.stl", STL, print="true")
        async with http.post("/api/files/local", data=data) as answer:
            assert answer.status == 400
            assert "model (STL)" in await answer.text()
        async with http.get("/api/files") as answer:
            assert (await answer.json())["files"] == []
        select = {"command": "select", "print": True}
        async with http.post("/api/files/local/part.stl", json=select) as answer:
            assert answer.status == 415
            assert "printer's own page" in await answer.text()
    assert world.left() == ["part.stl"]
    assert (world.deeds.models, world.deeds.started) == ([], [])


async def test_the_picture_of_the_model_is_shown(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "k7.picture"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nrest")
    job = CloudJob(
        job_id="P3D1-7",
        key="k7",
        received_at=1.0,
        phase=Phase.SLICING,
        picture_path=str(picture),
    )
    view = world.deeds.view

    def with_job() -> AgentView:
        return msgspec.structs.replace(view(), job=job)

    monkeypatch.setattr(world.deeds, "view", with_job)
    assert "/model-picture/k7" in (await look(world)).sources
    async with world.browser() as http:
        async with http.get("/model-picture/k7") as answer:
            assert (answer.content_type, await answer.read()) == ("image/png", picture.read_bytes())
        picture.unlink()
        for key in ("k7", "k8", "..%2fkey"):
            async with http.get(f"/model-picture/{key}") as answer:
                assert answer.status == 404
    async with aiohttp.ClientSession(world.url) as http, http.get("/model-picture/k7") as answer:
        assert answer.status == 403
