"""From a flashed card to the first print: a real browser, both daemons, and a local Polar Cloud.

``UPDATE_DOCS=1`` takes the pictures of docs/setup.md anew on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from unittest.mock import Mock, patch

import aiohttp
import pytest

from appliance.agent import client
from appliance.config import load
from appliance.host.network import mac_address
from appliance.panel.keys import Key
from appliance.polar.keys import PrinterKey
from appliance.setup.api import Step
from appliance.sim.cloud import DEFAULT_EMAIL, DEFAULT_PIN, LocalCloud
from appliance.sim.cloud_records import RegisterReason
from appliance.sim.network import PASSWORD
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_walk import PanelWalk
from appliance.web.local import LocalPage
from appliance.web.need import Need
from appliance.web.octoprint import OctoPrint
from appliance.web.routes import Route
from appliance.web.wizard import Wizard
from tests.web import slicers
from tests.web.browsing import DESKTOP, PHONE, Browser, chromium, is_there
from tests.web.shots import take

pytestmark = pytest.mark.skipif(not is_there(), reason="Chromium or axe-core is not installed.")

PATIENCE = 30.0  # seconds of a loaded machine
WIFI = b"Workshop".hex()
OTHER_EMAIL = "other@example.com"
LOCAL_PRINT, LOCAL_JOB = 11, "123"  # protocol sections 3.12 and 3.10
DARK = ("welcome-phone", "printing-phone")  # pictures that there are in dark, too
WIDE = ("printer", "local")  # those of a desktop
PICTURES = bool(os.environ.get("UPDATE_DOCS"))

Whole = Any  # the fixture's class; conftest modules cannot be imported
Square = Callable[[int], bytes]
T = TypeVar("T")


# --- why a registration fails ---------------------------------------------------------------------


@contextlib.contextmanager
def _anyhow(_cloud: LocalCloud) -> Iterator[None]:
    yield


def _says(reason: RegisterReason) -> Callable[[LocalCloud], contextlib.AbstractContextManager[Any]]:
    return lambda cloud: patch.object(cloud.state, "register", return_value=(reason, None))


@contextlib.contextmanager
def _broken(cloud: LocalCloud) -> Iterator[None]:
    cloud.faults.broken.add("register")
    yield
    cloud.faults.broken.clear()


@contextlib.contextmanager
def _cut(cloud: LocalCloud) -> Iterator[None]:
    cloud.faults.close_on.add("register")
    yield
    cloud.faults.close_on.clear()


@contextlib.contextmanager
def _taken(cloud: LocalCloud) -> Iterator[None]:
    """Another account has a printer with this device's MAC address."""
    key = PrinterKey.generate().public_pem()
    account = cloud.state.accounts[OTHER_EMAIL]
    mac = mac_address()
    assert mac
    _, serial = cloud.state.register(
        mfg="test", email=OTHER_EMAIL, pin=account.pin, public_key=key, mac=mac
    )
    assert serial is not None
    yield
    cloud.state.delete(serial)


@dataclass(frozen=True)
class Refusal:
    """What is wrong, and where the page says so; ``field`` "" is above the form."""

    field: str
    words: str
    email: str = DEFAULT_EMAIL
    pin: str = DEFAULT_PIN
    cloud: Callable[[LocalCloud], contextlib.AbstractContextManager[Any]] = _anyhow


REFUSALS = (
    Refusal("email", "This is no e-mail address", email="nobody"),
    Refusal("pin", "A PIN has digits alone", pin="abcd"),
    Refusal("pin", "does not know this e-mail address with this PIN", pin="4321"),
    Refusal("pin", "does not know this e-mail address", email="stranger@example.com"),
    Refusal("email", "already registered to another Polar Cloud account", cloud=_taken),
    Refusal("", "had a problem of its own", cloud=_broken),
    Refusal("", "was not told the kind of printer", cloud=_says(RegisterReason.MFG_MISSING)),
    Refusal("", "does not know this kind of printer", cloud=_says(RegisterReason.MFG_UNKNOWN)),
    Refusal(
        "", "did not accept this printer's public key", cloud=_says(RegisterReason.INVALID_KEY)
    ),
    Refusal("", "The connection was lost before the Polar Cloud answered", cloud=_cut),
)
"""Every reason of section 2.13, and what the device itself finds wrong."""

