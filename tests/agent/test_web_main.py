"""Network, setup and pages in the whole agent: from a flashed card to a printer in the cloud."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from appliance import store
from appliance.agent import client, setup_answers, web_main
from appliance.agent.main import run
from appliance.config import CameraSettings, CameraSource, CloudSettings, PathSettings, Settings
from appliance.errors import ApplianceError, StorageError
from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.settings_web import SetupSettings, WebSettings, WifiSettings
from appliance.setup import display_copy
from appliance.sim import network_memory
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account
from appliance.sim.network import PASSWORD
from appliance.sim.network_memory import FILE, Remembered, plug_in
from appliance.store import Record
from appliance.web.passwords import hash_password

EMAIL, PIN = "owner@example.com", "90817263"
PATIENCE = 30.0  # seconds of a loaded machine


@pytest.fixture
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(accounts=(Account(EMAIL, PIN),))) as one:
        yield one


@pytest.fixture
def settings(tmp_path: Path, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(network_memory, "SCAN_TIME", 0.01)
    monkeypatch.setattr(network_memory, "JOIN_TIME", 0.1)
    monkeypatch.setattr(setup_answers, "ANSWER_TIME", 0.05)
    monkeypatch.setattr(web_main, "BOOT_FILE", tmp_path / "boot" / "polar-appliance.toml")
    return Settings(
        cloud=CloudSettings(url=cloud.url, mfg="test", status_interval=0.2),
        camera=CameraSettings(source=CameraSource.SYNTHETIC),
        paths=PathSettings(state=str(tmp_path / "state"), run=str(tmp_path / "run")),
        panel=PanelSettings(simulated=str(tmp_path / "run" / "panel.sock")),
        web=WebSettings(port=0),
        setup=SetupSettings(simulated_network=True),
    )


class Browser:
    """What a phone does, as far as forms go."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self._http = http
        self._base = f"http://127.0.0.1:{port}"
        self.text = ""
        self.path = ""

    async def open(self, path: str, data: dict[str, str] | None = None) -> str:
        method = "POST" if data is not None else "GET"
        async with self._http.request(method, self._base + path, data=data) as answer:
            self.text, self.path = await answer.text(), answer.url.path
        return self.text

    async def send(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrf" value="([^"]*)"', self.text)
        assert token is not None, self.text
        return await self.open(path, {"csrf": token[1], **fields})

    async def until(self, path: str, pattern: str) -> re.Match[str]:
        """Look at ``path`` as an open page does, until it shows ``pattern``."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if found := re.search(pattern, await self.open(path)):
                    return found
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def agent(settings: Settings) -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """A life of the agent, and the port of its pages."""
    life = asyncio.create_task(run(settings))
    try:
        async with asyncio.timeout(PATIENCE):
            while not (view := (await client.look(settings))[0]):
                if life.done():
                    life.result()
                await asyncio.sleep(0.02)
        yield life, view.page_port
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


@contextlib.asynccontextmanager
async def browser(port: int) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)
    headers = {"Accept": "text/html"}
    async with aiohttp.ClientSession(cookie_jar=jar, headers=headers) as http:
        yield Browser(http, port)


async def hello(cloud: LocalCloud) -> dict[str, Any]:
    def introduced(state: Any) -> dict[str, Any] | None:
        lives = (one.hello for one in state.lives.values())
        return next((dict(one) for one in lives if one), None)

    found = await cloud.wait_for(introduced, PATIENCE)
    assert found is not None
    return found


async def test_with_a_phone_from_the_hotspot_to_the_cloud(
    settings: Settings, cloud: LocalCloud
) -> None:
    async with agent(settings) as (life, port), browser(port) as phone:
        await phone.until("/", "Welcome")  # as soon as the hotspot is open: no code is asked
        await phone.send("/setup/welcome")
        await phone.send(
            "/setup/network", country="DE", ssid=b"Workshop".hex(), password="wrong password"
        )
        await phone.until("/setup/network", "The password is not the one of")
        await phone.send("/setup/network", country="DE", ssid=b"Workshop".hex(), password=PASSWORD)
        # Now over the Wi-Fi, where everybody is a stranger.
        code = await phone.until("/enter?to=/setup", r'data-code="(\d{4})"')
        with pytest.raises(ApplianceError, match="No browser shows this code"):
            await client.allow(settings, "none")
        await client.allow(settings, code[1])
        await phone.open("/enter?to=/setup")
        await phone.until("/setup", "Time zone")
        await phone.send("/setup/time", time_zone="Europe/Berlin")
        sizes = {"size_x": "200", "size_y": "200", "size_z": "180"}
        await phone.send("/setup/printer", port="auto", baud="auto", printer_make="", **sizes)
        await phone.send("/setup/camera", transform="0")
        await phone.send("/setup/panel", display="none")
        assert phone.path == "/setup/cloud"
        await phone.send("/setup/cloud", email=EMAIL, pin="1111")
        await phone.until("/setup/cloud", "does not know this e-mail address")
        await phone.send("/setup/cloud", email=EMAIL, pin=PIN)
        await phone.until("/setup", "Ready to print")
        assert cloud.printer.serial_number in phone.text
        said = await hello(cloud)
        assert re.fullmatch(rf"http://[^/]+:{port}/live\.mjpeg\?key=[0-9a-f]{{32}}", said["camUrl"])
        await phone.send("/setup/done")
        assert phone.path == "/"
        await asyncio.wait_for(life, PATIENCE)  # it begins anew, for the build volume
    async with agent(settings) as (_, port), browser(port) as stranger:
        await stranger.open("/")
        assert "Allow this browser" in stranger.text, "the Wi-Fi is still joined"


async def test_without_a_phone_by_the_boot_file(
    settings: Settings, cloud: LocalCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    boot = tmp_path / "boot" / "polar-appliance.toml"
    boot.parent.mkdir()
    boot.write_text(
        f'[wifi]\nssid = "Workshop"\npassword = "{PASSWORD}"\ncountry = "DE"\n'
        f'[cloud]\nemail = "{EMAIL}"\npin = "{PIN}"\n'
    )
    async with agent(settings) as (_, _port):
        await cloud.wait_for(lambda state: bool(state.printers), PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while True:
                if not any(secret in boot.read_text() for secret in (PIN, PASSWORD)):
                    break
                await asyncio.sleep(0.02)
    joined = Record(settings.run_folder / FILE, Remembered).load()
    assert joined is not None
    assert joined.ssid == b"Workshop"
    assert EMAIL in boot.read_text()
    assert "opening the hotspot" not in caplog.text
    assert PIN not in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_wrong_boot_file_is_said_beside_it_and_on_the_panel(
    settings: Settings, tmp_path: Path
) -> None:
    boot = tmp_path / "boot" / "polar-appliance.toml"
    boot.parent.mkdir()
    boot.write_text('[wifi]\nssid = "Workshop"\npassword = "short"\ncountry = "DE"\n')
    async with agent(settings) as (_, port), browser(port) as phone:
        await phone.until("/", "Welcome")
    said = (boot.parent / "polar-appliance-problem.txt").read_text()
    assert "wifi.password" in said


async def test_with_a_cable_a_stranger_gets_the_code_page_alone(settings: Settings) -> None:
    plug_in(settings.run_folder)
    async with agent(settings) as (_, port), browser(port) as stranger:
        await stranger.until("/", "Allow this browser")
        for path in ("/setup", "/settings", "/logs", "/live.mjpeg", "/api/version"):
            assert "csrf" not in await stranger.open(path)
            assert stranger.path == path


async def test_the_settings_own_secrets_are_used_and_taken_out_of_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    key, wifi = (
        "settingskey4711",
        WifiSettings(ssid="Workshop", password="behind the shed", country="DE"),
    )
    plug_in(settings.run_folder)
    web = WebSettings(port=0, api_key=key, password_hash=hash_password("let me in please"))
    own = msgspec.structs.replace(
        settings, web=web, wifi=wifi, cloud=msgspec.structs.replace(settings.cloud, pin=PIN)
    )
    caplog.set_level("INFO")
    async with agent(own) as (_, port), browser(port) as owner:
        await owner.until("/enter?to=/logs", "Password of")
        logging.getLogger("appliance").warning("It said %s, %s; %s!", key, PIN, wifi.password)
        log = await owner.send("/enter/password", password="let me in please", to="/logs")
        assert "It said" in log
        assert not any(secret in log for secret in (key, PIN, wifi.password))
        async with aiohttp.request(
            "GET", f"http://127.0.0.1:{port}/api/version", headers={"X-Api-Key": key}
        ) as answer:
            assert answer.status == 200


async def test_a_page_that_cannot_be_served_keeps_nobody_down(settings: Settings) -> None:
    place = WebSettings(host="192.0.2.1", port=0)  # an address of nobody
    async with agent(msgspec.structs.replace(settings, web=place)) as (life, port):
        assert port == 0
        assert not life.done()
    off = msgspec.structs.replace(settings, web=WebSettings(enabled=False))
    async with agent(off) as (_, port):
        assert port == 0


async def test_a_full_disk_at_the_first_start_stops_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = store.write_atomic, asyncio.Event()
    secrets = {"web.json", "hotspot.json"}

    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path.name in secrets and not room.is_set():
            raise StorageError("The disk is full.")
        write(path, data, mode)

    monkeypatch.setattr(store, "write_atomic", full)
    monkeypatch.setattr(web_main, "KEEP_PAUSE", 0.05)
    async with agent(settings) as (_, port), browser(port) as phone:
        await phone.until("/", "Welcome")
        assert not any((settings.state_folder / name).exists() for name in secrets)
        room.set()
        async with asyncio.timeout(PATIENCE):
            while not all((settings.state_folder / name).exists() for name in secrets):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_password_of_the_boot_file_lets_in_where_there_is_no_panel(
    settings: Settings, tmp_path: Path
) -> None:
    plug_in(settings.run_folder)
    boot = tmp_path / "boot" / "polar-appliance.toml"
    boot.parent.mkdir()
    boot.write_text('[web]\npassword = "let me in please"\n')
    bare = msgspec.structs.replace(settings, panel=PanelSettings())
    async with agent(bare) as (_, port), browser(port) as laptop:
        await laptop.until("/enter?to=/", 'name="password"')
        await laptop.send("/enter/password", password="let me in please")
        await laptop.until("/setup", "Welcome")
    assert "let me in" not in boot.read_text()


async def test_the_display_is_kept_where_a_damaged_card_still_has_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, done, keep = asyncio.get_running_loop(), asyncio.Event(), display_copy.keep

    def keeping(panel: PanelSettings, path: Path) -> None:
        keep(panel, path)
        loop.call_soon_threadsafe(done.set)

    monkeypatch.setattr(display_copy, "keep", keeping)
    (tmp_path / "boot").mkdir()
    panel = PanelSettings(display=DisplayKind.SSD1306, i2c_port=9)
    settings = msgspec.structs.replace(settings, panel=panel)
    async with agent(settings), asyncio.timeout(PATIENCE):
        await done.wait()
    assert display_copy.kept(tmp_path / "boot" / display_copy.NAME) == panel
