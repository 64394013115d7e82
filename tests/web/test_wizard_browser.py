"""The wizard in Debian's Chromium, at phone and desktop size, in light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.host.network_api import NetworkState
from appliance.setup.api import Errand, Progress, Step
from tests.web.browsing import DESKTOP, OLD_PHONE, PHONE, Browser, Stand, chromium, is_there
from tests.web.desk import HOME, WIRED, FakeDesk, at

pytestmark = pytest.mark.skipif(not is_there(), reason="Chromium or axe-core is not installed.")

Visit = Callable[[FakeDesk, Step], Browser]


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Stand]]:
    stand = Stand()
    try:
        with chromium(tmp_path_factory.mktemp("profile")) as browser:
            yield browser, stand
    finally:
        stand.close()


@pytest.fixture
def visit(one_browser: tuple[Browser, Stand]) -> Iterator[Visit]:
    browser, stand = one_browser

    def open_(desk: FakeDesk, step: Step) -> Browser:
        browser.base = stand.serve(desk)
        browser.open(f"/setup/{step}")
        return browser

    browser.look(PHONE)
    yield open_
    browser.driver.get("about:blank")
    assert browser.complaints() == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


def _pages() -> dict[str, tuple[Step, FakeDesk]]:
    """Each page in each of its forms."""
    pages = {str(step): (step, at(step)) for step in Step}
    wired = at(Step.NETWORK, WIRED)
    away = at(Step.NETWORK, NetworkState())
    joining = at(Step.NETWORK)
    joining.answer(ssid=b"Home", country="DE")
    joining.join = Errand(Progress.RUNNING)
    failed = at(Step.NETWORK)
    failed.answer(ssid=b"Home", country="DE")
    failed.join = Errand(Progress.FAILED, "The password of Home is wrong.", "password")
    failed.record = msgspec.structs.replace(failed.record, problem="Home was not joined.")
    tested = at(Step.PRINTER)
    tested.test = Errand(Progress.DONE, "It homed, and the nozzle reached 40 °C.")
    seen = at(Step.PANEL)
    seen.pressed = frozenset({"up", "ok"})
    refused = at(Step.CLOUD)
    refused.answer(email="who@example.org")
    refused.register = Errand(
        Progress.FAILED, "The Polar Cloud does not know this e-mail address with this PIN.", "pin"
    )
    registering = at(Step.CLOUD)
    registering.register = Errand(Progress.RUNNING, "Waiting for the Polar Cloud's answer …")
    later = at(Step.DONE)
    later.facts = msgspec.structs.replace(
        later.facts, has_panel=False, confirms=False, registered=False
    )
    later.serial_number = None
    later.record = msgspec.structs.replace(later.record, finished=True)
    more = {
        "network-wired": (Step.NETWORK, wired),
        "network-none": (Step.NETWORK, away),
        "network-joining": (Step.NETWORK, joining),
        "network-failed": (Step.NETWORK, failed),
        "printer-tested": (Step.PRINTER, tested),
        "panel-pressed": (Step.PANEL, seen),
        "cloud-failed": (Step.CLOUD, refused),
        "cloud-registering": (Step.CLOUD, registering),
        "done-unregistered": (Step.DONE, later),
    }
    return pages | more


SMALL = """
return [...document.querySelectorAll('button, a.button, select, summary, label, input')]
  .filter((e) => e.checkVisibility() && !(e.matches('label') && !e.querySelector('input')
     && !e.closest('.choice')) && !(e.matches('input[type=checkbox], input[type=radio]')))
  .filter((e) => e.getBoundingClientRect().height < 48)
  .map((e) => e.outerHTML)
"""
SIDEWAYS = "return document.documentElement.scrollWidth > window.innerWidth"
TINY = """
return [...document.querySelectorAll('main *')]
  .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .filter((e) => e.checkVisibility() && !e.closest('.sr') && !e.closest('small'))
  .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 15.5)
  .map((e) => e.outerHTML)
