"""The setup in the running agent: each answer, each failure, and a power cut at every moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.agent.membership import NotRegistered
from appliance.agent.setup_desk import KEYS_AGE, UNUSED
from appliance.config import Settings
from appliance.errors import CloudError
from appliance.host.network_api import Link
from appliance.settings_panel import ButtonSettings, DisplayKind, PanelSettings
from appliance.settings_web import WebSettings
from appliance.setup.api import Progress, SetupRecord, Step
from appliance.setup.radio import REJOIN
from appliance.sim.network import PASSWORD, Air
from appliance.store import Record
from tests.agent.setup_world import PATIENCE, SetUp

WIFI = {"country": "DE", "ssid": b"Workshop".hex(), "password": PASSWORD}
ZONE = {"time_zone": "Europe/Berlin"}
PRINTER = {
    "port": "/dev/ttyUSB1",
    "baud": "250000",
    "printer_make": "Cartesian",
    "size_x": "200",
    "size_y": "210,5",
    "size_z": "180",
}
CAMERA = {"transform": "5"}
DISPLAY = {"display": "ssd1306"}
ACCOUNT = {"email": "owner@example.com", "pin": "1234"}
FORMS: dict[Step, dict[str, str]] = {
    Step.WELCOME: {},
    Step.NETWORK: WIFI,
    Step.TIME: ZONE,
    Step.PRINTER: PRINTER,
    Step.CAMERA: CAMERA,
    Step.CLOUD: ACCOUNT,
    Step.DONE: {"password": "let me in please"},
}
BUTTONS = ButtonSettings(ok=5)
DISPLAY_ALONE = PanelSettings(display=DisplayKind.SSD1306)
HEADED = Settings(panel=PanelSettings(simulated="panel.sock"))
SECRETS = (PASSWORD, "1234", "let me in please")


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[SetUp]:
    one = SetUp(tmp_path)
    yield one
    await one.kill()


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[SetUp]:
    one = SetUp(tmp_path, Air(cable=True))
    await one.link(Link.ETHERNET)
    yield one
    await one.kill()


async def welcome(one: SetUp) -> None:
    await one.link(Link.HOTSPOT)
    assert await one.desk.submit(Step.WELCOME, {}) == {}


async def join(one: SetUp, form: dict[str, str] | None = None) -> None:
    assert await one.desk.submit(Step.NETWORK, form or WIFI) == {}
    await one.until(lambda: one.desk.view().join.progress is not Progress.RUNNING)


async def register(one: SetUp) -> None:
    assert await one.desk.submit(Step.CLOUD, ACCOUNT) == {}
    await one.until(lambda: one.desk.view().register.progress is not Progress.RUNNING)


# --- the whole course --------------------------------------------------------------------------


async def test_from_the_hotspot_to_a_serial_number(setup: SetUp, tmp_path: Path) -> None:
    assert setup.desk.first_boot
    await welcome(setup)
    assert setup.step() is Step.NETWORK
    view = setup.desk.view()
    assert view.facts.hotspot
    assert view.hotspot_name == "PolarAppliance-AB12"
    await join(setup)
    assert setup.desk.view().join.text == "Joined Workshop. The address is http://192.168.1.50/."
    assert setup.network.country == "DE"
    assert setup.step() is Step.TIME
    assert await setup.desk.submit(Step.TIME, ZONE) == {}
    assert await setup.clock.time_zone() == "Europe/Berlin"
    assert await setup.desk.submit(Step.PRINTER, PRINTER) == {}
    assert setup.printer_restarts == 1
    assert await setup.desk.submit(Step.CAMERA, CAMERA) == {}
    assert setup.turned == [5]
    assert setup.step() is Step.CLOUD, "there is no panel"
    await register(setup)
    assert setup.desk.view().register.text == "Registered with the serial number P3D1."
    assert setup.step() is Step.DONE
    assert setup.active()
    assert await setup.desk.submit(Step.DONE, {"password": "let me in please"}) == {}
    assert not setup.active()
    async with asyncio.timeout(PATIENCE):
        await setup.restarts.acquire()  # for the build volume and the password
    own = setup.own.settings
    assert (own.printer.port, own.printer.baud) == ("/dev/ttyUSB1", 250_000)
    assert (own.moves.size_x, own.moves.size_y) == (200.0, 210.5)
    assert (own.camera.transform, own.cloud.printer_make) == (5, "Cartesian")
    assert (own.wifi.country, own.wifi.password, own.cloud.pin) == ("DE", "", "")
    assert own.web.password_hash
    await setup.kill()
    setup.begin()
    assert setup.own.settings == own, "the next start reads what was kept"
    assert not setup.active()
    for file in (tmp_path / "state").iterdir():
        assert not any(secret in file.read_text() for secret in SECRETS), file
        others = 0o037 if file.name == "settings.toml" else 0o077  # that the printer daemon reads
        assert file.stat().st_mode & others == 0, file


async def test_with_a_cable_the_network_is_no_question(wired: SetUp) -> None:
    assert await wired.desk.submit(Step.WELCOME, {}) == {}
    assert wired.step() is Step.TIME
    await wired.desk.go(Step.NETWORK)
    assert wired.step() is Step.NETWORK
    await wired.until(lambda: wired.desk.view().networks)


async def test_entering_the_networks_page_with_an_empty_list_looks_around(setup: SetUp) -> None:
    await welcome(setup)
    await setup.desk.go(Step.WELCOME)
    setup.watch.networks = ()
    assert await setup.desk.submit(Step.WELCOME, {}) == {}
    assert setup.desk.view().scanning
    await setup.until(lambda: setup.desk.view().networks)
    await setup.until(lambda: not setup.desk.view().scanning)
    await setup.desk.go(Step.NETWORK)
    assert not setup.desk.view().scanning, "the page was open already"


# --- joining -------------------------------------------------------------------------------------


async def test_the_page_is_answered_before_the_radio_changes(setup: SetUp) -> None:
    await welcome(setup)
    assert await setup.desk.submit(Step.NETWORK, WIFI) == {}
    view = setup.desk.view()
    assert (view.join.progress, view.join.text) == (Progress.RUNNING, "Joining Workshop …")
    assert setup.network.hotspot is not None
    other = WIFI | {"ssid": b"Hotel".hex()}
    assert await setup.desk.submit(Step.NETWORK, other) == {}, "another browser"
    assert setup.record.answers.ssid == b"Workshop"
    await setup.at(Step.TIME)


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize(
    ("ssid", "password", "words", "field"),
    [
        (b"Workshop", "wrong password", "password", "password"),
        (b"No address", PASSWORD, "address", "ssid"),
        (b"No internet", PASSWORD, "internet", "ssid"),
        (b"Hotel", "", "log", "ssid"),
        (b"Elsewhere", PASSWORD, "found", "ssid"),
    ],
)
async def test_a_failed_join_is_told_on_the_hotspot(
    setup: SetUp, ssid: bytes, password: str, words: str, field: str, late: bool
) -> None:
    await welcome(setup)
    await join(setup, {"country": "DE", "ssid": ssid.hex(), "password": password})
    if late:
        await setup.pass_time(0)
        await setup.until(setup.is_open)
    errand = setup.desk.view().join
    assert (errand.progress, errand.field) == (Progress.FAILED, field)
    assert words in errand.text
    assert setup.record == SetupRecord(
        step=Step.NETWORK, answers=setup.record.answers, problem=errand.text
    )
    await setup.kill()
    setup.begin()  # the reason outlives a power cut
    assert setup.record.problem == errand.text
    await setup.pass_time(0)  # a Wi-Fi that was joined but leads nowhere is left again
    await setup.pass_time(REJOIN)
    await setup.link(Link.HOTSPOT)
    await join(setup)
    assert (setup.step(), setup.record.problem) == (Step.TIME, "")


async def test_what_cannot_be_joined_is_said_at_its_field(setup: SetUp) -> None:
    await welcome(setup)
    wrong = await setup.desk.submit(Step.NETWORK, {"country": "", "ssid": ""})
    assert set(wrong) == {"country", "ssid"}
    enterprise = {"country": "DE", "ssid": b"Company".hex(), "password": PASSWORD}
    assert "ssid" in await setup.desk.submit(Step.NETWORK, enterprise)
    assert setup.step() is Step.NETWORK
    assert setup.desk.view().join.progress is Progress.NONE


# --- printer, camera, panel --------------------------------------------------------------------


async def test_an_unchanged_port_leaves_the_printer_alone(wired: SetUp) -> None:
    form = PRINTER | {"port": "auto", "baud": "auto"}
    await wired.desk.submit(Step.WELCOME, {})
    await wired.desk.submit(Step.TIME, ZONE)
    assert await wired.desk.submit(Step.PRINTER, form) == {}
    assert wired.printer_restarts == 0
    assert "size_x" in await wired.desk.submit(Step.PRINTER, form | {"size_x": "nine"})


async def test_the_printers_test_runs_once_at_a_time(wired: SetUp) -> None:
    wired.test_allowed.clear()
    await wired.desk.test_printer()
    await wired.desk.test_printer()
    assert wired.desk.view().test.progress is Progress.RUNNING
    wired.test_allowed.set()
    await wired.until(lambda: wired.desk.view().test.progress is Progress.DONE)
    assert (wired.tests, wired.desk.view().test.text) == (1, "The printer was homed.")


async def test_another_display_is_shown_before_the_step_is_left(wired: SetUp) -> None:
    assert await wired.desk.submit(Step.PANEL, DISPLAY) == {}
    async with asyncio.timeout(PATIENCE):
        await wired.restarts.acquire()
    await wired.kill()
    wired.begin()
    await wired.link(Link.ETHERNET)
    assert wired.own.settings.panel.display == "ssd1306"
    assert Step.PANEL in wired.desk.view().steps
    await wired.desk.submit(Step.WELCOME, {})
    for step, form in ((Step.TIME, ZONE), (Step.PRINTER, PRINTER), (Step.CAMERA, CAMERA)):
        assert await wired.desk.submit(step, form) == {}
    assert wired.step() is Step.PANEL
    assert await wired.desk.submit(Step.PANEL, DISPLAY) == {}
    assert wired.step() is Step.CLOUD
    assert wired.restarts.locked(), "nothing new, nothing to begin anew for"


async def test_keys_count_since_the_page_was_opened(wired: SetUp) -> None:
    wired.desk.see_key("up")
    assert await wired.desk.press_seen() == frozenset()
    wired.desk.see_key("ok")
    wired.desk.see_key("up")
    assert await wired.desk.press_seen() == {"ok", "up"}
    wired.now += KEYS_AGE
    assert await wired.desk.press_seen() == frozenset()


# --- the cloud -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        (NotRegistered("EMAIL_PIN_ERROR", "Check both."), "pin"),
        (NotRegistered("FORBIDDEN", "It belongs to another."), "email"),
        (NotRegistered("SERVER_ERROR", "Try again."), ""),
        (CloudError("The cloud is not reached."), ""),
    ],
)
async def test_a_refusal_is_told_at_its_field_and_can_be_tried_again(
    wired: SetUp, refusal: CloudError, field: str
) -> None:
    wired.cloud.refusals.append(refusal)
    await register(wired)
    errand = wired.desk.view().register
    assert (errand.progress, errand.text, errand.field) == (Progress.FAILED, refusal.long, field)
    await register(wired)
    assert wired.desk.view().serial_number == "P3D1"


async def test_a_double_click_registers_once(wired: SetUp) -> None:
    wired.cloud.allowed.clear()
    await asyncio.gather(*(wired.desk.submit(Step.CLOUD, ACCOUNT) for _ in range(3)))
    wired.cloud.allowed.set()
    await wired.until(lambda: wired.desk.view().facts.registered)
    assert await wired.desk.submit(Step.CLOUD, ACCOUNT) == {}
    assert len(wired.cloud.asked) == 1


@pytest.fixture
async def headed(tmp_path: Path) -> AsyncIterator[SetUp]:
    """With a cable, and with a display and an OK."""
    one = SetUp(tmp_path, Air(cable=True), HEADED)
    await one.link(Link.ETHERNET)
    yield one
    await one.kill()


async def test_registered_by_its_settings_it_needs_no_wizard(headed: SetUp) -> None:
    wired = headed
    wired.cloud.serial_number = "P3D2"
    wired.state.see_notice("Registered.")
    await wired.until(lambda: not wired.active())
    await wired.kill()
    wired.begin()
    assert not wired.active()


async def test_registered_by_its_settings_with_no_way_in_the_wizard_stays(wired: SetUp) -> None:
    wired.cloud.serial_number = "P3D2"
    wired.state.see_notice("Registered.")
    await wired.until(lambda: wired.desk.view().facts.registered)
    await wired.pass_time(0)
    assert wired.active()
    await wired.kill()
    wired.begin()
    assert wired.active(), "nor does a restart end it"
    await whole_course(wired)
    assert wired.own.settings.has_way_in


@pytest.mark.parametrize(
    ("settings", "free"),
    [
        (Settings(), False),
        (Settings(buttons=BUTTONS), False),  # keys, but nothing to read a code from
        (Settings(panel=DISPLAY_ALONE), False),  # a code, but nothing to confirm it with
        (Settings(buttons=BUTTONS, panel=DISPLAY_ALONE), True),
        (HEADED, True),
        (Settings(web=WebSettings(password_hash="scrypt$")), True),
    ],
)
async def test_no_setup_ends_without_a_way_in(
    tmp_path: Path, settings: Settings, free: bool
) -> None:
    one = SetUp(tmp_path, Air(cable=True), settings)
    one.cloud.serial_number = "P3D1"
    await one.link(Link.ETHERNET)
    await to_the_end(one)
    one.now += 10 * UNUSED
    one.state.revision.bump()
    if free:
        await one.until(lambda: not one.active())
    else:
        await one.pass_time(0)
        assert one.active()
        assert list(await one.desk.submit(Step.DONE, {"password": ""})) == ["password"]
        assert one.active()
        assert await one.desk.submit(Step.DONE, {"password": "let me in please"}) == {}
        assert not one.active()
    await one.kill()


@pytest.mark.parametrize("step", [Step.WELCOME, Step.TIME])
async def test_a_form_of_the_last_page_ends_no_setup_that_is_not_there(
    wired: SetUp, step: Step
) -> None:
    if step is Step.TIME:
        await wired.desk.submit(Step.WELCOME, {})
    assert await wired.desk.submit(Step.DONE, {"password": "let me in please"}) == {}
    assert wired.active() and wired.desk.first_boot
    assert wired.step() is step
    assert not wired.own.settings.web.password_hash


async def test_taken_out_of_the_cloud_the_wizard_is_back(headed: SetUp) -> None:
    wired = headed
    wired.cloud.serial_number = "P3D2"
    wired.state.see_notice("Registered.")
    await wired.until(lambda: not wired.active())
    wired.cloud.serial_number = None
    wired.state.see_notice("Deleted.")
    await wired.until(wired.active)
    assert wired.step() is Step.CLOUD
    assert not wired.desk.first_boot


# --- setup mode ----------------------------------------------------------------------------------


async def finished(one: SetUp) -> None:
    one.cloud.serial_number = "P3D1"
    await whole_course(one)
    assert not one.active()


async def test_setup_mode_ends_when_it_is_not_used(wired: SetUp) -> None:
    await finished(wired)
    await wired.desk.open_setup()
    assert (wired.active(), wired.step()) == (True, Step.WELCOME)
    wired.now += UNUSED - 1
    await wired.desk.go(Step.TIME)
    wired.now += UNUSED - 1
    wired.state.revision.bump()
    await wired.pass_time(0)
    assert wired.active()
    wired.now += 1
    wired.state.revision.bump()
    await wired.until(lambda: not wired.active())
    assert wired.desk.view().serial_number == "P3D1"


async def test_setup_mode_outlives_the_agent_and_opens_the_hotspot(setup: SetUp) -> None:
    await welcome(setup)
    await join(setup)
    await finished(setup)
    setup.air.vanish(b"Workshop")
    await setup.link(Link.NONE)
    await setup.desk.open_setup()
    await setup.link(Link.HOTSPOT)
    await setup.kill()
    setup.begin()
    await setup.pass_time(0)
    assert setup.active()
    await setup.desk.close_setup()
    assert not setup.active()
    await setup.pass_time(UNUSED + 1)
    await setup.link(Link.NONE)


async def test_the_first_boot_is_not_left_unused(wired: SetUp) -> None:
    await wired.desk.submit(Step.WELCOME, {})
    wired.now += 10 * UNUSED
    await wired.desk.close_setup()
    wired.state.revision.bump()
    await wired.pass_time(0)
    assert wired.active()
    assert wired.step() is Step.TIME


# --- the power goes -----------------------------------------------------------------------------


@pytest.mark.parametrize("moment", range(0, 60, 2))
async def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path, moment: int) -> None:
    """After so many turns of the event loop; the person then answers again what is asked."""
    one = SetUp(tmp_path)
    await one.link(Link.HOTSPOT)
    course = asyncio.create_task(whole_course(one))
    for _ in range(moment):
        await asyncio.sleep(0)
    course.cancel()
    await asyncio.gather(course, return_exceptions=True)
    await one.kill()
    one.begin()
    kept = Record(tmp_path / "state" / "setup.json", SetupRecord).load()
    assert one.record == (kept or SetupRecord())
    try:
        async with asyncio.timeout(PATIENCE):
            await whole_course(one)
        own = one.own.settings
        assert own.printer.port == "/dev/ttyUSB1"
        assert (own.camera.transform, own.moves.size_z) == (5, 180.0)
        assert await one.clock.time_zone() == "Europe/Berlin"
        assert one.network.country == "DE"
        assert one.record.finished
        assert one.printer_restarts >= 1, "the port is in force"
        assert len(one.cloud.asked) <= 2
    finally:
        await one.kill()


async def test_killed_before_the_printer_was_told_it_is_told_again(wired: SetUp) -> None:
    await wired.desk.submit(Step.WELCOME, {})
    await wired.desk.submit(Step.TIME, ZONE)
    wired.restart_allowed.clear()
    cut = asyncio.create_task(wired.desk.submit(Step.PRINTER, PRINTER))
    async with asyncio.timeout(PATIENCE):
        await wired.restart_asked.wait()
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    await wired.kill()
    wired.begin()
    wired.restart_allowed.set()
    await wired.link(Link.ETHERNET)
    assert wired.step() is Step.PRINTER
    assert await wired.desk.submit(Step.PRINTER, PRINTER) == {}
    assert (wired.printer_restarts, wired.step()) == (1, Step.CAMERA)


async def to_the_end(one: SetUp) -> None:
    """A person answers whatever page is shown, until the last one."""
    while one.step() is not Step.DONE:
        step = one.step()
        display = one.own.settings.panel.display.value
        form = {"display": display} if step is Step.PANEL else FORMS[step]
        assert await one.desk.submit(step, form) == {}
        await one.until(lambda: one.step() is not step)  # noqa: B023


async def whole_course(one: SetUp) -> None:
    """A person answers whatever page is shown, until there is none."""
    while one.active():
        view = one.desk.view()
        step = view.record.step
        assert await one.desk.submit(step, FORMS[step]) == {}
        await one.until(lambda: one.step() is not step or not one.active())  # noqa: B023
