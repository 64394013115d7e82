from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appliance.web import access as module
from appliance.web import codes
from appliance.web.access import CLAIM_IDLE, Access, Caller, NotLetIn, in_words
from appliance.web.codes import CODE_TIME, EACH, REFUSED_TIME, TOGETHER, WITHIN, Asking
from appliance.web.need import Need
from appliance.web.passwords import hash_password
from tests.web.doorway import Doorway

GUARDED = tuple(need for need in Need if need is not Need.OPEN)


def browser(door: Doorway, peer: str = "192.168.1.5", **more: str) -> Caller:
    """A browser that was here before, and has a visitor's cookie."""
    visitor = door.access.new_visitor()
    return Caller(peer=peer, local=more.pop("local", "192.168.1.2"), visitor=visitor, **more)


def inside(caller: Caller, session: str) -> Caller:
    return Caller(peer=caller.peer, local=caller.local, session=session)


def may(door: Doorway, caller: Caller) -> list[Need]:
    return [need for need in Need if door.access.allows(need, caller)]


# The code.


def test_a_confirmed_code_lets_its_browser_in_once() -> None:
    door = Doorway()
    phone = browser(door)
    answer = door.access.ask(phone)
    assert (answer.asking, door.shown) == (Asking.SHOWN, [answer.code])
    assert door.access.admit(phone) == ""  # nobody pressed OK yet
    assert door.access.confirm(answer.code)
    assert door.shown[-1] == ""
    session = door.access.admit(phone)
    assert may(door, inside(phone, session)) == list(Need)
    assert door.access.admit(phone) == ""
    assert may(door, phone) == [Need.OPEN]


def test_two_browsers_at_once_are_told_apart() -> None:
    door = Doorway()
    one, two = browser(door), browser(door, "192.168.1.6")
    first = door.access.ask(one)
    waiting = door.access.ask(two)
    assert (waiting.asking, waiting.code) == (Asking.BUSY, "")
    assert door.access.confirm(first.code)
    assert door.access.admit(two) == ""
    assert door.access.admit(one)
    second = door.access.ask(two)
    assert second.asking is Asking.SHOWN and second.code != first.code


def test_two_browsers_behind_one_address_are_told_apart_too() -> None:
    door = Doorway()
    one, two = browser(door), browser(door)
    code = door.access.ask(one).code
    assert door.access.ask(two).asking is Asking.BUSY
    door.access.confirm(code)
    assert door.access.see(two).asking is Asking.BUSY
    assert (door.access.admit(two), bool(door.access.admit(one))) == ("", True)


def test_a_code_is_withdrawn_after_two_minutes() -> None:
    door = Doorway()
    phone = browser(door)
    code = door.access.ask(phone).code
    door.time += CODE_TIME - 1
    assert door.access.code == code
    door.time += 1
    door.access.tick()
    assert door.shown == [code, ""]
    assert not door.access.confirm(code)
    assert door.access.see(phone).asking is Asking.GONE
    assert door.access.ask(phone).code != code  # an OK that comes late confirms nothing else


def test_what_was_confirmed_but_not_fetched_ends_with_its_code() -> None:
    door = Doorway()
    phone = browser(door)
    door.access.confirm(door.access.ask(phone).code)
    door.time += CODE_TIME
    assert door.access.admit(phone) == ""


def test_chance_does_not_give_the_same_code_twice_in_a_row() -> None:
    shown: list[str] = []
    chance = [7, 7, 10_007, 8]
    shown_codes = codes.Codes(shown.append, lambda count: chance.pop(0).to_bytes(count, "big"))
    assert shown_codes.ask("one", "a", 0.0).code == "0007"
    shown_codes.refuse("0007", 1.0)
    assert shown_codes.ask("two", "b", 2.0).code == "0008"
    assert shown == ["0007", "", "0008"]


@pytest.mark.parametrize("code", ["", "0", "99999", "abcd", "٣٤٥٦"])
def test_only_the_shown_code_can_be_confirmed(code: str) -> None:
    door = Doorway()
    phone = browser(door)
    assert not door.access.confirm(code)
    door.access.ask(phone)
    assert not door.access.confirm(code) and not door.access.refuse(code)
    assert door.access.admit(phone) == ""


def test_who_was_refused_must_wait_and_others_need_not() -> None:
    door = Doorway()
    phone, other = browser(door), browser(door, "192.168.1.6")
    assert door.access.refuse(door.access.ask(phone).code)
    assert door.shown[-1] == ""
    assert door.access.ask(phone).asking is Asking.REFUSED
    assert door.access.ask(browser(door)).asking is Asking.REFUSED  # without its cookies
    assert door.access.ask(other).asking is Asking.SHOWN
    assert door.access.refuse(door.access.code)
    door.time += REFUSED_TIME
    assert door.access.ask(phone).asking is Asking.SHOWN


