"""Examples of the setup at the panel: for reference pictures, the docs and tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from appliance.host.network_api import HOTSPOT_ADDRESS, AccessPoint, Link, NetworkState, Security
from appliance.panel.state import Cloud, PanelState, QueuePage
from appliance.setup.api import Answers, Errand, Facts, Progress, SetupRecord, SetupView, Step
from appliance.sim.panel_examples import IDLE

WRONG_PASSWORD: Final = (
    "The password of Workshop is not right. Mind capital letters, and try again."
)
WRONG_PIN: Final = "The Polar Cloud does not know this e-mail address with this PIN."
NETWORKS: Final = (
    AccessPoint(b"Workshop", 82, Security.PASSWORD),
    AccessPoint("Café Größe".encode(), 61, Security.OPEN),
    AccessPoint(b"University", 55, Security.ENTERPRISE),
    AccessPoint(b"A network with a long name here!", 20, Security.PASSWORD),
)

_HOTSPOT: Final = NetworkState(link=Link.HOTSPOT, ip=HOTSPOT_ADDRESS, radio=True)
_WIFI: Final = NetworkState(
    link=Link.WIFI, ssid=b"Workshop", ip="192.168.1.23", internet=True, radio=True, known=True
)
_CABLE: Final = NetworkState(link=Link.ETHERNET, ip="192.168.1.23", internet=True)
_ALL: Final = tuple(Step)
_ANSWERED: Final = Answers(country="DE", ssid=b"Workshop", email="ada@example.com")
_RUNNING: Final = Errand(Progress.RUNNING)
_HOTSPOT_OPEN: Final = SetupView(
    active=True,
    record=SetupRecord(),
    facts=Facts(network=_HOTSPOT, has_panel=True, hotspot=True),
    steps=_ALL,
    networks=NETWORKS,
    hotspot_name="PolarAppliance-12AB",
    hotspot_password="k3x92mq7ab",
)
_NEW: Final = replace(
    IDLE, cloud=Cloud(text="Not registered with the Polar Cloud."), queue=QueuePage()
)


def _state(network: NetworkState, **changes: object) -> PanelState:
    """A new device with this network; ``changes`` are those of its setup."""
    facts = replace(_HOTSPOT_OPEN.facts, network=network, hotspot=network is _HOTSPOT)
    view = replace(_HOTSPOT_OPEN, facts=facts, **changes)
    return replace(_NEW, ip=network.ip, setup=view)


_AT_NETWORK: Final = SetupRecord(step=Step.NETWORK, answers=_ANSWERED)
_AT_CLOUD: Final = SetupRecord(step=Step.CLOUD, answers=_ANSWERED)

HOTSPOT: Final = _state(_HOTSPOT)
JOINED: Final = _state(_WIFI, record=_AT_CLOUD, join=Errand(Progress.DONE, "Joined Workshop."))
SETUPS: Final[Mapping[str, PanelState]] = MappingProxyType(
    {
        "setup_hotspot": HOTSPOT,
        "setup_open_hotspot": _state(_HOTSPOT, hotspot_password=""),
        "setup_cable": _state(_CABLE),
        "setup_port": replace(_state(_CABLE), port=8080),
        "setup_no_radio": _state(NetworkState()),
        "setup_wait": _state(NetworkState(busy=True, radio=True)),
        "setup_joining": _state(NetworkState(radio=True), record=_AT_NETWORK, join=_RUNNING),
        "setup_joined": JOINED,
        "setup_not_joined": _state(_HOTSPOT, record=replace(_AT_NETWORK, problem=WRONG_PASSWORD)),
        "setup_testing": _state(_WIFI, test=_RUNNING),
        "setup_registering": _state(_WIFI, record=_AT_CLOUD, register=_RUNNING),
        "setup_not_registered": _state(
            _WIFI, record=_AT_CLOUD, register=Errand(Progress.FAILED, WRONG_PIN, "pin")
        ),
        "setup_done": replace(
            _state(_WIFI, record=replace(_AT_CLOUD, step=Step.DONE), serial_number="P3D12345"),
            cloud=IDLE.cloud,
        ),
        "code": replace(IDLE, code="4071"),
    }
)
"""By the name of the screen; the wizard is open, but for the code."""
