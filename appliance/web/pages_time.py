"""The time zone."""

from __future__ import annotations

from appliance.setup.api import Step
from appliance.web import html
from appliance.web.html import Content, Html, tag
from appliance.web.pages_parts import Fields, Shown, actions, address_of, card, frame


def time(shown: Shown) -> Html:
    """The list of time zones; the script chooses the browser's own."""
    fields = Fields(shown, "time_zone")
    known = shown.view.record.answers.time_zone
    options: list[tuple[str, Content]] = [("", "Choose …")]
    options += [(zone, zone.replace("_", " ")) for zone in shown.values.zones]
    chooser = fields.select(
        "time_zone",
        "Time zone",
        options,
        known,
        hint="The city nearest to you in the same time zone.",
        required=True,
        data_guess=None if known or shown.entered else "zone",
    )
    return frame(
        shown,
        Step.TIME,
        "Time zone",
        tag("p", "So that the times you read are yours."),
        card(
            html.form(
                shown.context,
                address_of(Step.TIME),
                chooser,
                actions(html.button("Continue", class_="primary")),
            )
        ),
    )
