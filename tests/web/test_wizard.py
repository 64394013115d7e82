"""The wizard's pages over HTTP, as a browser without JavaScript sees them."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest

from appliance.config import Settings
from appliance.errors import CameraError
from appliance.host.network_api import NetworkError
from appliance.setup.api import Errand, Progress, SetupRecord, Step
from appliance.web.html import PageContext
from appliance.web.pages import PAGES
from appliance.web.pages_parts import Shown
from appliance.web.routes import Need
from appliance.web.wizard import Wizard
from appliance.web.wizard_values import values_of
from tests.web.desk import (
    HOME,
    NETWORKS,
    STATIC,
    TOKEN,
    VALUES,
    FakeDesk,
    at,
)
from tests.web.visitor import Opened, Reader

LARGEST = 60_000  # bytes of a page with everything it loads


# Every page


@pytest.mark.parametrize("step", Step)
async def test_page_is_whole_and_small(step: Step, opened: Opened) -> None:
    desk = at(step)
    desk.networks = tuple(
        msgspec.structs.replace(NETWORKS[0], ssid=f"A long name of a Wi-Fi {number:03}".encode())
        for number in range(40)
    )
    visitor = await opened(desk, values=values_of(Settings()))
    page = await visitor.page("/setup")
    read = Reader(page)
    assert len(read.all("h1")) == 1
    assert read.one("html")["lang"] == "en"
    files = [attributes["src"] for attributes in read.all("script")]
    files += [attributes["href"] for attributes in read.all("link")]
    assert set(files) <= {"/static/page.js", "/static/style.css", "/static/icon.svg"}
    loaded = [STATIC / file.removeprefix("/static/") for file in files]
    assert len(page.encode()) + sum(file.stat().st_size for file in loaded) < LARGEST
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!192\.168|polar-app)', page)


@pytest.mark.parametrize("step", Step)
async def test_no_page_holds_a_secret(step: Step, opened: Opened) -> None:
    desk = at(step)
    visitor = await opened(desk)
    assert "hotspot-secret" not in await visitor.page("/setup")
    desk.wrong[step] = {"password": "Too short.", "pin": "Digits.", "email": "Which one?"}
    answer = await visitor.post(f"/setup/{step}", password="my-secret", pin="975310", email="a")
    page = await answer.text()
    assert "my-secret" not in page
    assert "975310" not in page
    assert "hotspot-secret" not in page


@pytest.mark.parametrize("step", Step)
async def test_every_form_carries_the_token_and_every_control_a_label(
    step: Step, opened: Opened
) -> None:
    desk = at(step)
    read = Reader(await (await opened(desk)).page("/setup"))
    assert len(read.all("form")) == len(read.all("input", name="csrf", value=TOKEN))
    assert all(form["method"] == "post" for form in read.all("form"))
    labelled = {label.get("for") for label in read.all("label")}
    for name, attributes in read.elements:
        if name in ("input", "select") and attributes.get("type") not in ("hidden", "checkbox"):
            assert attributes.get("id") in labelled
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


async def test_every_step_has_its_dot_with_its_name(opened: Opened) -> None:
    page = await (await opened(at(Step.PRINTER))).page("/setup")
    read = Reader(page)
    assert len(read.all("li", **{"aria-current": "step"})) == 1
    names = re.findall(r'class="sr name">([^<]+)', page)
    assert names == ["Welcome", "Network", "Time", "Printer", "Camera", "Panel", "Cloud", "Done"]
    assert "4 / 8" in page


async def test_steps_that_do_not_apply_are_not_shown(opened: Opened) -> None:
    desk = at(Step.TIME)
    desk.facts = msgspec.structs.replace(desk.facts, has_camera=False, has_panel=False)
    visitor = await opened(desk)
    page = await visitor.page("/setup")
    assert re.findall(r'class="sr name">([^<]+)', page) == [
        *("Welcome", "Network", "Time", "Printer", "Cloud", "Done")
    ]
    answer = await visitor.get("/setup/camera")
    assert (answer.status, answer.headers["Location"]) == (303, "/setup/time")


async def test_the_problem_stands_on_the_page_that_is_seen_next(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    desk.record = _with_problem(desk.record, "The password was wrong for <Home>.")
    page = await (await opened(desk)).page("/setup")
    assert "The password was wrong for &lt;Home&gt;." in page
    assert 'role="alert"' in page


def _with_problem(record: SetupRecord, text: str) -> SetupRecord:
    return msgspec.structs.replace(record, problem=text)


@pytest.mark.parametrize("step", Step)
def test_a_sentence_for_once_is_said_once(step: Step) -> None:
    context = PageContext(csrf=TOKEN, flash="The device was <restarted>.")
    page = PAGES[step](Shown(view=at(step).view(), values=VALUES, context=context))
    assert page.count("The device was &lt;restarted&gt;.") == 1


# Errors at their fields

FIELDS = [
    (Step.NETWORK, "country"),
    (Step.NETWORK, "other"),
    (Step.NETWORK, "password"),
    (Step.TIME, "time_zone"),
    (Step.PRINTER, "port"),
    (Step.PRINTER, "baud"),
    (Step.PRINTER, "printer_make"),
    (Step.PRINTER, "size_x"),
    (Step.PRINTER, "size_y"),
    (Step.PRINTER, "size_z"),
    (Step.CAMERA, "focus"),
    (Step.PANEL, "display"),
    (Step.CLOUD, "email"),
    (Step.CLOUD, "pin"),
]


@pytest.mark.parametrize(("step", "field"), FIELDS)
async def test_an_error_stands_at_its_field_which_has_the_focus(
    step: Step, field: str, opened: Opened
) -> None:
    desk = at(step)
    desk.wrong[step] = {field: f"Not <this> {field}."}
    answer = await (await opened(desk)).post(f"/setup/{step}")
    page = await answer.text()
    assert answer.status == 200
    read = Reader(page)
    control = next(found for _, found in read.elements if found.get("name") == field)
    assert control["aria-invalid"] == "true"
    assert f"e-{field}" in control["aria-describedby"].split()
    assert "autofocus" in control
    assert f"Not &lt;this&gt; {field}." in page.partition(f'id="e-{field}"')[2][:60]
    assert page.count(f"Not &lt;this&gt; {field}.") == 1
    assert sum("autofocus" in attributes for _, attributes in read.elements) == 1


@pytest.mark.parametrize(("step", "field"), [(Step.NETWORK, "ssid"), (Step.CAMERA, "transform")])
async def test_an_error_without_one_control(step: Step, field: str, opened: Opened) -> None:
    desk = at(step)
    desk.wrong[step] = {field: "Choose one."}
    page = await (await (await opened(desk)).post(f"/setup/{step}")).text()
    assert page.count("Choose one.") == 1


@pytest.mark.parametrize("field", ["", "email", "clock"])
async def test_an_error_of_a_field_that_the_page_lacks_is_not_lost(
    field: str, opened: Opened
) -> None:
    desk = at(Step.TIME)
    desk.wrong[Step.TIME] = {field: "The clock cannot be set."}
    page = await (await (await opened(desk)).post("/setup/time")).text()
    assert "The clock cannot be set." in page


async def test_only_the_first_of_several_wrong_fields_has_the_focus(opened: Opened) -> None:
    desk = at(Step.CLOUD)
    desk.wrong[Step.CLOUD] = {"pin": "Digits.", "email": "Empty."}
    page = await (await (await opened(desk)).post("/setup/cloud")).text()
    focused = [found for _, found in Reader(page).elements if "autofocus" in found]
    assert [each["name"] for each in focused] == ["email"]


async def test_what_was_typed_stands_there_again(opened: Opened) -> None:
    desk = at(Step.PRINTER)
    desk.wrong[Step.PRINTER] = {"size_x": "A number."}
    visitor = await opened(desk)
    typed = {"size_x": '"wide" <b>', "size_y": "300", "printer_make": "Delta", "baud": "250000"}
    read = Reader(await (await visitor.post("/setup/printer", **typed)).text())
    assert read.one("input", name="size_x")["value"] == '"wide" <b>'
    assert read.one("input", name="size_y")["value"] == "300"
    chosen = [option["value"] for option in read.all("option") if "selected" in option]
    assert chosen == ["Delta", "auto", "250000"]


async def test_a_failed_registration_stands_at_the_field_that_is_wrong(opened: Opened) -> None:
    desk = at(Step.CLOUD)
    desk.answer(email="who@example.org")
    desk.register = Errand(Progress.FAILED, "This e-mail address and PIN are not known.", "pin")
    page = await (await opened(desk)).page("/setup/cloud")
    pin = Reader(page).one("input", name="pin")
    assert pin["aria-invalid"] == "true"
    assert "autofocus" in pin
    assert "value" not in pin
    assert Reader(page).one("input", name="email")["value"] == "who@example.org"
    assert page.count("This e-mail address and PIN are not known.") == 1


async def test_a_failure_that_is_no_fields_fault_is_a_banner(opened: Opened) -> None:
    desk = at(Step.CLOUD)
    desk.register = Errand(Progress.FAILED, "The Polar Cloud had a problem of its own.")
    page = await (await opened(desk)).page("/setup/cloud")
    assert 'role="alert">The Polar Cloud had a problem of its own.' in page


async def test_a_wrong_wifi_password_stands_at_the_password(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    text = "The password is wrong."
    desk.join = Errand(Progress.FAILED, text, "password")
    desk.record = _with_problem(desk.record, text)
    page = await (await opened(desk)).page("/setup/network")
    assert page.count(text) == 1
    assert Reader(page).one("input", name="password")["aria-invalid"] == "true"


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("/setup/time", Step.TIME),
        ("/setup/go", Step.TIME),
        ("/setup/scan", Step.NETWORK),
        ("/setup/test", Step.PRINTER),
    ],
)
async def test_a_refusal_of_the_desk_is_said(path: str, step: Step, opened: Opened) -> None:
    desk = at(step)
    desk.refusal = NetworkError("The radio does not <answer>.")
    answer = await (await opened(desk)).post(path, step="network", clear="on")
    assert "The radio does not &lt;answer&gt;." in await answer.text()


# The way through


async def test_from_the_first_page_to_the_last(opened: Opened) -> None:
    desk = FakeDesk()
    visitor = await opened(desk)

    async def send(step: Step, **fields: str) -> str:
        answer = await visitor.post(f"/setup/{step}", **fields)
        assert answer.status == 303, await answer.text()
        return answer.headers["Location"]

    assert await send(Step.WELCOME) == "/setup/network"
    wifi = {"country": "DE", "ssid": b"Home".hex(), "password": "long enough"}
    assert await send(Step.NETWORK, **wifi) == "/setup/network"
    desk.joined()
    assert (await visitor.get("/setup")).headers["Location"] == "/setup/time"
    assert await send(Step.TIME, time_zone="Europe/Berlin") == "/setup/printer"
    assert await send(Step.PRINTER, size_x="220") == "/setup/camera"
    assert await send(Step.CAMERA, transform="3") == "/setup/panel"
    assert await send(Step.PANEL, display="none") == "/setup/cloud"
    assert await send(Step.CLOUD, email="a@b.org", pin="1234") == "/setup/cloud"
    desk.registered("PL777")
    page = await visitor.page("/setup")
    assert "PL777" in page
    assert "http://192.168.1.20/" in page
    assert await send(Step.DONE) == "/"
    assert desk.begun == ["join", "register", "close"]
    assert all("csrf" not in fields for _, fields in desk.sent)


async def test_back_is_kept_and_the_browsers_own_back_works_too(opened: Opened) -> None:
    desk = at(Step.PRINTER)
    visitor = await opened(desk)
    assert "<h1>Time zone</h1>" in await visitor.page("/setup/time")
    assert desk.view().record.step == "printer"
    answer = await visitor.post("/setup/go", step="time")
    assert answer.headers["Location"] == "/setup/time"
    assert desk.view().record.step == "time"


async def test_a_page_ahead_leads_to_where_the_setup_stands(opened: Opened) -> None:
    visitor = await opened(at(Step.TIME))
    answer = await visitor.get("/setup/cloud")
    assert (answer.status, answer.headers["Location"]) == (303, "/setup/time")
    assert (await visitor.get("/setup/elsewhere")).status == 404
    answer = await visitor.post("/setup/go", step="elsewhere")
    assert answer.headers["Location"] == "/setup/time"


@pytest.mark.parametrize("step", [Step.CLOUD, Step.DONE])
async def test_a_form_of_a_page_ahead_leads_to_where_the_setup_stands(
    step: Step, opened: Opened
) -> None:
    desk = FakeDesk(Step.TIME, HOME)
    visitor = await opened(desk)
    answer = await visitor.post(f"/setup/{step}", password="", email="a@b.de", pin="1234")
    assert answer.headers["Location"] == "/setup/time"
    assert desk.sent == []
    assert desk.record == SetupRecord(step=Step.TIME)


async def test_a_form_of_a_page_that_was_left_behind_is_taken(opened: Opened) -> None:
    desk = at(Step.PRINTER)
    answer = await (await opened(desk)).post("/setup/time", time_zone="UTC")
    assert answer.headers["Location"] == "/setup/printer"
    assert desk.sent == [(Step.TIME, {"time_zone": "UTC"})]


@pytest.mark.parametrize(
    ("step", "fields", "begun"),
    [
        (Step.NETWORK, {"country": "DE", "ssid": "486f6d65", "password": "12345678"}, "join"),
        (Step.CLOUD, {"email": "a@b.org", "pin": "1234"}, "register"),
    ],
)
async def test_a_double_click_begins_it_once(
    step: Step, fields: dict[str, str], begun: str, opened: Opened
) -> None:
    desk = at(step)
    one, two = await opened(desk), await opened(desk)  # two browsers at once, two clicks each
    posts = (visitor.post(f"/setup/{step}", **fields) for visitor in (one, one, two, two))
    answers = await asyncio.gather(*posts)
    assert {answer.headers["Location"] for answer in answers} == {f"/setup/{step}"}
    assert desk.begun == [begun]


async def test_two_browsers_see_the_same_setup(opened: Opened) -> None:
    desk = at(Step.TIME)
    one, two = await opened(desk), await opened(desk)
    await one.post("/setup/time", time_zone="UTC")
    assert "<h1>Printer</h1>" in await two.page("/setup")
    state = await two.state(Step.TIME)
    assert state["step"] == "printer"


async def test_a_closed_wizard_leads_to_the_local_page(opened: Opened) -> None:
    desk = at(Step.DONE)
    desk.active = False
    visitor = await opened(desk)
    for path in ("/setup", "/setup/time"):
        assert (await visitor.get(path)).headers["Location"] == "/"
    for path in ("/setup/time", "/setup/go", "/setup/scan", "/setup/test"):
        answer = await visitor.post(path, step="time", clear="on")
        assert answer.headers["Location"] == "/"
    assert (desk.sent, desk.begun) == ([], [])
    assert (await visitor.state(Step.TIME)) == {
        **{"active": False, "step": "done", "waits": "none", "parts": {}}
    }


async def test_setup_mode_opens_at_any_step_and_closes(opened: Opened) -> None:
    desk = at(Step.DONE)
    desk.record = msgspec.structs.replace(desk.record, finished=True)
    desk.active = False
    visitor = await opened(desk)
    answer = await visitor.post("/setup/open", step="camera")
    assert answer.headers["Location"] == "/setup/camera"
    assert "Leave the set-up" in await visitor.page("/setup")
    assert (await visitor.post("/setup/close")).headers["Location"] == "/"
    assert not desk.active


async def test_an_unfinished_setup_cannot_be_left(opened: Opened) -> None:
    desk = at(Step.TIME)
    visitor = await opened(desk)
    assert "Leave the set-up" not in await visitor.page("/setup")
    assert (await visitor.post("/setup/close")).headers["Location"] == "/setup/time"
    assert desk.active


def test_no_address_is_open_to_everyone() -> None:
    async def nothing() -> bytes:
        raise CameraError("None.")

    async def values() -> object:
        return VALUES

    routes = Wizard(FakeDesk(), values, nothing).routes()  # type: ignore[arg-type]
    assert {route.needs for route in routes} == {Need.SETUP}
    assert {route.path for route in routes if route.quiet} == {
        *("/setup/state.json", "/setup/camera.jpg")
    }
