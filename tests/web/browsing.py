"""Debian's Chromium in front of the wizard, which runs on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from aiohttp import web
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from appliance.setup.api import Step
from tests.web.desk import FakeDesk, wizard_app

AXE = Path(__file__).parent.parent / "peers/node_modules/axe-core/axe.min.js"
OLD_PHONE, PHONE, DESKTOP = (320, 568), (390, 844), (1280, 800)  # pixels
SHOWS = (
    "return document.readyState === 'complete' && document.body.innerText.includes(arguments[0])"
)
PATIENCE = 15.0  # seconds on a loaded machine

_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--disable-dev-shm-usage"),
)


def is_there() -> bool:
    """Chromium, its driver and axe-core are installed (``./scripts/test`` does that)."""
    return bool(which("chromium") and which("chromedriver")) and AXE.is_file()


class Browser:
    """A window of Chromium: its size, its colours, and what one does with it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.base = ""
        self._axe = AXE.read_text()
        self._size = DESKTOP

    def look(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """Be a phone or a desktop, in light or dark."""
        self._size = size
        self._be(*size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", {"features": [scheme]})

    def scripts(self, allowed: bool) -> None:
        """Whether pages may use JavaScript."""
        self._tell("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    def online(self, there: bool) -> None:
        """The phone has the device's Wi-Fi, or lost it."""
        self._tell("Network.enable", {})
        limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._tell("Network.emulateNetworkConditions", limits | {"offline": not there})

    def zone(self, name: str) -> None:
        """Where the browser is."""
        self._tell("Emulation.setTimezoneOverride", {"timezoneId": name})

    def _tell(self, command: str, what: Mapping[str, object]) -> None:
        self.driver.execute_cdp_cmd(command, dict(what))

    def open(self, path: str) -> None:
        """Go to an address of the wizard."""
        self.driver.get(self.base + path)

    def find(self, selector: str) -> WebElement:
        """The first element; fails where there is none."""
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[WebElement]:
        """All elements."""
        return self.driver.find_elements("css selector", selector)

    def press(self, text: str) -> None:
        """Press the button with this text."""
        self.driver.find_element("xpath", f"//button[contains(., '{text}')]").click()

    def until(self, script: str) -> None:
        """Wait until a JavaScript expression is true."""
        WebDriverWait(self.driver, PATIENCE, 0.05).until(
            lambda driver: driver.execute_script(f"return !!({script})"), script
        )

    def until_script(self, script: str, *what: object) -> None:
        """Wait until a whole script with these arguments returns true."""
        self.until_true(lambda: bool(self.driver.execute_script(script, *what)))

    def until_text(self, words: str) -> None:
        """Wait until the page shows ``words``."""
        self.until_script(SHOWS, words)

    def open_until(self, path: str, words: str) -> None:
        """Open an address again and again until it shows ``words``; nobody may be there yet."""

        def seen() -> bool:
            try:
                self.open(path)
            except WebDriverException as error:
                if "ERR_" not in str(error):
                    raise
                return False
            return bool(self.driver.execute_script(SHOWS, words))

        self.until_true(seen)

    def forget(self) -> None:
        """Be another browser: without cookies, and nowhere."""
        self.driver.delete_all_cookies()
        self.driver.get("about:blank")

    def until_true(self, seen: Callable[[], bool]) -> None:
        """Wait until something is so; a page may go while it is looked at."""
        WebDriverWait(
            self.driver, PATIENCE, 0.05, (NoSuchElementException, StaleElementReferenceException)
        ).until(lambda _driver: seen())

    def until_page(self, step: Step) -> None:
        """Wait until this step's page is there."""
        self.until(
            f"document.readyState === 'complete' && "
            f"document.querySelector('.wizard')?.dataset.step === '{step}'"
        )

    def violations(self) -> list[str]:
        """What axe-core has to say against this page."""
        if not self.driver.execute_script("return !!window.axe"):
            self.driver.execute_script(self._axe)
        found = self.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run({resultTypes: ['violations']}).then((r) => done(r.violations),"
            " (e) => done([{id: String(e), nodes: []}]));"
        )
        return [
            f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']])}"
            for each in found
        ]

    def complaints(self) -> list[str]:
        """What the browser's console says: errors of scripts and of the content policy."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        path.write_bytes(self.shot())

    def shot(self, scale: float = 1.0) -> bytes:
        """The whole page as a PNG; the window is as it was afterwards."""
        height, width = self.driver.execute_script(
            "return [document.documentElement.scrollHeight, window.innerWidth]"
        )
        self._be(width, height, scale)
        try:
            png: bytes = self.driver.get_screenshot_as_png()
        finally:
            self._be(*self._size)
        return png

    def _be(self, width: int, height: int, scale: float = 1.0) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale}
        self._tell("Emulation.setDeviceMetricsOverride", metrics | {"mobile": width < 600})


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """One browser. The driver's path is given, so that nothing is downloaded."""
    options = ChromeOptions()
    options.binary_location = which("chromium") or ""
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.add_experimental_option("prefs", {"intl.accept_languages": "de-DE,de"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(which("chromedriver") or ""))
    try:
        driver.set_script_timeout(PATIENCE)
        yield Browser(driver)
    finally:
        driver.quit()


class Stand:
    """The wizard's server on a thread; each test gives it a desk of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wizard")
        self._thread.start()
        self._runner: web.AppRunner | None = None

    def serve(self, desk: FakeDesk) -> str:
        """Serve ``desk``; the address."""
        return asyncio.run_coroutine_threadsafe(self._serve(desk), self._loop).result(PATIENCE)

    async def _serve(self, desk: FakeDesk) -> str:
        await self._stop()
        self._runner = web.AppRunner(wizard_app(desk), shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def close(self) -> None:
        """End the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
