"""The wizard's pages over HTTP, as a browser without JavaScript sees them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from html.parser import HTMLParser

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Settings
from appliance.errors import CameraError
from appliance.host.network_api import Link, NetworkError, NetworkState
from appliance.printer.api import LinkState, Problem, Snapshot
from appliance.setup.api import Errand, Facts, Progress, SetupRecord, Step
from appliance.web.html import PageContext
from appliance.web.pages import PAGES
from appliance.web.pages_network import ssid_text
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
    WIRED,
    FakeDesk,
    at,
    scene,
    wizard_app,
)

LARGEST = 60_000  # bytes of a page with everything it loads


class _Reader(HTMLParser):
    """The elements of a page, by name, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def one(self, tag: str, **wanted: str) -> dict[str, str]:
        (found,) = self.all(tag, **wanted)
        return found


class Visitor:
    """A browser with its own cookies."""

    def __init__(self, client: TestClient) -> None:  # type: ignore[type-arg]
        self._client = client

    async def get(self, path: str) -> ClientResponse:
        return await self._client.get(path, allow_redirects=False)

    async def page(self, path: str) -> str:
        answer = await self._client.get(path)
        assert answer.status == 200, await answer.text()
        return await answer.text()

    async def post(self, path: str, **fields: str) -> ClientResponse:
        return await self._client.post(path, data={"csrf": TOKEN} | fields, allow_redirects=False)

    async def state(self, step: Step) -> dict[str, object]:
        answer = await self._client.get(f"/setup/state.json?step={step}")
        assert answer.headers["Cache-Control"] == "no-store"
        state: dict[str, object] = await answer.json()
        return state


Opened = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    clients: list[TestClient] = []  # type: ignore[type-arg]

    async def open_(desk: FakeDesk, **more: object) -> Visitor:
        app = wizard_app(desk, **more)  # type: ignore[arg-type]
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return Visitor(client)

    yield open_
    for client in clients:
        await client.close()


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
    read = _Reader(page)
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
    read = _Reader(await (await opened(desk)).page("/setup"))
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
    read = _Reader(page)
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
    read = _Reader(page)
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
    focused = [found for _, found in _Reader(page).elements if "autofocus" in found]
    assert [each["name"] for each in focused] == ["email"]


async def test_what_was_typed_stands_there_again(opened: Opened) -> None:
    desk = at(Step.PRINTER)
    desk.wrong[Step.PRINTER] = {"size_x": "A number."}
    visitor = await opened(desk)
    typed = {"size_x": '"wide" <b>', "size_y": "300", "printer_make": "Delta", "baud": "250000"}
    read = _Reader(await (await visitor.post("/setup/printer", **typed)).text())
    assert read.one("input", name="size_x")["value"] == '"wide" <b>'
    assert read.one("input", name="size_y")["value"] == "300"
    chosen = [option["value"] for option in read.all("option") if "selected" in option]
    assert chosen == ["Delta", "auto", "250000"]


async def test_a_failed_registration_stands_at_the_field_that_is_wrong(opened: Opened) -> None:
    desk = at(Step.CLOUD)
    desk.answer(email="who@example.org")
    desk.register = Errand(Progress.FAILED, "This e-mail address and PIN are not known.", "pin")
    page = await (await opened(desk)).page("/setup/cloud")
    pin = _Reader(page).one("input", name="pin")
    assert pin["aria-invalid"] == "true"
    assert "autofocus" in pin
    assert "value" not in pin
    assert _Reader(page).one("input", name="email")["value"] == "who@example.org"
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
    assert _Reader(page).one("input", name="password")["aria-invalid"] == "true"


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


# Network


async def test_the_list_shows_every_wifi_and_refuses_two_kinds_in_words(opened: Opened) -> None:
    page = await (await opened(FakeDesk(Step.NETWORK))).page("/setup/network")
    read = _Reader(page)
    radios = read.all("input", type="radio")
    values = [point.ssid.hex() for point in NETWORKS]
    assert [radio["value"] for radio in radios] == [*values, "other"]
    assert ["disabled" in radio for radio in radios] == [False, False, True, True, False, False]
    assert "enterprise" in page
    assert "WEP" in page
    assert "Café &lt;Ärger&gt; &amp; Söhne" in page
    assert "�&#x27;&quot;&gt;&lt;b&gt;" in page


