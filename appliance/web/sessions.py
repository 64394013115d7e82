"""Who was let in, and the keys of slicers and feed: kept on disk, sessions as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from typing import Protocol

import msgspec

from appliance.errors import StorageError
from appliance.host.clock import plausible

log = logging.getLogger(__name__)

LIFETIME = 30 * 24 * 3600.0  # seconds unused
TOUCH = 24 * 3600.0  # use is written down once a day: the card's life counts
MOST = 32  # sessions; the longest unused gives way

_TOKEN = re.compile(r"[0-9a-f]{64}\Z")


class KeptSession(msgspec.Struct, frozen=True):
    """One browser that was let in."""

    digest: str  # SHA-256 of its cookie
    used: float  # Unix seconds


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is on the disk, mode 0600."""

    sessions: tuple[KeptSession, ...] = ()
    api_key: str = ""  # 32 hex digits, in plain: a person types it into a slicer
    feed_key: str = ""  # part of the camera's address that the cloud is told


class Store(Protocol):
    """Where it is kept (store.Record)."""

    def load(self) -> Kept | None:
        """What was kept."""

    def save(self, value: Kept) -> None:
        """Keep this."""


def is_token(cookie: str) -> bool:
    """Whether ``cookie`` could be one of ours: 256 bits as hex digits."""
    return bool(_TOKEN.match(cookie))


def digest(token: str) -> str:
    """What is kept of a cookie."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """The CSRF token that belongs to a browser's cookie."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


class Sessions:
    """The sessions by the digest of their cookie. ``today`` gives Unix seconds.

    A full disk keeps nobody out: what it did not take is logged, and kept by :meth:`save_again`.
    Only what is taken back (a session, a key) raises StorageError, since it would be worth
    something again after a restart.
    """

    def __init__(
        self, store: Store, today: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._today = today
        self._random = random
        self._unsaved = False
        kept = self._load()
        self._used = {session.digest: session.used for session in kept.sessions[-MOST:]}
        self.api_key = kept.api_key or random(16).hex()
        self.feed_key = kept.feed_key or random(16).hex()
        if not (kept.api_key and kept.feed_key):
            self._try_to_save()

    def __len__(self) -> int:
        return sum(self._alive(used) for used in self._used.values())

    def begin(self) -> str:
        """Let a browser in; returns its cookie, which is not kept anywhere here."""
        token = self._random(32).hex()
        self._used = {name: used for name, used in self._used.items() if self._alive(used)}
        while len(self._used) >= MOST:
            del self._used[min(self._used, key=lambda name: self._used[name])]
        self._used[digest(token)] = self._today()
        self._try_to_save()
        return token

    def holds(self, token: str) -> bool:
        """Whether the cookie belongs to a session; this counts as its use."""
        name = digest(token)
        used = self._used.get(name)
        if used is None:
            return False
        if not self._alive(used):
            del self._used[name]
            self._try_to_save()
            return False
        today = self._today()
        if not 0 <= today - used < TOUCH:
            self._used[name] = today
            self._try_to_save()
        return True

    def end(self, token: str) -> None:
        """Sign out."""
        if self._used.pop(digest(token), None) is not None:
            self._save()

    def end_all(self) -> None:
        """Sign every browser out."""
        if self._used:
            self._used.clear()
            self._save()

    def renew_api_key(self) -> str:
        """Another key for slicers; the old one is worth nothing from now on."""
        self.api_key = self._random(16).hex()
        self._save()
        return self.api_key

    def save_again(self) -> None:
        """What the disk did not take before."""
        if self._unsaved:
            self._try_to_save()

    def _alive(self, used: float) -> bool:
        # Negative after the clock was set back, huge after it was set at last: no reason to
        # sign somebody out.
        today = self._today()
        return today - used < LIFETIME or (plausible(today) and not plausible(used))

    def _load(self) -> Kept:
        try:
            return self._store.load() or Kept()
        except StorageError as error:
            log.error("who was let in is not known: %s", error.long)
            return Kept()

    def _try_to_save(self) -> None:
        known = self._unsaved
        try:
            self._save()
        except StorageError as error:
            log.log(logging.DEBUG if known else logging.ERROR, "not kept: %s", error.long)

    def _save(self) -> None:
        self._unsaved = True
        sessions = tuple(KeptSession(name, used) for name, used in self._used.items())
        kept = Kept(sessions=sessions, api_key=self.api_key, feed_key=self.feed_key)
        self._store.save(kept)
        self._unsaved = False