SHOWN_AT = """
const [field, words] = arguments;
if (window.left) return false;  // the page before it
const where = field ? `#e-${field}` : '.wizard > [role=alert]';
return document.readyState === 'complete' && document.querySelector('#f-email') !== null
  && !!document.querySelector(where)?.textContent.includes(words);
"""
INVALID = "return [...document.querySelectorAll('[aria-invalid=true]')].map((e) => e.name)"


# --- a person -------------------------------------------------------------------------------------


class Owner:
    """Sets the device up: with a browser, and with the keys of its panel."""

    def __init__(self, world: Whole, browser: Browser, panel: PanelWatcher, device: str) -> None:
        self.world = world
        self.browser = browser
        self.panel = panel
        self.walk = PanelWalk(panel, print)
        self.settings = load(world.config).settings
        self.device = device

    async def does(self, act: Callable[..., T], *what: Any) -> T:
        """In a thread: cloud and printer are on this loop."""
        return await asyncio.to_thread(act, *what)

    async def shot(self, name: str) -> None:
        """A picture for the documentation, where they are asked for."""
        if PICTURES and (self.device == "phone" or name in WIDE):
            await self.does(take, self.browser, f"{name}-{self.device}")
            if f"{name}-{self.device}" in DARK:
                await self.does(partial(self.browser.look, PHONE, dark=True))
                await self.does(take, self.browser, f"{name}-{self.device}-dark")
                await self.does(self.browser.look, PHONE)

    async def press(self, label: str) -> None:
        await self.does(self.browser.press, label)

    async def page(self, step: Step) -> None:
        await self.does(self.browser.until_page, step)

    async def reads(self, words: str) -> None:
        await self.does(self.browser.until_text, words)

    async def comes_back(self, path: str, words: str) -> None:
        """Open ``path`` until it shows ``words``; the device may be away for a moment."""
        await self.does(self.browser.open_until, path, words)

    async def life(self) -> None:
        """The agent serves its page."""
        async with asyncio.timeout(PATIENCE):
            while not await self._serves():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _serves(self) -> bool:
        view, _ = await client.look(self.settings)
        return view is not None and bool(view.page_port)

    # Step by step

    async def invited(self) -> None:
        """The panel says which Wi-Fi a phone shall join."""
        await self.walk.read("Join Wi-Fi", PATIENCE)

    async def welcome(self) -> None:
        await self.invited()
        await self.comes_back("/setup", "Welcome")
        await self.shot("welcome")
        await self.press("Start")
        await self.page(Step.NETWORK)

    async def network(self, password: str) -> None:
        def join() -> None:
            assert self.browser.find("#f-country").get_attribute("value") == "DE"
            self.browser.find(f"label[for=n-{WIFI}]").click()
            self.browser.find("#f-password").send_keys(password)
            self.browser.press("Join")
            self.browser.until("document.querySelector('.wizard')?.dataset.waits")

        await self.does(join)

    async def wrong_network(self) -> None:
        await self.network("not the password")
        await self.walk.read("Wi-Fi problem", PATIENCE)
        await self.reads("The password is not the one of")
        assert await self.does(self.browser.driver.execute_script, INVALID) == ["password"]

    async def joined(self) -> None:
        """The phone has another network now: the code that both show, and OK."""
        await self.walk.read("Wi-Fi joined", PATIENCE)
        await self.comes_back("/setup", "The same number stands")
        await self.shot("code")
        code = await self.does(lambda: self.browser.find(".enter").get_attribute("data-code"))
        await self.walk.confirm(" ".join(code or ""))
        await self.page(Step.TIME)

    async def time(self) -> None:
        def look() -> str | None:
            return self.browser.find("#f-time_zone").get_attribute("value")

        assert await self.does(look) == "Europe/Berlin"
        await self.shot("time")
        await self.press("Continue")
        await self.page(Step.PRINTER)

    async def printer(self, width: str) -> None:
        await self.reads("The printer answers.")
        await self.does(lambda: self.browser.find("#f-clear").click())
        await self.press("Test")
        await self.reads("The printer was homed, and its nozzle went from")
        await self.shot("printer")

        def size() -> None:
            field = self.browser.find("#f-size_x")
            field.clear()
            field.send_keys(width)

        await self.does(size)
        await self.press("Continue")
        await self.page(Step.CAMERA)

    async def camera(self) -> None:
        seen = "document.querySelector('.frame img').naturalWidth"
        await self.does(self.browser.until, seen)
        await self.shot("camera")

        def mirror() -> None:
            self.browser.all("[data-turn]")[2].click()

        for _ in range(2):  # and back
            await self.does(mirror)
        await self.press("Continue")
        await self.page(Step.PANEL)

    async def keys(self) -> None:
        for key in (Key.UP, Key.DOWN, Key.LEFT, Key.RIGHT):
            await self.panel.press(key)
        await self.does(self.browser.until, "document.querySelectorAll('.keys .seen').length === 4")
        await self.shot("panel")
        await self.panel.press(Key.OK)
        await self.reads("All keys work.")
        await self.press("Continue")
        await self.page(Step.CLOUD)

    async def account(self, email: str, pin: str) -> None:
        def fill() -> None:
            self.browser.find("#f-email").clear()
            self.browser.find("#f-email").send_keys(email)
            self.browser.find("#f-pin").send_keys(pin)
            self.browser.driver.execute_script("window.left = true")
            self.browser.press("Register")

        await self.does(fill)

    async def refused(self, refusal: Refusal) -> None:
        with refusal.cloud(self.world.cloud):
            await self.account(refusal.email, refusal.pin)
            await self.does(self.browser.until_script, SHOWN_AT, refusal.field, refusal.words)
        wrong = await self.does(self.browser.driver.execute_script, INVALID)
        assert wrong == ([refusal.field] if refusal.field else []), refusal

    async def registered(self) -> str:
        await self.account(DEFAULT_EMAIL, DEFAULT_PIN)
        await self.page(Step.DONE)
        number: str = self.world.cloud.printer.serial_number
        await self.reads(number)
        await self.shot("done")
        return number

    async def killed(self, step: Step) -> None:
        """The power goes, and the setup goes on where it was."""
        await self.does(self.browser.driver.get, "about:blank")  # else it would ask at once
        await self.world.agent.kill()
        await self.life()
        if step in (Step.WELCOME, Step.NETWORK):
            await self.invited()
        await self.comes_back("/setup", TITLES[step])
        await self.page(step)


