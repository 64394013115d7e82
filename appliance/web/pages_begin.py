"""The first page and the last."""

from __future__ import annotations

from appliance.host.network_api import Link
from appliance.setup.api import Step
from appliance.web import html
from appliance.web.html import Html, tag
from appliance.web.icons import icon
from appliance.web.pages_parts import (
    NAMES,
    Fields,
    Shown,
    actions,
    address_of,
    card,
    frame,
    go_form,
)


def welcome(shown: Shown) -> Html:
    """What comes, in pictures."""
    journey = [
        tag("li", icon(step, 40), NAMES[step])
        for step in shown.view.steps
        if step not in (Step.WELCOME, Step.DONE)
    ]
    return frame(
        shown,
        Step.WELCOME,
        "Welcome",
        card(
            tag("ol", journey, class_="journey"),
            html.form(
                shown.context,
                address_of(Step.WELCOME),
                actions(html.button(["Start", icon("next")], class_="primary")),
            ),
        ),
        lead="In about three minutes this printer is in the Polar Cloud.",
    )


def done(shown: Shown) -> Html:
    """The serial number, and what to do next."""
    number = shown.view.serial_number
    fields = Fields(shown, "password")
    form = html.form(
        shown.context,
        address_of(Step.DONE),
        _password(shown, fields),
        actions(html.button("Finish", class_="primary")),
    )
    if number:
        title, facts = (
            "Ready to print",
            card(tag("h2", "Serial number"), tag("p", number, class_="number"), _next_steps()),
        )
    else:
        title, facts = "Set up, but not in the cloud yet", _unregistered(shown)
    return frame(shown, Step.DONE, title, facts, card(_where(shown)), card(form))


def _next_steps() -> Html:
    steps = (
        "Open polar3d.com and sign in.",
        "Find this printer in your account, by its serial number.",
        "Choose an object and print it.",
    )
    return html.text(
        tag("h2", "What to do next"),
        tag("ol", [tag("li", step) for step in steps], class_="plan"),
    )


def _unregistered(shown: Shown) -> Html:
    cloud = Step.CLOUD if Step.CLOUD in shown.view.steps else None
    return card(
        tag(
            "p", "This printer prints what you send it here, but the Polar Cloud does not know it."
        ),
        go_form(shown, cloud, "Register it now") if cloud else None,
    )


def _where(shown: Shown) -> Html:
    """Where the local page is from now on."""
    network, name = shown.view.facts.network, shown.values.address
    usable = network.ip if network.link in (Link.ETHERNET, Link.WIFI) else ""
    addresses = [f"http://{each}/" for each in (usable, name) if each]
    if not addresses:
        return tag("p", "The printer's address on your network is shown on its display.")
    return html.text(
        tag("h2", "This printer's own page"),
        [tag("p", tag("a", address, href=address)) for address in addresses],
        tag("p", "From the same network: progress, camera, settings.", class_="note"),
    )


def _password(shown: Shown, fields: Fields) -> Html | None:
    """How one gets in later where nobody can press OK at the device."""
    if shown.view.facts.confirms:
        return None
    known = shown.values.has_password
    return fields.secret(
        "password",
        "A new password for this page" if known else "Password for this page",
        "Leave it empty to keep the present one."
        if known
        else "No code can be shown and confirmed here, so a password lets you in later.",
        autocomplete="new-password",
    )
