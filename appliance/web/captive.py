"""Captive portal: what phones and laptops ask to learn whether a Wi-Fi leads anywhere.

While our hotspot has something to be set up, each of these questions is answered with a
redirect to the wizard: the phone then opens its sheet by itself. Success is told only once
the setup is done (iOS closes the sheet and may leave the network when it hears it earlier).

Phones find us by DNS, by DHCP and by port 80. For the first two NetworkManager's dnsmasq
(``ipv4.method=shared``) is given :data:`DNSMASQ` as
``/etc/NetworkManager/dnsmasq-shared.d/polar-appliance.conf``.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import msgspec

from appliance.host.network_api import HOTSPOT_ADDRESS

HOTSPOT_NETWORK = ip_network(f"{HOTSPOT_ADDRESS}/24", strict=False)
WIZARD = f"http://{HOTSPOT_ADDRESS}/"

API_PATH = "/captive-portal"
API_TYPE = "application/captive+json"  # RFC 8908, section 4

DNSMASQ = f"""\
# Every name is us, also without a way to the internet.
address=/#/{HOTSPOT_ADDRESS}
# What else is asked (AAAA, HTTPS) has no answer, neither by us nor by a server that a cable leads
# to: a refusal would be asked again and again, and a real address leads past us.
local=/#/
no-resolv
# Captive-portal API (RFC 8910, DHCP option 114), for those that do not probe.
dhcp-option-force=114,http://{HOTSPOT_ADDRESS}{API_PATH}
"""


class Success(msgspec.Struct, frozen=True):
    """What a probe expects of a network that leads to the internet."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


_APPLE = Success(
    200,
    "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
    "text/html",
)
_NO_CONTENT = Success(204)

PROBES = {
    "/generate_204": _NO_CONTENT,  # Android, Chrome OS
    "/gen_204": _NO_CONTENT,
    "/hotspot-detect.html": _APPLE,  # iOS, macOS
    "/library/test/success.html": _APPLE,
    "/ncsi.txt": Success(200, "Microsoft NCSI"),  # Windows up to 8
    "/connecttest.txt": Success(200, "Microsoft Connect Test"),  # since 10
    "/redirect": Success(302),  # what Windows opens in the browser; goes to the wizard always
    "/success.txt": Success(200, "success\n"),  # Firefox
    "/canonical.html": Success(
        200,
        '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>',
        "text/html",
    ),
}


class PortalState(msgspec.Struct, frozen=True, rename={"user_portal_url": "user-portal-url"}):
    """The captive-portal API's answer (RFC 8908, section 5)."""

    captive: bool
    user_portal_url: str = WIZARD


def over_hotspot(local: str, peer: str) -> bool:
    """Whether a connection came by our own Wi-Fi: both of its ends stand in its network.

    The near end alone proves nothing, because the kernel takes packets for any of its
    addresses on every interface; answers to an address of the hotspot leave by the hotspot.
    """
    try:
        return local == HOTSPOT_ADDRESS and ip_address(peer) in HOTSPOT_NETWORK
    except ValueError:
        return False
