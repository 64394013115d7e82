"""Whom a request believes to talk to, and who sent it: DNS rebinding and foreign forms. Pure.

A page from anywhere may have its own name point to our address; its script is then of the
same origin as we are. But its requests carry that name as Host, which is none of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from appliance.host.network_api import HOTSPOT_ADDRESS

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# Ends that routers put behind a name, and that nobody can buy (RFC 6762, RFC 8375, ICANN).
ENDINGS = ("", ".local", ".lan", ".home.arpa", ".internal", ".localdomain")


def host_of(header: str) -> str:
    """The name or address in a Host header, without port, in small letters; '' if it is none."""
    try:
        parts = urlsplit(f"//{header}")
        name = parts.hostname or ""
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return ""
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return ""
    return name.removesuffix(".")


def is_ours(
    host: str, local: str, names: Iterable[str], addresses: Iterable[str], hotspot: bool
) -> bool:
    """Whether ``host`` (:func:`host_of`) means this device.

    ``local`` is the address that the request came to, ``names`` are host names without a
    domain, ``hotspot``: our own Wi-Fi is open.
    """
    if not host:
        return False
    if host in LOCAL or host == local or host in addresses:
        return True
    if host == HOTSPOT_ADDRESS:
        return hotspot
    return any(host == name.lower() + ending for name in names for ending in ENDINGS)


def same_origin(origin: str | None, site: str | None, host: str) -> bool:
    """Whether a request that changes something comes from a page of ours.

    ``origin`` and ``site`` are the headers Origin and Sec-Fetch-Site (old browsers and programs
    send neither: the CSRF token stands alone then), ``host`` the header Host.
    """
    if site is not None and site not in ("same-origin", "none"):
        return False
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