"""


@pytest.mark.parametrize("name", _pages())
def test_everyone_can_read_and_use_every_page(name: str, visit: Visit, folder: Path) -> None:
    step, desk = _pages()[name]
    browser = visit(desk, step)
    browser.until_page(step)
    assert browser.driver.execute_script(SMALL) == []
    assert browser.driver.execute_script(TINY) == []
    browser.look(OLD_PHONE)
    assert not browser.driver.execute_script(SIDEWAYS)
    for size, dark in ((PHONE, False), (PHONE, True), (DESKTOP, False), (DESKTOP, True)):
        browser.look(size, dark=dark)
        if dark == (size is DESKTOP):
            assert browser.violations() == []
        assert not browser.driver.execute_script(SIDEWAYS)
        if not (dark and size is DESKTOP):
            where = "phone" if size is PHONE else "desktop"
            browser.picture(folder / f"{name}-{where}{'-dark' if dark else ''}.png")


def test_what_keeps_someone_out_is_found(visit: Visit) -> None:
    browser = visit(at(Step.CLOUD), Step.CLOUD)
    browser.driver.execute_script(
        "document.querySelector('label').remove();"
        "document.querySelector('.hint').style.color = '#c8d0d4';"
        "document.querySelector('.primary').style.cssText = 'min-height: 0; padding: 0';"
    )
    assert {each.split(":")[0] for each in browser.violations()} == {"label", "color-contrast"}
    assert len(browser.driver.execute_script(SMALL)) == 1


def test_all_the_way_by_keyboard_and_pointer(visit: Visit) -> None:
    desk = FakeDesk()
    browser = visit(desk, Step.WELCOME)
    browser.press("Start")
    browser.until_page(Step.NETWORK)
    assert browser.find("#f-country").get_attribute("value") == "DE"
    browser.find(f"label[for='n-{b'Home'.hex()}']").click()
    browser.find("#f-password").send_keys("long enough")
    browser.press("Join")
    browser.until("document.querySelector('.wizard')?.dataset.waits")
    desk.joined()
    browser.until_page(Step.TIME)
    browser.press("Continue")
    browser.until_page(Step.PRINTER)
    browser.press("Continue")
    browser.until_page(Step.CAMERA)
    browser.find("[data-turn]").send_keys(" ")
    browser.press("Continue")
    browser.until_page(Step.PANEL)
    browser.press("Continue")
    browser.until_page(Step.CLOUD)
    browser.find("#f-email").send_keys("me@example.org")
    browser.find("#f-pin").send_keys("1234\n")
    browser.until("document.querySelector('.wizard')?.dataset.waits")
    desk.registered("PL4711")
    browser.until_page(Step.DONE)
    assert "PL4711" in browser.find("main").text
    browser.press("Finish")
    browser.until("document.body.textContent.includes('the local page')")
    sent = dict(desk.sent)
    assert sent[Step.NETWORK]["ssid"] == b"Home".hex()
    assert sent[Step.CAMERA]["transform"] == "4"
    assert desk.begun == ["join", "register", "close"]


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York"])
def test_the_browsers_own_time_zone_is_chosen(zone: str, visit: Visit) -> None:
    browser = visit(at(Step.TIME), Step.TIME)
    browser.zone(zone)
    browser.open("/setup/time")
    assert browser.find("#f-time_zone").get_attribute("value") == zone


def test_a_double_click_on_register_sends_one_form(visit: Visit) -> None:
    desk = at(Step.CLOUD)
    browser = visit(desk, Step.CLOUD)
    browser.find("#f-email").send_keys("me@example.org")
    browser.find("#f-pin").send_keys("1234")
    browser.driver.execute_script(
        "const b = document.querySelector('form[action=\"/setup/cloud\"] .primary');"
        "b.click(); b.click();"
    )
    browser.until("document.querySelector('.wizard')?.dataset.waits")
    assert len(desk.sent) == 1


def test_the_first_wrong_field_has_the_focus(visit: Visit) -> None:
    desk = at(Step.CLOUD)
    desk.wrong[Step.CLOUD] = {"pin": "A PIN has digits alone."}
    browser = visit(desk, Step.CLOUD)
    browser.find("#f-email").send_keys("me@example.org")
    browser.find("#f-pin").send_keys("abc\n")
    browser.until("document.activeElement?.id === 'f-pin'")
    assert browser.find("#f-pin").get_attribute("value") == ""
    assert browser.find("#f-email").get_attribute("value") == "me@example.org"


def test_a_password_can_be_shown(visit: Visit) -> None:
    browser = visit(at(Step.NETWORK), Step.NETWORK)
    field = browser.find("#f-password")
    assert field.get_attribute("type") == "password"
    browser.find("[data-shows]").click()
    assert field.get_attribute("type") == "text"
    browser.find("[data-shows]").click()
    assert field.get_attribute("type") == "password"


def test_an_open_wifi_asks_for_no_password_and_a_hidden_one_for_its_name(visit: Visit) -> None:
    browser = visit(at(Step.NETWORK), Step.NETWORK)
    password, name = browser.find("#f-password"), browser.find("#f-other")
    assert password.is_displayed()
    assert not name.is_displayed()
    browser.find(".open label").click()
    assert not password.is_displayed()
    browser.find("label[for=n-other]").click()
    assert password.is_displayed()
    assert name.is_displayed()


def test_a_new_list_keeps_what_was_chosen(visit: Visit) -> None:
    desk = at(Step.NETWORK)
    browser = visit(desk, Step.NETWORK)
    chosen = f"n-{b'Home'.hex()}"
    browser.find(f"label[for={chosen}]").click()
    browser.press("Search again")
    browser.until("document.querySelector('.busy')")
    assert desk.begun == ["scan"]
    desk.scanning, desk.networks = False, desk.networks[::-1]
    browser.until("!document.querySelector('.busy')")
    assert browser.find(f"#{chosen}").is_selected()
    assert browser.all("input[type=radio]")[-2].get_attribute("id") == chosen


def test_a_phone_that_lost_the_wifi_is_told_what_to_do(visit: Visit) -> None:
    desk = at(Step.NETWORK)
    desk.join = Errand(Progress.RUNNING)
    browser = visit(desk, Step.NETWORK)
    lost = browser.find("#lost")
    assert not lost.is_displayed()
    browser.online(False)
    try:
        browser.until("!document.getElementById('lost').hidden")
        assert "Look at the printer's display" in browser.find("main").text
        browser.online(True)
        browser.until("document.getElementById('lost').hidden")
    finally:
        browser.online(True)
        browser.complaints()  # of the requests that found nobody


def test_a_browser_that_is_not_let_in_any_more_goes_to_the_first_page(visit: Visit) -> None:
    desk = at(Step.PRINTER)
    browser = visit(desk, Step.PRINTER)
    desk.stranger = True
    browser.until("document.body.textContent.includes('the local page')")
    assert all("403" in each for each in browser.complaints())


def test_what_to_do_next_stays_when_the_closed_hotspot_was_the_proof(visit: Visit) -> None:
    desk = at(Step.NETWORK)
    desk.join = Errand(Progress.RUNNING)
    browser = visit(desk, Step.NETWORK)
    desk.stranger = True
    browser.until("!document.getElementById('lost').hidden")
    assert browser.find("h1").text == "Joining"
    assert all("403" in each for each in browser.complaints())


def test_the_printers_test_is_begun_once_and_leaves_the_form_alone(visit: Visit) -> None:
    desk = at(Step.PRINTER)
    browser = visit(desk, Step.PRINTER)
    width = browser.find("#f-size_x")
    width.clear()
    width.send_keys("310")
    browser.press("Test")  # the box is not ticked
    browser.find("#f-clear").click()
    browser.press("Test")
    browser.until("document.querySelector('[data-part=test] .busy')")
    assert desk.begun == ["test"]
    desk.test = Errand(Progress.DONE, "It homed, and the nozzle reached 40 °C.")
    browser.until("document.querySelector('[data-part=test] .good')")
    assert width.get_attribute("value") == "310"


def test_the_picture_turns_by_tapping_and_stays_fresh(visit: Visit) -> None:
    browser = visit(at(Step.CAMERA), Step.CAMERA)
    browser.until("document.querySelector('.frame img').naturalWidth === 320")
    first = browser.find(".frame img").get_attribute("src")
    left, right, mirror = browser.all("[data-turn]")
    for tap, transform in ((left, "4"), (mirror, "5"), (right, "1"), (mirror, "3")):
        tap.click()
        assert browser.find("#transform").get_attribute("value") == transform
        assert browser.find(".frame img").get_attribute("class") == f"t{transform}"
    browser.until(f"document.querySelector('.frame img').src !== '{first}'")


def test_a_form_that_is_too_old_is_sent_as_a_page_that_says_so(visit: Visit) -> None:
    browser = visit(at(Step.NETWORK), Step.NETWORK)
    browser.driver.execute_script("document.querySelector('#scan [name=csrf]').value = 'old'")
    browser.press("Search again")
    browser.until("document.body.textContent.includes('token is missing')")
    complaints = browser.complaints()
    assert complaints
    assert all("403" in each or "favicon" in each for each in complaints)


def test_ticks_appear_as_keys_are_pressed(visit: Visit) -> None:
    desk = at(Step.PANEL)
    browser = visit(desk, Step.PANEL)
    assert len(browser.all(".keys .seen")) == 0
    desk.pressed = frozenset({"left"})
    browser.until("document.querySelectorAll('.keys .seen').length === 1")
    assert "Left" in browser.find(".keys .seen").text


def test_the_browsers_back_button(visit: Visit) -> None:
    desk = at(Step.TIME)
    browser = visit(desk, Step.TIME)
    browser.open("/setup/time")
    browser.driver.execute_script("document.querySelector('select').value = 'UTC'")
    browser.press("Continue")
    browser.until_page(Step.PRINTER)
    browser.driver.back()
    browser.until_page(Step.TIME)
    browser.press("Continue")
    browser.until_page(Step.PRINTER)
    assert [step for step, _ in desk.sent] == [Step.TIME, Step.TIME]


def test_it_works_without_javascript(visit: Visit) -> None:
    desk = at(Step.TIME, HOME)
    browser = visit(desk, Step.TIME)
    browser.scripts(False)
    try:
        browser.open("/setup/time")
        browser.find("option[value='Europe/Berlin']").click()
        browser.press("Continue")
        browser.until_true(lambda: browser.find("h1").text == "Printer")
        assert desk.sent == [(Step.TIME, {"time_zone": "Europe/Berlin"})]
    finally:
        browser.scripts(True)
