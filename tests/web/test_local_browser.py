"""The local page in a real Chromium: kept right while it is open, and used by a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.errors import JobRefused
from appliance.printer import api
from tests.web.browsing import DESKTOP, OLD_PHONE, PHONE, Browser, chromium, is_there
from tests.web.local_world import GCODE, World, served

PATIENCE = 30.0  # seconds
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
pytestmark = pytest.mark.skipif(not is_there(), reason="Chromium or axe-core is not installed.")


class Person:
    """Drives the browser from another thread, so that the server goes on."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    async def open(self, path: str) -> None:
        await asyncio.to_thread(self.browser.open, path)

    async def sees(self, text: str) -> None:
        def there() -> bool:
            shown: object = self.browser.driver.execute_script(
                "return document.readyState === 'complete' && document.body.innerText"
            )
            return isinstance(shown, str) and text in shown

        await asyncio.to_thread(self.browser.until_true, there)

    async def press(self, label: str) -> None:
        path = f"//*[self::button or self::a][normalize-space()='{label}' and not(@hidden)]"
        await asyncio.to_thread(lambda: self.browser.driver.find_element("xpath", path).click())

    async def arrives(self, path: str) -> None:
        """Wait for a page by its address, which needs no script."""
        driver = self.browser.driver
        await asyncio.to_thread(
            self.browser.until_true, lambda: driver.current_url.partition("?")[0].endswith(path)
        )

    async def choose(self, file: Path) -> None:
        await asyncio.to_thread(lambda: self.browser.find("#file").send_keys(str(file)))

    async def asked(self, script: str) -> object:
        return await asyncio.to_thread(self.browser.driver.execute_script, script)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        one.live._interval = 0.3
        yield one


@pytest.fixture
async def person(world: World, browser: Browser) -> AsyncIterator[Person]:
    browser.base = world.url
    browser.look(DESKTOP)
    one = Person(browser)
    await one.open("/static/icon.svg")
    cookie = {"name": "session", "value": world.let_in(), "path": "/"}
    await asyncio.to_thread(browser.driver.add_cookie, cookie)
    browser.complaints()  # those of the page before
    yield one
    await asyncio.to_thread(browser.driver.get, "about:blank")


async def test_a_print_from_its_file_to_its_end(
    world: World, person: Person, tmp_path: Path
) -> None:
    await person.open("/")
    await person.sees("Ready to print")
    file = tmp_path / "Vase.gcode"
    file.write_bytes(GCODE)
    await person.choose(file)
    await person.press("Send and print")
    await person.sees("Vase.gcode is being printed.")
    assert [job.name for job in world.deeds.started] == ["Vase.gcode"]
    await person.press("Pause, nozzle off")
    await person.sees("Paused")
    assert world.deeds.asked[-1] == "pause cold"
    await person.press("Resume")
    await person.sees("Pause, nozzle off")
    await person.press("Cancel the print")
    await person.sees("Cancel this print?")
    assert world.deeds.asked[-1] == "resume"
    await person.press("Cancel the print")
    await person.sees("Ready to print")
    assert world.deeds.asked[-1] == "cancel"
    assert person.browser.complaints() == []


async def test_the_page_follows_without_being_loaded_again(world: World, person: Person) -> None:
    await person.open("/")
    await person.asked("window.mark = 1")
    world.deeds.printing(name=HOSTILE)
    await person.sees("42 %")
    await person.sees(HOSTILE)
    await person.asked("document.querySelector('button[value=filament]').focus()")
    world.deeds.notice = "Something to know."
    await person.sees("Something to know.")
    assert await person.asked("return document.activeElement.textContent") == "Change filament"
    assert world.deeds.snapshot is not None
    world.deeds.snapshot = msgspec.structs.replace(world.deeds.snapshot, job=None)
    world.deeds.plate_full = True
    await person.sees("Clear the build plate")
    assert await person.asked("return window.mark") == 1
    await person.press("Build plate is clear")
    await person.sees("Ready to print")
    assert await person.asked("return document.title") == "Printer – Polar Appliance"


async def test_the_live_picture_is_shown(world: World, person: Person) -> None:
    await person.open("/")

    shown = "document.getElementById('live').naturalWidth"
    await asyncio.to_thread(person.browser.until, shown)
    assert world.live.viewers == 1
    await person.open("/settings")
    async with asyncio.timeout(PATIENCE):
        while world.live.viewers:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_refused_file_is_told_where_it_was_chosen(
    world: World, person: Person, tmp_path: Path
) -> None:
    await person.open("/")
    file = tmp_path / "cube.gcode"
    file.write_bytes(b"solid cube\nfacet normal 0 0 1\n")
    await person.choose(file)
    await person.press("Send and print")
    await person.sees("is a model (STL)")
    assert world.left() == []
    file.write_bytes(GCODE)
    world.deeds.refusal = JobRefused("The build plate is not clear.")
    await person.choose(file)
    await person.press("Send and print")
    await person.sees("The build plate is not clear.")
    assert world.left() == ["cube.gcode"]


async def test_the_key_is_copied_and_made_anew(world: World, person: Person) -> None:
    await person.open("/settings")
    old = world.access.api_key
    await person.press("Copy the key")
    await person.sees("Copied.")
    await person.press("Make a new key")
    await person.press("Make a new key")
    await person.sees("There is a new API key.")
    shown = await person.asked("return document.getElementById('api-key').value")
    assert shown == world.access.api_key != old


@pytest.mark.parametrize("size", [OLD_PHONE, PHONE, DESKTOP])
async def test_nothing_is_wider_than_the_screen(
    world: World, person: Person, size: tuple[int, int]
) -> None:
    world.deeds.printing(api.JobState.PAUSED, "x" * 120 + ".gcode")
    world.folder.mkdir(parents=True)
    (world.folder / ("y" * 150 + ".gcode")).write_bytes(GCODE)
    person.browser.look(size)
    for path in ("/", "/settings", "/confirm/cancel"):
        await person.open(path)
        wide = await person.asked("return document.documentElement.scrollWidth - innerWidth")
        assert wide == 0, path


def _nothing(world: World) -> None:
    assert world.deeds.snapshot is not None


def _everything(world: World) -> None:
    world.deeds.printing(api.JobState.PAUSED)
    world.deeds.plate_full = True
    world.deeds.notice = "Something to know."
    world.folder.mkdir(parents=True, exist_ok=True)
    (world.folder / "a.gcode").write_bytes(GCODE)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("state", [_nothing, _everything])
async def test_labels_contrast_and_structure_are_right(
    world: World, person: Person, state: Callable[[World], None], dark: bool
) -> None:
    state(world)
    person.browser.look(PHONE, dark=dark)
    for path in ("/", "/settings", "/confirm/cancel"):
        await person.open(path)
        found = await asyncio.to_thread(person.browser.violations)
        assert found == [], path


async def test_it_works_without_javascript(world: World, person: Person) -> None:
    person.browser.scripts(False)
    try:
        world.deeds.printing()
        await person.open("/")
        await person.press("Pause")
        assert world.deeds.asked == ["pause pause"]
        await person.press("Resume")
        await person.press("Cancel the print")
        await person.arrives("/confirm/cancel")
        await person.press("Cancel the print")
        await person.arrives("/")
        assert world.deeds.asked[1:] == ["resume", "cancel"]
    finally:
        person.browser.scripts(True)
