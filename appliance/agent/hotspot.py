"""This device's own Wi-Fi: its name, and the password that is made once."""

from __future__ import annotations

import secrets
from pathlib import Path

from appliance.host.network_api import Hotspot
from appliance.store import Record

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # that no font makes look alike
PASSWORD_LENGTH = 10  # some 49 bits


def own_hotspot(folder: Path, mac: str, *, protected: bool) -> Hotspot:
    """This device's hotspot: named by the MAC, with a password that is made once and kept.

    ``protected`` is WPA2; else it is open (some boards cannot serve an encrypted one). Raises
    StorageError when the password cannot be kept.
    """
    tail = "".join(c for c in mac if c.isalnum()).upper()[-4:].rjust(4, "0")
    name = f"PolarAppliance-{tail}"
    if not protected:
        return Hotspot(name, "")
    record = Record(folder / "hotspot.json", str)
    password = record.load()
    if password is None or len(password) != PASSWORD_LENGTH or not set(password) <= set(LETTERS):
        password = "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LENGTH))
        record.save(password)
    return Hotspot(name, password)
