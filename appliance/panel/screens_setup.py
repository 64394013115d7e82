"""The screens of the setup, and the question whether a browser may come in. Pure."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from appliance.host.network import readable
from appliance.host.network_api import HOTSPOT_ADDRESS, Link
from appliance.panel import parts, words
from appliance.panel.actions import ConfirmCode, LeaveSetup, RefuseCode
from appliance.panel.face import Face, Front, OpenMenu, ReadProblem, Soft, face
from appliance.panel.page import Page
from appliance.panel.parts import MENU
from appliance.panel.screen import Bar, Icon, Line, Picture, Screen, Tone
from appliance.panel.state import PanelState
from appliance.printer.api import Problem
from appliance.setup.api import Progress, SetupView, Step

_HERE: Final = Soft("Here", OpenMenu(page=Page.SETUP_HERE))
_SPECIAL: Final = str.maketrans({sign: f"\\{sign}" for sign in '\\;,":'})


def code(state: PanelState) -> Face:
    """A browser shows this code, too; who sees both may let it in."""
    screen = Screen(
        title="Let browser in?",
        icon=Icon.LOCK if state.graphic else None,
        tone=Tone.ASKING,
        big=words.plain(state.code),
        text="Only if your browser shows this code.",
    )
    return face(
        screen,
        left=Soft("No", RefuseCode(state.code)),
        ok=Soft("Yes", ConfirmCode(state.code)),
        right=Soft("Menu", OpenMenu(Front.CODE)),
    )


def setup(state: PanelState, view: SetupView) -> Face:
    """What a person does next: the way in, or what is being done."""
    if view.join.progress is Progress.RUNNING:
        name = words.plain(readable(view.record.answers.ssid), words.LONGEST_NAME)
        return _working("Joining Wi-Fi", name or "Please wait", Icon.NETWORK)
    if view.register.progress is Progress.RUNNING:
        return _working("Registering", "Asking the cloud", Icon.CLOUD)
    if view.test.progress is Progress.RUNNING:
        return _working("Printer test", "It moves, heats", Icon.NOZZLE)
    if view.serial_number and _at_end(view):
        return _done(state, view)
    return _explained(view, _way_in(state, view))


def wifi_code(name: str, password: str) -> str:
    """What phones read from a QR code to join a Wi-Fi; an empty password is an open one."""
    if not password:
        return f"WIFI:T:nopass;S:{name.translate(_SPECIAL)};;"
    return f"WIFI:T:WPA;S:{name.translate(_SPECIAL)};P:{password.translate(_SPECIAL)};;"


def _at_end(view: SetupView) -> bool:
    return view.record.step is Step.DONE or view.register.progress is Progress.DONE


def _working(title: str, what: str, icon: Icon) -> Face:
    screen = Screen(title=title, icon=icon, tone=Tone.WORKING, lines=(Line(what),), bar=Bar(None))
    return face(screen, ok=MENU)


def _done(state: PanelState, view: SetupView) -> Face:
    where = parts.address(state)
    screen = Screen(
        title="Setup done",
        icon=Icon.DONE,
        lines=(
            Line(words.plain(view.serial_number or "", words.LONGEST_NAME)),
            *((Line(where),) if where else ()),
        ),
        text="This printer is in the Polar Cloud. Press OK.",
    )
    return face(screen, ok=Soft("Done", LeaveSetup()), right=_HERE)


def _way_in(state: PanelState, view: SetupView) -> Screen:
    link = view.facts.network.link
    if link is Link.HOTSPOT and view.hotspot_name:
        return _hotspot(state, view)
    if link in (Link.ETHERNET, Link.WIFI) and parts.address(state):
        return _address(state, view)
    if view.facts.network.busy or view.facts.network.radio:
        what = "Finds a network" if view.facts.network.busy else "Wi-Fi opens"
        lines = (Line(what),)
        return Screen(title="Please wait", icon=Icon.CLOCK, tone=Tone.WORKING, lines=lines)
    return Screen(
        title="Setup needed",
        icon=Icon.SETTINGS,
        tone=Tone.ASKING,
        lines=(Line("Plug a cable in"),),
        text="There is no Wi-Fi in this device. Connect it with a network cable.",
    )


def _hotspot(state: PanelState, view: SetupView) -> Screen:
    name, password = words.plain(view.hotspot_name), words.plain(view.hotspot_password)
    key = Line("Pass", password) if password else Line("No password")
    if state.graphic:  # beside the code there is room for a few letters
        key = Line(password or "No password")
    place = HOTSPOT_ADDRESS if state.graphic else f"http://{HOTSPOT_ADDRESS}"
    return Screen(
        title="Join Wi-Fi",
        icon=Icon.NETWORK,
        lines=(Line(name), key, Line(place)),
        text="Join it with a phone, then open that address. No phone: press right.",
        picture=Picture(qr=wifi_code(view.hotspot_name, view.hotspot_password)),
    )


def _address(state: PanelState, view: SetupView) -> Screen:
    where = parts.address(state)
    joined = view.join.progress is Progress.DONE and view.facts.network.link is Link.WIFI
    return Screen(
        title="Wi-Fi joined" if joined else "Set up at",
        icon=Icon.DONE if joined else Icon.NETWORK,
        lines=(Line(where),),
        text="Open this address in a browser. Without one: press right.",
        picture=Picture(qr=f"http://{where}/"),
    )


def _explained(view: SetupView, screen: Screen) -> Face:
    """With the reason why the last attempt failed, where there is one."""
    title, reason = "Wi-Fi problem", words.plain(view.record.problem)
    if view.join.progress is Progress.FAILED:
        reason = words.plain(view.join.text) or reason
    if view.register.progress is Progress.FAILED:
        title, reason = "Not registered", words.plain(view.register.text)
    if not reason:
        return face(screen, ok=MENU, right=_HERE)
    screen = replace(
        screen,
        title=title,
        icon=Icon.WARNING,
        tone=Tone.TROUBLE,
        text=f"{reason} {screen.text}",
        picture=None,  # the words matter more
    )
    return face(screen, ok=Soft("Why", ReadProblem(Problem(title, reason))), right=_HERE)
