"""Country and Wi-Fi; with a cable there is nothing to do."""

from __future__ import annotations

from appliance.host.network_api import AccessPoint, Link, Security
from appliance.setup.api import Progress, Step
from appliance.web import html
from appliance.web.html import Html, tag
from appliance.web.icons import bars, icon
from appliance.web.pages_parts import (
    OTHER,
    Fields,
    Shown,
    actions,
    address_of,
    beside,
    busy,
    card,
    frame,
    go_form,
    part,
)

_REFUSED = {
    Security.ENTERPRISE: "Asks for a user name (enterprise): it cannot be used here.",
    Security.OLD: "Protected with WEP, which is broken: it cannot be used here.",
}


def network(shown: Shown) -> Html:
    """How the device gets onto the network."""
    view = shown.view
    state = view.facts.network
    if view.join.progress is Progress.RUNNING:
        return _joining(shown)
    wired = state.link is Link.ETHERNET
    connected = wired or state.link is Link.WIFI
    if not connected and not state.radio:
        return _no_radio(shown)
    form = _form(shown)
    if connected:
        opened = bool(shown.errors)
        form = tag("details", tag("summary", _else(wired)), form, open=opened)
    return frame(
        shown,
        Step.NETWORK,
        "Network",
        _connected(shown) if connected else tag("p", "Choose the Wi-Fi this printer shall use."),
        card(form),
        wait=view.scanning,
    )


def _else(wired: bool) -> str:
    return "Use a Wi-Fi instead of the cable" if wired else "Choose another Wi-Fi"


def _connected(shown: Shown) -> Html:
    state = shown.view.facts.network
    how = "cable" if state.link is Link.ETHERNET else ssid_text(state.ssid)
    rest = " There is no way to the internet, though." if state.internet is False else ""
    return card(
        tag("p", f"Connected: {how}", class_="state good"),
        tag("p", f"Address: {state.ip}." if state.ip else None, rest, class_="note"),
        actions(_onward(shown, "Continue", class_="primary")),
    )


def _onward(shown: Shown, label: str, class_: str | None = None) -> Html | None:
    following = beside(shown.view, Step.NETWORK, 1)
    return go_form(shown, following, label, class_=class_) if following else None


def _no_radio(shown: Shown) -> Html:
    return frame(
        shown,
        Step.NETWORK,
        "Network",
        tag("p", "There is no Wi-Fi in this device, or it does not work."),
        card(
            tag("p", "Connect it to your router with a network cable."),
            actions(
                tag("a", "Look again", href=address_of(Step.NETWORK), class_="button primary"),
                _onward(shown, "Go on without"),
            ),
        ),
        wait=True,
    )


# Joining


def warning(shown: Shown) -> Html | None:
    """Said before the phone loses our hotspot."""
    if not shown.view.facts.hotspot:
        return None
    return tag(
        "div",
        tag("p", tag("strong", "Your phone will lose this Wi-Fi.")),
        _afterwards(shown),
        class_="banner wait",
        id="before",
    )


def _afterwards(shown: Shown) -> Html:
    name, address = shown.view.hotspot_name, shown.values.address
    where = "Look at the printer's display: it shows whether it worked, and an address."
    if not shown.view.facts.has_panel:
        where = f"Then open http://{address}/ there." if address else ""
    opened = "Open the address shown there." if shown.view.facts.has_panel else ""
    back = f"If it did not work, the Wi-Fi {name} is back within 30 seconds: join it again."
    steps = ("Connect your phone to the Wi-Fi you choose here.", where, opened, back)
    return tag("ol", [tag("li", step) for step in steps if step])


def _joining(shown: Shown) -> Html:
    chosen = ssid_text(shown.view.record.answers.ssid)
    after = None
    if shown.view.facts.hotspot:
        after = tag(
            "div",
            tag("p", tag("strong", "Your phone loses this Wi-Fi now.")),
            _afterwards(shown),
            class_="banner wait",
        )
    return frame(
        shown,
        Step.NETWORK,
        "Joining",
        card(
            busy(shown.view.join.text or f"Joining {chosen} …"),
            after,
            tag(
                "p",
                "This page has no connection to the printer any more. Go on as said above.",
                id="lost",
                class_="banner",
                role="status",
                hidden=True,
            )
            if after
            else None,
        ),
    )


# The form