async def test_a_hidden_wifi_is_a_name_that_is_typed(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    visitor = await opened(desk)
    fields = {"country": "DE", "ssid": "other", "other": " Quiet ", "password": "12345678"}
    await visitor.post("/setup/network", **fields)
    ((_, sent),) = desk.sent
    assert sent == fields


async def test_the_choice_of_another_network_stays_after_an_error(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    desk.wrong[Step.NETWORK] = {"other": "Give its name."}
    visitor = await opened(desk)
    answer = await visitor.post("/setup/network", country="DE", ssid="other", other="")
    assert "checked" in _Reader(await answer.text()).one("input", id="n-other")


async def test_the_name_of_a_hidden_wifi_that_was_not_joined_stands_there_again(
    opened: Opened,
) -> None:
    desk = FakeDesk(Step.NETWORK)
    desk.answer(ssid=b"Quiet")
    desk.join = Errand(Progress.FAILED, "It was not found.", "other")
    read = _Reader(await (await opened(desk)).page("/setup/network"))
    assert "checked" in read.one("input", id="n-other")
    assert read.one("input", name="other")["value"] == "Quiet"


async def test_it_is_said_before_that_the_phone_loses_the_hotspot(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    visitor = await opened(desk)
    page = await visitor.page("/setup/network")
    warning = page.index("Your phone will lose this Wi-Fi.")
    assert warning < page.index(">Join<")
    for words in ("Look at the printer&#x27;s display", "PolarAppliance-1A2B is back"):
        assert words in page
    await visitor.post("/setup/network", country="DE", ssid=b"Home".hex(), password="12345678")
    joining = await visitor.page("/setup/network")
    assert "Your phone loses this Wi-Fi now." in joining
    assert "Joining Home" in joining
    assert "http-equiv" in joining  # without JavaScript it looks again by itself


async def test_without_a_panel_the_name_leads_on(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    desk.facts = msgspec.structs.replace(desk.facts, has_panel=False)
    page = await (await opened(desk)).page("/setup/network")
    assert "display" not in page
    assert "http://polar-appliance.local/" in page
    nameless = await opened(desk, values=msgspec.structs.replace(VALUES, address=""))
    assert "your router lists it" in await nameless.page("/setup/network")


async def test_over_a_cable_nothing_is_lost_and_nothing_is_to_do(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK, WIRED)
    visitor = await opened(desk)
    page = await visitor.page("/setup/network")
    assert "Connected: cable" in page
    assert "192.168.1.30" in page
    assert "lose this Wi-Fi" not in page
    answer = await visitor.post("/setup/go", step="time")
    assert answer.headers["Location"] == "/setup/time"
    assert desk.begun == []


async def test_a_wifi_that_is_joined_is_shown(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK, msgspec.structs.replace(HOME, internet=False))
    page = await (await opened(desk)).page("/setup/network")
    assert "Connected: Home" in page
    assert "no way to the internet" in page


async def test_a_device_without_wifi_asks_for_a_cable(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK, NetworkState())
    page = await (await opened(desk)).page("/setup/network")
    assert "network cable" in page
    assert "Look again" in page
    assert len(_Reader(page).all("button")) == 1  # back: nobody gets on without a network
    assert 'name="ssid"' not in page


async def test_searching_again(opened: Opened) -> None:
    desk = FakeDesk(Step.NETWORK)
    desk.networks = ()
    visitor = await opened(desk)
    assert "No Wi-Fi was found" in await visitor.page("/setup/network")
    before = await visitor.state(Step.NETWORK)
    answer = await visitor.post("/setup/scan")
    assert answer.headers["Location"] == "/setup/network"
    assert "Looking for Wi-Fis" in await visitor.page("/setup/network")
    after = await visitor.state(Step.NETWORK)
    assert before["parts"] != after["parts"]


@given(st.binary(max_size=32))
def test_any_ssid_can_be_read(ssid: bytes) -> None:
    shown = ssid_text(ssid)
    assert shown.isprintable()
    assert shown


@given(st.binary(min_size=1, max_size=32), st.text(max_size=60), st.text(max_size=60))
def test_nothing_from_outside_becomes_markup(ssid: bytes, typed: str, sentence: str) -> None:
    marked = "<script>" + typed
    desk = FakeDesk(Step.NETWORK)
    desk.networks = (msgspec.structs.replace(NETWORKS[0], ssid=b"<script>" + ssid),)
    desk.record = msgspec.structs.replace(desk.record, problem=f"<script>{sentence}")
    page = PAGES[Step.NETWORK](
        Shown(
            view=desk.view(),
            values=VALUES,
            context=PageContext(csrf=marked),
            errors={"country": marked, "": marked},
            entered={"other": marked, "country": marked},
        )
    )
    assert page.count("<script") == 1  # our own
    assert _Reader(page).one("input", name="other")["value"] == marked


# Time, printer, camera, panel, cloud, done


async def test_the_browser_may_guess_only_what_was_not_answered(opened: Opened) -> None:
    desk = at(Step.TIME)
    visitor = await opened(desk)
    assert _Reader(await visitor.page("/setup/time")).one("select")["data-guess"] == "zone"
    desk.answer(time_zone="Europe/London")
    read = _Reader(await visitor.page("/setup/time"))
    assert "data-guess" not in read.one("select")
    assert [each["value"] for each in read.all("option") if "selected" in each] == ["Europe/London"]


async def test_the_printer_is_tested_only_with_a_clear_plate(opened: Opened) -> None:
    desk = at(Step.PRINTER)
    visitor = await opened(desk)
    page = await visitor.page("/setup/printer")
    for words in ("Ender-3 V2", "Marlin 2.1.2.4", "115200 baud", "Test: home and warm to 40 °C"):
        assert words in page
    assert "Take everything off the build plate" in page
    answer = await visitor.post("/setup/test")
    assert "Clear the build plate first" in await answer.text()
    assert desk.begun == []
    answer = await visitor.post("/setup/test", clear="on")
    assert answer.headers["Location"] == "/setup/printer"
    assert desk.begun == ["test"]
    assert "Homing" in await visitor.page("/setup/printer")


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.FAILED])
async def test_the_answer_of_the_test_reaches_an_open_page(
    progress: Progress, opened: Opened
) -> None:
    desk = at(Step.PRINTER)
    visitor = await opened(desk)
    before = await visitor.state(Step.PRINTER)
    desk.test = Errand(progress, "Homed in 21 s; 40 °C <reached>.")
    after = await visitor.state(Step.PRINTER)
    assert before != after
    assert "40 °C &lt;reached&gt;." in str(after["parts"])
    assert after == await visitor.state(Step.PRINTER)


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (None, "Looking for the printer"),
        (Snapshot(), "Check its power and its USB cable"),
        (Snapshot(link=LinkState.CONNECTING), "waiting for the printer"),
        (Snapshot(link=LinkState.HALTED), "The printer halted"),
        (Snapshot(problem=Problem("No port", "No <USB> port.")), "No &lt;USB&gt; port."),
    ],
)
async def test_what_is_known_of_the_printer(
    snapshot: Snapshot | None, words: str, opened: Opened
) -> None:
    desk = at(Step.PRINTER)
    desk.snapshot = snapshot
    assert words in await (await opened(desk)).page("/setup/printer")


