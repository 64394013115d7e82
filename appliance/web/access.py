"""Who may: sessions, the code that is confirmed at the panel, the password. No I/O.

A stranger's browser asks (:meth:`Access.ask`) and is shown a code; the same code stands on
the panel, where a person who sees both confirms it with OK. One code is pending at a time, so
two browsers at once are told apart. Where there is no panel, a password; on the first boot of
a device that has neither, the first browser of the local network is let in.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import msgspec

from appliance.errors import ApplianceError
from appliance.web.captive import over_hotspot
from appliance.web.codes import Answer, Codes
from appliance.web.limits import GrowingDelay, Limits, origin_of
from appliance.web.need import Need
from appliance.web.passwords import right_password
from appliance.web.sessions import Sessions, Store, csrf_of, digest, is_token

log = logging.getLogger(__name__)

TRIES_FREE, TRIES_LONGEST = 3, 900.0  # wrong passwords without a wait, longest wait in s
TRIES_EACH, TRIES_TOGETHER, TRIES_WITHIN = 30, 100, 3600.0
MAX_PASSWORD = 256  # characters
CLAIM_IDLE = 900.0  # seconds after which the first browser may be another one


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What access depends on, at one moment."""

    first_boot: bool = False  # the setup was never finished
    hotspot: bool = False  # our own Wi-Fi is open
    hotspot_protected: bool = True  # it has a password
    captive: bool = False  # who joins it is led to the wizard; False once that is done
    names: frozenset[str] = frozenset()  # host names of the device, without a domain
    addresses: frozenset[str] = frozenset()  # its IP addresses


class Ways(msgspec.Struct, frozen=True):
    """How a browser may be let in."""

    panel: bool  # a display that shows the code, and an OK
    password: bool
    claim: bool = False  # being the first, on first boot with neither


class NotLetIn(ApplianceError):
    """A way in is closed, or what was brought for it is wrong."""

    default_short = "Not let in"


@dataclass(frozen=True)
class Clock:
    """Time and chance: monotonic seconds, Unix seconds, random bytes."""

    now: Callable[[], float] = time.monotonic
    today: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes


@dataclass(frozen=True)
class Caller:
    """One request, as far as access is concerned; everything but the ends is untrusted."""

    peer: str = ""  # the far end's IP address
    local: str = ""  # the near end's
    session: str = ""  # cookies
    visitor: str = ""
    api_key: str = ""
    feed_key: str = ""


