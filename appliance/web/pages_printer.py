"""The printer: who answers at which port, a test of it, its make and build volume."""

from __future__ import annotations

from appliance.printer.api import LinkState
from appliance.setup.api import Progress, Step
from appliance.web import html
from appliance.web.html import Content, Html, tag
from appliance.web.pages_parts import (
    Fields,
    Shown,
    actions,
    address_of,
    card,
    errand_text,
    frame,
    part,
)

CLEAR = "clear"  # the box that says that nothing is in the way

_LINK = {
    LinkState.READY: ("good", "The printer answers."),
    LinkState.CONNECTING: ("", "A port is open; waiting for the printer's answer."),
    LinkState.DISCONNECTED: ("bad", "No printer answers. Check its power and its USB cable."),
    LinkState.HALTED: ("bad", "The printer halted. Switch it off and on."),
}


def printer(shown: Shown) -> Html:
    """All of the printer's page."""
    return frame(
        shown,
        Step.PRINTER,
        "Printer",
        card(part("printer", found(shown))),
        card(tag("h2", "Test"), _test(shown)),
        card(_form(shown)),
        wait=shown.view.test.progress is Progress.RUNNING,
    )


def found(shown: Shown) -> Html:
    """What M115 said, at which port."""
    snapshot = shown.view.snapshot
    if snapshot is None:
        return tag("p", "Looking for the printer …", class_="state")
    tone, words = _LINK[snapshot.link]
    problem = snapshot.problem.long if snapshot.problem else None
    facts = (
        ("Machine", snapshot.machine),
        ("Firmware", snapshot.firmware),
        ("Port", _port_name(snapshot.port)),
        ("Speed", f"{snapshot.baud} baud" if snapshot.baud else ""),
    )
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts if value]
    return tag(
        "div",
        tag("p", problem or words, class_=f"state {tone}"),
        tag("dl", rows, class_="facts") if rows else None,
        class_="stack",
    )


def _port_name(port: str) -> str:
    return port.removeprefix("/dev/serial/by-id/")


# The test


def _test(shown: Shown) -> Html:
    fields = Fields(shown, CLEAR)
    button = html.button("Test: home and warm to 40 °C", aria_describedby="test-warning")
    return html.text(
        tag(
            "p",
            tag("strong", "The head and the bed will move."),
            " Take everything off the build plate first, and keep your hands away.",
            class_="banner wait",
            id="test-warning",
        ),
        html.form(
            shown.context,
            "/setup/test",
            fields.tick(CLEAR, "The build plate is clear.", required=True),
            tag("div", button),
            data_quiet=True,
        ),
        part("test", errand_text(shown.view.test)),
    )


# The form


def _form(shown: Shown) -> Html:
    fields = Fields(shown, "printer_make", "size_x", "size_y", "size_z", "port", "baud")
    return html.form(
        shown.context,
        address_of(Step.PRINTER),
        fields.select(
            "printer_make",
            "Make",
            _makes(shown),
            shown.view.record.answers.printer_make,
            hint="As the Polar Cloud knows it; it chooses how your prints are sliced.",
        ),
        _volume(shown, fields),
        _connection(shown, fields),
        actions(html.button("Continue", class_="primary")),
    )


def _makes(shown: Shown) -> list[tuple[str, Content]]:
    chosen = shown.view.record.answers.printer_make
    makes = (
        shown.view.makes
        if not chosen or chosen in shown.view.makes
        else (
            chosen,
            *shown.view.makes,
        )
    )
    return [("", "Not in this list"), *((make, make) for make in makes)]


def _volume(shown: Shown, fields: Fields) -> Html:
    names = (("size_x", "Width (X)"), ("size_y", "Depth (Y)"), ("size_z", "Height (Z)"))
    inputs = [
        fields.text(name, label, f"{size:g}", inputmode="decimal", autocomplete="off", maxlength=7)
        for (name, label), size in zip(names, shown.values.size, strict=True)
    ]
    return tag(
        "fieldset",
        tag("legend", "Build volume in millimetres"),
        tag("div", inputs, class_="trio"),
    )


def _connection(shown: Shown, fields: Fields) -> Html:
    values = shown.values
    ports = dict.fromkeys(("auto", values.port, *values.ports))
    wrong = bool(shown.error("port") or shown.error("baud"))
    return tag(
        "details",
        tag("summary", "Port and speed"),
        fields.select(
            "port",
            "Port",
            [(port, "Found by itself" if port == "auto" else _port_name(port)) for port in ports],
            values.port,
        ),
        fields.select(
            "baud",
            "Speed",
            [
                (baud, "Found by itself" if baud == "auto" else f"{baud} baud")
                for baud in dict.fromkeys(("auto", values.baud, *values.bauds))
            ],
            values.baud,
        ),
        open=wrong,
    )


__all__ = ["CLEAR", "found", "printer"]
