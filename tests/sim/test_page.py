"""The page, served and, where a Chromium is installed, seen by a real browser."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.panel.keys import Key
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_web import PAGE
from appliance.sim.panel_wire import DoorMoved, Finger

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


class Ids(HTMLParser):
    """Ids, label targets and outside references of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.pointed: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("for", "aria-labelledby") and value:
                self.pointed.append(value)
            if name in ("src", "href") and value:
                self.links.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(name)


def parsed() -> Ids:
    page = Ids()
    page.feed((PAGE / "index.html").read_text())
    return page


def test_the_page_needs_nothing_from_outside_and_nothing_inline() -> None:
    page = parsed()
    assert page.links
    assert all(re.fullmatch(r"/page/[a-z.]+", link) for link in page.links)
    assert page.inline == []
    for path in PAGE.iterdir():
        addresses = re.findall(r"https?://[^\s\"')]+", path.read_text())
        assert [one for one in addresses if "www.w3.org" not in one] == []


def test_ids_are_unique_and_labels_point_at_something() -> None:
    page = parsed()
    assert len(page.ids) == len(set(page.ids))
    assert set(page.pointed) <= set(page.ids)
    for script in PAGE.glob("*.js"):
        assert set(re.findall(r'\$\("([^"]+)"\)', script.read_text())) <= set(page.ids)


def test_no_text_becomes_markup() -> None:
    for script in PAGE.glob("*.js"):
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in script.read_text()


async def test_all_parts_are_served_with_their_types(cloud: LocalCloud) -> None:
    kinds = {
        "/": "text/html",
        "/page/style.css": "text/css",
        "/page/page.js": "javascript",
        "/page/panel.js": "javascript",
        "/page/icon.svg": "image/svg+xml",
    }
    async with aiohttp.ClientSession(cloud.url) as http:
        for path, kind in kinds.items():
            async with http.get(path) as answer:
                assert answer.status == 200
                assert kind in answer.headers["Content-Type"]
        async with http.get("/page/../cloud.py") as answer:
            assert answer.status == 404


class Browser:
    """One page in a headless Chromium, over its DevTools protocol."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        self._wire = wire
        self._number = 0
        self.errors: list[str] = []

    async def call(self, method: str, **parameters: object) -> Any:
        self._number += 1
        number = self._number
        await self._wire.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._wire.receive_json(timeout=30)
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self._note(str(message["params"]))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _note(self, problem: str) -> None:
        if "Multiple readback operations" not in problem:  # of the test itself
            self.errors.append(problem)

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until the expression is true in the page; its own changes are the clock."""
        condition = f"""new Promise((done) => {{
            const look = () => {{
                try {{ return Boolean({expression}); }} catch {{ return false; }}
            }};
            const watch = new MutationObserver(() => look() && (watch.disconnect(), done(true)));
            watch.observe(document, {{subtree: true, childList: true, attributes: true,
                                      characterData: true}});
            if (look()) done(true);
            setTimeout(() => done(false), 20000);
        }})"""
        assert await self.ask(condition), expression


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path}", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr
    draining: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(60):
            while not (
                found := re.search(rb"DevTools listening on ws://([^/]+)/", await line(process))
            ):
                pass
        draining = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://{found[1].decode()}/json") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            async with http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as wire:
                one = Browser(wire)
                await one.call("Runtime.enable")
                await one.call("Log.enable")
                await one.call("Page.enable")
                yield one
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if draining:
            await draining


async def line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stderr
    read = await process.stderr.readline()
    assert read, "Chromium ended before it listened"
    return read


