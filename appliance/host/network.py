"""The device's own addresses: the MAC that it registers with, and where a browser finds it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

INTERFACES = Path("/sys/class/net")

_ETHERNET = "1"  # ARPHRD_ETHER, which Wi-Fi interfaces have too
_PERMANENT = "0"  # NET_ADDR_PERM: the address is the hardware's own


def mac_address(interfaces: Path = INTERFACES) -> str | None:
    """The MAC address by the fixed rule: Ethernet before Wi-Fi, each in the order of names.

    The cloud gives a printer its serial number back by this address (section 2.13), so it
    must come out the same after every start. Only where no hardware address exists (a
    container) any other interface is taken. None when there is none at all.
    """
    found = sorted(_addresses(interfaces))
    return found[0][-1] if found else None


def _addresses(interfaces: Path) -> Iterator[tuple[int, str, str]]:
    """(rank, name, address): permanent Ethernet 0, permanent Wi-Fi 1, all else 2."""
    for folder in interfaces.iterdir() if interfaces.is_dir() else ():
        address = _read(folder / "address")
        if folder.name == "lo" or _read(folder / "type") != _ETHERNET:
            continue
        if not address or set(address) <= set("0:"):
            continue
        permanent = _read(folder / "addr_assign_type") == _PERMANENT
        hardware = (folder / "device").exists() and permanent
        wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
        yield (int(wireless) if hardware else 2), folder.name, address.lower()


def local_ip() -> str:
    """The address that this device uses towards the internet; empty without a network.

    Connecting a UDP socket only asks the routing table: nothing is sent.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
