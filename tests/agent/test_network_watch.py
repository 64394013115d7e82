"""Following the network: the hotspot comes and goes, and nothing that fails ends the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.agent import hotspot as hotspot_module
from appliance.agent.hotspot import LETTERS, PASSWORD_LENGTH, keep, own_hotspot
from appliance.errors import StorageError
from appliance.host.network_api import (
    Hotspot,
    JoinFailed,
    JoinProblem,
    Link,
    NetworkError,
    NetworkState,
)
from appliance.sim.network import PASSWORD, Air, SimulatedWifi
from appliance.store import Record
from tests.agent.setup_world import HOTSPOT, Networked


async def test_nothing_known_the_hotspot_is_open_and_the_wifis_were_seen_before() -> None:
    world = Networked()
    async with world.alive():
        await world.link(Link.HOTSPOT)
    assert world.network.hotspot == HOTSPOT
    assert world.watch.networks[0].ssid == b"Workshop"
    assert world.returned == 0


async def test_with_a_cable_there_is_none_and_the_cloud_is_told() -> None:
    world = Networked(Air(cable=True))
    async with world.alive():
        await world.link(Link.ETHERNET)
        assert not world.is_open()
        assert world.returned == 1
        world.air.plug(False)
        await world.link(Link.HOTSPOT)
        world.air.plug(True)
        await world.until(lambda: world.network.hotspot is None)
        assert world.returned == 2


async def test_joining_ends_it() -> None:
    world = Networked()
    async with world.alive():
        await world.link(Link.HOTSPOT)
        await world.watch.set_country("DE")
        network = await world.watch.join(b"Workshop", PASSWORD)
        assert (network.link, network.ssid) == (Link.WIFI, b"Workshop")
        assert world.state.network == network
        assert world.network.country == "DE"
        assert world.returned == 1
        await world.pass_time(10_000)
        assert world.state.network.link is Link.WIFI


@pytest.mark.parametrize(
    ("ssid", "password", "problem"),
    [
        (b"Workshop", "wrong password", JoinProblem.WRONG_PASSWORD),
        (b"Nowhere", PASSWORD, JoinProblem.NOT_FOUND),
        (b"No address", PASSWORD, JoinProblem.NO_ADDRESS),
        (b"No internet", PASSWORD, JoinProblem.NO_INTERNET),
        (b"Hotel", "", JoinProblem.CAPTIVE),
        (b"Company", PASSWORD, JoinProblem.REFUSED),
    ],
)
async def test_a_failed_join_brings_it_back(
    ssid: bytes, password: str, problem: JoinProblem
) -> None:
    world = Networked()
    async with world.alive():
        await world.link(Link.HOTSPOT)
        with pytest.raises(JoinFailed) as failure:
            await world.watch.join(ssid, password)
        assert failure.value.problem is problem
        await world.link(Link.HOTSPOT)
        assert world.network.hotspot == HOTSPOT


async def test_a_known_network_that_is_gone_opens_it_late_and_is_found_again() -> None:
    world = Networked()
    async with world.alive():
        await world.link(Link.HOTSPOT)
        await world.watch.join(b"Workshop", PASSWORD)
        world.air.vanish(b"Workshop")
        await world.link(Link.NONE)
        await world.pass_time(599)
        assert not world.is_open(), "it may only be slow"
        await world.pass_time(2)
        await world.link(Link.HOTSPOT)
        world.air.appear(SimulatedWifi(ssid=b"Workshop"))
        world.watch.touch()
        await world.pass_time(299)
        assert world.is_open(), "somebody used a page"
        await world.pass_time(2)
        await world.link(Link.WIFI)
        assert world.returned == 2


async def test_setup_mode_opens_it_at_once_where_there_is_no_network() -> None:
    world = Networked()
    async with world.alive():
        await world.link(Link.HOTSPOT)
        await world.watch.join(b"Workshop", PASSWORD)
        world.air.vanish(b"Workshop")
        await world.link(Link.NONE)
        world.watch.want_setup(True)
        await world.link(Link.HOTSPOT)
        world.watch.want_setup(False)
        await world.link(Link.NONE)


async def test_what_fails_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    world = Networked()
    start = world.network.start_hotspot
    tries = 0

    async def refuse(hotspot: Hotspot) -> NetworkState:
        nonlocal tries
        tries += 1
        if tries == 3:
            raise RuntimeError("a mistake")
        if tries < 3:
            raise NetworkError("The radio is broken.")
        return await start(hotspot)

    world.network.start_hotspot = refuse  # type: ignore[method-assign]
    async with world.alive():
        await world.pass_time(1)
        assert tries == 1, "not at once again"
        for _ in range(3):
            await world.pass_time(6)
        await world.link(Link.HOTSPOT)
    assert tries == 4
    assert caplog.text.count("The radio is broken.") == 1
    assert "RuntimeError" in caplog.text


async def test_the_country_of_the_settings_is_told_to_the_radio() -> None:
    world = Networked()
    async with world.alive("CH"):
        await world.link(Link.HOTSPOT)
    assert world.network.country == "CH"


@pytest.mark.parametrize("error", [NetworkError("It does not run yet."), KeyError("a mistake")])
async def test_a_country_that_is_refused_is_told_again_and_holds_nothing_up(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world = Networked()
    told: list[str] = []
    set_country = world.network.set_country

    async def refuse_at_first(code: str) -> None:
        told.append(code)
        if len(told) < 4:
            raise error
        await set_country(code)

    world.network.set_country = refuse_at_first  # type: ignore[method-assign]
    async with world.alive("CH"):
        await world.link(Link.HOTSPOT)
        assert len(told) < 4, "it was opened before"
        for _ in range(3):
            await world.pass_time(2)
        assert world.network.country == "CH"
        await world.pass_time(2)
    assert told == ["CH"] * 4
    assert 1 <= caplog.text.count("network: ") <= 2, "once for each state of the network"


async def test_a_failed_change_keeps_the_network_that_came_back() -> None:
    world = Networked()
    async with world.alive():
        await world.link(Link.HOTSPOT)
        await world.watch.join(b"Workshop", PASSWORD)
        with pytest.raises(JoinFailed):
            await world.watch.join(b"No address", PASSWORD)
        await world.link(Link.WIFI)
        for _ in range(10):
            await world.pass_time(60)
            assert world.state.network.ssid == b"Workshop"
            assert not world.is_open()


async def test_without_a_radio_it_waits_for_a_cable() -> None:
    world = Networked(Air(radio=False))
    async with world.alive("CH"):
        world.air.plug(True)
        await world.link(Link.ETHERNET)
        with pytest.raises(NetworkError):
            await world.watch.scan()
        with pytest.raises(JoinFailed):
            await world.watch.join(b"Workshop", PASSWORD)


def test_a_full_disk_keeps_the_hotspot_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(Record[str]):
        def save(self, value: str) -> None:
            raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(hotspot_module, "Record", Full)
        hotspot = own_hotspot(tmp_path, "b8:27:eb:0a:1b:2c", protected=True)
        assert len(hotspot.password) == PASSWORD_LENGTH
        assert not keep(tmp_path, hotspot)
    assert "The disk is full." in caplog.text
    assert hotspot.password not in caplog.text
    assert keep(tmp_path, hotspot)
    assert own_hotspot(tmp_path, "b8:27:eb:0a:1b:2c", protected=True) == hotspot


def test_the_hotspot_has_the_macs_name_and_keeps_its_password(tmp_path: Path) -> None:
    first = own_hotspot(tmp_path, "b8:27:eb:0a:1b:2c", protected=True)
    assert first.name == "PolarAppliance-1B2C"
    assert len(first.password) == PASSWORD_LENGTH
    assert set(first.password) <= set(LETTERS)
    assert own_hotspot(tmp_path, "b8:27:eb:0a:1b:2c", protected=True) == first
    assert (tmp_path / "hotspot.json").stat().st_mode & 0o777 == 0o600
    assert own_hotspot(tmp_path, "b8:27:eb:0a:1b:2c", protected=False).password == ""
    (tmp_path / "hotspot.json").write_text('"short"')
    assert len(own_hotspot(tmp_path, "", protected=True).password) == PASSWORD_LENGTH
    assert first.password not in repr(first)
