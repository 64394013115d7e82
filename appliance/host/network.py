"""The device in its network: the MAC that it registers with, its name, address and Wi-Fi."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

INTERFACES = Path("/sys/class/net")
ROUTES = Path("/proc/net/route")
ETHERNET = "Ethernet"
WIFI = "Wi-Fi"

_UP = 0x1  # RTF_UP
_GET_SSID = 0x8B1B  # SIOCGIWESSID
_SSID_LENGTH = 32  # bytes, any of which may have any value
_ETHERNET = "1"  # ARPHRD_ETHER, which Wi-Fi interfaces have too
_NO_HARDWARE = 2  # the last rank
_PERMANENT = "0"  # NET_ADDR_PERM: the address is the hardware's own


def mac_address(interfaces: Path = INTERFACES) -> str | None:
    """The MAC address by the fixed rule: Ethernet before Wi-Fi, each in the order of names.

    The cloud gives a printer its serial number back by this address (section 2.13), so it
    must come out the same after every start. Only where no hardware address exists (a
    container) any other interface is taken. None when there is none at all.
    """
    found = sorted(_addresses(interfaces))
    return found[0][-1] if found else None


def short_name(mac: str) -> str:
    """The last four digits of the address, by which people tell two devices apart."""
    return "".join(c for c in mac if c.isalnum()).upper()[-4:].rjust(4, "0")


def hardware_rank(interfaces: Path = INTERFACES) -> int | None:
    """Of what kind :func:`mac_address` is: 0 Ethernet, 1 Wi-Fi, None while no hardware is there."""
    found = min(_addresses(interfaces), default=None)
    return found[0] if found and found[0] < _NO_HARDWARE else None


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
        wireless = _is_wireless(folder)
        yield (int(wireless) if hardware else _NO_HARDWARE), folder.name, address.lower()


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


def device_name() -> str:
    """The name by which the network knows this device, without a domain."""
    return socket.gethostname().partition(".")[0]


def ssid_of(interface: str) -> bytes:
    """The SSID that a Wi-Fi interface is joined to; empty when it is joined to none.

    Raises OSError where the kernel cannot tell (it is asked the old way, which needs neither
    rights nor another program).
    """
    text = ctypes.create_string_buffer(_SSID_LENGTH + 1)
    # struct iwreq: the name, then a struct iw_point (address, length, flags), 32 bytes in all.
    point = struct.pack("@PHH", ctypes.addressof(text), _SSID_LENGTH + 1, 0)
    request = bytearray(struct.pack("16s", interface.encode()[:15]) + point.ljust(16, b"\0"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, _GET_SSID, request, True)
    _, length, joined = struct.unpack_from("@PHH", request, 16)
    return text.raw[: min(length, _SSID_LENGTH)] if joined else b""


def network_name(
    routes: Path = ROUTES,
    interfaces: Path = INTERFACES,
    ask: Callable[[str], bytes] = ssid_of,
) -> str:
    """What the way to the internet is called: "Ethernet", or the name of the Wi-Fi.

    "Wi-Fi" where its name is not known, empty without a network. Costs two small files and
    one question to the kernel.
    """
    name = _default_interface(_read(routes))
    folder = interfaces / name
    if not name or _read(folder / "type") != _ETHERNET:
        return ""
    if not _is_wireless(folder):
        return ETHERNET
    try:
        return readable(ask(name)) or WIFI
    except OSError:
        return WIFI


def _default_interface(routes: str) -> str:
    """The interface of the default route with the lowest metric, from /proc/net/route."""
    found = []
    for line in routes.splitlines()[1:]:
        fields = line.split()
        default = len(fields) >= 8 and fields[1] == fields[7] == "00000000"
        if default and int(fields[3], 16) & _UP:
            found.append((int(fields[6]), fields[0]))
    return min(found)[1] if found else ""


def readable(ssid: bytes) -> str:
    """An SSID as text; it is bytes of which nobody says what they mean, and UTF-8 is usual."""
    text = ssid.rstrip(b"\0").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text).strip()


def _is_wireless(folder: Path) -> bool:
    return (folder / "wireless").exists() or (folder / "phy80211").exists()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
