"""The hotspot: at once where nothing is known, late where something is, never beside a network."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from appliance.host.network_api import Link, NetworkState
from appliance.setup import radio
from appliance.setup.radio import Radio, Situation, Wish

PATIENCE = 600.0
NOTHING = NetworkState(radio=True)
KNOWN = NetworkState(radio=True, known=True)
JOINED = NetworkState(link=Link.WIFI, ip="192.168.1.7", ssid=b"Home", radio=True, known=True)
CABLE = NetworkState(link=Link.ETHERNET, ip="192.168.1.8", radio=True)


@dataclass
class Device:
    """A radio that does what was decided, second by second."""

    network: NetworkState = NOTHING
    now: float = 0.0
    setup_mode: bool = False
    used_at: float | None = None
    wishes: list[tuple[float, Wish]] = field(default_factory=list)
    radio: Radio = field(default_factory=lambda: Radio(PATIENCE))
    broken: bool = False  # the hotspot cannot be opened

    @property
    def open(self) -> bool:
        return self.network.link is Link.HOTSPOT

    def become(self, **changes: object) -> None:
        self.network = msgspec.structs.replace(self.network, **changes)

    def look(self) -> Wish:
        situation = Situation(
            network=self.network, setup_mode=self.setup_mode, used_at=self.used_at
        )
        wish = self.radio.decide(situation, self.now)
        if wish is not Wish.STAY:
            self.wishes.append((self.now, wish))
        if wish is Wish.OPEN:
            if self.broken:
                self.radio.refused(self.now)
            else:
                self.become(link=Link.HOTSPOT, ip="10.42.0.1", ssid=b"")
                self.radio.opened(self.now)
        elif wish is Wish.CLOSE:
            if self.open:
                self.become(link=Link.NONE, ip="")
            self.radio.closed()
        return wish

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.look()
            self.now += 1.0

    def fail_to_join(self, *, leads_nowhere: bool = False) -> None:
        self.radio.join_began()
        self.become(link=Link.NONE, ip="")
        self.run(20)
        if leads_nowhere:
            self.become(link=Link.WIFI, ip="192.168.1.7", known=True)
        self.radio.join_ended(self.now, failed=True, leads_nowhere=leads_nowhere)

    def opened_at(self) -> list[float]:
        return [at for at, wish in self.wishes if wish is Wish.OPEN]


def test_with_nothing_known_it_opens_at_once_and_stays() -> None:
    device = Device()
    device.run(3600)
    assert device.wishes == [(0.0, Wish.OPEN)]


def test_a_cable_that_looks_for_an_address_is_waited_for() -> None:
    device = Device(NetworkState(radio=True, busy=True))
    device.run(20)
    device.network = CABLE
    device.run(600)
    assert device.wishes == []
    dead = Device(NetworkState(radio=True, busy=True))
    dead.run(600)
    assert dead.opened_at() == [radio.SETTLING]


def test_without_a_radio_there_is_none() -> None:
    device = Device(NetworkState(), setup_mode=True)
    device.run(3600)
    assert device.wishes == []


def test_a_known_network_that_is_gone_opens_it_after_the_patience() -> None:
    device = Device(JOINED)
    device.run(100)
    device.become(link=Link.NONE, ip="")
    device.run(599)
    assert device.wishes == []
    device.run(2)
    assert device.opened_at() == [700.0]


def test_a_slow_known_network_begins_its_patience_anew_each_time_it_was_there() -> None:
    device = Device(KNOWN)
    for _ in range(10):
        device.network = KNOWN
        device.run(590)
        device.network = JOINED
        device.run(5)
    assert device.wishes == []


def test_known_networks_go_on_being_tried_while_nobody_uses_a_page() -> None:
    device = Device(KNOWN)
    device.run(3600)
    closed = [at for at, wish in device.wishes if wish is Wish.CLOSE]
    assert closed[0] == PATIENCE + radio.UNUSED
    assert len(closed) >= 8
    for begin, end in zip(closed, device.opened_at()[1:], strict=False):
        assert end - begin == radio.TRY_FOR


def test_a_network_that_is_being_joined_in_a_try_is_given_time() -> None:
    device = Device(KNOWN)
    device.run(int(PATIENCE + radio.UNUSED) + 1)
    assert not device.open
    device.become(busy=True)
    device.run(40)
    assert not device.open
    device.network = JOINED
    device.run(3600)
    assert len(device.wishes) == 2


def test_it_is_not_closed_under_the_hands_of_a_person() -> None:
    device = Device(KNOWN)
    device.run(601)
    for _ in range(30):
        device.used_at = device.now
        device.run(200)
    assert len(device.wishes) == 1
    device.run(200)
    assert device.used_at is not None
    assert device.wishes[1] == (device.used_at + radio.UNUSED, Wish.CLOSE)


def test_a_cable_ends_it() -> None:
    device = Device()
    device.run(10)
    device.become(link=Link.ETHERNET, ip="192.168.1.8")
    assert device.look() is Wish.CLOSE
    device.run(3600)
    assert device.wishes == [(0.0, Wish.OPEN), (10.0, Wish.CLOSE)]
    device.become(link=Link.NONE, ip="")
    assert device.look() is Wish.OPEN


@pytest.mark.parametrize("known", [True, False])
def test_a_failed_join_brings_it_back(known: bool) -> None:
    device = Device()
    device.run(5)
    assert device.open
    device.become(known=known)
    device.fail_to_join()
    assert device.look() is Wish.OPEN
    device.run(int(radio.UNUSED))
    assert device.open, "the person reads why"


def test_a_network_that_was_joined_but_leads_nowhere_brings_it_back_too() -> None:
    device = Device()
    device.run(5)
    device.fail_to_join(leads_nowhere=True)
    assert device.look() is Wish.OPEN
    device.run(int(radio.UNUSED) + 1)  # the person has read why, and gone
    assert not device.open
    device.network = JOINED
    device.run(3600)
    assert len(device.wishes) == 3


def test_after_a_failed_change_the_network_from_before_is_waited_for() -> None:
    device = Device(JOINED)
    device.run(5)
    device.fail_to_join()
    device.run(10)
    assert device.wishes == []
    lost = Device(JOINED)
    lost.run(5)
    lost.fail_to_join()
    failed = lost.now
    lost.run(60)
    assert lost.opened_at() == [failed + radio.REJOIN]


@pytest.mark.parametrize("after", [0, 1, 14])
def test_a_network_from_before_that_came_back_is_not_given_up(after: int) -> None:
    device = Device(JOINED)
    device.run(5)
    device.fail_to_join()
    device.run(after)
    device.network = JOINED
    device.run(3600)
    assert device.wishes == []
    device.become(link=Link.NONE, ip="")
    device.run(int(PATIENCE))
    assert device.wishes == [], "a failure long ago shortens no patience"
    device.run(2)
    assert len(device.opened_at()) == 1


def test_setup_mode_opens_it_only_where_there_is_no_network() -> None:
    device = Device(KNOWN, setup_mode=True)
    assert device.look() is Wish.OPEN
    device.setup_mode = False
    assert device.look() is Wish.CLOSE
    for network in (JOINED, CABLE):
        other = Device(network, setup_mode=True)
        other.run(1000)
        assert other.wishes == []


def test_one_that_cannot_be_opened_is_tried_again_but_not_at_once() -> None:
    device = Device(broken=True)
    device.run(11)
    assert device.opened_at() == [0.0, 5.0, 10.0]


def test_an_agent_that_is_started_anew_finds_it_open() -> None:
    device = Device(NetworkState(link=Link.HOTSPOT, ip="10.42.0.1", radio=True))
    device.run(100)
    assert device.wishes == []
    device.become(link=Link.ETHERNET)
    assert device.look() is Wish.CLOSE
    known = Device(NetworkState(link=Link.HOTSPOT, ip="10.42.0.1", radio=True, known=True))
    known.run(int(radio.UNUSED))
    assert known.wishes == [], "somebody may just be using it"
    assert known.look() is Wish.CLOSE


class AnyCourse(RuleBasedStateMachine):
    """Whatever networks, people and time do."""

    def __init__(self) -> None:
        super().__init__()
        self.device = Device()
        self.gone_at = 0.0
        self.failed_at: float | None = None
        self.nowhere = False  # what was joined leads nowhere

    def look(self) -> None:
        device = self.device
        before, was_open = device.network, device.open
        if before.link in (Link.ETHERNET, Link.WIFI):
            self.gone_at = device.now
        wish = device.look()
        if wish is Wish.OPEN:
            assert before.radio
            assert before.link is not Link.ETHERNET
            assert before.link is not Link.WIFI or self.nowhere
            asked = device.setup_mode or self.failed_at is not None
            if before.known and not asked and not self.tried():
                assert device.now - self.gone_at >= PATIENCE
        if wish is Wish.CLOSE and was_open and before.link is Link.HOTSPOT and not before.known:
            raise AssertionError("closed with nothing to be looked for")
        if wish is Wish.CLOSE and was_open and device.used_at is not None and self.unasked():
            assert device.now - device.used_at >= radio.UNUSED
        if device.open:
            self.failed_at, self.nowhere = None, False

    def tried(self) -> bool:
        closed = [at for at, wish in self.device.wishes if wish is Wish.CLOSE]
        return bool(closed) and closed[-1] > self.gone_at - PATIENCE

    def unasked(self) -> bool:
        """It stays open without setup mode, which may have ended just now."""
        return self.device.now - self.gone_at >= PATIENCE

    @rule(seconds=st.integers(1, 400))
    def time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.look()
            self.device.now += 1.0
            if self.failed_at is not None and self.device.now - self.failed_at > 30:
                assert self.device.network.link in (Link.ETHERNET, Link.WIFI), "not back in 30 s"

    @precondition(lambda self: not self.device.open)
    @rule(link=st.sampled_from([Link.NONE, Link.WIFI]), busy=st.booleans())
    def radio_news(self, link: Link, busy: bool) -> None:
        if self.failed_at is not None:
            return
        known = self.device.network.known or link is Link.WIFI
        self.device.become(link=link, busy=busy, known=known)
        self.look()

    @rule()
    def cable_in(self) -> None:
        self.device.become(link=Link.ETHERNET)
        self.failed_at, self.nowhere = None, False
        self.look()
        assert self.device.look() is Wish.STAY

    @precondition(lambda self: self.device.network.link is Link.ETHERNET)
    @rule()
    def cable_out(self) -> None:
        self.gone_at = self.device.now
        self.device.become(link=Link.NONE)
        self.look()

    @rule()
    def page(self) -> None:
        self.device.used_at = self.device.now

    @rule(wanted=st.booleans())
    def setup_mode(self, wanted: bool) -> None:
        self.device.setup_mode = wanted

    @precondition(lambda self: self.device.network.link is not Link.ETHERNET)
    @rule(leads_nowhere=st.booleans())
    def join_fails(self, leads_nowhere: bool) -> None:
        self.device.fail_to_join(leads_nowhere=leads_nowhere)
        self.failed_at, self.nowhere = self.device.now, leads_nowhere
        if leads_nowhere:
            self.gone_at = self.device.now

    @precondition(lambda self: self.failed_at is not None and not self.nowhere)
    @rule()
    def the_one_from_before_returns(self) -> None:
        self.device.network = JOINED
        self.failed_at = None
        self.look()
        assert not self.device.open

    @rule()
    def join_works(self) -> None:
        self.device.radio.join_began()
        self.device.network = JOINED
        self.device.radio.join_ended(self.device.now, failed=False)
        self.failed_at, self.nowhere = None, False
        self.look()


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
