"""What stands on the page of each step of the wizard."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import CameraError
from appliance.host.network_api import Link, NetworkState
from appliance.printer.api import LinkState, Problem, Snapshot
from appliance.setup.api import Errand, Facts, Progress, Step
from appliance.web.html import PageContext
from appliance.web.pages import PAGES
from appliance.web.pages_network import ssid_text
from appliance.web.pages_parts import Shown
from tests.web.desk import (
    HOME,
    NETWORKS,
    TOKEN,
    VALUES,
    WIRED,
    FakeDesk,
    at,
    scene,
)
from tests.web.visitor import Opened, Reader


# Network
async def test_the_list_shows_every_wifi_and_refuses_two_kinds_in_words(opened: Opened) -> None:
    page = await (await opened(FakeDesk(Step.NETWORK))).page("/setup/network")
    read = Reader(page)
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
    assert "checked" in Reader(await answer.text()).one("input", id="n-other")


async def test_the_name_of_a_hidden_wifi_that_was_not_joined_stands_there_again(
    opened: Opened,
) -> None:
    desk = FakeDesk(Step.NETWORK)
    desk.answer(ssid=b"Quiet")
    desk.join = Errand(Progress.FAILED, "It was not found.", "other")
    read = Reader(await (await opened(desk)).page("/setup/network"))
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
    assert len(Reader(page).all("button")) == 1  # back: nobody gets on without a network
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
    assert Reader(page).one("input", name="other")["value"] == marked


# Time, printer, camera, panel, cloud, done


async def test_the_browser_may_guess_only_what_was_not_answered(opened: Opened) -> None:
    desk = at(Step.TIME)
    visitor = await opened(desk)
    assert Reader(await visitor.page("/setup/time")).one("select")["data-guess"] == "zone"
    desk.answer(time_zone="Europe/London")
    read = Reader(await visitor.page("/setup/time"))
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
    read = Reader(await visitor.page("/setup/camera"))
    assert read.one("input", name="transform")["value"] == "3"
    assert read.one("img", alt="What the camera sees now")["class"] == "t0"
    left = read.all("a", **{"class": "button"})[0]
    read = Reader(await visitor.page(f"/setup/camera{left['href']}"))
    assert read.one("input", name="transform")["value"] == "7"
    assert read.one("img", alt="What the camera sees now")["class"] == "t4"
    for strange in ("8", "-1", "x", ""):
        page = await visitor.page(f"/setup/camera?transform={strange}")
        assert Reader(page).one("input", name="transform")["value"] == "3"


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
    read = Reader(await (await opened(desk)).page("/setup/done"))
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