async def test_a_person_prints_and_pauses_and_hostile_names_stay_text(
    cloud: LocalCloud, printer: Any, browser: Browser
) -> None:
    job = cloud.queue(HOSTILE, b"G28\n")
    commands = [{"label": HOSTILE, "command": "LAMP", "confirmText": HOSTILE}]
    await printer.tell("customCommandList", customCommandList=commands)
    await printer.tell("status", status=0, progress=HOSTILE, tool0=21.5)
    await browser.call("Page.navigate", url=cloud.url)
    await browser.until("document.querySelector('#queue .name')")
    assert await browser.ask("document.querySelector('#queue .name').textContent") == HOSTILE
    assert await browser.ask("document.querySelector('#state').textContent") == "Ready"
    assert await browser.ask("document.querySelector('#pause').disabled") is True

    await browser.ask("document.querySelector('#queue .print-job').click()")
    assert (await printer.next("print"))["jobId"] == job
    detail = f"Printing Job: {job} Percent Complete: 50.0%"
    await printer.tell("status", status=3, progressDetail=detail, jobId=job, tool0=200.0)
    await browser.until("document.querySelector('#state').textContent === 'Printing'")
    assert await browser.ask("document.querySelector('#progress').value") == 50
    await browser.ask("document.querySelector('#pause-type').value = 'cold'")
    await browser.ask("document.querySelector('#pause').click()")
    assert (await printer.next("pause"))["type"] == "cold"

    await browser.ask("document.querySelector('#menu-block button').click()")
    await browser.until("document.querySelector('#confirm').open")
    assert await browser.ask("document.querySelector('#confirm-text').textContent") == HOSTILE
    await browser.ask("document.querySelector('#confirm-yes').click()")
    assert (await printer.next("customCommand"))["customCommand"] == "LAMP"

    await printer.tell("job", jobId=job, state="completed", printSeconds=61)
    await browser.until("document.querySelector('#past .name')")
    await browser.ask("document.querySelector('#gcode').value = 'M115'")
    await browser.ask("document.querySelector('#console').requestSubmit()")
    assert (await printer.next("command"))["command"] == "M115"
    await printer.tell("commandResponse", response=HOSTILE)
    await browser.until("document.querySelector('#answers').textContent.includes('onerror')")
    assert await browser.ask("document.title") == "Polar Appliance: local cloud"
    assert (
        await browser.ask("document.querySelectorAll('main script, main img:not(#picture)').length")
        == 0
    )
    assert browser.errors == []


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_is_wider_than_the_screen_and_every_control_has_a_name(
    cloud: LocalCloud, printer: Any, browser: Browser, width: int
) -> None:
    cloud.queue("a-very-long-name-" * 10 + ".gcode", b"G28\n")
    await printer.tell("status", status=3, progress="x" * 300, tool0=200.0, bed=60.0)
    await browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=844,
        deviceScaleFactor=1,
        mobile=width < 600,
    )
    await browser.call("Page.navigate", url=cloud.url)
    await browser.until("document.querySelector('#queue .name')")
    assert await browser.ask("document.documentElement.scrollWidth") <= width
    tree = await browser.call("Accessibility.getFullAXTree")
    roles = {"button", "textbox", "combobox", "spinbutton", "progressbar"}
    controls = [n for n in tree["nodes"] if n.get("role", {}).get("value") in roles]
    assert len(controls) > 8
    for node in controls:
        if not node.get("ignored"):
            assert node["name"]["value"], node


# The front panel


@pytest.fixture
async def panel_page(
    panel: Any, panel_socket: Path, browser: Browser, new_printer: Any
) -> AsyncIterator[Browser]:
    """The page beside a front panel that is there."""
    async with LocalCloud(CloudOptions(panel=panel_socket)) as cloud:
        printer = new_printer(cloud=cloud)
        await printer.connect()
        await printer.register()
        await browser.call("Page.navigate", url=cloud.url)
        await browser.until("document.querySelector('#panel').dataset.there === 'true'")
        yield browser
        await browser.call("Page.navigate", url="about:blank")


async def mouse(browser: Browser, event: str, x: float, y: float) -> None:
    await browser.call(
        "Input.dispatchMouseEvent",
        type=event,
        x=x,
        y=y,
        button="none" if event == "mouseMoved" else "left",
        clickCount=1,
    )


async def middle(browser: Browser, selector: str) -> tuple[float, float]:
    x, y = await browser.ask(f"""(() => {{
        const one = document.querySelector('{selector}');
        one.scrollIntoView();
        const box = one.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }})()""")
    return x, y


