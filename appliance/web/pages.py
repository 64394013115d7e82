"""Which page belongs to which step, and what of it changes while it is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from appliance.setup.api import Step
from appliance.web.html import Html
from appliance.web.pages_begin import done, welcome
from appliance.web.pages_camera import camera
from appliance.web.pages_cloud import cloud
from appliance.web.pages_network import found as networks
from appliance.web.pages_network import network
from appliance.web.pages_panel import keys, panel
from appliance.web.pages_parts import Shown, errand_text, tag_of
from appliance.web.pages_printer import found as printer_found
from appliance.web.pages_printer import printer
from appliance.web.pages_time import time

Draw = Callable[[Shown], Html]

PAGES: Final[Mapping[Step, Draw]] = {
    Step.WELCOME: welcome,
    Step.NETWORK: network,
    Step.TIME: time,
    Step.PRINTER: printer,
    Step.CAMERA: camera,
    Step.PANEL: panel,
    Step.CLOUD: cloud,
    Step.DONE: done,
}
_PARTS: Final[Mapping[Step, Mapping[str, Draw]]] = {
    Step.NETWORK: {"networks": networks},
    Step.PRINTER: {
        "printer": printer_found,
        "test": lambda shown: errand_text(shown.view.test),
    },
    Step.PANEL: {"keys": keys},
}


def parts(shown: Shown, step: Step) -> dict[str, tuple[str, str]]:
    """(tag, markup) of each part of ``step``'s page that the script keeps up to date."""
    drawn = {name: draw(shown) for name, draw in _PARTS.get(step, {}).items()}
    return {name: (tag_of(markup), str(markup)) for name, markup in drawn.items()}