def test_one_address_gets_only_so_many_codes() -> None:
    door = Doorway()
    for _ in range(EACH):
        visitor = browser(door)  # each time without its cookies
        assert door.access.ask(visitor).asking is Asking.SHOWN
        door.time += CODE_TIME
    waiting = browser(door)
    answer = door.access.ask(waiting)
    assert (answer.asking, answer.seconds) == (Asking.WAIT, WITHIN - EACH * CODE_TIME)
    assert door.access.see(waiting) == answer  # its page need not ask to know
    other = door.access.ask(browser(door, "192.168.1.6"))
    assert other.asking is Asking.SHOWN
    door.access.confirm(other.code)
    door.time += WITHIN
    assert door.access.see(waiting).asking is Asking.GONE
    assert door.access.ask(waiting).asking is Asking.SHOWN


def test_a_confirmed_code_counts_as_none() -> None:
    door = Doorway()
    for _ in range(TOGETHER + 1):
        visitor = browser(door)
        assert door.access.confirm(door.access.ask(visitor).code)
        assert door.access.admit(visitor)


def test_one_address_does_not_keep_the_panel() -> None:
    door = Doorway()
    begun, shown = door.time, 0
    while door.time < begun + 10 * WITHIN:
        shown += door.access.ask(browser(door)).asking in (Asking.SHOWN, Asking.BUSY)
        door.time += 1.0
        door.access.tick()
    assert shown <= 10 * WITHIN / 2


def test_who_waits_comes_before_who_had_the_panel() -> None:
    door = Doorway()
    door.access.ask(browser(door))
    owner, begun = browser(door, "192.168.1.6"), door.time
    while (answer := door.access.ask(owner)).asking is Asking.BUSY:
        assert door.time <= begun + CODE_TIME
        door.time += 1.0
        door.access.tick()
        # It is always there first, with other cookies each time.
        assert door.access.ask(browser(door)).asking is Asking.BUSY
    assert answer.asking is Asking.SHOWN


def test_who_waited_and_went_holds_nobody_up() -> None:
    door = Doorway()
    holder, other = browser(door), browser(door, "192.168.1.6")
    door.access.ask(holder)
    door.time += CODE_TIME - 1
    assert door.access.ask(other).asking is Asking.BUSY
    door.time += 1
    answer = door.access.ask(holder)
    assert (answer.asking, answer.seconds) == (Asking.BUSY, codes.WAITING_TIME - 1)
    door.time += codes.WAITING_TIME - 1
    assert door.access.ask(holder).asking is Asking.SHOWN


def test_all_addresses_together_get_only_so_many_codes() -> None:
    door = Doorway()
    shown = 0
    for number in range(TOGETHER + 5):
        visitor = browser(door, f"192.168.1.{number}")
        answer = door.access.ask(visitor)
        if answer.asking is Asking.SHOWN:
            shown += 1
            door.access.refuse(answer.code)
    assert shown == TOGETHER
    door.time += WITHIN
    assert door.access.ask(browser(door)).asking is Asking.SHOWN


# The password.


@pytest.fixture(scope="module")
def kept() -> str:
    return hash_password("correct horse")


async def guess(door: Doorway, caller: Caller, password: str) -> str:
    try:
        return await door.access.enter(caller, password)
    except NotLetIn as error:
        assert password not in error.long
        return ""


