"""A printer's key as two texts, and what is asked of the one process that can use it.

OpenSSL and its bindings cost 8 MB, so :mod:`appliance.polar.keys` is not loaded where the
session lives: a worker (:mod:`appliance.polar.key_worker`) is asked, and ends.
"""

from __future__ import annotations

import msgspec

from appliance.errors import ApplianceError


class KeyProblem(ApplianceError):
    """A text that should hold a key holds none that can be used. Never repeats the text."""

    default_short = "Bad printer key"


class KeyPair(msgspec.Struct, frozen=True, tag="pair"):
    """An RSA key as PEM texts. Its repr shows nothing of it."""

    private: str  # unencrypted: for a file with mode 0600 and the worker's stdin only
    public: str

    def __repr__(self) -> str:
        return "KeyPair(hidden)"


class Make(msgspec.Struct, frozen=True, tag="make"):
    """Make a new key: a KeyPair."""


class Read(msgspec.Struct, frozen=True, tag="read"):
    """Find the public half of a private key: a KeyPair, or a Problem."""

    private: str


class Check(msgspec.Struct, frozen=True, tag="check"):
    """Find out whether the halves belong together: a KeyPair, or a Problem."""

    private: str
    public: str


class SignWith(msgspec.Struct, frozen=True, tag="sign"):
    """Sign a challenge: a Signature, or a Problem."""

    private: str
    challenge: str


class Signature(msgspec.Struct, frozen=True, tag="signature"):
    """The signature of a challenge, base64."""

    text: str


class Problem(msgspec.Struct, frozen=True, tag="problem"):
    """The key cannot be used; ``text`` is for a person and shows nothing of it."""

    text: str


Request = Make | Read | Check | SignWith
Answer = KeyPair | Signature | Problem