async def test_turning_the_picture_without_javascript(opened: Opened) -> None:
    values = msgspec.structs.replace(VALUES, transform=3)
    visitor = await opened(at(Step.CAMERA), values=values)
    read = _Reader(await visitor.page("/setup/camera"))
    assert read.one("input", name="transform")["value"] == "3"
    assert read.one("img", alt="What the camera sees now")["class"] == "t0"
    left = read.all("a", **{"class": "button"})[0]
    read = _Reader(await visitor.page(f"/setup/camera{left['href']}"))
    assert read.one("input", name="transform")["value"] == "7"
    assert read.one("img", alt="What the camera sees now")["class"] == "t4"
    for strange in ("8", "-1", "x", ""):
        page = await visitor.page(f"/setup/camera?transform={strange}")
        assert _Reader(page).one("input", name="transform")["value"] == "3"


async def test_the_focus_is_asked_only_where_it_can_be_set(opened: Opened) -> None:
    visitor = await opened(at(Step.CAMERA))
    assert 'type="range"' in await visitor.page("/setup/camera")
    fixed = msgspec.structs.replace(VALUES, focus=None)
    visitor = await opened(at(Step.CAMERA), values=fixed)
    assert 'name="focus"' not in await visitor.page("/setup/camera")


async def test_the_cameras_picture(opened: Opened) -> None:
    answer = await (await opened(at(Step.CAMERA))).get("/setup/camera.jpg")
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    assert await answer.read() == scene()

    async def broken() -> bytes:
        raise CameraError("The camera is loose.")

    answer = await (await opened(at(Step.CAMERA), picture=broken)).get("/setup/camera.jpg")
    assert (answer.status, await answer.text()) == (503, "The camera is loose.")


