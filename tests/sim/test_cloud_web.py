"""The HTTP API and the files of the local cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from appliance.sim.cloud import LocalCloud


@pytest.fixture
async def http(cloud: LocalCloud) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=cloud.url) as session:
        yield session


def job_form(name: str = "cube.gcode", content: bytes = b"G28\n", **more: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("name", name)
    for key, value in more.items():
        form.add_field(key, value)
    form.add_field("file", content, filename="upload.gcode", content_type="text/plain")
    return form


async def test_printer_makes(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/v1/printer_makes") as answer:
        makes = (await answer.json())["printerMakes"]
    assert makes
    assert all(isinstance(make, str) for make in makes)


async def test_before_registration_the_account_is_told(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/state") as answer:
        state = await answer.json()
    assert state["printer"] is None
    assert state["account"] == {"email": "owner@example.com", "pin": "1234"}
    async with http.post("/api/jobs", data=job_form()) as answer:
        assert answer.status == 404
        assert "Register" in (await answer.json())["error"]


async def test_a_job_is_added_printed_served_and_removed(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    content = b"G1 X1\n" * 50_000
    async with http.post("/api/jobs", data=job_form("Cube <b>", content)) as answer:
        assert answer.status == 201
        job = (await answer.json())["jobId"]
    async with http.post(f"/api/jobs/{job}/print") as answer:
        assert answer.status == 200
    message = await printer.next("print")
    assert message["jobName"] == "Cube <b>"
    async with http.get(message["gcodeFile"]) as answer:
        assert await answer.read() == content
        etag = answer.headers["ETag"]
        assert answer.content_type == "text/plain"
    part = {"Range": "bytes=6-11", "If-Range": etag}
    async with http.get(message["gcodeFile"], headers=part) as answer:
        assert (answer.status, await answer.read()) == (206, content[6:12])
    async with http.get(message["gcodeFile"], headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
    async with http.delete(f"/api/jobs/{job}") as answer:
        assert answer.status == 409
    await printer.tell("job", jobId=job, state="canceled")
    await cloud.wait_for(lambda state: state.printer().past)
    async with http.delete(f"/api/jobs/{job}") as answer:
        assert answer.status == 200
    assert cloud.printer.queue == ()
    async with http.get(message["gcodeFile"]) as answer:
        assert answer.status == 404


async def test_a_form_without_a_usable_file_is_refused_and_leaves_nothing(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    nameless = aiohttp.FormData()
    nameless.add_field("name", "x")
    nameless.add_field("other", b"y", filename="z")
    forms = [(nameless, 400), (job_form(content=b""), 409), (job_form(printer="OP9"), 404)]
    for form, status in forms:
        async with http.post("/api/jobs", data=form) as answer:
            assert answer.status == status
            assert (await answer.json())["error"]
    async with http.post("/api/jobs", json={}) as answer:
        assert answer.status == 415
    assert cloud.printer.queue == ()
    leftovers = cloud.files.path("X-1", "gcode").parent
    assert list(leftovers.iterdir()) == []


@pytest.mark.parametrize("path", ["..%2f..%2fcloud-1", "x", "..%2fcloud.json%00-1", "OP000001-9"])
async def test_only_files_of_jobs_are_served(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"/files/{path}.gcode") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("action", "body", "event", "fields"),
    [
        ("pause", {"type": "cold"}, "pause", {"type": "cold"}),
        ("pause", None, "pause", {"type": "pause"}),
        ("resume", None, "resume", {}),
        ("cancel", None, "cancel", {}),
        ("update", None, "update", {}),
        ("connectPrinter", None, "connectPrinter", {}),
        ("temperature", {"tool0": 200, "bed": 0}, "temperature", {"tool0": 200.0, "bed": 0.0}),
        ("command", {"command": "M115\n"}, "command", {"command": "M115\n"}),
        (
            "jogPrinter",
            {"command": "jog", "x": 10, "z": -0.1, "speed": 1500},
            "jogPrinter",
            {"jogPrinter": {"command": "jog", "x": 10.0, "z": -0.1, "speed": 1500.0}},
        ),
        (
            "jogPrinter",
            {"command": "home", "axes": ["x", "y"]},
            "jogPrinter",
            {"jogPrinter": {"command": "home", "axes": ["x", "y"]}},
        ),
        ("delete", None, "delete", {}),
    ],
)
async def test_actions_become_commands(
    printer: Any,
    http: aiohttp.ClientSession,
    action: str,
    body: dict[str, object] | None,
    event: str,
    fields: dict[str, object],
) -> None:
    async with http.post(f"/api/printers/{printer.serial}/{action}", json=body or {}) as answer:
        assert answer.status == 200, await answer.text()
    assert await printer.next(event) == {"serialNumber": printer.serial, **fields}


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("pause", b'{"type": "forever"}', 400),
        ("pause", b"[]", 400),
        ("pause", b"{", 400),
        ("temperature", b"{}", 400),
        ("temperature", b'{"tool0": "hot"}', 400),
        ("command", b'{"command": "  "}', 400),
        ("command", b"{}", 400),
        ("customCommand", b'{"command": "none"}', 409),
        ("jogPrinter", b"{}", 400),
        ("jogPrinter", b'{"command": "fly"}', 400),
        ("jogPrinter", b'{"command": "jog", "x": "far"}', 400),
        ("explode", b"{}", 404),
    ],
)
async def test_wrong_actions_get_a_sentence(
    printer: Any, http: aiohttp.ClientSession, action: str, body: bytes, status: int
) -> None:
    async with http.post(f"/api/printers/{printer.serial}/{action}", data=body) as answer:
        assert answer.status == status
        assert len((await answer.json())["error"]) > 10


async def test_a_printer_that_is_offline_or_unknown(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    await printer.close()
    await cloud.wait_for(lambda state: not state.lives[printer.serial].connected)
    async with http.post(f"/api/printers/{printer.serial}/cancel") as answer:
        assert answer.status == 409
        assert "not connected" in (await answer.json())["error"]
    async with http.post("/api/printers/OP000099/cancel") as answer:
        assert answer.status == 404


async def test_another_site_cannot_send_commands(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    path = f"/api/printers/{printer.serial}/delete"
    async with http.post(path, headers={"Origin": "http://elsewhere.example"}) as answer:
        assert answer.status == 403
    assert not cloud.state.printers[printer.serial].deleted
    async with http.post(path, headers={"Origin": cloud.url}) as answer:
        assert answer.status == 200


async def test_security_headers_stand_on_every_answer(
    cloud: LocalCloud, printer: Any, http: aiohttp.ClientSession
) -> None:
    job = cloud.queue("a", b"<script>alert(1)</script>")
    for path in ("/", "/page/page.js", "/api/state", f"/files/{job}.gcode", "/nowhere"):
        async with http.get(path) as answer:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_state_survives_anything_a_printer_says(
    printer: Any, http: aiohttp.ClientSession
) -> None:
    await printer.emit("\ud800 odd", {"x": "\udfff", "y": 10**30, "z": [[[[[[[[1]]]]]]]]})
    await printer.tell("status", status=3, progress="\ud800")
    await printer.ask("capabilities", "capabilitiesResponse")
    async with http.get("/api/state") as answer:
        assert answer.status == 200
        log = (await answer.json())["log"]
    assert any("odd" in entry["event"] for entry in log)
