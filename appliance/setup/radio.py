"""When our own Wi-Fi, the hotspot, is opened and closed; pure.

A device has one radio: while the hotspot is open, no other Wi-Fi can be joined, and known
ones can only be looked for by closing it for a moment. "now" is monotonic seconds.
"""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from appliance.host.network_api import Link, NetworkState

SETTLING = 45.0  # seconds that a cable or a first network may look for an address
REJOIN = 15.0  # seconds for the Wi-Fi from before, after joining another one failed
UNUSED = 300.0  # seconds without a request after which nobody is taken to be connected
TRY_FOR = 20.0  # seconds that the hotspot is closed to look for known networks
TRY_LIMIT = 45.0  # seconds, while one of them is being joined
REFUSED_PAUSE = 5.0  # seconds after the hotspot could not be opened or closed

_JOINED = frozenset({Link.ETHERNET, Link.WIFI})


class Wish(StrEnum):
    """What is to be done with the hotspot."""

    STAY = "stay"
    OPEN = "open"
    CLOSE = "close"


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision depends on beside what happened before."""

    network: NetworkState
    setup_mode: bool = False  # a person at the device asked for the wizard
    used_at: float | None = None  # when a page was last asked for


class Radio:
    """Decides, from one look at the network to the next.

    - No network known and no cable: the hotspot at once.
    - A known network that is slow or gone: only after ``patience`` seconds without any; then
      known networks go on being tried, while nobody uses a page.
    - Joining one at a person's wish failed: the hotspot, where that person finds the reason,
      unless the Wi-Fi from before came back.
    - Setup mode: the hotspot where there is no network.
    - A cable, or a Wi-Fi that is joined: never.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._gone_at: float | None = None  # since when there is no network
        self._busy_at: float | None = None
        self._opened_at: float | None = None
        self._try_at: float | None = None  # closed since then to look for known networks
        self._not_before = -math.inf
        self._joining = False
        self._over_hotspot = False  # the person who wanted to join came over the hotspot
        self._failed_at: float | None = None
        self._leads_nowhere = False  # the Wi-Fi was joined, and that is what failed
        self._explained = True  # the hotspot has been open since joining failed

    def decide(self, situation: Situation, now: float) -> Wish:
        """What is to be done now; tell :meth:`refused` when it could not be done."""
        self._follow(situation.network, now)
        if self._joining or now < self._not_before:
            return Wish.STAY
        wanted = self._wanted(situation, now)
        if wanted == (self._opened_at is not None):
            return Wish.STAY
        return Wish.OPEN if wanted else Wish.CLOSE

    def opened(self, now: float) -> None:
        """The hotspot is open."""
        self._opened_at = now
        self._try_at = None
        self._explained = True

    def closed(self) -> None:
        """The hotspot is closed."""
        self._opened_at = None

    def refused(self, now: float) -> None:
        """What was decided could not be done."""
        self._not_before = now + REFUSED_PAUSE

    def join_began(self) -> None:
        """A person wants another network; nothing is decided until that has ended."""
        self._joining = True
        self._over_hotspot = self._opened_at is not None or self._failed_at is not None

    def join_ended(self, now: float, *, failed: bool, leads_nowhere: bool = False) -> None:
        """It was joined, or could not be; ``leads_nowhere``: it was, but without internet."""
        self._joining = False
        self._opened_at = self._try_at = None  # joining closed it
        self._failed_at = now if failed else None
        self._explained = not failed
        self._leads_nowhere = leads_nowhere
        self._not_before = -math.inf

    def _follow(self, network: NetworkState, now: float) -> None:
        self._busy_at = _since(self._busy_at, now) if network.busy else None
        if network.link is Link.HOTSPOT:
            self._opened_at = _since(self._opened_at, now)
        elif network.link is not Link.ETHERNET:  # beside a cable it may still be open
            self._opened_at = None
        if network.link not in _JOINED:
            # Found open by an agent that was started anew: it had waited before.
            waited = self._patience if network.link is Link.HOTSPOT else 0.0
            self._gone_at = _since(self._gone_at, now - waited)
            return
        self._gone_at = self._try_at = None
        # Not the Wi-Fi that could not be joined, so the one from before: it is not given up.
        came_back = network.link is Link.WIFI and not self._leads_nowhere
        if network.link is Link.ETHERNET or self._explained or came_back:
            self._failed_at, self._explained = None, True

    def _wanted(self, situation: Situation, now: float) -> bool:
        network = situation.network
        if network.link is Link.ETHERNET or not network.radio:
            return False
        if self._failed_at is not None and not self._explained:
            # Also from a Wi-Fi that was joined but leads nowhere: the person waits here.
            return self._over_hotspot or now - self._failed_at >= REJOIN
        if network.link is Link.WIFI or situation.setup_mode:
            return network.link is not Link.WIFI
        if not network.known:
            return not self._settling(now)
        if self._failed_at is None and now - _since(self._gone_at, now) < self._patience:
            return False
        return not self._trying(situation, now)

    def _settling(self, now: float) -> bool:
        """A cable may just have been put in, and waits for its address."""
        if self._opened_at is not None or self._failed_at is not None or self._busy_at is None:
            return False
        return now - self._busy_at < SETTLING

    def _trying(self, situation: Situation, now: float) -> bool:
        """The hotspot is closed for a moment to look for known networks."""
        if self._try_at is not None:
            passed = now - self._try_at
            if passed < TRY_FOR or (situation.network.busy and passed < TRY_LIMIT):
                return True
            self._try_at = None
            return False
        if self._opened_at is None:
            return False
        if now - max(self._opened_at, _since(situation.used_at, self._opened_at)) < UNUSED:
            return False
        self._try_at = now
        return True


def _since(began: float | None, otherwise: float) -> float:
    return otherwise if began is None else began
