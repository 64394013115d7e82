"""``polar-appliance.toml`` on the boot partition: a setup without a phone.

What it asks for once (a password, a Wi-Fi, a PIN) is handed out by :meth:`BootFile.read`
and taken over by the agent; then the secrets are wiped from it. Its other settings stay in
force as a layer of the configuration. What is wrong is written beside it, in words.

The file may be lost in no power cut: it is replaced as a whole, and only after what it held is
kept elsewhere. Until then the next start finds the same order again, and taking it over twice
does no harm.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path

import msgspec

from appliance import config
from appliance.errors import ConfigError, StorageError
from appliance.printer.api import Problem
from appliance.settings_web import WifiSettings
from appliance.setup import fat
from appliance.setup.api import BootFileNews
from appliance.setup.toml_wipe import wiped
from appliance.store import Record

log = logging.getLogger(__name__)

PROBLEM_NAME = "polar-appliance-problem.txt"
RECORD_NAME = "boot-file.json"
LONGEST = 256 * 1024  # bytes
WIFI_KEY, PIN_KEY, PAGE_KEY = "wifi.password", "cloud.pin", "web.password"


class Account(msgspec.Struct, frozen=True):
    """Whose printer this shall be (section 2.13)."""

    email: str
    pin: str

    def __repr__(self) -> str:
        return f"Account({self.email!r}, …)"


class BootOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the file asks for and what was not taken over before."""

    wifi: WifiSettings | None = None
    account: Account | None = None
    page_password: str = ""  # of the local page
    news: BootFileNews = BootFileNews()

    def __repr__(self) -> str:
        return f"BootOrder({self.wifi!r}, {self.account!r}, …)"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken over, so that a file that could not be wiped is not taken twice."""

    ssid: str = ""
    unwiped: dict[str, str] = {}  # by key: SHA-256 of the file that still holds it


class BootFile:
    """The file at ``path``; what was taken over is kept in the folder ``state``.

    Every method blocks for the time of some small files on the card.
    """

    def __init__(self, path: Path, state: Path) -> None:
        self._path = path
        self._beside = path.with_name(PROBLEM_NAME)
        self._record = Record(state / RECORD_NAME, Taken)

    def read(self) -> BootOrder:
        """Look at the file. What is wrong with it is in the news and written beside it."""
        self._sweep()
        try:
            data = self._bytes()
            order = self._order(data) if data is not None else BootOrder()
        except ConfigError as error:
            return BootOrder(news=self.report(Problem("Check boot file", error.long)))
        self.report(None)
        return order

    def wifi_joined(self, wifi: WifiSettings) -> BootFileNews:
        """The Wi-Fi was joined and is kept by NetworkManager: wipe its password."""
        # First: a Wi-Fi whose password is wiped would else be taken for an open one.
        taken = msgspec.structs.replace(self._taken(), ssid=wifi.ssid)
        try:
            self._record.save(taken)
        except StorageError as error:
            return BootFileNews(taken=True, problem=self._unwiped(WIFI_KEY, error.long))
        return self._wipe(WIFI_KEY, taken)

    def registered(self) -> BootFileNews:
        """The PIN was used, or is not needed any more: wipe it."""
        return self._wipe(PIN_KEY, self._taken())

    def password_kept(self) -> BootFileNews:
        """The hash of the page's password is kept: wipe the password."""
        return self._wipe(PAGE_KEY, self._taken())

    def report(self, problem: Problem | None) -> BootFileNews:
        """Write ``problem`` beside the file for whoever puts the card into a computer.

        None: all is right, an older one is removed.
        """
        try:
            if problem is None:
                self._beside.unlink(missing_ok=True)
            else:
                _write_if_new(self._beside, _letter(self._path.name, problem))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._beside, error.strerror)
        return BootFileNews(problem=problem)

    def _sweep(self) -> None:
        """Remove what a power cut left of a replacement: it may hold a secret."""
        left = fat.unfinished(self._path)
        try:
            left.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", left, error.strerror)

    def _bytes(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                data = file.read(LONGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read ({error.strerror}).") from error
        if len(data) > LONGEST:
            raise ConfigError(f"{self._path}: is larger than {LONGEST // 1024} KB.")
        return data

    def _order(self, data: bytes) -> BootOrder:
        settings = config.check(config.read_file(self._path), str(self._path))
        email, pin = settings.cloud.email, settings.cloud.pin
        if pin and not email:
            raise ConfigError(
                f"{self._path}: cloud.email: Expected the e-mail address of the account that "
                "the PIN belongs to."
            )
        taken, digest = self._taken(), _digest(data)
        has_pin = pin and taken.unwiped.get(PIN_KEY) != digest
        return BootOrder(
            wifi=settings.wifi if _asks(settings.wifi, taken, digest) else None,
            account=Account(email, pin) if has_pin else None,
            page_password="" if taken.unwiped.get(PAGE_KEY) == digest else settings.web.password,
        )

    def _taken(self) -> Taken:
        try:
            return self._record.load() or Taken()
        except StorageError as error:
            log.error("what was taken over is not known: %s", error.long)
            return Taken()

    def _remember_unwiped(self, key: str, taken: Taken, data: bytes) -> None:
        unwiped = taken.unwiped | {key: _digest(data)}
        try:
            self._record.save(msgspec.structs.replace(taken, unwiped=unwiped))
        except StorageError as error:
            log.error("what was taken over is not kept: %s", error.long)

    def _wipe(self, key: str, taken: Taken) -> BootFileNews:
        data = None
        try:
            data = self._bytes()
            if data is not None and (emptied := wiped(data, [key])) != data:
                fat.replace(self._path, emptied)
        except (OSError, ValueError, ConfigError) as error:
            log.warning("%s is not wiped from %s: %s", key, self._path, _reason(error))
            if data is not None:
                self._remember_unwiped(key, taken, data)
            return BootFileNews(taken=True, problem=self._unwiped(key, _reason(error)))
        return BootFileNews(taken=True)

    def _unwiped(self, key: str, reason: str) -> Problem:
        long = (
            f"{self._path}: {key}: was taken over, but cannot be wiped ({reason}). "
            "Put the card into a computer and remove it there."
        )
        problem = Problem("Wipe boot file", long)
        self.report(problem)
        return problem


def _asks(wifi: WifiSettings, taken: Taken, digest: str) -> bool:
    """Whether the Wi-Fi is one that was not taken over before."""
    if wifi.password:
        return taken.unwiped.get(WIFI_KEY) != digest
    return wifi.ssid not in ("", taken.ssid)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _reason(error: Exception) -> str:
    """Never the text of a ValueError: it might quote the file."""
    if isinstance(error, OSError):
        return error.strerror or "error"
    return "it has changed meanwhile"


def _letter(name: str, problem: Problem) -> bytes:
    lines = (
        f"Something is wrong with {name}:",
        "",
        problem.long,
        "",
        "Correct it, put the card back, and switch the device on.",
        "",
    )
    return "\r\n".join(lines).encode()  # also for the plainest editor of Windows


def _write_if_new(path: Path, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return
    fat.write(path, data)
