"""What the session asks of its caller, and tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from appliance.polar.key_pair import KeyPair
from appliance.polar.messages import CloudMessage, PrinterMessage


@dataclass(frozen=True)
class Send:
    """Send this message on the present connection."""

    message: PrinterMessage


@dataclass(frozen=True)
class Sign:
    """Sign the challenge with this key, and hand the signature to ``Session.signed``."""

    challenge: str
    key: KeyPair


@dataclass(frozen=True)
class CheckPair:
    """Find out whether these PEM texts are a key pair, for ``Session.checked``."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True)
class Close:
    """Close the present connection; the loop connects again."""

    reason: str


@dataclass(frozen=True)
class Deliver:
    """A command for the agent, from the cloud that accepted this printer's signature."""

    message: CloudMessage


@dataclass(frozen=True)
class Online:
    """The cloud accepted the signature: status, uploads and the outbox may go out."""


@dataclass(frozen=True)
class Registered:
    """The printer has a serial number. Keep it durably (and the key of a KeyReceived before)."""

    serial_number: str


@dataclass(frozen=True)
class RegistrationFailed:
    """No serial number; ``reason`` is the protocol's or the session's word, ``text`` says it."""

    reason: str
    text: str


@dataclass(frozen=True)
class KeyReceived:
    """The key pair that the cloud made is now the printer's. Keep it durably."""

    key: KeyPair


@dataclass(frozen=True)
class Unregistered:
    """The cloud forgot the printer as asked. Forget the serial number, keep the key."""


@dataclass(frozen=True)
class UnregisterFailed:
    """The printer is still registered."""

    text: str


@dataclass(frozen=True)
class Deleted:
    """The owner deleted the printer in the cloud. Forget the serial number, keep the key."""

    text: str


@dataclass(frozen=True)
class HelloFailed:
    """The cloud did not accept the signature; the loop tries again."""

    text: str


@dataclass(frozen=True)
class Ignored:
    """Something that was received or asked had no effect; to be logged."""

    text: str


Action: TypeAlias = (
    Send
    | Sign
    | CheckPair
    | Close
    | Deliver
    | Online
    | Registered
    | RegistrationFailed
    | KeyReceived
    | Unregistered
    | UnregisterFailed
    | Deleted
    | HelloFailed
    | Ignored
)