async def test_the_very_picture_is_shown_and_told_in_words(
    panel: Any, panel_page: Browser, paint: Any
) -> None:
    panel.show(png=paint("#204060", (40, 20)), width=40, height=20, rows=("Ready   ", HOSTILE))
    await panel_page.until("document.querySelector('#lcd').ariaLabel.startsWith('Ready, <img')")
    await panel_page.until("document.querySelector('#lcd').width === 40")
    pixel = "[...document.querySelector('#lcd').getContext('2d').getImageData(39, 19, 1, 1).data]"
    await panel_page.until(f"`${{{pixel}}}` === '32,64,96,255'")
    scale = await panel_page.ask("document.querySelector('#lcd').clientWidth / 40")
    assert scale == int(scale) >= 2
    assert panel_page.errors == []
    assert await panel_page.ask("document.title") == "Polar Appliance: local cloud"


async def test_without_a_panel_nothing_of_it_is_shown(
    cloud: LocalCloud, printer: Any, browser: Browser
) -> None:
    await browser.call("Page.navigate", url=cloud.url)
    await browser.until("!document.querySelector('#content').hidden")
    assert await browser.ask("document.querySelector('#panel').hidden") is True
    assert browser.errors == []


async def test_the_mouse_holds_a_button_until_it_lifts_or_leaves(
    panel: Any, panel_page: Browser
) -> None:
    x, y = await middle(panel_page, "#panel-keys [value=left]")
    await mouse(panel_page, "mousePressed", x, y)
    await panel_page.until("document.querySelector('[value=left]').dataset.held === 'true'")
    assert panel.seen.keys == (Key.LEFT,)
    await mouse(panel_page, "mouseReleased", x, y)
    await panel.until(lambda: panel.heard[-1] == Finger(Key.LEFT, False))
    await mouse(panel_page, "mousePressed", x, y)
    await mouse(panel_page, "mouseMoved", x, y + 200)
    await panel.until(lambda: len(panel.heard) == 4)
    assert panel.heard == [Finger(Key.LEFT, True), Finger(Key.LEFT, False)] * 2
    await mouse(panel_page, "mouseReleased", x, y + 200)


async def test_a_tab_that_goes_away_lifts_what_it_holds(panel: Any, panel_page: Browser) -> None:
    await mouse(panel_page, "mousePressed", *await middle(panel_page, "#panel-keys [value=ok]"))
    await panel.until(lambda: panel.heard == [Finger(Key.OK, True)])
    await panel_page.call("Page.navigate", url="about:blank")
    await panel.until(lambda: panel.heard[-1] == Finger(Key.OK, False))
    await panel.until(lambda: panel.watchers == 0)


KEYBOARD = [
    ("#bezel", "ArrowUp", Key.UP),
    ("#bezel", "Enter", Key.OK),
    ("#panel-keys [value=down]", "ArrowRight", Key.RIGHT),
    ("#panel-keys [value=down]", "Enter", Key.DOWN),
    ("#panel-keys [value=left]", " ", Key.LEFT),
]


async def test_the_keyboard_presses_the_buttons(panel: Any, panel_page: Browser) -> None:
    for focused, pressed, key in KEYBOARD:
        panel.heard.clear()
        await panel_page.ask(f"document.querySelector('{focused}').focus()")
        for event in ("rawKeyDown", "keyUp"):
            await panel_page.call("Input.dispatchKeyEvent", type=event, key=pressed, code=pressed)
        await panel.until(lambda: len(panel.heard) == 2)
        assert panel.heard == [Finger(key, True), Finger(key, False)]


async def test_a_click_of_assistive_software_is_a_press_and_the_switch_moves_the_door(
    panel: Any, panel_page: Browser
) -> None:
    assert await panel_page.ask("document.querySelector('#door-block').hidden") is True
    await panel_page.ask("document.querySelector('#panel-keys [value=up]').click()")
    await panel.until(lambda: panel.heard == [Finger(Key.UP, True), Finger(Key.UP, False)])
    panel.show(door_open=False)
    await panel_page.until("!document.querySelector('#door-block').hidden")
    await panel_page.ask("document.querySelector('#door').click()")
    await panel.until(lambda: panel.heard[-1] == DoorMoved(True))
    panel.show(door_open=False)  # somebody else closed it
    await panel_page.until("!document.querySelector('#door').checked")


async def test_a_panel_that_is_off_is_said_and_comes_back(panel: Any, panel_page: Browser) -> None:
    await panel.stop()
    await panel_page.until("!document.querySelector('#panel-away').hidden")
    await panel.start()
    await panel_page.until("document.querySelector('#panel-away').hidden")
