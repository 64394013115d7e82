"""The pages about the device itself and how it stands to network, camera and cloud."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from appliance.panel.actions import (
    ConnectPrinter,
    RestartDevice,
    SetupMode,
    ShutDown,
    Unregister,
    Watch,
)
from appliance.panel.page import (
    BACK,
    BACK_ITEM,
    Do,
    Item,
    Page,
    Patience,
    Place,
    View,
    asking,
    entry,
    opens,
    refusing,
    saying,
    waiting,
)
from appliance.panel.pages_queue import QUEUE
from appliance.panel.rules import why_no_power_off
from appliance.panel.screen import Icon, Keys, Line, Picture
from appliance.panel.state import Cloud, PanelState
from appliance.panel.words import LONGEST_NAME, clock, duration, plain


def main_page(_place: Place, state: PanelState) -> View:
    """Where the menu begins."""
    seen = state.graphic and state.camera
    items = (
        Item("queue", Line("Queue", icon=Icon.QUEUE), QUEUE),
        entry(Page.PRINT, "Print", Icon.PLAY),
        entry(Page.PREPARE, "Prepare", Icon.NOZZLE),
        entry(Page.NETWORK, "Network", Icon.NETWORK),
        *((_CAMERA,) if seen else ()),
        entry(Page.CLOUD, "Cloud", Icon.CLOUD),
        entry(Page.SYSTEM, "System", Icon.SETTINGS),
        replace(BACK_ITEM, line=Line("Back", icon=Icon.BACK)),
    )
    return View(title="Menu", items=items)


_CAMERA = Item("camera", Line("Camera", icon=Icon.CAMERA), opens(Place(page=Page.CAMERA), Watch()))


def network_page(_place: Place, state: PanelState) -> View:
    """Under which name and address the device is found; the address is what people want."""
    known = (("network", state.network), ("name", state.name))
    items = (
        Item("ip", Line(plain(state.ip, LONGEST_NAME) or "No network")),
        *(Item(key, Line(name)) for key, raw in known if (name := plain(raw, LONGEST_NAME))),
        BACK_ITEM,
    )
    return View(title="Network", icon=Icon.NETWORK, items=items)


def camera_page(_place: Place, state: PanelState) -> View | None:
    """What the camera sees; new pictures come as long as the page is open."""
    if not (state.graphic and state.camera):
        return None
    if state.picture_problem:
        said = saying("Camera", plain(state.picture_problem) or "No picture", icon=Icon.CAMERA)
        return replace(said, patience=Patience.LONG)
    if not state.picture:
        return waiting("Camera", "Taking a picture", icon=Icon.CAMERA)
    return View(
        title="Camera",
        icon=Icon.CAMERA,
        picture=Picture(jpeg=state.picture),
        ok=BACK,
        keys=Keys(left="Back"),
        patience=Patience.LONG,
    )


def cloud_page(_place: Place, state: PanelState) -> View:
    """Who owns this printer in the cloud, and how the connection is."""
    cloud = state.cloud
    if cloud.serial_number is None:
        return saying("Cloud", "Not registered", plain(cloud.text), icon=Icon.CLOUD)
    items = (
        Item("serial", Line(plain(cloud.serial_number, LONGEST_NAME))),
        *((Item("email", Line(plain(cloud.email, LONGEST_NAME))),) if cloud.email else ()),
        *_connection(cloud, state.now),
        entry(Page.UNREGISTER, "Unregister"),
        BACK_ITEM,
    )
    return View(
        title="Cloud",
        value="online" if cloud.online else "offline",
        icon=Icon.CLOUD if cloud.online else Icon.OFFLINE,
        items=items,
    )


def _connection(cloud: Cloud, now: float) -> Iterator[Item]:
    if text := plain(cloud.text):
        yield Item("text", Line(text))
    if cloud.offline_since is not None:
        yield Item("since", Line("Offline since", clock(cloud.offline_since, now)))
    if cloud.next_try is not None:
        yield Item("try", Line("Next try", _until(cloud.next_try - now)))


def _until(seconds: float) -> str:
    """Seconds while they are few: a person stands there and waits."""
    if seconds < 1:
        return "now"
    return f"{seconds:.0f} s" if seconds < 60 else duration(seconds)


def unregister_page(_place: Place, state: PanelState) -> View | None:
    """Sure?"""
    if state.cloud.serial_number is None:
        return None
    text = "The printer leaves your Polar Cloud account until somebody registers it again."
    return asking("Unregister?", text, yes="Yes, leave", action=Unregister())


def system_page(_place: Place, state: PanelState) -> View:
    """Version, printer, power, setup."""
    items = (
        Item("version", Line("Version", plain(state.version, 10) or "?")),
        Item("connect", Line("Find printer"), Do(action=ConnectPrinter())),
        entry(Page.RESTART, "Restart"),
        entry(Page.SHUT_DOWN, "Shut down"),
        *_setup_entries(state),
        BACK_ITEM,
    )
    return View(title="System", icon=Icon.SETTINGS, items=items)


def _setup_entries(state: PanelState) -> Iterator[Item]:
    if state.setup is None:
        yield entry(Page.SETUP, "Setup mode")
    else:
        yield entry(Page.SETUP_HERE, "Setup here")


def restart_page(_place: Place, state: PanelState) -> View:
    """Sure?"""
    if why := why_no_power_off(state):
        return refusing(why)
    text = "The appliance starts anew. That takes about a minute."
    return asking("Restart?", text, yes="Yes, restart", action=RestartDevice())


def shut_down_page(_place: Place, state: PanelState) -> View:
    """Sure?"""
    if why := why_no_power_off(state):
        return refusing(why)
    text = "The appliance switches itself off. To start it, switch its power off and on."
    return asking("Shut down?", text, yes="Yes, turn off", action=ShutDown())


def setup_page(_place: Place, state: PanelState) -> View | None:
    """Sure?"""
    if state.setup is not None:
        return None
    text = (
        "The setup opens again, for a phone or here; without a network the device opens its "
        "own Wi-Fi. The registration with the Polar Cloud and prints are kept."
    )
    return asking("Setup mode?", text, yes="Yes, set up", action=SetupMode())