TITLES = {
    Step.WELCOME: "Welcome",
    Step.NETWORK: "Choose the Wi-Fi",
    Step.TIME: "Time zone",
    Step.PRINTER: "The head and the bed will move",
    Step.CAMERA: "Tap until",
    Step.PANEL: "Press each key once",
    Step.CLOUD: "PIN of your account",
    Step.DONE: "Ready to print",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as one:
        one.zone("Europe/Berlin")
        yield one


@pytest.fixture
async def owner(
    flashed: Whole, browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[Owner]:
    device, size = request.param
    browser.base = flashed.page
    async with PanelWatcher(flashed.folder / "run/panel.sock") as panel:
        one = Owner(flashed, browser, panel, device)
        await asyncio.to_thread(browser.look, size)
        await one.life()
        yield one
    await asyncio.to_thread(browser.forget)


# --- the ways -------------------------------------------------------------------------------------


async def door_is_read(world: Whole) -> None:
    """The agent has begun anew at the end of the setup: no print before it knows the door."""
    async with asyncio.timeout(30):
        while (await world.view()).door is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("owner", [("phone", PHONE)], indirect=True, ids=["phone"])
async def test_from_the_hotspot_to_the_first_print(owner: Owner, square: Square) -> None:
    """At phone size, with everything going wrong once that a person or the cloud can do."""
    await owner.welcome()
    await owner.shot("network")
    await owner.wrong_network()
    await owner.network(PASSWORD)
    await owner.shot("joining")
    await owner.joined()
    await owner.time()
    await owner.printer("200")
    await owner.camera()
    await owner.keys()
    for refusal in REFUSALS:
        await owner.refused(refusal)
        if refusal is REFUSALS[2]:
            await owner.shot("cloud")
    number = await owner.registered()
    life = owner.world.agent.process
    await owner.press("Finish")
    await asyncio.wait_for(life.wait(), PATIENCE)  # it begins anew, for the build volume
    await owner.life()
    await owner.comes_back("/", number)
    await owner.shot("local")
    await _print_from_a_slicer(owner, square)
    await _stranger(owner)
    logs = owner.world.logs()
    assert "Traceback" not in logs
    assert not any(secret in logs for secret in (PASSWORD, f'"{DEFAULT_PIN}"', "not the password"))


@pytest.mark.parametrize("owner", [("desktop", DESKTOP)], indirect=True, ids=["desktop"])
async def test_the_agent_is_killed_at_each_step_and_goes_on(owner: Owner) -> None:
    """At desktop size, with the power cut at each step."""
    await owner.killed(Step.WELCOME)
    await owner.welcome()
    await owner.killed(Step.NETWORK)
    await owner.shot("network")
    await owner.network(PASSWORD)
    await owner.joined()
    for step, act in (
        (Step.TIME, owner.time),
        (Step.PRINTER, lambda: owner.printer("220")),
        (Step.CAMERA, owner.camera),
        (Step.PANEL, owner.keys),
    ):
        await owner.killed(step)
        await act()
    await owner.killed(Step.CLOUD)
    number = await owner.registered()
    await owner.killed(Step.DONE)
    await owner.press("Finish")
    await owner.reads(number)
    await owner.world.wait(lambda state: owner.world.code(state) == 0)
    await owner.shot("local")
    assert len(owner.world.cloud.state.printers) == 1


async def _print_from_a_slicer(owner: Owner, square: Square) -> None:
    """The key from the settings, and PrusaSlicer's own request."""
    world = owner.world
    await world.wait(lambda state: world.code(state) == 0)
    await owner.does(owner.browser.open, "/settings")
    key = await owner.does(lambda: owner.browser.find("#api-key").get_attribute("value"))
    await owner.shot("settings")
    assert key
    await door_is_read(world)
    port = int(world.page.rpartition(":")[2])
    request = slicers.prusa(port, key, square(3000), printing=True, name="Tower.gcode")
    status, _, body = await slicers.send(port, request)
    assert status == 201, body
    await world.wait(lambda state: world.code(state) == LOCAL_PRINT)
    assert world.fields()["jobId"] == LOCAL_JOB
    await owner.does(owner.browser.open, "/")
    await owner.reads("Tower.gcode")
    await owner.does(owner.browser.until, "document.getElementById('live').naturalWidth")
    if PICTURES:  # of a print that is under way
        await owner.does(owner.browser.until, "document.querySelector('progress')?.value > 30")
        await owner.shot("printing")


def _routes() -> list[Route]:
    """All that the product adds to the code page."""
    wizard, octoprint = Wizard(Mock(), Mock(), Mock()), OctoPrint(Mock(), Mock(), Mock())
    local = LocalPage(*[Mock()] * 6)
    return [*wizard.routes(), *local.routes(), *octoprint.routes()]


async def _stranger(owner: Owner) -> None:
    """Another browser, without a confirmed code."""
    routes = _routes()
    assert len(routes) > 30
    assert all(route.needs is not Need.OPEN for route in routes)
    async with aiohttp.ClientSession(owner.world.page, headers={"Accept": "text/html"}) as http:
        for route in routes:
            path = route.path.replace("{name}", "a").replace("{act}", "cancel")
            path = path.replace("{key}", "a")
            path = f"/setup/{Step.CLOUD}" if "{step" in path else path
            async with http.request(route.method, path, allow_redirects=False) as answer:
                text = await answer.text()
            assert answer.status in (401, 403) or (
                answer.headers.get("Location", "").startswith("/enter")
            ), (route.method, path, answer.status)
            assert "csrf" not in text, path
            assert owner.world.cloud.printer.serial_number not in text, path
    await owner.does(owner.browser.forget)
    await owner.does(owner.browser.open, "/")
    await owner.reads("The same number stands")
    assert await owner.does(lambda: owner.browser.all("nav a, form")) == []