class Access:
    """Decides; keeps sessions in ``store``. ``now`` is monotonic, ``today`` Unix seconds.

    ``show_code`` is told the code that the panel must show, '' for none. ``password`` is a
    hash (passwords.py) or ''. ``panel``: it has a display and an OK. ``api_key`` is one that the
    settings fix; else one is made once and kept.
    """

    def __init__(
        self,
        store: Store,
        look: Callable[[], Surroundings],
        *,
        panel: bool,
        password: str = "",
        api_key: str = "",
        show_code: Callable[[str], None] = lambda _code: None,
        clock: Clock | None = None,
    ) -> None:
        self.look = look
        self._panel = panel
        self._password = password
        self._fixed_api_key = api_key
        self._clock = clock or Clock()
        self._sessions = Sessions(store, self._clock.today, self._clock.random)
        self._codes = Codes(show_code, self._clock.random)
        self._tries = Limits(TRIES_EACH, TRIES_TOGETHER, TRIES_WITHIN)
        self._delay = GrowingDelay(TRIES_FREE, TRIES_LONGEST)
        self._checking = False
        self._setup_used = self._clock.now()
        self._session_used = self._clock.now()

    # Who it is.

    def known(self, caller: Caller) -> bool:
        """The caller has a session; this counts as its use."""
        if not (is_token(caller.session) and self._sessions.holds(caller.session)):
            return False
        self._session_used = self._clock.now()
        return True

    def by_hotspot(self, caller: Caller) -> bool:
        """The caller knew the password of our own Wi-Fi, and nobody finished the setup yet."""
        around = self.look()
        return (
            around.first_boot
            and around.hotspot
            and around.hotspot_protected
            and over_hotspot(caller.local, caller.peer)
        )

    def allows(self, need: Need, caller: Caller) -> bool:
        """Whether the caller brings what is needed."""
        match need:
            case Need.OPEN:
                return True
            case Need.SESSION:
                return self.known(caller)
            case Need.SETUP:
                return self.known(caller) or self.by_hotspot(caller)
            case Need.API_KEY:
                return _same(caller.api_key, self.api_key) or self.known(caller)
            case Need.FEED:
                return _same(caller.feed_key, self._sessions.feed_key) or self.known(caller)

    def new_visitor(self) -> str:
        """A cookie for a browser that has none; it proves nothing, and is not kept."""
        return self._clock.random(32).hex()

    @staticmethod
    def csrf(token: str) -> str:
        """The CSRF token that belongs to a browser's cookie, session or visitor."""
        return csrf_of(token)

    @staticmethod
    def csrf_right(token: str, given: str) -> bool:
        """Whether ``given`` belongs to the cookie ``token``."""
        return is_token(token) and _same(given, csrf_of(token))

    # Ways in.

    def ways(self, caller: Caller) -> Ways:
        """How this browser could be let in."""
        return Ways(panel=self._panel, password=bool(self._password), claim=self._may_claim(caller))

    def ask(self, caller: Caller) -> Answer:
        """Ask for a code on the panel, or see what became of it."""
        return self._codes.ask(digest(caller.visitor), origin_of(caller.peer), self._clock.now())

    def see(self, caller: Caller) -> Answer:
        """What became of the code, without asking anew."""
        return self._codes.see(digest(caller.visitor), origin_of(caller.peer), self._clock.now())

    def admit(self, caller: Caller) -> str:
        """The cookie of a new session where this browser's code was confirmed, else ''."""
        if not self._codes.take(digest(caller.visitor), self._clock.now()):
            return ""
        return self._begin(caller, "its code was confirmed")

    def confirm(self, code: str) -> bool:
        """A person at the device confirms the code; False when it is not the pending one."""
        return self._codes.confirm(code, self._clock.now())

    def refuse(self, code: str) -> bool:
        """A person at the device refuses the code; False when it is not the pending one."""
        return self._codes.refuse(code, self._clock.now())

    def tick(self) -> None:
        """Withdraw a code whose time is over; call it when ``Answer.seconds`` have passed."""
        self._codes.tick(self._clock.now())

    @property
    def code(self) -> str:
        """The code that waits for an OK, or ''."""
        return self._codes.pending(self._clock.now())

    async def enter(self, caller: Caller, password: str) -> str:
        """The cookie of a new session where the password is right.

        Raises NotLetIn with a sentence. Takes one guess at a time: each costs 16 MiB.
        """
        origin = origin_of(caller.peer)
        self._check_tries(origin)
        if self._checking:
            raise NotLetIn("Another browser's password is being checked. Try again.")
        self._checking = True
        try:
            now = self._clock.now()
            self._tries.take(origin, now)
            self._delay.failed(origin, now)  # until it proves right
            right = await asyncio.to_thread(right_password, password[:MAX_PASSWORD], self._password)
        finally:
            self._checking = False
        if not right:
            log.warning("A wrong password was entered from %s.", caller.peer)
            raise NotLetIn("That is not the password.")
        self._delay.succeeded(origin)
        return self._begin(caller, "it knew the password")

    def _check_tries(self, origin: str) -> None:
        if not self._password:
            raise NotLetIn("No password is set.")
        now = self._clock.now()
        wait = max(self._tries.wait(origin, now), self._delay.wait(origin, now))
        if wait > 0:
            raise NotLetIn(f"Too many wrong passwords. Try again in {in_words(wait)}.")

    def set_password(self, password: str) -> None:
        """Another password, as its hash."""
        self._password = password

    def claim(self, caller: Caller) -> str:
        """The cookie of a new session for the first browser, where that is a way in, else ''.

        Who claimed it before and did not come back is signed out.
        """
        if not self._may_claim(caller):
            return ""
        self._sessions.end_all()
        return self._begin(caller, "it was the first on first boot")

    def _may_claim(self, caller: Caller) -> bool:
        around = self.look()
        if self._panel or self._password or not around.first_boot:
            return False
        if not around.hotspot_protected and over_hotspot(caller.local, caller.peer):
            return False  # anybody in the street is on it
        idle = self._clock.now() - self._session_used
        return _is_near(caller.peer) and (not len(self._sessions) or idle >= CLAIM_IDLE)

    def _begin(self, caller: Caller, reason: str) -> str:
        self._session_used = self._clock.now()
        log.info("The browser at %s was let in: %s.", caller.peer, reason)
        return self._sessions.begin()

    def sign_out(self, caller: Caller) -> None:
        """End the caller's session."""
        self._sessions.end(caller.session)

    # Keys.

    @property
    def api_key(self) -> str:
        """For slicers; shown on the settings page alone."""
        return self._fixed_api_key or self._sessions.api_key

    def renew_api_key(self) -> str:
        """Another key for slicers."""
        return self._sessions.renew_api_key()

    @property
    def feed_key(self) -> str:
        """Part of the camera's address that the cloud is told: ``?key=``."""
        return self._sessions.feed_key

    def save_again(self) -> None:
        """Keep what a full disk did not take before."""
        self._sessions.save_again()

    # Setup mode.

    def setup_used(self) -> None:
        """The setup mode was opened, or a person did something in it."""
        self._setup_used = self._clock.now()

    def setup_idle(self) -> float:
        """Seconds since then."""
        return self._clock.now() - self._setup_used


def in_words(seconds: float) -> str:
    """A wait such as "40 seconds" or "3 minutes", rounded up."""
    if seconds <= 90:
        count = max(1, math.ceil(seconds))
        return f"{count} second{'s' * (count != 1)}"
    return f"{math.ceil(seconds / 60)} minutes"


def _same(given: str, right: str) -> bool:
    return bool(right) and hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def _is_near(peer: str) -> bool:
    """An address of a local network, not one from the internet."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    return address.is_private or address.is_link_local or address.is_loopback
