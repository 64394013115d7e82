"""Who this device is in the Polar Cloud: serial number, MAC address and key pair."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from appliance.errors import StorageError
from appliance.polar.key_pair import KeyPair, KeyProblem
from appliance.store import Record, write_atomic

log = logging.getLogger(__name__)

KEY_MODE = 0o600


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud knows this device by. ``serial_number`` is None until it registered."""

    mac: str
    serial_number: str | None = None
    email: str = ""  # of the owner, to be shown
    deleted: bool = False  # the owner deleted it in the cloud: do not register by ourselves


class IdentityStore:
    """Keeps the identity and the private key in ``folder``, for the owner's eyes only."""

    def __init__(self, folder: Path) -> None:
        self._record = Record(folder / "identity.json", Identity)
        self._key_file = folder / "key.pem"
        self._public_file = folder / "key.pub"
        self._owed_key: KeyPair | None = None
        self._owed: Identity | None = None

    def load(self, hardware_mac: str | None) -> Identity:
        """The stored identity, or a new one.

        The MAC address is kept from the first start on: a USB adapter that comes or goes
        must not make a different printer of this device.
        """
        known = self._record.path.exists()
        identity = self._record.load()
        if identity is None:
            if known:
                log.error("the identity cannot be read; it is kept as %s.bad", self._record.path)
            identity = Identity(mac=hardware_mac or _random_mac())
            self.save(identity)
        return identity

    def save(self, identity: Identity) -> bool:
        """Keep ``identity`` durably; False when the disk did not take it (see ``settle``)."""
        self._owed = identity
        return self.settled()

    def settled(self) -> bool:
        """Whether all is on the disk; what is owed to it is tried again first, and logged."""
        try:
            self.settle()
        except StorageError as error:
            log.error("the identity is kept in memory alone: %s", error.long)
            return False
        return True

    def settle(self) -> None:
        """Write what a full disk did not take before. Raises StorageError when it still does not.

        The key comes first: a serial number whose key is lost is of no use.
        """
        if self._owed_key is not None:
            self._write_key(self._owed_key)
            self._owed_key = None
        if self._owed is not None:
            self._record.save(self._owed)
            self._owed = None

    async def key(self, read: Callable[[str], Awaitable[KeyPair]]) -> KeyPair | None:
        """The key pair; None when there is none yet. A damaged one is set aside.

        ``read`` is asked for the public half, raising KeyProblem, when it is not beside the
        private one; what else it raises is passed on.
        """
        try:
            data = self._key_file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self._key_file}: {error.strerror}.") from error
        try:
            private = data.decode("ascii")
            if (public := self._public_of(data)) is not None:
                return KeyPair(private, public)
            pair = await read(private)
        except (KeyProblem, UnicodeDecodeError):
            aside = self._key_file.with_name("key.pem.bad")
            log.error("the private key cannot be read; it is kept as %s", aside)
            self._key_file.replace(aside)
            return None
        self._save_public(data, pair.public)
        return KeyPair(private, pair.public)

    def save_key(self, key: KeyPair) -> bool:
        """Keep the key pair durably, mode 0600; False when the disk did not take it."""
        self._owed_key = key
        return self.settled()

    def _write_key(self, key: KeyPair) -> None:
        data = key.private.encode("ascii")
        write_atomic(self._key_file, data, KEY_MODE)
        self._save_public(data, key.public)

    def _public_of(self, private: bytes) -> str | None:
        """The kept public key, if it was made of exactly this private one."""
        try:
            mark, _, public = self._public_file.read_text("ascii").partition("\n")
        except (OSError, UnicodeDecodeError):
            return None
        whole = public.startswith("-----BEGIN") and public.endswith("-----END PUBLIC KEY-----\n")
        return public if whole and mark == _mark(private) else None

    def _save_public(self, private: bytes, public: str) -> None:
        """It can be made again: a full disk must not keep the key from being used."""
        try:
            write_atomic(self._public_file, f"{_mark(private)}\n{public}".encode(), KEY_MODE)
        except StorageError as error:
            log.error("the public key is not kept: %s", error.long)


def _mark(private: bytes) -> str:
    """Ties key.pub to its key.pem, one of which a power cut may have left behind.

    It stands above the PEM text, where readers of PEM expect remarks.
    """
    return f"key.pem has the SHA-256 {hashlib.sha256(private).hexdigest()}"


def _random_mac() -> str:
    """A locally administered address, for a machine without any network interface."""
    first = (secrets.randbits(8) & 0xFC) | 0x02
    return ":".join(f"{byte:02x}" for byte in (first, *secrets.token_bytes(5)))
