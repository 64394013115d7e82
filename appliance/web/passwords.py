"""The password of a device without a panel, kept as a scrypt hash (RFC 7914)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_COST = 14  # log2: 16 MiB and some 0.2 s on a small Pi
_BLOCK = 8
_LENGTH = 32  # bytes
_MAX_COST = 16
_FORM = re.compile(r"scrypt\$(\d{2})\$([0-9a-f]{32})\$([0-9a-f]{64})\Z")


def hash_password(password: str, salt: bytes | None = None) -> str:
    """What is kept of ``password``: ``scrypt$COST$SALT$HASH``. Takes a moment: use a thread."""
    salt = secrets.token_bytes(16) if salt is None else salt
    return f"scrypt${_COST}${salt.hex()}${_derive(password, salt, _COST).hex()}"


def is_hash(kept: str) -> bool:
    """Whether ``kept`` is what :func:`hash_password` makes, with a cost that we can pay."""
    found = _FORM.match(kept)
    return found is not None and 10 <= int(found[1]) <= _MAX_COST


def right_password(password: str, kept: str) -> bool:
    """Whether ``kept`` is of ``password``; compared in constant time. Use a thread."""
    found = _FORM.match(kept)
    if found is None or not is_hash(kept):
        return False
    derived = _derive(password, bytes.fromhex(found[2]), int(found[1]))
    return hmac.compare_digest(derived, bytes.fromhex(found[3]))


def _derive(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=1 << cost,
        r=_BLOCK,
        p=1,
        maxmem=256 * _BLOCK * (1 << cost),
        dklen=_LENGTH,
    )
