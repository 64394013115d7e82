"""The Polar Cloud: e-mail and PIN, and the registration as it happens."""

from __future__ import annotations

from appliance.setup.api import Progress, Step
from appliance.web import html
from appliance.web.html import Html, tag
from appliance.web.pages_parts import (
    Fields,
    Shown,
    actions,
    address_of,
    beside,
    busy,
    card,
    frame,
    go_form,
)


def cloud(shown: Shown) -> Html:
    """The form, or the registration under way."""
    if shown.view.register.progress is Progress.RUNNING:
        text = shown.view.register.text or "Registering this printer …"
        return frame(shown, Step.CLOUD, "Polar Cloud", card(busy(text)))
    return frame(
        shown,
        Step.CLOUD,
        "Polar Cloud",
        tag("p", "This printer will stand in your account."),
        _offline(shown),
        card(_form(shown), _later(shown)),
        card(_hint()),
    )


def _offline(shown: Shown) -> Html | None:
    if shown.view.facts.network.internet is not False:
        return None
    text = "There is no way to the internet at the moment, so the Polar Cloud cannot be reached."
    return tag("p", text, class_="banner wait")


def _form(shown: Shown) -> Html:
    fields = Fields(shown, "email", "pin")
    return html.form(
        shown.context,
        address_of(Step.CLOUD),
        fields.text(
            "email",
            "E-mail address of your account",
            shown.view.record.answers.email,
            type="email",
            autocomplete="email",
            autocapitalize="none",
            spellcheck="false",
            required=True,
        ),
        fields.secret(
            "pin",
            "PIN of your account",
            hint="4 to 16 digits; not your password.",
            inputmode="numeric",
            autocomplete="off",
            required=True,
        ),
        actions(html.button("Register", class_="primary")),
        # What is wrong is said in our words and at the field, also where the browser knows it.
        novalidate=True,
    )


def _later(shown: Shown) -> Html | None:
    following = beside(shown.view, Step.CLOUD, 1)
    return go_form(shown, following, "Later", class_="plain") if following else None


def _hint() -> Html:
    return html.text(
        tag("h2", "No account, or no PIN yet?"),
        tag(
            "p",
            "Make an account at polar3d.com; it costs nothing. Then open the settings of your "
            "account there and set a PIN for your printers.",
        ),
    )