def _form(shown: Shown) -> Html:
    fields = Fields(shown, "country", "ssid", "ssid_text", "password")
    countries = [("", "Choose …"), *shown.values.countries]
    known = shown.view.record.answers.country
    country = fields.select(
        "country",
        "Country",
        list(countries),
        known,
        hint="Wi-Fi follows each country's rules.",
        required=True,
        data_guess=None if known or shown.entered else "country",
    )
    password = fields.secret(
        "password",
        "Password of the Wi-Fi",
        hint="Leave it empty for an open Wi-Fi.",
        autocomplete="off",
    )
    join = html.button("Join", class_="primary", aria_describedby="before")
    return html.text(
        html.form(
            shown.context,
            address_of(Step.NETWORK),
            country,
            _list(shown, fields),
            password,
            warning(shown),
            actions(join),
        ),
        html.form(
            shown.context,
            "/setup/scan",
            html.button("Search again", class_="plain"),
            data_quiet=True,
        ),
    )


def _list(shown: Shown, fields: Fields) -> Html:
    error = shown.error("ssid")
    return tag(
        "fieldset",
        tag("legend", "Wi-Fi"),
        tag("p", error, class_="error", id="e-ssid") if error else None,
        part("networks", found(shown), spoken=False),
        tag(
            "div",
            tag(
                "div",
                _radio("other", OTHER, chosen=_chosen(shown) == OTHER),
                tag("label", tag("span", "Another network", class_="name"), for_="n-other"),
                tag(
                    "div",
                    fields.text(
                        "ssid_text",
                        "Its name",
                        _typed(shown),
                        hint="For a Wi-Fi that hides its name.",
                        autocomplete="off",
                        autocapitalize="none",
                        spellcheck="false",
                    ),
                    class_="more",
                ),
                class_="choice",
            ),
            class_="choices",
        ),
        aria_describedby="e-ssid" if error else None,
        class_="stack",
    )


def found(shown: Shown) -> Html:
    """The Wi-Fis that were seen; the script puts a new list in its place."""
    view = shown.view
    searching = busy("Looking for Wi-Fis …") if view.scanning else None
    if not view.networks:
        nothing = tag("p", "No Wi-Fi was found. Search again, or give its name.", class_="note")
        return html.text(searching or nothing)
    rows = [_choice(shown, index, point) for index, point in enumerate(view.networks)]
    return html.text(tag("div", rows, class_="choices"), searching)


def _choice(shown: Shown, index: int, point: AccessPoint) -> Html:
    refused = _REFUSED.get(point.security)
    # A list that came anew may be in another order: the name makes the id, not the place.
    key = point.ssid.hex() or f"x{index}"
    protected = point.security is not Security.OPEN
    strength = "strong" if point.strength > 66 else "fair" if point.strength > 33 else "weak"
    words = f"{'Protected' if protected else 'Open'}, {strength} signal"
    label = tag(
        "label",
        tag("span", ssid_text(point.ssid), tag("small", refused or words), class_="name"),
        icon("lock") if protected else None,
        bars(point.strength),
        for_=f"n-{key}",
    )
    radio = _radio(key, key, chosen=_chosen(shown) == key, off=refused is not None)
    return tag("div", radio, label, class_="choice" if protected else "choice open")


def _radio(key: str, value: str, *, chosen: bool, off: bool = False) -> Html:
    return tag(
        "input",
        type="radio",
        name="ssid",
        id=f"n-{key}",
        value=value,
        checked=chosen,
        disabled=off,
    )


def _chosen(shown: Shown) -> str:
    """The value of the Wi-Fi that is ticked at first; '' for none."""
    last = shown.view.record.answers.ssid
    unseen = last and all(point.ssid != last for point in shown.view.networks)
    if shown.error("ssid_text"):
        return OTHER
    return shown.value("ssid", OTHER if unseen else last.hex())


def _typed(shown: Shown) -> str:
    """The name of the last Wi-Fi, where it is not in the list and can be typed."""
    text = shown.view.record.answers.ssid.decode("utf-8", "replace")
    return text if _chosen(shown) == OTHER and text.isprintable() else ""


def ssid_text(ssid: bytes) -> str:
    """An SSID, which may be any bytes, as a person can read it."""
    text = ssid.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


__all__ = ["found", "network", "ssid_text", "warning"]
