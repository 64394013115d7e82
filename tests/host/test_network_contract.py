"""What every Network does: the simulated one and NetworkManager's are held to the same tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from appliance.host.network_api import (
    HOTSPOT_ADDRESS,
    Hotspot,
    JoinFailed,
    JoinProblem,
    Link,
    Network,
    NetworkError,
    NetworkState,
    Security,
)
from appliance.sim.network import (
    CABLE_IP,
    PASSWORD,
    WIFI_IP,
    Air,
    SimulatedWifi,
)

HOTSPOT = Hotspot("PolarAppliance-0042", "only for the LCD")
Until = Callable[[Network, Callable[[NetworkState], bool]], Awaitable[NetworkState]]


async def test_at_first_there_is_a_radio_and_nothing_else(network: Network) -> None:
    assert await network.state() == NetworkState(internet=False, radio=True)


async def test_a_scan_finds_each_wifi_with_its_kind(network: Network, air: Air) -> None:
    found = await network.scan()
    assert found == air.visible()
    assert {point.security for point in found} == set(Security)
    assert b"Cellar" not in {point.ssid for point in found}  # hidden
    assert b"\xff\xfe<b>\x01\"'&" in {point.ssid for point in found}


@pytest.mark.parametrize(
    ("ssid", "password"),
    [
        (b"Workshop", PASSWORD),
        ("Küche 🖨️".encode(), PASSWORD),
        (b"Guests (open)", ""),
        (b"\xff\xfe<b>\x01\"'&", PASSWORD),
    ],
)
async def test_joining(network: Network, ssid: bytes, password: str) -> None:
    await network.scan()
    state = await network.join(ssid, password)
    expected = NetworkState(
        link=Link.WIFI, ssid=ssid, ip=WIFI_IP, internet=True, radio=True, known=True
    )
    assert state == expected == await network.state()


async def test_joining_without_a_scan_before(network: Network) -> None:
    assert (await network.join(b"Workshop", PASSWORD)).ssid == b"Workshop"


async def test_a_hidden_wifi_is_joined_only_when_it_is_said_to_be_hidden(network: Network) -> None:
    with pytest.raises(JoinFailed) as failed:
        await network.join(b"Cellar", PASSWORD)
    assert failed.value.problem is JoinProblem.NOT_FOUND
    assert (await network.join(b"Cellar", PASSWORD, hidden=True)).ssid == b"Cellar"


@pytest.mark.parametrize(
    ("ssid", "password", "problem"),
    [
        (b"Workshop", "wrong horse!", JoinProblem.WRONG_PASSWORD),
        (b"Workshop", "short", JoinProblem.WRONG_PASSWORD),
        (b"Workshop", "", JoinProblem.WRONG_PASSWORD),
        (b"Workshop", "x" * 65, JoinProblem.WRONG_PASSWORD),
        (b"Workshop", "\ud800" * 8, JoinProblem.WRONG_PASSWORD),
        (b"Nowhere", PASSWORD, JoinProblem.NOT_FOUND),
        (b"", PASSWORD, JoinProblem.NOT_FOUND),
        (b"x" * 33, PASSWORD, JoinProblem.NOT_FOUND),
        (b"No address", PASSWORD, JoinProblem.NO_ADDRESS),
        (b"Company", PASSWORD, JoinProblem.REFUSED),
        (b"Old router", PASSWORD, JoinProblem.REFUSED),
    ],
)
async def test_what_cannot_be_joined_is_said_and_not_kept(
    network: Network, ssid: bytes, password: str, problem: JoinProblem
) -> None:
    await network.scan()
    with pytest.raises(JoinFailed) as failed:
        await network.join(ssid, password)
    assert failed.value.problem is problem
    assert len(failed.value.short) <= 20
    assert not password or password not in str(failed.value)
    state = await network.state()
    assert (state.link, state.known, state.busy) == (Link.NONE, False, False)


@pytest.mark.parametrize(
    ("ssid", "password", "problem"),
    [
        (b"No internet", PASSWORD, JoinProblem.NO_INTERNET),
        (b"Hotel", "", JoinProblem.CAPTIVE),
    ],
)
async def test_without_internet_it_is_joined_and_kept_and_said(
    network: Network, ssid: bytes, password: str, problem: JoinProblem
) -> None:
    await network.scan()
    with pytest.raises(JoinFailed) as failed:
        await network.join(ssid, password)
    assert failed.value.problem is problem
    state = await network.state()
    assert (state.link, state.ssid, state.ip) == (Link.WIFI, ssid, WIFI_IP)
    assert (state.internet, state.known) == (False, True)


async def test_the_hotspot_opens_and_closes(network: Network, until: Until) -> None:
    opened = await network.start_hotspot(HOTSPOT)
    assert (opened.link, opened.ip, opened.known) == (Link.HOTSPOT, HOTSPOT_ADDRESS, False)
    assert opened.internet is False
    await network.stop_hotspot()
    closed = await until(network, lambda state: state.link is not Link.HOTSPOT)
    assert closed.link is Link.NONE


async def test_an_open_hotspot(network: Network) -> None:
    assert (await network.start_hotspot(Hotspot("Open", ""))).link is Link.HOTSPOT


async def test_a_hotspot_needs_a_password_that_phones_take(network: Network) -> None:
    with pytest.raises(NetworkError, match="8 to 63"):
        await network.start_hotspot(Hotspot("PolarAppliance-0042", "short"))


async def test_stopping_no_hotspot_does_nothing(network: Network) -> None:
    before = await network.state()
    await network.stop_hotspot()
    assert await network.state() == before


async def test_behind_the_hotspot_a_scan_shows_what_was_seen_before(
    network: Network, air: Air
) -> None:
    before = await network.scan()
    await network.start_hotspot(HOTSPOT)
    assert await network.scan() == before


async def test_joining_takes_the_radio_from_the_hotspot(network: Network) -> None:
    await network.scan()
    await network.start_hotspot(HOTSPOT)
    state = await network.join(b"Workshop", PASSWORD)
    assert (state.link, state.ip) == (Link.WIFI, WIFI_IP)


async def test_after_a_wrong_password_the_hotspot_can_be_opened_again(network: Network) -> None:
    await network.scan()
    await network.start_hotspot(HOTSPOT)
    with pytest.raises(JoinFailed):
        await network.join(b"Workshop", "wrong horse!")
    assert (await network.state()).link is Link.NONE  # one radio: it went with the attempt
    assert (await network.start_hotspot(HOTSPOT)).link is Link.HOTSPOT


async def test_what_cannot_succeed_does_not_take_the_hotspot(network: Network) -> None:
    await network.scan()
    await network.start_hotspot(HOTSPOT)
    with pytest.raises(JoinFailed):
        await network.join(b"Company", PASSWORD)
    assert (await network.state()).link is Link.HOTSPOT


async def test_the_known_wifi_comes_back_by_itself(
    network: Network, air: Air, until: Until
) -> None:
    await network.join(b"Workshop", PASSWORD)
    router = air.wifis[b"Workshop"]
    air.vanish(b"Workshop")
    gone = await until(network, lambda state: state.link is Link.NONE)
    assert gone.known
    air.appear(router)
    assert (await until(network, lambda state: state.link is Link.WIFI)).ssid == b"Workshop"


async def test_after_the_hotspot_known_wifis_are_tried_again(
    network: Network, until: Until
) -> None:
    await network.join(b"Workshop", PASSWORD)
    assert (await network.start_hotspot(HOTSPOT)).known
    await network.stop_hotspot()
    await until(network, lambda state: state.link is Link.WIFI)


async def test_a_failed_attempt_goes_back_to_the_known_wifi(network: Network, until: Until) -> None:
    await network.scan()
    await network.join(b"Workshop", PASSWORD)
    with pytest.raises(JoinFailed):
        await network.join("Küche 🖨️".encode(), "wrong horse!")
    back = await until(network, lambda state: state.link is Link.WIFI)
    assert back.ssid == b"Workshop"


async def test_a_wifi_with_a_new_password_is_joined_again(network: Network, air: Air) -> None:
    await network.join(b"Workshop", PASSWORD)
    air.appear(SimulatedWifi(ssid=b"Workshop", password="battery staple"))
    state = await network.join(b"Workshop", "battery staple")
    assert (state.link, state.known) == (Link.WIFI, True)


async def test_a_cable_in_and_out(network: Network, air: Air, until: Until) -> None:
    await network.state()
    air.plug(True)
    state = await until(network, lambda state: state.link is Link.ETHERNET)
    assert (state.ip, state.internet) == (CABLE_IP, True)
    air.plug(False)
    await until(network, lambda state: state.link is Link.NONE)


async def test_a_cable_goes_before_the_hotspot(network: Network, air: Air, until: Until) -> None:
    await network.start_hotspot(HOTSPOT)
    air.plug(True)
    state = await until(network, lambda state: state.link is Link.ETHERNET)
    assert state.ip == CABLE_IP


async def test_two_wishes_at_once_are_carried_out_one_after_the_other(network: Network) -> None:
    await network.scan()
    both = await asyncio.gather(
        network.join(b"Workshop", PASSWORD), network.join("Küche 🖨️".encode(), PASSWORD)
    )
    assert [state.ssid for state in both] == [b"Workshop", "Küche 🖨️".encode()]


@pytest.mark.parametrize("code", ["DE", "US", "JP"])
async def test_a_country(network: Network, code: str) -> None:
    await network.set_country(code)


@pytest.mark.parametrize("code", ["", "D", "de", "DEU", "D1", "ÄÖ", "DE\n"])
async def test_what_is_no_country(network: Network, code: str) -> None:
    with pytest.raises(NetworkError, match="two capital letters"):
        await network.set_country(code)


class TestWithoutRadio:
    @pytest.fixture
    def air(self) -> Air:
        return Air(radio=False, cable=True)

    async def test_everything_wireless_says_what_to_do(self, network: Network) -> None:
        state = await network.state()
        assert (state.link, state.radio) == (Link.ETHERNET, False)
        for deed in (
            network.scan(),
            network.set_country("DE"),
            network.join(b"Workshop", PASSWORD),
            network.start_hotspot(HOTSPOT),
        ):
            with pytest.raises(NetworkError, match="cable"):
                await deed
