"""The local page over real HTTP: what it shows, what its forms do, and for whom."""

from __future__ import annotations

import html as html_module
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.errors import JobRefused
from appliance.printer import api
from appliance.web.access import Surroundings
from appliance.web.pages_local import ACTS
from tests.web.local_world import GCODE, World, served

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
HTML = {"Accept": "text/html"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        yield one


class Page(HTMLParser):
    """Forms, links, ids, labels and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.forms: dict[str, list[dict[str, str | None]]] = {}
        self.links: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.pointed: list[str] = []
        self.fields: list[dict[str, str | None]] = []
        self.inline: list[str] = []
        self._form = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._form = given["action"] or ""
            self.forms[self._form] = []
        if tag in ("input", "button", "select"):
            self.fields.append(given)
            if self._form:
                self.forms[self._form].append(given)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if given.get("src"):
            self.sources.append(given["src"] or "")
        if tag == "link":
            self.sources.append(given["href"] or "")
        self.ids += [value for name, value in attrs if name == "id" and value]
        pointing = ("for", "aria-labelledby", "aria-describedby")
        self.pointed += [value for name, value in attrs if name in pointing and value]
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ""


async def look(world: World, path: str = "/", status: int = 200) -> Page:
    async with world.browser() as http, http.get(path, headers=HTML) as answer:
        assert answer.status == status
        return Page(await answer.text())


async def press(world: World, path: str, **fields: str) -> tuple[int, str]:
    """Send a form, without following where it leads; status and page."""
    sent: dict[str, Any] = {"data": fields, "headers": HTML, "allow_redirects": False}
    async with world.browser() as http, http.post(path, **sent) as answer:
        return answer.status, html_module.unescape(await answer.text())


async def test_the_first_page_shows_what_is_going_on(world: World) -> None:
    world.deeds.printing()
    world.deeds.notice = "Something to know."
    page = await look(world)
    for text in ("Printing", "Vase", "42 %", "about 51 min", "58 °C of 60 °C", "PL001234",
                 "Closed", "Connected to the Polar Cloud.", "Something to know."):  # fmt: skip
        assert text in page.text
    assert "/live.mjpeg" in page.sources
    assert {"/do/pause", "/do/resume"} & set(page.forms) == {"/do/pause"}
    kinds = [field["value"] for field in page.forms["/do/pause"] if field.get("name") == "kind"]
    assert kinds == ["pause", "cold", "filament"]
    assert "/confirm/cancel" in page.links


async def test_without_a_camera_there_is_no_picture(world: World) -> None:
    world.deeds.camera = "none"
    assert "/live.mjpeg" not in (await look(world)).sources


@pytest.mark.parametrize("path", ["/", "/settings", *(f"/confirm/{name}" for name in ACTS)])
async def test_pages_are_whole_small_and_need_nothing_from_outside(world: World, path: str) -> None:
    world.deeds.printing(api.JobState.PAUSED)
    world.deeds.plate_full = True
    page = await look(world, path)
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.pointed) <= set(page.ids)
    assert all(address.startswith("/") for address in page.links + page.sources)
    assert page.text.count("<h1>") == 1
    weight = len(page.text.encode())
    async with world.browser() as http:
        for source in page.sources:
            if source.startswith("/static/"):
                async with http.get(source) as answer:
                    assert answer.status == 200, source
                    weight += len(await answer.read())
    assert weight < 60_000
    labelled = set(page.pointed)
    for field in page.fields:
        usual = field.get("type") in ("hidden", "submit", "button")
        assert usual or field.get("id") in labelled, field
    for action, fields in page.forms.items():
        assert "csrf=" in action or any(field.get("name") == "csrf" for field in fields)


async def test_nothing_from_outside_becomes_markup(world: World) -> None:
    world.deeds.printing(name=HOSTILE)
    world.deeds.notice = HOSTILE
    world.deeds.camera = HOSTILE
    snapshot = world.deeds.snapshot
    assert snapshot is not None
    world.deeds.snapshot = msgspec.structs.replace(
        snapshot, firmware=HOSTILE, message=HOSTILE, problem=api.Problem("x", HOSTILE)
    )
    world.folder.mkdir(parents=True)
    (world.folder / "<img src=x onerror=alert(1)>.gcode").write_bytes(GCODE)
    for path in ("/", "/confirm/cancel"):
        page = await look(world, path)
        assert "<img src=x" not in page.text
        assert page.inline == []
    async with world.browser() as http, http.get("/state.json") as answer:
        assert "<img src=x" not in await answer.text()


async def test_forms_do_what_they_say(world: World) -> None:
    world.deeds.printing()
    world.deeds.plate_full = True
    for kind in api.PauseKind:
        assert (await press(world, "/do/pause", kind=kind.value))[0] == 303
    for path in ("/do/resume", "/do/plate-clear", "/do/cancel"):
        assert (await press(world, path))[0] == 303
    assert world.deeds.asked == [
        "pause pause", "pause cold", "pause filament", "resume", "clear", "cancel",
    ]  # fmt: skip


async def test_a_refusal_is_told_on_the_page(world: World) -> None:
    world.deeds.refusal = JobRefused("The door is open. Close it, then resume.")
    status, text = await press(world, "/do/resume")
    assert status == 409
    assert 'role="alert"' in text
    assert "The door is open. Close it, then resume." in text
    status, text = await press(world, "/do/pause", kind="for ever")
    assert (status, world.deeds.asked) == (409, ["resume"])


async def test_what_cannot_be_undone_is_asked_about_first(world: World) -> None:
    world.deeds.printing()
    page = await look(world, "/confirm/cancel")
    assert "Vase" in page.text
    assert list(page.forms) == ["/do/cancel"]
    assert world.deeds.asked == []
    assert "/" in page.links
    await look(world, "/confirm/everything", status=404)


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/do/restart", "restart"), ("/do/reboot", "reboot"), ("/do/shutdown", "shutdown")],
)
async def test_restarting_says_what_happens(world: World, path: str, asked: str) -> None:
    status, text = await press(world, path)
    assert (status, world.deeds.asked) == (200, [asked])
    assert "itself off" in text or "starts again" in text


async def test_settings_show_the_key_and_make_another(world: World) -> None:
    old = world.access.api_key
    page = await look(world, "/settings")
    assert old in page.text
    assert world.access.feed_key not in page.text
    assert f"http://127.0.0.1:{world.server.port}" in page.text
    steps = [
        field.get("value") for field in page.forms["/setup/open"] if field.get("name") == "step"
    ]
    assert steps == ["network", "time", "printer", "camera", "panel", "cloud"]
    assert (await press(world, "/do/new-key"))[0] == 303
    assert world.access.api_key != old
    headers = {"X-Api-Key": old}
    async with world.stranger() as http, http.get("/api/version", headers=headers) as answer:
        assert answer.status == 403


async def test_the_state_is_told_part_by_part(world: World) -> None:
    async with world.browser() as http:
        async with http.get("/state.json") as answer:
            before = (await answer.json())["parts"]
        world.deeds.printing()
        async with http.get("/state.json") as answer:
            after = (await answer.json())["parts"]
    changed = {name for name in before if before[name][0] != after[name][0]}
    assert changed == {"state", "progress", "controls"}
    page = await look(world)
    tags = set(re.findall(r'data-tag="([0-9a-f]+)"', page.text))
    # The controls hold each session's own token.
    assert {tag for name, (tag, _) in after.items() if name != "controls"} <= tags


async def test_the_wizard_goes_first_while_it_is_open(world: World) -> None:
    world.setup_open = True
    async with world.browser() as http, http.get("/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/setup")


async def test_who_came_over_the_hotspot_alone_gets_no_local_page(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.around = Surroundings(first_boot=True, hotspot=True)
    world.server._ends = lambda _: ("10.42.0.7", "10.42.0.1")
    await world.server.start()
    try:
        async with world.stranger() as http, http.get("/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/enter?to=/")
    finally:
        await world.server.close()


async def test_a_stranger_gets_nothing_of_it(world: World) -> None:
    world.deeds.printing(name="Secret vase")
    own = [route for route in world.server.routes if route.path not in ("/enter", "/enter/state")]
    async with world.stranger() as http:
        for route in own:
            if route.path.startswith(("/enter", "/static", "/captive")):
                continue
            path = (
                route.path.replace("{act}", "cancel").replace("{name}", "x").replace("{key}", "k")
            )
            async with http.request(route.method, path, allow_redirects=False) as answer:
                assert answer.status == 403, route.path
                assert "Secret vase" not in await answer.text()
    assert world.deeds.asked == []


async def test_forms_of_other_pages_do_nothing(world: World) -> None:
    async with world.browser() as http:
        for headers in ({"X-CSRF": ""}, {"Origin": "http://evil.example"}):
            async with http.post("/do/cancel", headers=headers) as answer:
                assert answer.status == 403
        async with http.get("/do/cancel") as answer:
            assert answer.status == 405
    assert world.deeds.asked == []
