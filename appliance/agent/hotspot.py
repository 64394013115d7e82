"""This device's own Wi-Fi: its name, and the password that is made once."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from appliance.errors import StorageError
from appliance.host.network import short_name
from appliance.host.network_api import Hotspot
from appliance.store import Record

log = logging.getLogger(__name__)

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # that no font makes look alike
PASSWORD_LENGTH = 10  # some 49 bits


def own_hotspot(folder: Path, mac: str, *, protected: bool) -> Hotspot:
    """This device's hotspot: named by the MAC, with a password that is made once and kept.

    ``protected`` is WPA2; else it is open (some boards cannot serve an encrypted one). A full
    disk is logged: the password then holds until the end, unless :func:`keep` does better.
    """
    name = f"PolarAppliance-{short_name(mac)}"
    if not protected:
        return Hotspot(name, "")
    password = _kept(folder)
    if len(password) != PASSWORD_LENGTH or not set(password) <= set(LETTERS):
        password = "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LENGTH))
    hotspot = Hotspot(name, password)
    keep(folder, hotspot)
    return hotspot


def keep(folder: Path, hotspot: Hotspot) -> bool:
    """Keep its password, unless that was done; False when the disk did not take it."""
    if hotspot.password in ("", _kept(folder)):
        return True
    try:
        _record(folder).save(hotspot.password)
    except StorageError as error:
        log.error("the password of the hotspot is not kept: %s", error.long)
        return False
    return True


def _kept(folder: Path) -> str:
    try:
        return _record(folder).load() or ""
    except StorageError as error:
        log.error("the password of the hotspot is not known: %s", error.long)
        return ""


def _record(folder: Path) -> Record[str]:
    return Record(folder / "hotspot.json", str)
