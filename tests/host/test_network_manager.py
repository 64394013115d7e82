"""NetworkManager over a real bus, beyond what every Network does: traces, faults, other daemons."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from appliance.host.bus import Bus, BusError
from appliance.host.network_api import Hotspot, JoinFailed, JoinProblem, Link, NetworkError
from appliance.host.network_manager import NetworkManager, Times
from appliance.host.nm_connection import ApSecurity
from appliance.host.nm_states import Connectivity, DeviceState
from appliance.sim.bus_network_manager import (
    NM,
    RADIO_PATH,
    ROOT,
    StandInNetworkManager,
    StandInSupplicant,
)
from appliance.sim.network import PASSWORD, Air

HOTSPOT = Hotspot("PolarAppliance-0042", "only for the LCD")
SHORT = Times(scan=0.05, radio=0.05, activation=0.2, internet=0.2, ask_again=0.02)


async def test_a_joined_wifi_is_written_to_the_disk_once(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    await manager.join(b"Workshop", PASSWORD)
    await manager.join(b"Workshop", PASSWORD)
    assert stand_in.saved() == [b"Workshop"]
    assert len(stand_in.profiles) == 1


async def test_a_failed_attempt_leaves_no_profile(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    with pytest.raises(JoinFailed):
        await manager.join(b"Workshop", "wrong horse!")
    assert stand_in.profiles == {}


async def test_a_wrong_password_keeps_the_profile_that_worked(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    await manager.join(b"Workshop", PASSWORD)
    with pytest.raises(JoinFailed):
        await manager.join(b"Workshop", "wrong horse!")
    assert stand_in.saved() == [b"Workshop"]
    [profile] = stand_in.profiles.values()
    assert profile["802-11-wireless-security"]["psk"] == PASSWORD


async def test_an_attempt_that_is_given_up_leaves_no_profile(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    stand_in.hold = DeviceState.CONFIG
    attempt = asyncio.create_task(manager.join(b"Workshop", PASSWORD))
    news = asyncio.Event()
    manager.listen(news.set)
    async with asyncio.timeout(10):
        while stand_in.value(RADIO_PATH, f"{NM}.Device", "State") != DeviceState.CONFIG:
            news.clear()
            await news.wait()
    assert (await manager.state()).busy
    assert not (await manager.state()).known
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert stand_in.profiles == {}


@pytest.mark.parametrize(
    ("held", "problem"),
    [
        (DeviceState.CONFIG, JoinProblem.OTHER),
        (DeviceState.IP_CONFIG, JoinProblem.NO_ADDRESS),
    ],
)
async def test_what_takes_too_long_is_given_up(
    stand_in: StandInNetworkManager, bus: Bus, held: DeviceState, problem: JoinProblem
) -> None:
    stand_in.hold = held
    with pytest.raises(JoinFailed) as failed:
        await NetworkManager(bus, times=SHORT).join(b"Workshop", PASSWORD)
    assert failed.value.problem is problem
    assert stand_in.profiles == {}


async def test_the_radio_is_pulled_while_joining(
    stand_in: StandInNetworkManager, manager: NetworkManager
) -> None:
    stand_in.hold = DeviceState.CONFIG
    manager.listen(lambda: _pull(stand_in))
    with pytest.raises(JoinFailed) as failed:
        await manager.join(b"Workshop", PASSWORD)
    assert failed.value.problem is JoinProblem.OTHER


def _pull(stand_in: StandInNetworkManager) -> None:
    if stand_in.value(RADIO_PATH, f"{NM}.Device", "State") == DeviceState.CONFIG:
        stand_in.device_changes(DeviceState.UNMANAGED, 36)


async def test_a_slow_internet_is_asked_again(stand_in: StandInNetworkManager, bus: Bus) -> None:
    stand_in.checks = [Connectivity.NONE, Connectivity.LIMITED]
    times = Times(internet=20.0, ask_again=0.01)
    state = await NetworkManager(bus, times=times).join(b"Workshop", PASSWORD)
    assert state.internet is True
    assert stand_in.calls.count("CheckConnectivity") == 3


async def test_without_connectivity_checks_the_internet_is_unknown(
    stand_in: StandInNetworkManager, manager: NetworkManager
) -> None:
    from dbus_fast import Variant  # noqa: PLC0415  # only here

    stand_in.change(ROOT, NM, ConnectivityCheckEnabled=Variant("b", False))
    assert (await manager.join(b"No internet", PASSWORD)).internet is None


async def test_beside_a_cable_the_wifi_itself_is_judged(
    stand_in: StandInNetworkManager, manager: NetworkManager, air: Air
) -> None:
    air.plug(True)
    await manager.scan()
    with pytest.raises(JoinFailed) as failed:
        await manager.join(b"Hotel", "")
    assert failed.value.problem is JoinProblem.CAPTIVE


async def test_a_scan_that_never_ends_is_bounded(stand_in: StandInNetworkManager, bus: Bus) -> None:
    stand_in.scanning = False
    assert await NetworkManager(bus, times=SHORT).scan() == ()


async def test_the_hotspot_is_wpa2_and_forgotten_by_a_restart(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    await manager.start_hotspot(HOTSPOT)
    [profile] = stand_in.profiles.values()
    assert profile["802-11-wireless-security"]["proto"] == ["rsn"]
    assert profile["connection"]["autoconnect"] is False
    assert profile["ipv4"]["address-data"] == [{"address": "10.42.0.1", "prefix": 24}]
    assert stand_in.saved() == []
    await manager.start_hotspot(Hotspot("PolarAppliance-0042", ""))
    [profile] = stand_in.profiles.values()
    assert "802-11-wireless-security" not in profile


async def test_a_board_that_cannot_encrypt_a_hotspot_is_told_of_the_open_one(
    stand_in: StandInNetworkManager, bus: Bus
) -> None:
    stand_in.hold = DeviceState.CONFIG
    with pytest.raises(NetworkError, match='hotspot = "open"'):
        await NetworkManager(bus, times=SHORT).start_hotspot(HOTSPOT)


async def test_another_agent_finds_the_hotspot_and_closes_it(
    manager: NetworkManager, stand_in: StandInNetworkManager, bus_address: str
) -> None:
    await manager.start_hotspot(HOTSPOT)
    successor = NetworkManager(Bus(bus_address))
    assert (await successor.state()).link is Link.HOTSPOT
    await successor.stop_hotspot()
    assert (await successor.state()).link is Link.NONE
    await successor.close()


async def test_the_country_reaches_the_radio(
    manager: NetworkManager, supplicant: StandInSupplicant
) -> None:
    await manager.set_country("DE")
    assert supplicant.country == "DE"


async def test_the_country_needs_the_supplicant(manager: NetworkManager) -> None:
    with pytest.raises(NetworkError, match="wpa_supplicant does not run"):
        await manager.set_country("DE")


@pytest.mark.parametrize(
    ("member", "deed"),
    [
        ("AddAndActivateConnection2", "join"),
        ("AddAndActivateConnection2", "hotspot"),
        ("RequestScan", "scan"),
    ],
)
async def test_without_the_polkit_rule_it_is_said(
    manager: NetworkManager, stand_in: StandInNetworkManager, member: str, deed: str
) -> None:
    stand_in.denied.add(member)
    deeds = {
        "join": lambda: manager.join(b"Workshop", PASSWORD),
        "hotspot": lambda: manager.start_hotspot(HOTSPOT),
        "scan": manager.scan,
    }
    with pytest.raises(NetworkError, match="polkit") as failed:
        await deeds[deed]()
    assert PASSWORD not in str(failed.value)


async def test_without_networkmanager_it_is_said(bus: Bus) -> None:
    with pytest.raises(BusError, match="NetworkManager does not run") as failed:
        await NetworkManager(bus).state()
    assert failed.value.missing


async def test_without_a_bus_it_is_said() -> None:
    network = NetworkManager(Bus("unix:path=/nowhere/bus"))
    with pytest.raises(NetworkError, match="no D-Bus"):
        await network.state()
    await network.close()


async def test_a_restart_of_networkmanager_is_heard_and_survived(
    manager: NetworkManager, stand_in: StandInNetworkManager, bus_address: str
) -> None:
    await manager.state()
    heard = asyncio.Event()
    manager.listen(heard.set)
    await stand_in.stop()
    async with asyncio.timeout(10):
        await heard.wait()
    with pytest.raises(BusError, match="does not run"):
        await manager.state()
    await stand_in.start(bus_address)
    assert (await manager.state()).radio


async def test_what_changes_all_the_time_wakes_nobody(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    from dbus_fast import Variant  # noqa: PLC0415  # only here

    await manager.state()
    heard: list[None] = []
    manager.listen(lambda: heard.append(None))
    for rate in range(1, 20):
        stand_in.change(RADIO_PATH, f"{NM}.Device.Wireless", Bitrate=Variant("u", rate))
    await manager.state()  # its answer comes behind the signals
    assert heard == []


async def test_no_password_reaches_a_log(
    manager: NetworkManager, stand_in: StandInNetworkManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await manager.scan()
    await manager.start_hotspot(HOTSPOT)
    with pytest.raises(JoinFailed):
        await manager.join(b"Workshop", "wrong horse!")
    await manager.join(b"Workshop", PASSWORD)
    for secret in (HOTSPOT.password, "wrong horse!", PASSWORD):
        assert secret not in caplog.text
    assert HOTSPOT.password not in repr(HOTSPOT)


async def test_wpa3_alone_is_joined_by_sae(
    manager: NetworkManager, stand_in: StandInNetworkManager
) -> None:
    from dbus_fast import Variant  # noqa: PLC0415  # only here

    await manager.scan()
    for path in stand_in.value(RADIO_PATH, f"{NM}.Device.Wireless", "AccessPoints"):
        if stand_in.value(path, f"{NM}.AccessPoint", "Ssid") == b"Workshop":
            rsn = Variant("u", 0x88 | int(ApSecurity.SAE))
            stand_in.change(path, f"{NM}.AccessPoint", RsnFlags=rsn)
    await manager.join(b"Workshop", PASSWORD)
    [profile] = stand_in.profiles.values()
    assert profile["802-11-wireless-security"]["key-mgmt"] == "sae"


class TestBlockedByRfkill:
    @pytest.fixture
    async def stand_in(self, bus_address: str, air: Air) -> AsyncIterator[StandInNetworkManager]:
        service = StandInNetworkManager(air, blocked=True)
        await service.start(bus_address)
        yield service
        await service.stop()

    async def test_there_is_a_radio_all_the_same(self, manager: NetworkManager) -> None:
        assert (await manager.state()).radio

    async def test_the_country_unblocks_it(
        self, manager: NetworkManager, stand_in: StandInNetworkManager, bus_address: str
    ) -> None:
        supplicant = StandInSupplicant(knows_radio=False)
        await supplicant.start(bus_address)
        manager.listen(lambda: _hand_over(supplicant))
        await manager.set_country("DE")
        assert supplicant.country == "DE"
        assert stand_in.value(ROOT, NM, "WirelessEnabled") is True
        await supplicant.stop()

    async def test_the_hotspot_unblocks_it(self, manager: NetworkManager) -> None:
        assert (await manager.start_hotspot(HOTSPOT)).link is Link.HOTSPOT

    async def test_a_switch_that_stays_off_is_said(
        self, stand_in: StandInNetworkManager, bus: Bus
    ) -> None:
        stand_in.settable[NM, "WirelessEnabled"] = lambda _path, _value: None
        with pytest.raises(NetworkError, match="switched off"):
            await NetworkManager(bus, times=SHORT).scan()


def _hand_over(supplicant: StandInSupplicant) -> None:
    if len(supplicant.objects) == 1:
        supplicant.find_radio()
