"""The screens without a print and without alarm: start-up, setup, idle, printer, update. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.panel import parts, words
from appliance.panel.face import Face, face
from appliance.panel.parts import MENU
from appliance.panel.screen import Bar, Icon, Line, Screen, Tone
from appliance.panel.screens_print import progress
from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import Phase
from appliance.printer.api import LinkState

UNNAMED_DEVICE: Final = "Polar Appliance"

_SETUP_TEXT: Final = (
    "Put the e-mail address and the PIN of your Polar Cloud account into polar-appliance.toml "
    "on the SD card, or run: polar-appliance register"
)
_SERVICE_TEXT: Final = (
    "The service that speaks to the printer does not answer; it starts again by itself. "
    "If this stays, restart the device: press OK, then System."
)
_CONNECTING_TEXT: Final = "The printer is connected and starting. Wait a moment."
_CABLE_TEXT: Final = "The printer does not answer. Check its power and its USB cable."
_SERVICE_LINES: Final = (Line("Printer service"), Line("starts again"))
_CONNECTING_LINES: Final = (Line("Please wait"), Line("Printer starts"))
_CABLE_LINES: Final = (Line("Switch it on"), Line("Check its cable"))


def starting(state: PanelState) -> Face:
    """The first seconds: what is awaited, as a list to tick off."""
    awaited = (
        ("Printer", state.snapshot is not None),
        ("Network", bool(state.ip)),
        ("Cloud", state.cloud.online),
    )
    lines = [Line(name, "ready" if there else "wait") for name, there in awaited]
    if state.cloud.no_time:
        lines[-1] = Line("Cloud", "no time")
    lines.sort(key=lambda line: line.value == "ready")  # a stable sort: awaited ones first
    if state.ip:
        lines.append(parts.network_line(state))
    screen = Screen(title="Starting up", icon=Icon.CLOCK, tone=Tone.WORKING, lines=tuple(lines))
    return face(screen, ok=MENU)


def setup(state: PanelState) -> Face:
    """Not registered with the Polar Cloud: how that is done."""
    away = state.status is StatusCode.DISCONNECTED
    no_printer = (Line("No printer yet", icon=Icon.WARNING),) if away else ()
    screen = Screen(
        title="Setup needed",
        icon=Icon.SETTINGS,
        tone=Tone.ASKING,
        lines=(Line("Register me"), parts.network_line(state), *no_printer),
        text=_SETUP_TEXT if state.ip else f"Connect the network first. {_SETUP_TEXT}",
    )
    return face(screen, ok=MENU)


def idle(state: PanelState) -> Face:
    """Status 0: everything is well, or at least nothing needs a person."""
    screen = Screen(
        title=words.plain(state.name) or UNNAMED_DEVICE,
        icon=Icon.DONE if state.cloud.online else Icon.OFFLINE,
        lines=tuple(_idle_lines(state)),
        text=words.plain(state.notice),
    )
    return face(screen, ok=MENU)


def disconnected(state: PanelState) -> Face:
    """Status 13: the printer, or the service that speaks to it, does not answer."""
    snapshot = state.snapshot
    if snapshot is None:
        title, lines, text = "Please wait", _SERVICE_LINES, _SERVICE_TEXT
    elif snapshot.link is LinkState.CONNECTING:
        title, lines, text = "Connecting", _CONNECTING_LINES, _CONNECTING_TEXT
    else:
        title, lines, text = "No printer", _CABLE_LINES, _CABLE_TEXT
        if snapshot.problem is not None:
            text = words.plain(snapshot.problem.long) or text
    broken = state.job is not None and state.job.phase is Phase.PRINTING
    job = (Line(progress(state).name, progress(state).percent),) if broken else ()
    screen = Screen(
        title=title,
        icon=Icon.WARNING,
        tone=Tone.ASKING,
        lines=(*lines, *job, parts.network_line(state)),
        text=text,
    )
    return face(screen, ok=MENU)


def updating(state: PanelState) -> Face:
    """Status 8."""
    screen = Screen(
        title="Updating",
        icon=Icon.CLOCK,
        tone=Tone.WORKING,
        lines=(Line("Leave it on"), Line("Please wait")),
        text="New software is being installed. Leave the power on; it starts again by itself.",
        bar=Bar(None),
    )
    return face(screen, ok=MENU)


def _idle_lines(state: PanelState) -> Iterator[Line]:
    if state.hardware is not None:
        yield Line(words.plain(state.hardware.short) or "Panel problem", icon=Icon.WARNING)
    network, cloud = (parts.network_line(state),), tuple(parts.cloud_lines(state))
    yield from (*cloud, *network) if state.ip else (*network, *cloud)
    yield from parts.temperature_lines(state)
