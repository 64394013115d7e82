"""What the boot file asks for is carried out, patiently where that helps, and its secrets wiped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.agent.api import RegisterAs
from appliance.agent.boot_orders import REGISTER_PAUSES, BootOrders
from appliance.agent.membership import NotRegistered
from appliance.errors import ApplianceError, CloudError, StorageError
from appliance.host.network_api import Link, NetworkState
from appliance.printer.api import Problem
from appliance.setup.api import BootFileNews
from appliance.setup.boot_file import BootFile
from appliance.sim.network import PASSWORD, SimulatedWifi
from tests.agent.setup_world import Cloud, Networked

WIFI = f'[wifi]\nssid = "Workshop"\npassword = "{PASSWORD}"\ncountry = "DE"\n'
ACCOUNT = '[cloud]\nemail = "owner@example.com"\npin = "90817263"\n'


class Card:
    """A device with a file on its boot partition; its pauses end when :attr:`turn` says so."""

    def __init__(self, folder: Path) -> None:
        self.world = Networked()
        self.cloud = Cloud()
        self.path = folder / "boot" / "polar-appliance.toml"
        self.path.parent.mkdir()
        self.state = folder / "state"
        self.pauses: list[float] = []
        self.paused = asyncio.Event()
        self.turn = asyncio.Semaphore(0)
        self.told: list[str] = []
        self.passwords: list[str] = []
        self.refusal: ApplianceError | None = None

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.paused.set()
        await self.turn.acquire()

    async def keep(self, password: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.passwords.append(password)

    def orders(self, text: str) -> BootOrders:
        self.path.write_text(text)
        return BootOrders(
            BootFile(self.path, self.state),
            self.world.watch,
            self.cloud,
            self.world.state,
            told=self.told.append,
            keep_password=self.keep,
            sleep=self._sleep,
        )

    async def waits(self) -> None:
        """The orders wait."""
        await asyncio.wait_for(self.paused.wait(), 20)
        self.paused.clear()

    async def pause(self) -> None:
        """The orders wait; let them go on."""
        await self.waits()
        self.turn.release()

    def text(self) -> str:
        return self.path.read_text()

    def beside(self) -> str:
        file = self.path.with_name("polar-appliance-problem.txt")
        return file.read_text() if file.exists() else ""


@pytest.fixture
async def card(tmp_path: Path) -> AsyncIterator[Card]:
    yield Card(tmp_path)


async def test_no_file_no_orders(card: Card) -> None:
    orders = BootOrders(
        BootFile(card.path, card.state),
        card.world.watch,
        card.cloud,
        card.world.state,
        told=card.told.append,
        keep_password=card.keep,
    )
    async with card.world.alive():
        await orders.run()
        await card.world.link(Link.HOTSPOT)
    assert not orders.registers
    assert card.world.state.problem is None


async def test_joined_and_registered_the_secrets_are_gone(card: Card) -> None:
    orders = card.orders(WIFI + ACCOUNT)
    assert orders.registers
    async with card.world.alive():
        await orders.run()
        assert card.world.state.network.link is Link.WIFI
    assert card.world.network.country == "DE"
    assert [one.pin for one in card.cloud.asked] == ["90817263"]
    assert PASSWORD not in card.text()
    assert "90817263" not in card.text()
    again = BootOrders(
        BootFile(card.path, card.state),
        card.world.watch,
        card.cloud,
        card.world.state,
        told=card.told.append,
        keep_password=card.keep,
    )
    await again.run()
    assert len(card.cloud.asked) == 1


async def test_the_pages_password_is_kept_before_all_else_and_wiped(card: Card) -> None:
    orders = card.orders('[web]\npassword = "let me in please"\n' + WIFI)
    assert "let me in" not in repr(card.world.state)
    async with card.world.alive():
        await orders.run()
    assert card.passwords == ["let me in please"]
    assert "let me in" not in card.text()
    assert PASSWORD not in card.text()


async def test_a_password_that_cannot_be_kept_stays_in_the_file(card: Card) -> None:
    card.refusal = StorageError("The disk is full.")
    await card.orders('[web]\npassword = "let me in please"\n').run()
    assert "let me in" in card.text()
    assert "web.password: The disk is full." in card.beside()
    assert "let me in" not in card.beside()


async def test_no_hotspot_before_its_wifi_was_tried(card: Card) -> None:
    orders = card.orders(WIFI)
    async with card.world.alive():
        await card.world.pass_time(100)
        assert not card.world.is_open()
        await orders.run()
        await card.world.link(Link.WIFI)


async def test_a_wrong_password_is_said_and_the_hotspot_opens(card: Card) -> None:
    orders = card.orders(WIFI.replace(PASSWORD, "wrong password"))
    async with card.world.alive():
        await orders.run()
        await card.world.pass_time(20)
        await card.world.link(Link.HOTSPOT)
    assert "wrong password" in card.text(), "nothing was joined with it"
    assert "wrong password" not in card.beside()
    assert "Workshop" in card.beside()
    assert card.world.state.problem is not None
    assert len(card.told) == 1


async def test_a_router_that_is_off_is_waited_for_but_not_under_a_persons_hands(
    card: Card,
) -> None:
    card.world.air.vanish(b"Workshop")
    orders = card.orders(WIFI)
    async with card.world.alive():
        run = asyncio.create_task(orders.run())
        await card.waits()
        await card.world.pass_time(20)
        await card.world.link(Link.HOTSPOT)
        card.world.watch.touch()
        card.world.air.appear(SimulatedWifi(ssid=b"Workshop"))
        card.turn.release()
        await card.waits()
        assert card.world.is_open()
        await card.world.pass_time(301)
        card.turn.release()
        await asyncio.wait_for(run, 20)
        await card.world.link(Link.WIFI)
    assert PASSWORD not in card.text()


async def test_a_network_that_works_is_not_given_up_for_one_that_is_not_found(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.world.air.vanish(b"Workshop")
    card.world.air.appear(SimulatedWifi(ssid=b"Home"))
    orders = card.orders(WIFI)
    tried: list[bytes] = []
    join = card.world.network.join

    async def seen(ssid: bytes, password: str, *, hidden: bool = False) -> NetworkState:
        tried.append(ssid)
        return await join(ssid, password, hidden=hidden)

    monkeypatch.setattr(card.world.network, "join", seen)
    async with card.world.alive():
        run = asyncio.create_task(orders.run())
        await card.waits()
        await card.world.watch.join(b"Home", PASSWORD)
        for _ in range(3):
            await card.world.pass_time(301)
            card.turn.release()
            await card.waits()
            assert card.world.state.network.ssid == b"Home"
        assert tried == [b"Workshop", b"Home"], "trying another one would end it"
        card.world.air.vanish(b"Home")
        card.world.air.appear(SimulatedWifi(ssid=b"Workshop"))
        await card.world.link(Link.NONE)
        card.turn.release()
        await asyncio.wait_for(run, 20)
        assert card.world.state.network.ssid == b"Workshop"


async def test_it_registers_over_a_cable_while_its_wifi_is_not_found(card: Card) -> None:
    card.world.air.vanish(b"Workshop")
    card.world.air.plug(True)
    orders = card.orders(WIFI + ACCOUNT)
    async with card.world.alive():
        run = asyncio.create_task(orders.run())
        await card.waits()
        async with asyncio.timeout(20):
            while "90817263" in card.text():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.01)
        assert card.cloud.serial_number == "P3D1"
        assert PASSWORD in card.text(), "it is looked for on"
        run.cancel()
        await asyncio.wait({run})


async def test_a_person_who_was_quicker_is_no_problem(card: Card) -> None:
    class Quicker(Cloud):
        async def register(self, account: RegisterAs) -> None:
            self.serial_number = "P3D2"
            raise NotRegistered("ALREADY_REGISTERED", "It is registered.")

    card.cloud = Quicker()
    await asyncio.wait_for(card.orders(ACCOUNT).run(), 20)
    assert "90817263" not in card.text()
    assert card.beside() == ""


async def test_a_mistake_in_one_order_ends_neither_the_agent_nor_the_other(
    card: Card, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    orders = card.orders(WIFI + ACCOUNT)

    async def mistake(code: str) -> None:
        raise KeyError(code)

    monkeypatch.setattr(card.world.network, "set_country", mistake)
    async with card.world.alive():
        await asyncio.wait_for(orders.run(), 20)
        await card.world.link(Link.HOTSPOT)  # nothing is held back any longer
    assert card.cloud.serial_number == "P3D1"
    assert "KeyError" in caplog.text
    assert "made a mistake" in card.beside()
    assert card.world.state.problem is not None


async def test_a_mistake_in_reading_is_said_and_ends_nothing(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(_file: BootFile) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr(BootFile, "read", mistake)
    await asyncio.wait_for(card.orders(WIFI).run(), 20)
    assert card.world.state.problem is not None


async def test_what_is_wrong_is_written_beside_the_event_loop(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    report = BootFile.report

    def seen(file: BootFile, problem: Problem | None) -> BootFileNews:
        threads.append(threading.get_ident())
        return report(file, problem)

    card.cloud.refusals = [NotRegistered("EMAIL_PIN_ERROR", "Check both.")]
    orders = card.orders(ACCOUNT)
    monkeypatch.setattr(BootFile, "report", seen)
    await asyncio.wait_for(orders.run(), 20)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_a_cloud_that_cannot_be_reached_is_tried_again(card: Card) -> None:
    card.cloud.refusals = [
        CloudError("Not reached."),
        NotRegistered("SERVER_ERROR", "Try again."),
    ]
    run = asyncio.create_task(card.orders(ACCOUNT).run())
    await card.pause()
    await card.pause()
    await asyncio.wait_for(run, 20)
    assert card.pauses == list(REGISTER_PAUSES[:2])
    assert card.cloud.serial_number == "P3D1"
    assert "90817263" not in card.text()
    assert card.beside() == ""


async def test_a_wrong_pin_is_said_and_not_tried_again(card: Card) -> None:
    card.cloud.refusals = [NotRegistered("EMAIL_PIN_ERROR", "Check both.")]
    await asyncio.wait_for(card.orders(ACCOUNT).run(), 20)
    assert len(card.cloud.asked) == 1
    assert "Check both." in card.beside()
    assert "90817263" not in card.beside()
    problem = card.world.state.problem
    assert problem is not None
    assert problem.short == "Not registered"