async def test_keys_get_their_ticks(opened: Opened) -> None:
    desk = at(Step.PANEL)
    visitor = await opened(desk)
    page = await visitor.page("/setup/panel")
    assert page.count("not pressed yet") == 5
    desk.pressed = frozenset({"up", "ok"})
    state = await visitor.state(Step.PANEL)
    assert str(state["parts"]).count("not pressed yet") == 3
    desk.pressed = frozenset(VALUES.keys)
    assert "All keys work." in await visitor.page("/setup/panel")


async def test_a_panel_without_keys_asks_for_none(opened: Opened) -> None:
    visitor = await opened(at(Step.PANEL), values=msgspec.structs.replace(VALUES, keys=()))
    assert "Press each key" not in await visitor.page("/setup/panel")


async def test_the_cloud_says_how_to_get_an_account_and_that_there_is_no_internet(
    opened: Opened,
) -> None:
    desk = at(Step.CLOUD)
    visitor = await opened(desk)
    page = await visitor.page("/setup/cloud")
    assert "No account, or no PIN yet?" in page
    assert "no way to the internet" not in page
    network = msgspec.structs.replace(HOME, internet=False)
    desk.facts = msgspec.structs.replace(desk.facts, network=network)
    assert "no way to the internet" in await visitor.page("/setup/cloud")


async def test_the_registration_can_be_left_out_and_caught_up(opened: Opened) -> None:
    desk = at(Step.CLOUD)
    visitor = await opened(desk)
    answer = await visitor.post("/setup/go", step="done")
    assert answer.headers["Location"] == "/setup/done"
    page = await visitor.page("/setup/done")
    assert "not in the cloud yet" in page
    assert "Register it now" in page


async def test_a_waiting_page_learns_that_it_is_over(opened: Opened) -> None:
    desk = at(Step.CLOUD)
    visitor = await opened(desk)
    await visitor.post("/setup/cloud", email="a@b.org", pin="1234")
    page = await visitor.page("/setup/cloud")
    assert "Waiting for the Polar Cloud&#x27;s answer" in page
    assert 'data-waits="running"' in page
    assert (await visitor.state(Step.CLOUD))["waits"] == "running"
    desk.registered()
    assert (await visitor.state(Step.CLOUD))["waits"] == "done"


@pytest.mark.parametrize(("panel", "asked"), [(True, 0), (False, 1)])
async def test_a_password_is_asked_where_nobody_can_press_ok(
    panel: bool, asked: int, opened: Opened
) -> None:
    desk = at(Step.DONE)
    desk.facts = msgspec.structs.replace(desk.facts, confirms=panel)
    read = _Reader(await (await opened(desk)).page("/setup/done"))
    assert len(read.all("input", name="password", type="password")) == asked


@pytest.mark.parametrize("link", Link)
def test_every_network_has_its_page(link: Link) -> None:
    facts = Facts(network=NetworkState(link=link, radio=True), hotspot=link is Link.HOTSPOT)
    desk = FakeDesk(Step.NETWORK)
    desk.facts = facts
    page = PAGES[Step.NETWORK](
        Shown(view=desk.view(), values=VALUES, context=PageContext(csrf=TOKEN))
    )
    assert "<h1>Network</h1>" in page
    assert (link is Link.HOTSPOT) == ("lose this Wi-Fi" in page)