async def test_the_password_lets_in(kept: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    door = Doorway(panel=False, password=kept)
    laptop = browser(door)
    assert await guess(door, laptop, "hunter2") == ""
    session = await guess(door, laptop, "correct horse")
    assert may(door, inside(laptop, session)) == list(Need)
    assert "192.168.1.5" in caplog.text
    for secret in ("hunter2", "correct horse", session, laptop.visitor):
        assert secret not in caplog.text


async def test_without_a_password_none_is_right() -> None:
    door = Doorway(panel=True, password="")
    with pytest.raises(NotLetIn, match="No password is set"):
        await door.access.enter(browser(door), "")


async def test_guessing_gets_slower_and_slower(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    def wrong(password: str, _kept: str) -> bool:
        checked.append(password)
        return False

    monkeypatch.setattr(module, "right_password", wrong)
    door = Doorway(panel=False, password=kept)
    burglar = browser(door)
    begun = door.time
    while door.time < begun + 24 * 3600:
        await guess(door, burglar, "guess")
        door.time += 0.5
    assert len(checked) < 120  # of 172800 tries in a day; each was less than one in 10^12


async def test_a_burglar_does_not_lock_the_owner_out(kept: str) -> None:
    door = Doorway(panel=False, password=kept)
    for _ in range(5):
        await guess(door, browser(door, "192.168.1.66"), "guess")
    with pytest.raises(NotLetIn, match="Too many wrong passwords"):
        await door.access.enter(browser(door, "192.168.1.66"), "correct horse")
    assert await guess(door, browser(door), "correct horse")


async def test_guesses_at_once_are_checked_one_at_a_time(kept: str) -> None:
    door = Doorway(panel=False, password=kept)
    tries: list[Awaitable[str]] = [
        guess(door, browser(door, f"192.168.1.{number}"), "correct horse") for number in range(8)
    ]
    let_in = await asyncio.gather(*tries)
    assert sum(map(bool, let_in)) == 1


# The hotspot, and the first browser.


def test_on_first_boot_the_hotspots_password_is_the_proof() -> None:
    door = Doorway()
    door.first_boot()
    phone = browser(door, "10.42.0.77", local="10.42.0.1")
    assert may(door, phone) == [Need.OPEN, Need.SETUP]


@pytest.mark.parametrize(
    ("change", "peer", "local"),
    [
        ({}, "192.168.1.5", "192.168.1.2"),  # by another network
        ({}, "192.168.1.5", "10.42.0.1"),  # to the hotspot's address, but from elsewhere
        ({}, "10.42.0.77", "192.168.1.2"),
        ({}, "", "10.42.0.1"),
        ({"first_boot": False}, "10.42.0.77", "10.42.0.1"),  # set up before
        ({"hotspot": False}, "10.42.0.77", "10.42.0.1"),
        ({"hotspot_protected": False}, "10.42.0.77", "10.42.0.1"),  # open: anybody is on it
    ],
)
def test_nothing_less_is(change: dict[str, bool], peer: str, local: str) -> None:
    door = Doorway()
    door.first_boot()
    door.around = msgspec.structs.replace(door.around, **change)
    assert may(door, browser(door, peer, local=local)) == [Need.OPEN]


def test_without_panel_and_password_the_first_browser_sets_up() -> None:
    door = Doorway(panel=False)
    door.first_boot()
    first, second = browser(door), browser(door, "192.168.1.6")
    assert door.access.ways(first).claim
    session = inside(first, door.access.claim(first))
    assert may(door, session) == list(Need)
    assert not door.access.ways(second).claim and door.access.claim(second) == ""
    door.access = door.make()  # nor after a restart
    assert door.access.claim(second) == "" and door.access.known(session)
    door.time += CLAIM_IDLE
    assert door.access.claim(second)
    assert not door.access.known(session)


def test_over_an_open_hotspot_nobody_is_the_first() -> None:
    door = Doorway(panel=False)
    door.first_boot(hotspot_protected=False)
    stranger = browser(door, "10.42.0.77", local="10.42.0.1")
    assert not door.access.ways(stranger).claim
    assert door.access.claim(stranger) == ""
    assert door.access.claim(browser(door)), "by the cable"


@pytest.mark.parametrize(
    ("door", "first_boot", "peer"),
    [
        (Doorway(panel=True), True, "192.168.1.5"),
        (Doorway(panel=False, password="scrypt$…"), True, "192.168.1.5"),
        (Doorway(panel=False), False, "192.168.1.5"),
        (Doorway(panel=False), True, "93.184.216.34"),  # from the internet
        (Doorway(panel=False), True, "?"),
    ],
)
def test_nobody_else_is_let_in_for_being_first(door: Doorway, first_boot: bool, peer: str) -> None:
    if first_boot:
        door.first_boot()
    assert door.access.claim(browser(door, peer)) == ""


# Keys, tokens, and setup mode.


def test_the_api_key_opens_the_slicers_routes_alone() -> None:
    door = Doorway()
    assert may(door, Caller(api_key=door.access.api_key)) == [Need.OPEN, Need.API_KEY]
    assert may(door, Caller(feed_key=door.access.feed_key)) == [Need.OPEN, Need.FEED]
    old = door.access.api_key
    assert door.access.renew_api_key() != old
    assert may(door, Caller(api_key=old)) == [Need.OPEN]


def test_the_settings_may_fix_the_api_key() -> None:
    door = Doorway(api_key="abc")
    assert may(door, Caller(api_key="abc")) == [Need.OPEN, Need.API_KEY]
    assert Doorway(api_key="abc").access.api_key == "abc"


@pytest.mark.parametrize("junk", ["", "0" * 64, "ä" * 64, "\ud800", "x" * 100_000])
def test_junk_for_cookies_and_keys_opens_nothing(junk: str) -> None:
    door = Doorway()
    door.first_boot()
    caller = Caller(junk, junk, session=junk, visitor=junk, api_key=junk, feed_key=junk)
    assert may(door, caller) == [Need.OPEN]
    assert not door.access.csrf_right(door.access.new_visitor(), junk)


def test_a_csrf_token_belongs_to_one_cookie() -> None:
    one, two = Doorway().access, Doorway().access
    token, other = one.new_visitor(), one.new_visitor()
    assert two.csrf_right(token, one.csrf(token))  # also after a restart
    assert not one.csrf_right(token, one.csrf(other))
    assert not one.csrf_right("", one.csrf(""))


def test_how_long_the_setup_was_not_used() -> None:
    door = Doorway()
    door.access.setup_used()
    door.time += 42.0
    assert door.access.setup_idle() == 42.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 second"), (1.2, "2 seconds"), (90, "90 seconds"), (91, "2 minutes")],
)
def test_a_wait_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


# Any course of events.

WHO = st.integers(0, 3)
Act = Callable[[Access, Caller], object]


class AnyCourse(RuleBasedStateMachine):
    """Browsers, a person at the panel, restarts and time, in any order.

    The rule that must hold: a browser is inside only if a person confirmed, while it stood on
    the panel, the very code that this browser was showing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.door = Doorway()
        # Two of them share an address.
        peers = ("192.168.1.5", "192.168.1.5", "192.168.1.6", "10.42.0.9")
        self.browsers = [browser(self.door, peer, local="10.42.0.1") for peer in peers]
        self.seen: dict[int, str] = {}  # the code that each browser shows
        self.confirmed: set[int] = set()
        self.sessions: dict[int, str] = {}

    @rule(who=WHO)
    def ask(self, who: int) -> None:
        answer = self.door.access.ask(self.browsers[who])
        self.seen[who] = answer.code
        if answer.asking is Asking.SHOWN:
            assert answer.code == self.panel

    @rule(who=WHO)
    def poll(self, who: int) -> None:
        session = self.door.access.admit(self.browsers[who])
        if session:
            assert who in self.confirmed
            self.confirmed.discard(who)
            self.seen.clear()
            self.sessions[who] = session

    @rule(owner=st.booleans(), code=st.integers(0, 9999))
    def confirm(self, owner: bool, code: int) -> None:
        """A person presses OK for what the panel shows; or some program guesses."""
        shown = self.panel
        text = shown if owner else f"{code:04d}"
        if self.door.access.confirm(text):
            assert text == shown != ""
            showing = {who for who, seen in self.seen.items() if seen == shown}
            assert len(showing) == 1  # the person can tell which browser it is
            self.confirmed |= showing

    @rule()
    def refuse(self) -> None:
        shown = self.panel
        assert self.door.access.refuse(shown) is bool(shown)
        self.seen.clear()
        assert self.door.access.code == ""

    @rule(seconds=st.sampled_from([0.5, 30.0, 119.0, 121.0, 700.0, 20 * 86400.0, 31 * 86400.0]))
    def wait(self, seconds: float) -> None:
        self.door.time += seconds
        self.door.access.tick()
        if seconds >= 30 * 86400:
            self.sessions.clear()
        if seconds > CODE_TIME:
            self.confirmed.clear()
            self.seen.clear()
        for who, session in list(self.sessions.items()):  # who is inside goes on using it
            assert self.door.access.known(inside(self.browsers[who], session))

    @rule()
    def restart(self) -> None:
        self.door.shown.append("")
        self.door.access = self.door.make()
        self.confirmed.clear()
        self.seen.clear()

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        session = self.sessions.pop(who, "")
        self.door.access.sign_out(inside(self.browsers[who], session))

    @property
    def panel(self) -> str:
        return self.door.shown[-1] if self.door.shown else ""

    @invariant()
    def the_panel_shows_what_can_be_confirmed(self) -> None:
        assert self.panel == self.door.access.code

    @invariant()
    def only_who_was_confirmed_is_inside(self) -> None:
        for who, caller in enumerate(self.browsers):
            for need in GUARDED:
                assert not self.door.access.allows(need, caller)
                session = inside(caller, self.sessions.get(who, ""))
                assert self.door.access.allows(need, session) is (who in self.sessions)


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
