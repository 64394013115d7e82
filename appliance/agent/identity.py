"""Who this device is in the Polar Cloud: serial number, MAC address and key pair."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

import msgspec

from appliance.errors import StorageError
from appliance.polar.keys import KeyProblem, PrinterKey
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

    def save(self, identity: Identity) -> None:
        """Keep ``identity`` durably."""
        self._record.save(identity)

    def key(self) -> PrinterKey | None:
        """The key pair; None when there is none yet. A damaged one is set aside."""
        try:
            return PrinterKey.from_pem(self._key_file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self._key_file}: {error.strerror}.") from error
        except KeyProblem:
            aside = self._key_file.with_name("key.pem.bad")
            log.error("the private key cannot be read; it is kept as %s", aside)
            self._key_file.replace(aside)
            return None

    def save_key(self, key: PrinterKey) -> None:
        """Keep the key pair durably, mode 0600."""
        write_atomic(self._key_file, key.private_pem(), KEY_MODE)


def _random_mac() -> str:
    """A locally administered address, for a machine without any network interface."""
    first = (secrets.randbits(8) & 0xFC) | 0x02
    return ":".join(f"{byte:02x}" for byte in (first, *secrets.token_bytes(5)))
