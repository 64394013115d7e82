"""What a person reads about the connection and about registering."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class SessionState(StrEnum):
    """How this printer stands to the Polar Cloud."""

    DISCONNECTED = "disconnected"  # no connection
    CONNECTED = "connected"  # waiting for the welcome
    UNREGISTERED = "unregistered"  # welcomed, but without a serial number
    KEY_REQUESTED = "key_requested"  # makeKeyPair was sent
    KEY_RECEIVED = "key_received"  # its halves are being checked
    REGISTERING = "registering"  # register was sent
    SIGNING = "signing"  # the welcome's challenge is being signed
    HELLO_SENT = "hello_sent"  # the signature was sent
    ONLINE = "online"  # the signature was accepted
    UNREGISTERING = "unregistering"  # online, unregister was sent
    CLOSING = "closing"  # this connection is of no more use


STATE_TEXT: Final[Mapping[SessionState, str]] = {
    SessionState.DISCONNECTED: "There is no connection to the Polar Cloud.",
    SessionState.CONNECTED: "Connected; waiting for the Polar Cloud's welcome.",
    SessionState.UNREGISTERED: "Connected, but this printer is not registered yet. "
    "Register it with the e-mail address and PIN of your Polar Cloud account.",
    SessionState.KEY_REQUESTED: "Registering: the Polar Cloud is making a key for this printer.",
    SessionState.KEY_RECEIVED: "Registering: checking the key that the Polar Cloud made.",
    SessionState.REGISTERING: "Registering: waiting for the Polar Cloud's answer.",
    SessionState.SIGNING: "Connected; signing the Polar Cloud's challenge.",
    SessionState.HELLO_SENT: "Connected; the Polar Cloud is checking this printer's identity.",
    SessionState.ONLINE: "This printer is online in the Polar Cloud.",
    SessionState.UNREGISTERING: "Unregistering: waiting for the Polar Cloud's answer.",
    SessionState.CLOSING: "Connecting again to the Polar Cloud.",
}
"""A sentence for each state."""

REGISTRATION_TEXT: Final[Mapping[str, str]] = {
    # The reasons of registerResponse (section 2.13).
    "SERVER_ERROR": "The Polar Cloud had a problem of its own. Try again in a few minutes.",
    "MFG_MISSING": "The Polar Cloud was not told the kind of printer. "
    "Set mfg in the section [cloud] of the settings and register again.",
    "MFG_UNKNOWN": "The Polar Cloud does not know this kind of printer. "
    'Check mfg in the section [cloud] of the settings ("op" is usual) and register again.',
    "EMAIL_PIN_ERROR": "The Polar Cloud does not know this e-mail address with this PIN. "
    "Check both in your account's settings on polar3d.com; an account may have no PIN yet.",
    "FORBIDDEN": "This printer is already registered to another Polar Cloud account. "
    "Its owner must delete it there first, or you register with that owner's account.",
    "INVALID_KEY": "The Polar Cloud did not accept this printer's public key. "
    "Register again with a key made by the Polar Cloud.",
    # The session's own.
    "BAD_EMAIL": "This is not an e-mail address. Give the one of your Polar Cloud account.",
    "BAD_PIN": "A PIN has 4 to 16 decimal digits. "
    "You find yours in your account's settings on polar3d.com.",
    "ALREADY_REGISTERED": "This printer is registered and online. "
    "Unregister it first if it shall go to another account.",
    "CONNECTION_LOST": "The connection was lost before the Polar Cloud answered. "
    "Register again; a printer that is known already gets the same serial number.",
    "STILL_REGISTERING": "The Polar Cloud has not answered the registration before this one yet. "
    "Try again in a minute.",
    "KEY_PAIR_FAILED": "The Polar Cloud could not make a key for this printer. "
    "Try again in a few minutes.",
    "BAD_KEY_PAIR": "The key that the Polar Cloud made cannot be used. "
    "Try again in a few minutes, or register with a key made by this printer.",
}
"""Why registering failed and what to do, by reason."""

DELETED_TEXT: Final = (
    "This printer was deleted in the Polar Cloud. Register it again to use it there; "
    "a running print goes on."
)
HELLO_FAILED_TEXT: Final = (
    "The Polar Cloud did not accept this printer's identity. "
    "It is tried again; if that does not help, register the printer again."
)
OFFLINE_UNREGISTER_TEXT: Final = (
    "The printer is not online in the Polar Cloud. Unregister it once it is, "
    "or delete it on polar3d.com."
)
UNREGISTER_FAILED_TEXT: Final = (
    "The Polar Cloud did not unregister this printer. Try again, or delete it on polar3d.com."
)
UNREGISTER_LOST_TEXT: Final = (
    "The connection was lost before the Polar Cloud answered. "
    "Look whether the printer is still registered, and unregister it again if so."
)


def registration_text(reason: str) -> str:
    """The sentence for a reason, one that is not known included."""
    return REGISTRATION_TEXT.get(
        reason,
        f"The Polar Cloud refused the registration ({clipped(reason)}). "
        "Try again in a few minutes; if it stays so, ask the support of the Polar Cloud.",
    )


def with_remark(text: str, remark: str | None) -> str:
    """``text`` and what the cloud said to it."""
    return f"{text} (The Polar Cloud says: {clipped(remark)})" if remark else text


def clipped(text: str, length: int = 120) -> str:
    """A foreign text on one line, at most ``length`` characters and without control codes."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: length + 1])
    return line if len(line) <= length else line[: length - 1] + "…"
